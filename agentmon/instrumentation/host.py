"""
Spans on the tracer provider that the host has set, through OpenTelemetry's API.

The host's provider is used, never replaced. A span starts and ends at the same two readings of the
clock that the histogram gets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext

from agentmon._version import __version__
from agentmon.instrumentation.call import Measured
from agentmon.instrumentation.span import (
    InContext,
    OpenSpan,
    Shapes,
    describe,
    note_tokens,
    quietly,
)
from agentmon.model.outcome import OK
from agentmon.record.clock import Clock, epoch_offset_ns
from agentmon.tracing.tracer import PROVIDER

if TYPE_CHECKING:
    from agentmon.record.recorder import Recorder

__all__ = ["HostSpan", "HostSpans", "ProviderWatch", "host_provider"]

logger = logging.getLogger("agentmon")


class HostSpan(InContext):
    """
    The span of a call in flight; see `OpenSpan`.

    Args:
        span: OpenTelemetry's span.
        begun_ns: When it started, in nanoseconds since 1970.
    """

    __slots__ = ("_span", "_tokens", "begun_ns", "ended_ns", "flags", "span_id", "trace_id")

    def __init__(self, span: Span, begun_ns: int) -> None:
        self._span = span
        self._tokens: dict[str, int] = {}
        self.begun_ns = begun_ns
        self.ended_ns = 0
        context = span.get_span_context()
        self.flags = int(context.trace_flags)
        self.span_id = context.span_id
        self.trace_id = context.trace_id if context.trace_flags.sampled else 0

    def spoken(self) -> Span:
        """The span on the host's provider."""
        return self._span

    def set(self, key: str, value: object) -> None:
        """Set an attribute, unless it has ended."""
        quietly(self._set, key, value)

    def _set(self, key: str, value: Any) -> None:
        if self._span.is_recording():  # not so once it has ended
            self._span.set_attribute(key, value)

    def usage(self, token_type: str, n: int) -> None:
        """Note tokens that a model call used, besides those noted before."""
        note_tokens(self, self._tokens, token_type, n)

    def link(self, context: SpanContext, attributes: Mapping[str, str]) -> None:
        """Link another span, unless it has ended."""
        quietly(self._link, context, attributes)

    def _link(self, context: SpanContext, attributes: Mapping[str, str]) -> None:
        if self._span.is_recording():
            self._span.add_link(context, attributes)

    def close(
        self,
        duration_ns: int,
        outcome: str,
        error: BaseException | None,
        error_type: str | None,
    ) -> None:
        """End it; see `OpenSpan.close`."""
        self.ended_ns = self.begun_ns + duration_ns
        if outcome != OK:
            quietly(describe, self._span, outcome, error, error_type, self.ended_ns)
        quietly(self._close)

    def _close(self) -> None:
        self._span.end(self.ended_ns)


class HostSpans:
    """
    Makes the spans of calls.

    Args:
        provider: The host's tracer provider.
        clock: The clock that calls are measured with.
    """

    mode = "host"
    #: A block that is one call, for the wrappers of functions.
    block = Measured

    def __init__(self, provider: trace.TracerProvider, clock: Clock) -> None:
        self._tracer = provider.get_tracer("agentmon", __version__)
        self._clock = clock
        self._shapes = Shapes()

    def start(self, recorder: Recorder, begun_ns: int, parent: OpenSpan | None) -> HostSpan | None:
        """
        Start the span of a call.

        Args:
            recorder: Takes the call.
            begun_ns: When it began, on the clock of the calls.
            parent: Its parent; None for the span that is current.

        Returns:
            None if the host's provider raised.
        """
        return quietly(self._start, recorder, begun_ns, parent)

    def _start(self, recorder: Recorder, begun_ns: int, parent: OpenSpan | None) -> HostSpan:
        shape = self._shapes[recorder]
        epoch_ns = begun_ns + epoch_offset_ns(self._clock)
        span = self._tracer.start_span(
            shape.name,
            None if parent is None else parent.inside(),
            shape.kind,
            shape.fixed.attributes,
            start_time=epoch_ns,
        )
        return HostSpan(span, epoch_ns)


def host_provider() -> trace.TracerProvider | None:
    """The tracer provider that the host has set, or None while it has set none."""
    provider = trace.get_tracer_provider()
    if provider is PROVIDER:
        return None
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return provider


class ProviderWatch:
    """Looks for a tracer provider that the host sets after ``configure()``."""

    def look(self, clock: Clock) -> HostSpans | None:
        """Spans on the host's provider, once there is one."""
        return quietly(self._look, clock)

    @staticmethod
    def _look(clock: Clock) -> HostSpans | None:
        provider = host_provider()
        if provider is None:
            return None
        logger.info("agentmon: the host has set a tracer provider; spans go there from now on")
        return HostSpans(provider, clock)
