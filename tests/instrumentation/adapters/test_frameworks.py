"""Frameworks of agents, the real ones, each in environments of its own."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.instrumentation.adapters.conformance import QUESTIONS, answers, table
from tests.instrumentation.adapters.frameworks import FRAMEWORKS, interpreter
from tests.servers.environments import OURS, EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "frameworks" / "conformance.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: What a framework needs besides to ask a model by the client of its provider.
OVER = {
    "pydantic-ai": ("openai==3.54.0",),
    "agent-framework": ("agent-framework-openai==1.17.0",),
    "autogen": ("autogen-ext[openai]==0.7.5",),
    "crewai": (),
    "google-adk": (),
}

every_framework = pytest.mark.parametrize("name", FRAMEWORKS)
every_version = pytest.mark.parametrize("version", ["newest", "oldest"])


@cache
def python(name: str, version: str) -> Path:
    """A Python that has the framework."""
    try:
        return interpreter(name, version)
    except EnvironmentFailed as error:
        missing(f"{getattr(FRAMEWORKS[name], version)[0]} cannot be installed: {error}")
        raise


@cache
def recorded(name: str, version: str) -> dict[str, Any]:
    """What each program of the framework recorded."""
    program = Path(__file__).with_name(FRAMEWORKS[name].program)
    said = alone([python(name, version), program], 300)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


@every_version
@every_framework
def test_every_question_is_answered_with_yes_or_with_a_reason(name: str, version: str) -> None:
    """A gap that is none any more is not claimed either."""
    found = answers(recorded(name, version), FRAMEWORKS[name].agent)
    no = {question for question, answer in found.items() if not answer}
    assert no == set(FRAMEWORKS[name].gaps)


@every_version
@every_framework
def test_a_framework_that_is_loaded_later_is_measured_alike(name: str, version: str) -> None:
    """As by ``agentmon run``: with all that can be instrumented, before anything is loaded."""
    program = Path(__file__).with_name(FRAMEWORKS[name].program)
    early = (
        "import runpy, sys, agentmon; agentmon.instrument('auto'); "
        f"sys.argv = ['', 'plain']; runpy.run_path({str(program)!r}, run_name='__main__')"
    )
    said = alone([python(name, version), "-c", early], 120)
    seen, known = json.loads(said.splitlines()[-1])["plain"], recorded(name, version)["plain"]
    calls = [each for each in seen["calls"] if each[0] != "dependency"]
    assert (calls, seen["tokens"]) == (known["calls"], known["tokens"])
    assert seen["failed"] == 0


@pytest.mark.parametrize("name", OVER)
def test_a_call_over_the_client_of_a_provider_is_one_call(name: str) -> None:
    """Of the agent that asks, with its tokens counted once, while both are instrumented."""
    folder = Path.home() / ".cache" / "agentmon-frameworks" / f"{name}-over-client"
    try:
        over = environment(folder, [*FRAMEWORKS[name].newest, *OVER[name], *OURS])
    except EnvironmentFailed as error:
        missing(f"{OVER[name]} cannot be installed: {error}")
        raise
    program = Path(__file__).with_name("nested_frameworks_runs.py")
    seen = json.loads(alone([over, program, name], 120).splitlines()[-1])
    assert seen["calls"] == [["chat", "ok"]]
    assert (seen["tokens"]["input"], seen["tokens"]["output"]) == (12, 7)
    assert seen["agents"] == ["solo"]
    assert seen["failed"] == 0


@every_framework
def test_nothing_is_done_twice(name: str) -> None:
    """A run of one agent is one call of it, two of its model and one of its tool."""
    calls = [tuple(each) for each in recorded(name, "newest")["plain"]["calls"]]
    assert calls.count(("agent", FRAMEWORKS[name].agent, "ok")) == 1
    assert calls.count(("model_call", "chat", "ok")) == 2
    assert calls.count(("tool", "look", "ok")) == 1


@every_framework
def test_the_example_runs_without_a_network(name: str) -> None:
    """And shows what was recorded."""
    program = ROOT / "examples" / "frameworks" / FRAMEWORKS[name].example
    said = alone([python(name, "newest"), program], 120)
    assert "Your bill is right." in said
    assert "agent billing invoke 1" in said
    assert "tool search_orders billing" in said


@every_framework
def test_the_page_of_a_framework_names_its_versions(name: str) -> None:
    """Those that are tested."""
    framework = FRAMEWORKS[name]
    page = (PAGE.parent / f"{framework.page or name}.md").read_text(encoding="utf-8")
    for packages in (framework.oldest, framework.newest):
        package, _, version = packages[0].partition("==")
        assert f"{package} {version}" in page


def test_the_table_shows_what_was_seen() -> None:
    """It is written by this very test, with ``CONFORMANCE=write``."""
    page = table(
        {
            name: answers(recorded(name, "newest"), framework.agent)
            for name, framework in FRAMEWORKS.items()
        }
    )
    if os.environ.get("CONFORMANCE") == "write":
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page
    assert all(words in page for words, _, _ in QUESTIONS.values())
