"""Tools by the Model Context Protocol, the real package, over stdio and within a process."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.servers.environments import OURS, EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[3]
CACHE = Path.home() / ".cache" / "agentmon-frameworks"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VERSIONS = {"newest": "mcp==2.3.0", "oldest": "mcp==1.30.0"}

every_version = pytest.mark.parametrize("version", VERSIONS)


def interpreter(version: str) -> Path:
    """A Python that has the package, and what agentmon needs."""
    try:
        return environment(CACHE / f"mcp-{version}", [VERSIONS[version], *OURS])
    except EnvironmentFailed as error:
        missing(f"{VERSIONS[version]} cannot be installed: {error}")
        raise


@cache
def recorded(version: str) -> dict[str, Any]:
    """What each program recorded."""
    said = alone([interpreter(version), Path(__file__).with_name("mcp_runs.py")], 120)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


@every_version
def test_the_tools_that_a_client_calls_are_those_of_its_agent(version: str) -> None:
    """One that says it failed is an error, although nothing was raised."""
    seen = recorded(version)["run_apart"]
    assert seen["said"]["text"] == "found x"
    assert seen["said"]["error"]
    assert ["tool", "look", "ok"] in seen["calls"]
    assert ["tool", "fail", "error"] in seen["calls"]
    assert "invoke_agent solo > execute_tool look" in seen["paths"]


@every_version
def test_the_tools_that_a_server_runs_are_measured_there(version: str) -> None:
    """With what they call themselves."""
    served = recorded(version)["run_apart"]["said"]["served"]
    assert served["calls"] == [
        ["dependency", "orders", "ok"],
        ["tool", "look", "ok"],
        ["tool", "fail", "error"],
        ["tool", "trace", "ok"],
    ]
    assert "execute_tool look > orders" in served["paths"]


@every_version
@pytest.mark.parametrize("program", ["run_apart", "run_inside"])
def test_the_trace_of_the_client_goes_on_in_the_server(version: str, program: str) -> None:
    """It travels in ``_meta``, to another process and within this one."""
    assert recorded(version)[program]["said"]["same_trace"]


@every_version
def test_the_tool_of_a_server_is_within_that_of_its_client(version: str) -> None:
    """Where both are seen."""
    path = "invoke_agent solo > execute_tool look > execute_tool look > orders"
    assert path in recorded(version)["run_inside"]["paths"]


@every_version
def test_a_tool_that_a_framework_tells_of_is_not_counted_again(version: str) -> None:
    """There is the one of the framework, and that of the server."""
    seen = recorded(version)["framework"]
    assert seen["calls"].count(["tool", "look", "ok"]) == 2
    assert "execute_tool look > execute_tool look > orders" in seen["paths"]


@every_version
def test_nothing_is_recorded_any_more_once_it_is_taken_away(version: str) -> None:
    """And tools work as before."""
    seen = recorded(version)["removed"]
    assert seen["said"] == {"text": "found x"}
    assert seen["calls"] == [["dependency", "orders", "ok"]]


@every_version
def test_an_error_in_the_adapter_is_counted_and_not_seen(version: str) -> None:
    """On both sides; and nothing else fails or stays open."""
    every = recorded(version)
    assert every["broken_adapter"]["said"] == {"text": "found x"}
    assert {name for name, seen in every.items() if seen["failed"]} == {"broken_adapter"}
    assert {name for name, seen in every.items() if seen["open"]} == set()


@every_version
def test_the_example_runs_without_a_network(version: str) -> None:
    """And shows what was recorded."""
    program = ROOT / "examples" / "frameworks" / "mcp_tools.py"
    said = alone([interpreter(version), program], 60)
    assert "2 orders match bill 7" in said
    assert "tool search_orders billing 1" in said


def test_the_page_names_the_versions() -> None:
    """Those that are tested."""
    page = (ROOT / "docs" / "frameworks" / "mcp.md").read_text(encoding="utf-8")
    assert all(package.replace("==", " ") in page for package in VERSIONS.values())
