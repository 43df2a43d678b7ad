"""What agents depend on: decorator, block, handle; metrics and spans."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanKind

import agentmon
from agentmon.errors import DeclarationError
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.recording import Spans, outcomes


@pytest.mark.drives(
    "agentmon_dependency_calls_total",
    "agentmon_dependency_duration_seconds",
    "agentmon_dependency_errors_total",
    "agentmon_dependency_in_flight",
    "agentmon_dependency_oldest_in_flight_seconds",
    "agentmon_dependency_duration_seconds_squared_total",
)
def test_calls_to_a_dependency_are_scraped_by_name_kind_and_agent(endpoint: Endpoint) -> None:
    """Two answers and an error of a database within an agent are read as just these."""
    endpoint.start()

    @agentmon.dependency("orders-db", kind="database")
    def ask(*, fail: bool = False) -> int:
        if fail:
            raise ConnectionError
        return 1

    with agentmon.agent("clerk"):
        assert ask() + ask() == 2
        with pytest.raises(ConnectionError):
            ask(fail=True)
    of_it = {"dependency": "orders-db", "dependency_kind": "database", "agent": "clerk"}
    assert endpoint.value("agentmon_dependency_calls_total", outcome="ok", **of_it) == 2
    assert endpoint.value("agentmon_dependency_calls_total", outcome="error", **of_it) == 1
    assert endpoint.value("agentmon_dependency_duration_seconds_count", **of_it) == 3
    errors = {"error_type": "ConnectionError", **of_it}
    assert endpoint.value("agentmon_dependency_errors_total", **errors) == 1
    assert endpoint.value("agentmon_dependency_in_flight", **of_it) == 0
    assert endpoint.value("agentmon_dependency_oldest_in_flight_seconds", **of_it) == 0
    total = endpoint.value("agentmon_dependency_duration_seconds_sum", outcome="error", **of_it)
    squared = "agentmon_dependency_duration_seconds_squared_total"
    assert total is not None
    assert endpoint.value(squared, outcome="error", **of_it) == pytest.approx(total**2)
    hung = agentmon.dependency("orders-db", kind="database").begin()
    assert endpoint.value("agentmon_dependency_in_flight", agent="") == 1
    assert (endpoint.value("agentmon_dependency_oldest_in_flight_seconds", agent="") or 0) > 0
    hung.end()


def test_blocks_and_handles_are_calls_too(recorded: Recorded) -> None:
    """A with block and a handle are recorded as a decorated function is."""
    queue = agentmon.dependency("tickets", kind="queue")
    with queue as call:
        assert call.kind == "dependency"
    queue.begin().end(outcome="timeout")
    assert outcomes(recorded, "dependency", dependency="tickets") == {"ok": 1, "timeout": 1}


def test_functions_tell_that_a_dependency_is_up_again(recorded: Recorded) -> None:
    """In every mode, a decorated function takes its dependency down and brings it up."""

    @agentmon.dependency("orders-db", kind="database")
    def ask(*, fail: bool) -> None:
        if fail:
            raise ConnectionError

    for _ in range(3):
        with pytest.raises(ConnectionError):
            ask(fail=True)
    assert recorded.value("agentmon_component_up", component="orders-db") == 0
    ask(fail=False)
    assert recorded.value("agentmon_component_up", component="orders-db") == 1


def test_its_span_is_that_of_a_client(traced: Recorded, spans: Spans) -> None:
    """The span has the name of the dependency, says its kind, and is of kind CLIENT."""
    with agentmon.agent("clerk"), agentmon.dependency("orders-db", kind="database"):
        pass
    span = spans.named("orders-db")
    assert span.kind is SpanKind.CLIENT
    assert span.attributes == {
        "peer.service": "orders-db",
        "agentmon.dependency.kind": "database",
        "gen_ai.agent.name": "clerk",
    }


def test_unknown_kinds_are_refused_with_what_is_allowed() -> None:
    """A kind that is none of the eight raises at declaration."""
    with pytest.raises(DeclarationError, match="got 'disk', allowed llm, database"):
        agentmon.dependency("x", kind="disk")
