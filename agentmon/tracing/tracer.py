"""
A tracer provider whose spans are light, for agentmon and for every library that makes spans.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

from agentmon.tracing.ids import random_bits
from agentmon.tracing.limits import DEFAULT, Limits, held
from agentmon.tracing.sampling import Held, Sampler, Tail
from agentmon.tracing.span import SAMPLED, Fixed, Library, LightSpan

__all__ = [
    "PROVIDER",
    "RANDOM",
    "Pipeline",
    "Provider",
    "Start",
    "Tracer",
    "start",
]

F = TypeVar("F", bound=Callable[..., Any])

#: The flag that says that the id of the trace is random throughout (W3C trace context, level 2).
RANDOM: Final = 2

_NO_STATE = TraceState()


class Pipeline:
    """
    What becomes of spans between ``configure()`` and ``shutdown()``.

    Args:
        sink: Takes sampled spans when they have ended.
        sampler: Decides at roots.
        tail: Keeps traces that were not sampled, if given.
        limits: What a span may hold.
        started: Told of each recorded span when it starts, with its parent's context.
        flush: Exports what waits, within so many seconds, and says whether that was done.
        resource: The attributes of what makes the spans.
    """

    __slots__ = ("flush", "limits", "offset_ns", "resource", "sampler", "sink", "started", "tail")

    def __init__(
        self,
        sink: Callable[[LightSpan], object],
        sampler: Sampler | None = None,
        tail: Tail | None = None,
        limits: Limits = DEFAULT,
        *,
        started: Callable[[LightSpan, Context | None], object] | None = None,
        flush: Callable[[float], bool] | None = None,
        resource: Mapping[str, Any] | None = None,
    ) -> None:
        self.sink = sink
        self.flush = flush
        self.resource = resource or {}
        self.sampler = sampler or Sampler()
        self.tail = tail
        self.limits = limits
        self.started = started
        #: What to add to the clock of calls to get nanoseconds since 1970.
        self.offset_ns = 0
        self.set_clock()

    def set_clock(self) -> None:
        """Look where the clock of calls stands on the calendar; to be repeated, as both drift."""
        self.offset_ns = time.time_ns() - time.perf_counter_ns()


class Origin(NamedTuple):
    """What makes the spans, as OpenTelemetry's SDK calls it a resource."""

    attributes: Mapping[str, Any]
    schema_url: str = ""


