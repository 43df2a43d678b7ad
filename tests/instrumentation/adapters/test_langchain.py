"""LangChain and LangGraph, the real ones, in an environment of their own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.servers.environments import EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("graphs.py")
RUNS = (
    "handoff",
    "parallel",
    "in_tasks",
    "interrupted",
    "failing",
    "abandoned",
    "ready_made",
    "streamed",
    "removed",
    "broken_adapter",
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """A Python that has LangGraph, and what agentmon needs."""
    folder = Path.home() / ".cache" / "agentmon-frameworks" / "langgraph"
    needs = ["langgraph>=1.0", "langchain>=1.0", "opentelemetry-sdk", "wrapt", "psutil"]
    needs += ["hdrhistogram", "prometheus-client", "opentelemetry-exporter-otlp"]
    try:
        return environment(folder, needs)
    except EnvironmentFailed as error:
        missing(f"LangGraph cannot be installed: {error}")
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


def test_a_graph_is_a_workflow_of_agents_that_hand_over(recorded: dict[str, Any]) -> None:
    """With the tools and models that they call, once each."""
    told = recorded["handoff"]
    assert calls(told) == {
        ("model_call", "chat", "ok"): 2,
        ("agent", "triage", "ok"): 1,
        ("tool", "look", "ok"): 1,
        ("tool", "own", "ok"): 1,
        ("agent", "billing", "ok"): 1,
        ("handoff", "billing", "ok"): 1,
        ("workflow", "support", "ok"): 1,
    }
    assert told["handoffs"] == 1


def test_a_call_of_the_program_within_a_node_belongs_to_its_agent(
    recorded: dict[str, Any],
) -> None:
    """Marked and unmarked code nest."""
    assert recorded["handoff"]["own"] == 1


def test_tokens_are_counted_once_with_their_parts(recorded: dict[str, Any]) -> None:
    """Two calls of the model."""
    assert recorded["handoff"]["tokens"] == {
        "input": 20,
        "output": 10,
        "cached": 8,
        "reasoning": 4,
    }


@pytest.mark.parametrize(("name", "agents"), [("parallel", 3), ("in_tasks", 5)])
def test_agents_at_once_are_each_counted(recorded: dict[str, Any], name: str, agents: int) -> None:
    """In threads and in tasks."""
    told = calls(recorded[name])
    assert sum(
        n for (kind, _, outcome), n in told.items() if (kind, outcome) == ("agent", "ok")
    ) == (agents)
    assert told["model_call", "chat", "ok"] == agents


def test_a_question_to_a_human_is_no_error(recorded: dict[str, Any]) -> None:
    """The node that asks is interrupted, and runs again with the answer."""
    told = calls(recorded["interrupted"])
    assert told["agent", "asks", "interrupted"] == 1
    assert told["agent", "asks", "ok"] == 1
    assert not any(outcome == "error" for _, _, outcome in told)


def test_a_node_that_raises_fails_with_its_graph(recorded: dict[str, Any]) -> None:
    """The caller got the very exception."""
    assert calls(recorded["failing"]) == {
        ("agent", "fails", "error"): 1,
        ("workflow", "broken", "error"): 1,
    }


def test_a_stream_that_is_left_is_cancelled_and_leaves_nothing_open(
    recorded: dict[str, Any],
) -> None:
    """Whatever the framework tells, or does not."""
    told = calls(recorded["abandoned"])
    assert told["workflow", "left", "cancelled"] == 1
    assert recorded["abandoned"]["open"] == 0


def test_an_agent_of_langchains_own_making_is_one_agent(recorded: dict[str, Any]) -> None:
    """Its inner nodes are not looked at; its tool failed, and so did it."""
    assert calls(recorded["ready_made"]) == {
        ("model_call", "chat", "ok"): 1,
        ("tool", "look", "error"): 1,
        ("agent", "researcher", "error"): 1,
    }


def test_a_model_is_streamed_to_its_last_chunk(recorded: dict[str, Any]) -> None:
    """And its reader is not within it."""
    assert calls(recorded["streamed"]) == {("model_call", "chat", "ok"): 1}


def test_what_was_taken_away_records_nothing(recorded: dict[str, Any]) -> None:
    """Also by graphs that were made before."""
    assert calls(recorded["removed"]) == {}


def test_an_error_of_ours_is_counted_and_the_graph_runs_on(recorded: dict[str, Any]) -> None:
    """The program never sees it."""
    assert calls(recorded["broken_adapter"]) == {}
    assert recorded["broken_adapter"]["failed"] > 0


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_left_open(recorded: dict[str, Any], name: str) -> None:
    """Every call that begins, ends."""
    assert recorded[name]["open"] == 0


def test_the_example_runs(interpreter: Path) -> None:
    """And shows its two agents."""
    program = ROOT / "examples" / "frameworks" / "langgraph_agents.py"
    said = alone([interpreter, program], 120)
    assert "Your bill is right." in said
    assert "agent billing" in said
    assert "handoff billing triage 1" in said
