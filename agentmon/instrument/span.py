"""
Spans on the tracer provider that the host has set, through OpenTelemetry's API.

The host's provider is used, never replaced. A span starts and ends at the same two readings of the
clock that the histogram gets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from agentmon._version import __version__
from agentmon.instrument.active import ACTIVE
from agentmon.model import attributes
from agentmon.model.outcome import ERROR, INTERRUPTED, OK, TIMEOUT
from agentmon.record.clock import Clock, epoch_offset_ns

if TYPE_CHECKING:
    from agentmon.record.declaration import Declaration, Scope

__all__ = ["HostSpans", "OpenSpan", "ProviderWatch", "host_provider"]

T = TypeVar("T")

logger = logging.getLogger("agentmon")


_TOKENS = {
    "input": attributes.INPUT_TOKENS,
    "output": attributes.OUTPUT_TOKENS,
    "cached": attributes.CACHED_TOKENS,
}


def _quietly(do: Callable[..., T], *args: Any) -> T | None:
    """What *do* returns; None where it raises, which the code that is measured must not see."""
    try:
        return do(*args)
    except Exception:  # the host's provider may raise anything
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("span_error", 1)
        logger.debug("agentmon: the host's tracer provider raised", exc_info=True)
        return None


class OpenSpan:
    """
    The span of a call in flight.

    Guarantees:
        No method raises, whatever the host's provider does.

    Args:
        span: OpenTelemetry's span.
        epoch_ns: When it started, in nanoseconds since 1970.

    Attributes:
        trace_id: Id of its trace; 0 where the span is not recorded.
    """

    __slots__ = ("_epoch_ns", "_span", "_tokens", "trace_id")

    def __init__(self, span: Span, epoch_ns: int) -> None:
        self._span = span
        self._epoch_ns = epoch_ns
        self._tokens: dict[str, int] = {}
        context = span.get_span_context()
        self.trace_id = context.trace_id if context.trace_flags.sampled else 0

    def context(self) -> Context:
        """The present context with this span as its current one."""
        return trace.set_span_in_context(self._span)

    def attach(self, context: Context | None = None) -> Callable[[], object]:
        """
        Make it the current span.

        A token of ``attach`` can be used in one context only, and the caller may be in another
        when the span ends; so what was before is set again, and no token is kept.

        Args:
            context: What to make current instead.

        Returns:
            Puts back what was before.
        """
        before = otel_context.get_current()
        otel_context.attach(self.context() if context is None else context)
        return partial(otel_context.attach, before)

    @staticmethod
    def present() -> Context:
        """OpenTelemetry's present context."""
        return otel_context.get_current()

    def usage(self, token_type: str, n: int) -> None:
        """Note tokens that a model call used, besides those noted before."""
        self._tokens[token_type] = self._tokens.get(token_type, 0) + n
        _quietly(self._note, token_type)

    def _note(self, token_type: str) -> None:
        if self._span.is_recording():  # not so once it has ended
            self._span.set_attribute(_TOKENS[token_type], self._tokens[token_type])

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
        end_ns = self._epoch_ns + duration_ns
        if outcome != OK:
            _quietly(self._describe, outcome, error, error_type, end_ns)
        _quietly(self._close, end_ns)

    def _close(self, end_ns: int) -> None:
        self._span.end(end_ns)

    def _describe(
        self, outcome: str, error: BaseException | None, error_type: str | None, end_ns: int
    ) -> None:
        span = self._span
        span.set_attribute(attributes.OUTCOME, outcome)
        if outcome != INTERRUPTED:  # a pause for a person is meant to be
            span.set_attribute(attributes.ERROR_TYPE, error_type or outcome)
        if outcome in (ERROR, TIMEOUT):
            span.set_status(Status(StatusCode.ERROR, error_type or outcome))
            if error is not None:
                span.record_exception(error, timestamp=end_ns)


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
    ) -> OpenSpan | None:
        """
        Start the span of a call.

        Args:
            declaration: The operation.
            scope: The names around it.
            begun_ns: When it began, on the clock of the calls.
            parent: Its parent; None for the span that is current.

        Returns:
            None if the host's provider raised.
        """
        return _quietly(self._start, declaration, scope, begun_ns, parent)

    def _start(
        self, declaration: Declaration, scope: Scope, begun_ns: int, parent: OpenSpan | None
    ) -> OpenSpan:
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
        return _quietly(self._look, clock)

    @staticmethod
    def _look(clock: Clock) -> HostSpans | None:
        provider = host_provider()
        if provider is None:
            return None
        logger.info("agentmon: the host has set a tracer provider; spans go there from now on")
        return HostSpans(provider, clock)
