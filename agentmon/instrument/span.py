"""
Spans on the tracer provider that the host has set, through OpenTelemetry's API.

The host's provider is used, never replaced. A span starts and ends at the same two readings of the
clock that the histogram gets.
"""

from __future__ import annotations

import logging
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from agentmon._version import __version__
from agentmon.model import attributes
from agentmon.model.outcome import ERROR, OK, TIMEOUT
from agentmon.record.clock import Clock, epoch_offset_ns

if TYPE_CHECKING:
    from agentmon.record.declaration import Declaration, Scope

__all__ = ["HostSpans", "OpenSpan", "ProviderWatch", "host_provider"]

logger = logging.getLogger("agentmon")


class OpenSpan:
    """
    The span of a call in flight.

    Args:
        span: OpenTelemetry's span.
        epoch_ns: When it started, in nanoseconds since 1970.
    """

    __slots__ = ("_epoch_ns", "_span")

    def __init__(self, span: Span, epoch_ns: int) -> None:
        self._span = span
        self._epoch_ns = epoch_ns

    @property
    def trace_id(self) -> int:
        """Id of its trace; 0 where the span is not recorded."""
        context = self._span.get_span_context()
        return context.trace_id if context.trace_flags.sampled else 0

    def context(self) -> Context:
        """The present context with this span as its current one."""
        return trace.set_span_in_context(self._span)

    def attach(self) -> Token[Context]:
        """Make it the current span."""
        return otel_context.attach(self.context())

    @staticmethod
    def detach(token: Token[Context]) -> None:
        """Undo `attach`."""
        otel_context.detach(token)

    def usage(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> None:
        """Note the tokens that a model call used."""
        self._span.set_attribute(attributes.INPUT_TOKENS, input_tokens)
        self._span.set_attribute(attributes.OUTPUT_TOKENS, output_tokens)
        if cached_tokens:
            self._span.set_attribute(attributes.CACHED_TOKENS, cached_tokens)

    def end(
        self,
        duration_ns: int,
        outcome: str,
        error: BaseException | None,
        error_type: str | None,
    ) -> None:
        """
        End it.

        Args:
            duration_ns: The duration that the histogram gets.
            outcome: How the call ended.
            error: What it raised, if it did.
            error_type: Qualified name of that, or None.
        """
        span = self._span
        end_ns = self._epoch_ns + duration_ns
        if outcome != OK:
            span.set_attribute(attributes.OUTCOME, outcome)
            span.set_attribute(attributes.ERROR_TYPE, error_type or outcome)
        if outcome in (ERROR, TIMEOUT):
            if error is not None:
                span.record_exception(error, timestamp=end_ns)
            span.set_status(Status(StatusCode.ERROR, error_type or outcome))
        span.end(end_ns)


class HostSpans:
    """
    Makes the spans of calls.

    Args:
        provider: The host's tracer provider.
        clock: The clock that calls are measured with.
    """

    def __init__(self, provider: trace.TracerProvider, clock: Clock) -> None:
        self._tracer = provider.get_tracer("agentmon", __version__)
        self._clock = clock

    def start(
        self,
        declaration: Declaration,
        scope: Scope,
        begun_ns: int,
        parent: OpenSpan | None,
    ) -> OpenSpan:
        """
        Start the span of a call.

        Args:
            declaration: The operation.
            scope: The names around it.
            begun_ns: When it began, on the clock of the calls.
            parent: Its parent; None for the span that is current.
        """
        epoch_ns = begun_ns + epoch_offset_ns(self._clock)
        span = self._tracer.start_span(
            attributes.span_name(declaration.kind, declaration.name, declaration.model),
            None if parent is None else parent.context(),
            SpanKind.CLIENT if declaration.kind == "model_call" else SpanKind.INTERNAL,
            attributes.span_attributes(
                declaration.kind,
                declaration.name,
                model=declaration.model,
                provider=declaration.provider,
                workflow=scope.workflow,
                agent=scope.agent,
            ),
            start_time=epoch_ns,
        )
        return OpenSpan(span, epoch_ns)


def host_provider() -> trace.TracerProvider | None:
    """The tracer provider that the host has set, or None while it has set none."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return provider


class ProviderWatch:
    """Looks for a tracer provider that the host sets after ``configure()``."""

    def look(self, clock: Clock) -> HostSpans | None:
        """Spans on the host's provider, once there is one."""
        provider = host_provider()
        if provider is None:
            return None
        logger.info("agentmon: the host has set a tracer provider; spans go there from now on")
        return HostSpans(provider, clock)
