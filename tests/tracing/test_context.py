"""The short way to OpenTelemetry's context."""

from __future__ import annotations

from opentelemetry import context as otel_context
from opentelemetry import trace

from agentmon.tracing.context import SPAN_KEY, attach, present, within


def test_short_way_and_api_see_the_same_context() -> None:
    """What is attached by either is present to both."""
    before = otel_context.get_current()
    mine = otel_context.Context({"k": 1})
    attach(mine)
    assert otel_context.get_current() is mine
    otel_context.attach(before)
    assert present() is before


def test_span_within_a_context_is_the_apis_current_span() -> None:
    """The API finds the span where it is put, and what else was there as well."""
    around = otel_context.Context({"k": 1})
    inner = within(trace.INVALID_SPAN, around)
    assert trace.get_current_span(inner) is trace.INVALID_SPAN
    assert (inner["k"], inner[SPAN_KEY], dict(around)) == (1, trace.INVALID_SPAN, {"k": 1})
