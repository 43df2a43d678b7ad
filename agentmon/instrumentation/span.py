"""
What the spans of calls have in common, whoever makes them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.content import exception_attributes
from agentmon.model import attributes
from agentmon.model.outcome import ERROR, INTERRUPTED, TIMEOUT
from agentmon.tracing.context import attach, present, within
from agentmon.tracing.span import Fixed

if TYPE_CHECKING:
    from agentmon.instrumentation.site import Site
    from agentmon.record.recorder import Recorder

__all__ = [
    "InContext",
    "OpenSpan",
    "Shape",
    "Shapes",
    "Spans",
    "describe",
    "note_tokens",
    "quietly",
]

T = TypeVar("T")

logger = logging.getLogger("agentmon")

_NO_LIMIT: Final = 1 << 63
#: Kinds of operation that ask somebody else.
_CLIENTS: Final = ("model_call", "dependency")


class OpenSpan(Protocol):
    """
    The span of a call in flight.

    Guarantees:
        No method raises, whatever the host's provider does.

    Attributes:
        trace_id: Id of its trace; 0 where the span is not recorded.
        span_id: Its own id.
        flags: W3C trace flags.
        begun_ns: When it began, in nanoseconds since 1970.
        ended_ns: When it ended; 0 while it is open.
    """

    trace_id: int
    span_id: int
    flags: int
    begun_ns: int
    ended_ns: int

    def get_span_context(self) -> SpanContext:
        """Its ids, as others pass them on."""

    def inside(self) -> Context:
        """The present context with this span as its current one."""

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

    def present(self) -> Context:
        """OpenTelemetry's present context."""

    def set(self, key: str, value: object) -> None:
        """Set an attribute, unless it has ended."""

    def usage(self, token_type: str, n: int) -> None:
        """Note tokens that a model call used, besides those noted before."""

    def link(self, context: SpanContext, attributes: Mapping[str, str]) -> None:
        """Link another span, unless it has ended."""

    def close(
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


class InContext:
    """What an `OpenSpan` does with OpenTelemetry's context, whatever stands there for the call."""

    __slots__ = ()

    def spoken(self) -> Span:
        """What others see as the current span."""
        raise NotImplementedError

    def inside(self) -> Context:
        """The present context with this span as its current one."""
        return within(self.spoken(), present())

    def attach(self, context: Context | None = None) -> Callable[[], object]:
        """Make it, or *context*, current; returns what puts back what was before."""
        before = present()
        attach(within(self.spoken(), before) if context is None else context)
        return partial(attach, before)

    @staticmethod
    def present() -> Context:
        """OpenTelemetry's present context."""
        return present()

    def get_span_context(self) -> SpanContext:
        """Its ids, as others pass them on."""
        return self.spoken().get_span_context()


class Spans(Protocol):
    """
    Makes the spans of calls.

    Attributes:
        mode: ``host`` on a provider of the host's, ``owned`` where agentmon exports them.
    """

    mode: str

    def start(self, recorder: Recorder, begun_ns: int, parent: OpenSpan | None) -> OpenSpan | None:
        """
        Start the span of a call.

        Args:
            recorder: Takes the call.
            begun_ns: When it began, on the clock of the calls.
            parent: Its parent; None for the span that is current.

        Returns:
            None where there is to be none.
        """

    @property
    def block(self) -> Callable[[Site], AbstractContextManager[None]]:
        """Makes a block that is one call, for the wrappers of functions."""


class Shape:
    """
    What the spans of one recorder's calls have in common.

    Args:
        recorder: Takes the calls.
    """

    __slots__ = ("accepts", "fixed", "kind", "limit_ns", "name")

    def __init__(self, recorder: Recorder) -> None:
        declaration, scope = recorder.declaration, recorder.scope
        #: What a call may take without being late, in nanoseconds.
        self.limit_ns = declaration.timeout_ns or _NO_LIMIT
        if declaration.kind == "dependency":
            self.limit_ns = 0  # each of its calls is heeded, and not only the late ones
        #: Whether a call may be what a handoff led to.
        self.accepts = declaration.kind == "agent"
        conventions = ACTIVE.conventions
        self.name = conventions.span_name(declaration.kind, declaration.name, declaration.model)
        self.kind = SpanKind.CLIENT if declaration.kind in _CLIENTS else SpanKind.INTERNAL
        self.fixed = Fixed(
            {
                **conventions.span_attributes(
                    declaration.kind,
                    declaration.name,
                    operation=declaration.operation,
                    model=declaration.model,
                    provider=declaration.provider,
                    workflow=scope.workflow,
                    agent=scope.agent,
                )
            }
        )


class Shapes(dict["Recorder", Shape]):
    """The shape of each recorder, made when first asked for."""

    def __missing__(self, recorder: Recorder) -> Shape:
        shape = self[recorder] = Shape(recorder)
        return shape


def note_tokens(span: OpenSpan, sums: dict[str, int], token_type: str, n: int) -> None:
    """Add tokens to what was noted of a call, and say on its span how many that makes."""
    sums[token_type] = sums.get(token_type, 0) + n
    for key in ACTIVE.conventions.tokens[token_type]:
        span.set(key, sums[token_type])


def describe(
    span: Span, outcome: str, error: BaseException | None, error_type: str | None, ended_ns: int
) -> None:
    """Say on a span how its call ended, where that is not ok."""
    span.set_attribute(attributes.OUTCOME, outcome)
    if outcome != INTERRUPTED:  # a pause for a person is meant to be
        span.set_attribute(attributes.ERROR_TYPE, error_type or outcome)
    if outcome in (ERROR, TIMEOUT):
        span.set_status(Status(StatusCode.ERROR, error_type or outcome))
        if error is not None:
            span.record_exception(error, exception_attributes(error), ended_ns)


def quietly(do: Callable[..., T], *args: Any) -> T | None:
    """What *do* returns; None where it raises, which the code that is measured must not see."""
    try:
        return do(*args)
    except Exception:  # whoever takes the spans may raise anything
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("span_error", 1)
        logger.debug("agentmon: the tracer provider raised", exc_info=True)
        return None
