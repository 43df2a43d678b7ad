"""The OpenAI Agents SDK, the real one, in an environment of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.servers.environments import EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("openai_runs.py")
RUNS = (
    "handoff",
    "failing_tool",
    "failing_model",
    "guarded",
    "streamed",
    "abandoned",
    "at_once",
    "removed",
    "broken_adapter",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """A Python that has the SDK, and what agentmon needs."""
    folder = Path.home() / ".cache" / "agentmon-frameworks" / "openai-agents"
    needs = ["openai-agents>=0.24", "opentelemetry-sdk", "wrapt", "psutil", "hdrhistogram"]
    needs += ["prometheus-client", "opentelemetry-exporter-otlp"]
    try:
        return environment(folder, needs)
    except EnvironmentFailed as error:
        missing(f"the OpenAI Agents SDK cannot be installed: {error}")
        raise


@pytest.fixture(scope="module")
def recorded(interpreter: Path) -> dict[str, Any]:
    """What each run of the program recorded."""
    said = alone([interpreter, PROGRAM, *RUNS], 300)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


def calls(told: dict[str, Any]) -> Counter[tuple[str, ...]]:
    """Kind, name and outcome of the calls, as often as they came."""
    return Counter(tuple(each) for each in told["calls"])


FLOW = ("workflow", "Agent workflow")


def test_a_run_is_a_workflow_of_agents_that_hand_over(recorded: dict[str, Any]) -> None:
    """The agent that handed over has ended, and the other one's tool is within it."""
    told = recorded["handoff"]
    assert calls(told) == {
        ("model_call", "chat", "ok"): 3,
        ("agent", "triage", "ok"): 1,
        ("tool", "look", "ok"): 1,
        ("tool", "own", "ok"): 1,
        ("agent", "billing", "ok"): 1,
        ("handoff", "billing", "ok"): 1,
        (*FLOW, "ok"): 1,
    }
    assert told["handoffs"] == 1
    assert told["own"] == 1


def test_tokens_are_counted_once(recorded: dict[str, Any]) -> None:
    """Although turns, tasks and traces tell them as well."""
    assert recorded["handoff"]["tokens"] == {"input": 30, "output": 15}
    assert recorded["streamed"]["tokens"] == {"input": 10, "output": 5}


def test_a_tool_that_fails_is_no_success_although_the_agent_goes_on(
    recorded: dict[str, Any],
) -> None:
    """The SDK makes a message of the failure."""
    told = calls(recorded["failing_tool"])
    assert told["tool", "look", "error"] == 1
    assert told["agent", "solo", "ok"] == 1


def test_a_model_that_fails_fails_its_agent_and_the_run(recorded: dict[str, Any]) -> None:
    """The caller got the very exception."""
    assert calls(recorded["failing_model"]) == {
        ("model_call", "chat", "error"): 1,
        ("agent", "solo", "error"): 1,
        (*FLOW, "error"): 1,
    }


def test_a_guardrail_that_trips_is_no_error(recorded: dict[str, Any]) -> None:
    """The run was stopped on purpose."""
    told = calls(recorded["guarded"])
    assert told[(*FLOW, "interrupted")] == 1
    assert not any(outcome == "error" for _, _, outcome in told)


def test_runs_at_once_are_each_counted(recorded: dict[str, Any]) -> None:
    """Each in its own trace."""
    told = calls(recorded["at_once"])
    assert told["agent", "solo", "ok"] == told[(*FLOW, "ok")] == 5
    assert recorded["at_once"]["tokens"] == {"input": 50, "output": 25}


def test_what_was_taken_away_records_nothing(recorded: dict[str, Any]) -> None:
    """The processor stays with the SDK, and is deaf."""
    assert calls(recorded["removed"]) == {}


def test_an_error_of_ours_is_counted_and_the_run_goes_on(recorded: dict[str, Any]) -> None:
    """The program never sees it."""
    assert calls(recorded["broken_adapter"]) == {}
    assert recorded["broken_adapter"]["failed"] > 0


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_left_open(recorded: dict[str, Any], name: str) -> None:
    """Every call that begins, ends."""
    assert recorded[name]["open"] == 0


def test_the_example_runs(interpreter: Path) -> None:
    """And shows its two agents."""
    program = ROOT / "examples" / "frameworks" / "openai_agents.py"
    said = alone([interpreter, program], 120)
    assert "Your bill is right." in said
    assert "handoff billing triage 1" in said