class Provider(trace.TracerProvider):
    """
    A provider for the life of the process: OpenTelemetry lets nobody take one back.

    While it has no pipeline its spans record nothing, and only pass on what is around them.

    It has the two things of the SDK's provider that other libraries look for: `resource` and
    `force_flush`.
    """

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None

    @property
    def resource(self) -> Origin:
        """What makes the spans; without attributes while there is no pipeline."""
        return Origin({} if self.pipeline is None else self.pipeline.resource)

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Export what waits, within so many milliseconds; says whether that was done."""
        pipeline = self.pipeline
        if pipeline is None or pipeline.flush is None:
            return True
        return pipeline.flush(timeout_millis / 1000)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        """A tracer for a library."""
        kept, _ = held(attributes, None, None)
        return Tracer(
            self,
            Library(
                instrumenting_module_name or "",
                instrumenting_library_version or "",
                schema_url or "",
                tuple((kept or {}).items()),
            ),
        )


class Tracer(trace.Tracer):
    """
    Makes the spans of one library.

    Args:
        provider: Whose pipeline they go to.
        library: The library.
    """

    def __init__(self, provider: Provider, library: Library) -> None:
        self._provider = provider
        self._library = library

    def start_span(  # noqa: PLR0917  # as the interface has it
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
    ) -> Span:
        """Start a span; see OpenTelemetry."""
        pipeline = self._provider.pipeline
        parent = trace.get_current_span(context)
        if pipeline is None:
            return NonRecordingSpan(parent.get_span_context())
        span = start(
            pipeline,
            parent,
            Start(name, kind, self._library, context, attributes or {}, links or ()),
            time.time_ns() if start_time is None else start_time,
        )
        if isinstance(span, LightSpan):
            span.exit_records = record_exception
            span.exit_sets_status = set_status_on_exception
        return span

    def start_as_current_span(  # type: ignore[override]  # noqa: PLR0917  # as the interface has it
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
        end_on_exit: bool = True,  # noqa: FBT001, FBT002
    ) -> _AsCurrent:
        """Start a span and make it current, as a block or a decorator; see OpenTelemetry."""

        def block() -> AbstractContextManager[Span]:
            span = self.start_span(
                name,
                context,
                kind,
                attributes,
                links,
                start_time,
                record_exception,
                set_status_on_exception,
            )
            return trace.use_span(span, end_on_exit, record_exception, set_status_on_exception)

        return _AsCurrent(block)


class _AsCurrent(AbstractContextManager[Span]):
    """A block in which a span is current; a decorator too, of coroutine functions as well."""

    def __init__(self, block: Callable[[], AbstractContextManager[Span]]) -> None:
        self._make = block
        self._block: AbstractContextManager[Span]

    def __enter__(self) -> Span:
        self._block = self._make()
        return self._block.__enter__()

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._block.__exit__(type_, error, traceback)

    def __call__(self, fn: F) -> F:
        if inspect.iscoroutinefunction(fn):

            @functools.wraps(fn)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._make():
                    return await fn(*args, **kwargs)

            return cast("F", call_async)

        @functools.wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._make():
                return fn(*args, **kwargs)

        return cast("F", call)


class Start(NamedTuple):
    """What a span is started with."""

    name: str
    kind: SpanKind
    library: Library
    context: Context | None = None
    attributes: Mapping[str, Any] = {}
    links: Sequence[Link] = ()


def start(
    pipeline: Pipeline,
    parent: Span,
    given: Start,
    begun_ns: int,
    *,
    make: Callable[..., LightSpan] = LightSpan,
    fixed: Fixed | None = None,
) -> Span:
    """
    Start a span.

    Args:
        pipeline: Where it goes.
        parent: Its parent; one without a valid context makes it a root.
        given: What it is started with.
        begun_ns: When it began, in nanoseconds since 1970.
        make: The class of span to make.
        fixed: Attributes that it shares with others, besides its own.

    Returns:
        One that is recorded, or one that only passes on its ids.
    """
    around = parent.get_span_context()
    root = not around.is_valid
    trace_id = random_bits(128) or 1 if root else around.trace_id
    flags = RANDOM if root else around.trace_flags & ~SAMPLED
    state: TraceState | None = around.trace_state or None
    sampler = pipeline.sampler
    attributes: Mapping[str, Any] = given.attributes
    recorded = False
    if sampler.custom is not None:
        verdict = sampler.custom.should_sample(
            given.context, trace_id, given.name, given.kind, given.attributes, given.links
        )
        sampled, recorded = verdict.decision.is_sampled(), verdict.decision.is_recording()
        attributes, state = verdict.attributes or {}, verdict.trace_state or None
    elif root or not sampler.parent_based:
        sampled = sampler.root(trace_id)
    else:
        sampled = bool(around.trace_flags & SAMPLED)
    span_id = random_bits(64) or 1
    tail = pipeline.tail
    if not sampled and not recorded and tail is None:
        return NonRecordingSpan(
            SpanContext(
                trace_id,
                span_id,
                is_remote=False,
                trace_flags=TraceFlags(flags),
                trace_state=state or _NO_STATE,
            )
        )
    span = make(
        given.name,
        given.kind,
        given.library,
        trace_id,
        span_id,
        around.span_id,
        flags | SAMPLED if sampled else flags,
        begun_ns,
        pipeline.sink,
    )
    if not sampled:
        span.sink = _held_back(tail, parent, span)
    if state is not None:
        span.trace_state = state
    if around.is_remote:
        span.remote_parent = True
    if pipeline.limits is not DEFAULT:
        span.limits = pipeline.limits
    span.fixed = fixed
    if attributes:
        span.set_attributes(attributes)
    for link in given.links:
        span.add_link(link.context, link.attributes)
    if pipeline.started is not None:
        pipeline.started(span, given.context)
    return span


def _held_back(tail: Tail | None, parent: Span, span: LightSpan) -> Callable[[LightSpan], object]:
    """Where a span goes whose trace is not sampled."""
    if tail is None:
        return _let_go
    if getattr(parent, "light", False) and not parent.flags & SAMPLED:  # type: ignore[attr-defined]
        together: Callable[[LightSpan], object] = parent.sink  # type: ignore[attr-defined]
        return together
    held_back = Held(tail)
    held_back.root = span
    return held_back.add


def _let_go(span: LightSpan) -> None:
    """A span that a sampler wanted to be recorded, and not exported."""


PROVIDER: Final = Provider()
