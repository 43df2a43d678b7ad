"""
Spans of calls where agentmon exports the spans: light ones, made and ended in one stretch.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind

from agentmon._version import __version__
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import (
    CURRENT,
    Call,
    accept,
    conclude,
    end_again,
    enter_cell,
    restore,
)
from agentmon.instrumentation.span import (
    InContext,
    OpenSpan,
    Shapes,
    describe,
    note_tokens,
    quietly,
)
from agentmon.model.outcome import ERROR, OK
from agentmon.record.exemplar import Examples
from agentmon.record.limits import FULL
from agentmon.tracing.context import SPAN_KEY, attach, present
from agentmon.tracing.ids import random_bits
from agentmon.tracing.limits import DEFAULT
from agentmon.tracing.sampling import ALWAYS
from agentmon.tracing.span import SAMPLED, Library, LightSpan
from agentmon.tracing.tracer import RANDOM, Pipeline, Start, start

if TYPE_CHECKING:
    from agentmon.instrumentation.site import Site
    from agentmon.record.clock import Clock
    from agentmon.record.declaration import Scope
    from agentmon.record.recorder import Recorder

__all__ = ["CallSpan", "OwnedSpans", "Traced", "Unsampled"]

LIBRARY: Final = Library("agentmon", __version__)
_ROOT_FLAGS: Final = SAMPLED | RANDOM

_current, _set_current, _reset_current = CURRENT.get, CURRENT.set, CURRENT.reset
_put = dict.__setitem__
_new = object.__new__
_USUAL_KIND: Final = SpanKind.INTERNAL


class CallSpan(InContext, LightSpan):
    """
    The span of a call in flight; see `agentmon.instrumentation.span.OpenSpan`.

    Guarantees:
        No method raises.
    """

    library = LIBRARY
    kind = SpanKind.INTERNAL
    _tokens: dict[str, int] | None = None

    get_span_context = LightSpan.get_span_context

    def spoken(self) -> Span:
        """Itself."""
        return self

    def set(self, key: str, value: object) -> None:
        """Set an attribute, unless it has ended."""
        self.set_attribute(key, value)

    def usage(self, token_type: str, n: int) -> None:
        """Note tokens that a model call used, besides those noted before."""
        if self._tokens is None:
            self._tokens = {}
        note_tokens(self, self._tokens, token_type, n)

    def link(self, context: SpanContext, attributes: Mapping[str, str]) -> None:
        """Link another span, unless it has ended."""
        self.add_link(context, attributes)

    def close(
        self,
        duration_ns: int,
        outcome: str,
        error: BaseException | None,
        error_type: str | None,
    ) -> None:
        """End it; see `agentmon.instrumentation.span.OpenSpan.close`."""
        if self.ended_ns:
            return
        ended_ns = self.begun_ns + duration_ns
        if outcome != OK:
            quietly(describe, self, outcome, error, error_type, ended_ns)
        self.ended_ns = ended_ns
        quietly(self.sink, self)


class Unsampled(InContext):
    """
    Stands for the span of a call whose trace is not recorded, and says so to what is within.

    Args:
        span: Passes the ids on.
    """

    __slots__ = ("_span",)

    trace_id = span_id = flags = begun_ns = ended_ns = 0

    def __init__(self, span: Span) -> None:
        self._span = span

    def spoken(self) -> Span:
        """What passes the ids on."""
        return self._span

    def set(self, key: str, value: object) -> None:
        """Nothing is set."""

    def usage(self, token_type: str, n: int) -> None:
        """Nothing is noted."""

    def link(self, context: SpanContext, attributes: Mapping[str, str]) -> None:
        """Nothing is linked."""

    def close(
        self,
        duration_ns: int,
        outcome: str,
        error: BaseException | None,
        error_type: str | None,
    ) -> None:
        """Nothing is recorded."""


class Traced(Call):
    """
    A block that is one call and one span: the fast path of decorated functions.

    It does by hand what `agentmon.instrumentation.call.Measured` does through `begin` and
    `conclude`.

    Args:
        site: What it is recorded as.
    """

    __slots__ = ("_around", "_limit_ns", "_site", "_token", "scope", "span")

    scope: Scope  # kept, because each call within reads it
    span: OpenSpan | None

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> None:
        site, around, spans = self._site, _current(), ACTIVE.spans
        scope = None if around is None else around.scope
        recorder = site.recorders.get(scope) or site.bind(scope)
        if recorder is None or not isinstance(spans, OwnedSpans):  # turned off this very moment
            self._limit_ns = -1
            return
        self.recorder = recorder
        self.scope = recorder.scope
        self.parent = None
        self._around = before = present()
        above: Any = before.get(SPAN_KEY)
        shape = spans.shapes[recorder]
        self._limit_ns = shape.limit_ns
        begun_ns = perf_counter_ns()
        state = None
        if above is None and spans.every_root:
            trace_id, parent_id, flags = random_bits(128) or 1, 0, _ROOT_FLAGS
        elif spans.inherits and getattr(above, "light", False) and above.flags & SAMPLED:
            trace_id, parent_id, flags = above.trace_id, above.span_id, above.flags
            state = above.trace_state
        else:
            self.span = other = spans.start(recorder, begun_ns, None)
            if other is not None:
                other.attach()
                if shape.accepts and around is not None:
                    accept(other, around)
            self._token = _set_current(self)
            recorder.live[self] = begun_ns
            return
        pipeline = spans.pipeline
        # Without a call of `__init__`, which takes as long as all of this.
        self.span = span = _new(spans.make)
        span.name = shape.name
        span.trace_id = trace_id
        span.span_id = random_bits(64) or 1
        span.parent_id = parent_id
        span.flags = flags
        span.begun_ns = begun_ns + pipeline.offset_ns
        span.sink = pipeline.sink
        if shape.kind is not _USUAL_KIND:
            span.kind = shape.kind
        span.fixed = shape.fixed
        if state is not None:
            span.trace_state = state
        if shape.accepts and around is not None:
            accept(span, around)
        inner = Context(before)
        _put(inner, SPAN_KEY, span)  # as `within` does
        attach(inner)
        self._token = _set_current(self)
        recorder.live[self] = begun_ns

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        limit_ns = self._limit_ns
        if limit_ns < 0:
            return
        ended_ns = perf_counter_ns()
        recorder = self.recorder
        span = self.span
        begun_ns = None
        try:
            begun_ns = recorder.live.pop(self, None)
            try:
                _reset_current(self._token)
                attach(self._around)
            except (RuntimeError, ValueError):  # driven by hand, across contexts
                if restore(self, self._token):
                    attach(self._around)
            if begun_ns is None:
                end_again()
                return
            duration_ns = ended_ns - begun_ns
            if error is not None or duration_ns > limit_ns or span.__class__ is not CallSpan:
                conclude(recorder, begun_ns, ended_ns, error, span=span)
                return
            if ended_ns >= recorder.until_ns:
                enter_cell(recorder, ended_ns)
            plain = recorder.plain
            if plain is not None:
                plain.append(duration_ns)
            else:
                recorder.keep(duration_ns)
            if not span.ended_ns:
                span.ended_ns = span.begun_ns + duration_ns
                if span.flags & SAMPLED:  # as `Examples.note` does
                    examples = recorder.examples
                    if examples is None:
                        recorder.examples = examples = Examples()
                    examples.latest = span
                    peak = examples.peak
                    if peak is None or duration_ns > peak.ended_ns - peak.begun_ns:
                        examples.peak = span
                span.sink(span)
            if plain is not None and len(plain) >= FULL:
                recorder.relieve()
        except RecursionError:  # the stack is full: no room to call anything of ours
            if begun_ns is not None:
                recorder.details.append((begun_ns, ended_ns, ERROR, "RecursionError", 0, None))


class OwnedSpans:
    """
    Makes the spans of calls.

    Args:
        pipeline: Where they go.

    Attributes:
        every_root: Whether a call without a parent is recorded, whatever it is.
        inherits: Whether a call whose parent is recorded is recorded, whatever it is.
        make: Makes a span that holds no more than the pipeline allows.
        shapes: What the spans of each recorder have in common.
    """

    mode = "owned"
    #: A block that is one call, for the wrappers of functions.
    block = Traced

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.shapes = Shapes()
        sampler = pipeline.sampler
        plain = sampler.custom is None and pipeline.started is None
        self.every_root = plain and sampler.bound == ALWAYS
        self.inherits = plain and (sampler.parent_based or sampler.bound == ALWAYS)
        self.make: type[CallSpan] = CallSpan
        if pipeline.limits is not DEFAULT:
            self.make = type("CallSpan", (CallSpan,), {"limits": pipeline.limits})

    def look(self, _clock: Clock) -> None:
        """Set the clock anew, now and then; see `agentmon.instrumentation.active.Watch`."""
        self.pipeline.set_clock()

    def start(
        self, recorder: Recorder, begun_ns: int, parent: OpenSpan | None
    ) -> CallSpan | Unsampled | None:
        """
        Start the span of a call.

        Args:
            recorder: Takes the call.
            begun_ns: When it began, on the clock of the calls.
            parent: Its parent; None for the span that is current.

        Returns:
            None within a trace that is not recorded, where nothing more needs to be said of that.
        """
        return quietly(self._start, recorder, begun_ns, parent)

    def _start(
        self, recorder: Recorder, begun_ns: int, parent: OpenSpan | None
    ) -> CallSpan | Unsampled | None:
        pipeline = self.pipeline
        shape = self.shapes[recorder]
        around = trace.get_current_span(None if parent is None else parent.inside())
        custom = pipeline.sampler.custom is not None
        given = Start(
            shape.name,
            shape.kind,
            LIBRARY,
            attributes=shape.fixed.attributes if custom else {},
        )
        epoch_ns = begun_ns + pipeline.offset_ns
        span = start(pipeline, around, given, epoch_ns, make=self.make, fixed=shape.fixed)
        if isinstance(span, CallSpan):
            return span
        return None if around.get_span_context().is_valid else Unsampled(span)
