"""What the tests of exporting share: a registry with calls in it, and how to ask for things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentmon.export.respond import Endpoint, Response
from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock

__all__ = ["SECOND", "TRIAGE", "filled", "get", "record"]

SECOND = 10**9

TRIAGE = Declaration(
    "agent",
    "triage",
    operation="invoke",
    version="3.2",
    team="support",
    tier="frontline",
    timeout_ns=30 * SECOND,
)


def record(
    registry: Registry,
    declaration: Declaration,
    seconds: float,
    outcome: str = "ok",
    *,
    error_type: str | None = None,
    trace_id: int = 0,
) -> None:
    """Record one call that ends now."""
    ended_ns = registry.clock()
    begun_ns = ended_ns - round(seconds * SECOND)
    recorder = registry.bind(declaration, None)
    recorder.details.append((begun_ns, ended_ns, outcome, error_type, trace_id, None))


def filled(clock: ManualClock | None = None) -> Registry:
    """A registry in which an agent was called six times, and once in vain, within a minute."""
    clock = clock or ManualClock()
    registry = Registry(Layout(), clock)
    for seconds in (0.02, 0.2, 0.2, 2.0, 2.0, 20.0):
        clock.advance(5)
        record(registry, TRIAGE, seconds)
    record(registry, TRIAGE, 0.5, "error", error_type="ValueError", trace_id=0xABC)
    return registry


def get(
    endpoint: Endpoint,
    path: str,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Response:
    """The answer to a GET."""
    return endpoint.respond(options.get("method", "GET"), path, query, headers or {})
