"""The fixture that proves that a metric is driven."""

from __future__ import annotations

from typing import Any

import pytest

import agentmon
from tests.driven import Endpoint


@pytest.mark.drives("agentmon_agent_calls_total", "agentmon_agent_duration_seconds")
def test_calls_are_read_as_a_server_scrapes_them(endpoint: Endpoint) -> None:
    """Three calls in, three calls out."""
    endpoint.start()
    for _ in range(3):
        with agentmon.agent("triage"):
            pass
    assert endpoint.value("agentmon_agent_calls_total", agent="triage", outcome="ok") == 3
    assert endpoint.value("agentmon_agent_duration_seconds_count", agent="triage") == 3
    assert endpoint.value("agentmon_agent_calls_total", agent="nobody") is None


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        pytest.param(
            "workflow",
            agentmon.workflow("w"),
            marks=pytest.mark.drives(
                "agentmon_workflow_calls_total",
                "agentmon_workflow_duration_seconds",
                "agentmon_workflow_duration_seconds_squared_total",
                "agentmon_workflow_errors_total",
                "agentmon_workflow_in_flight",
                "agentmon_workflow_oldest_in_flight_seconds",
            ),
        ),
        pytest.param(
            "step",
            agentmon.step("s"),
            marks=pytest.mark.drives(
                "agentmon_step_calls_total",
                "agentmon_step_duration_seconds",
                "agentmon_step_duration_seconds_squared_total",
                "agentmon_step_errors_total",
                "agentmon_step_in_flight",
                "agentmon_step_oldest_in_flight_seconds",
            ),
        ),
        pytest.param(
            "agent",
            agentmon.agent("a"),
            marks=pytest.mark.drives(
                "agentmon_agent_calls_total",
                "agentmon_agent_duration_seconds",
                "agentmon_agent_duration_seconds_squared_total",
                "agentmon_agent_errors_total",
                "agentmon_agent_in_flight",
                "agentmon_agent_oldest_in_flight_seconds",
            ),
        ),
        pytest.param(
            "tool",
            agentmon.tool("t"),
            marks=pytest.mark.drives(
                "agentmon_tool_calls_total",
                "agentmon_tool_duration_seconds",
                "agentmon_tool_duration_seconds_squared_total",
                "agentmon_tool_errors_total",
                "agentmon_tool_in_flight",
                "agentmon_tool_oldest_in_flight_seconds",
            ),
        ),
        pytest.param(
            "model",
            agentmon.model_call("chat", model="m"),
            marks=pytest.mark.drives(
                "agentmon_model_calls_total",
                "agentmon_model_duration_seconds",
                "agentmon_model_duration_seconds_squared_total",
                "agentmon_model_errors_total",
                "agentmon_model_in_flight",
                "agentmon_model_oldest_in_flight_seconds",
            ),
        ),
        pytest.param(
            "handoff",
            agentmon.handoff("b"),
            marks=pytest.mark.drives(
                "agentmon_handoff_calls_total",
                "agentmon_handoff_duration_seconds",
                "agentmon_handoff_duration_seconds_squared_total",
                "agentmon_handoff_errors_total",
                "agentmon_handoff_in_flight",
                "agentmon_handoff_oldest_in_flight_seconds",
            ),
        ),
    ],
)
def test_operations_are_read_as_a_server_scrapes_them(
    endpoint: Endpoint, kind: str, operation: Any
) -> None:
    """Two that end well, one that fails and one that goes on are read as just these."""
    endpoint.start()
    of_it = f"agentmon_{kind}_"
    for _ in range(2):
        with operation:
            pass
    with pytest.raises(KeyError), operation:
        raise KeyError
    assert endpoint.value(f"{of_it}calls_total", outcome="ok") == 2
    assert endpoint.value(f"{of_it}calls_total", outcome="error") == 1
    assert endpoint.value(f"{of_it}errors_total", error_type="KeyError") == 1
    assert endpoint.value(f"{of_it}duration_seconds_count") == 3
    took = endpoint.value(f"{of_it}duration_seconds_sum", outcome="error")
    squared = endpoint.value(f"{of_it}duration_seconds_squared_total", outcome="error")
    assert took
    assert squared == pytest.approx(took**2)
    assert endpoint.value(f"{of_it}in_flight") == 0
    assert endpoint.value(f"{of_it}oldest_in_flight_seconds") == 0
    with operation:
        assert endpoint.value(f"{of_it}in_flight") == 1
        assert (endpoint.value(f"{of_it}oldest_in_flight_seconds") or 0) > 0
