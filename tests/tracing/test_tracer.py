"""The tracer provider with light spans."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

from agentmon.tracing.limits import Limits
from agentmon.tracing.sampling import ALWAYS, Sampler, ratio_bound
from agentmon.tracing.span import LightSpan
from agentmon.tracing.tracer import Provider
from tests.tracing.recording import Recording


def remote(
    flags: int, trace_id: int = 0xA, state: TraceState | None = None
) -> otel_context.Context:
    """A context with a parent in another process."""
    parent = SpanContext(
        trace_id, 0xB, is_remote=True, trace_flags=TraceFlags(flags), trace_state=state
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), otel_context.Context())


def test_spans_nest_through_the_context() -> None:
    """A span started within another is its child, in the same trace."""
    recording = Recording()
    with recording.tracer.start_as_current_span("outer"):  # noqa: SIM117  # it is about nesting
        with recording.tracer.start_as_current_span("inner"):
            pass
    inner, outer = recording.spans
    assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
    assert outer.parent_id == 0


def test_spans_nest_with_those_of_other_libraries() -> None:
    """Two libraries' tracers of one provider make one trace, and each span says who made it."""
    recording = Recording()
    other = recording.provider.get_tracer("httpx", "2.0", "https://schema", {"k": [1]})
    with recording.tracer.start_as_current_span("ours"):
        other.start_span("theirs").end()
    theirs, ours = recording.spans
    assert theirs.parent_id == ours.span_id
    assert theirs.library == ("httpx", "2.0", "https://schema", (("k", (1,)),))
    assert ours.library[:2] == ("tests", "1.0")


def test_root_is_sampled_and_its_id_random() -> None:
    """A root has ids of its own and says that they are random throughout."""
    recording = Recording()
    for _ in range(2):
        recording.tracer.start_span("root", otel_context.Context()).end()
    first, second = recording.spans
    assert first.trace_id != second.trace_id
    assert first.span_id != second.span_id
    assert first.flags == second.flags == 3


def test_remote_parent_is_taken_over() -> None:
    """Trace id, parent, flags and trace state come from the other process."""
    recording = Recording()
    state = TraceState([("vendor", "1")])
    recording.tracer.start_span("child", remote(1, state=state)).end()
    (span,) = recording.spans
    assert (span.trace_id, span.parent_id, span.flags) == (0xA, 0xB, 1)
    assert (span.remote_parent, span.trace_state) == (True, state)


def test_what_a_span_is_started_with_is_kept() -> None:
    """Kind, attributes, links and start are as given."""
    recording = Recording()
    link = Link(SpanContext(1, 2, is_remote=False), {"k": "v"})
    recording.tracer.start_span(
        "n", None, SpanKind.CLIENT, {"a": 1, "b": [1, 2]}, [link], start_time=77
    ).end()
    (span,) = recording.spans
    assert (span.kind, span.begun_ns) == (SpanKind.CLIENT, 77)
    assert span.attributes == {"a": 1, "b": (1, 2)}
    assert [(each.context, each.attributes) for each in span.links or ()] == [
        (link.context, {"k": "v"})
    ]


def test_attributes_given_at_the_start_obey_the_limits() -> None:
    """Limits hold for attributes given at the start as for later ones."""
    recording = Recording(limits=Limits(attributes=1, attribute_length=2))
    span = recording.tracer.start_span("n", attributes={"a": "long", "b": "longer"})
    assert isinstance(span, LightSpan)
    assert (span.attributes, span.dropped_attributes) == ({"b": "lo"}, 1)


def test_decorator_measures_a_coroutine_to_its_end() -> None:
    """As a decorator of a coroutine function the span lasts until the coroutine returns."""
    recording = Recording()
    inside: list[bool] = []

    @recording.tracer.start_as_current_span("n")
    async def work() -> str:
        await asyncio.sleep(0)
        inside.append(trace.get_current_span().is_recording())
        return "done"

    assert asyncio.run(work()) == "done"
    assert asyncio.run(work()) == "done"
    assert inside == [True, True]
    assert recording.names() == ["n", "n"]


def test_decorator_makes_a_span_for_each_call() -> None:
    """As a decorator of a function each call has a span of its own."""
    recording = Recording()

    @recording.tracer.start_as_current_span("n")
    def work() -> int:
        return trace.get_current_span().get_span_context().span_id

    ids = [work(), work()]
    assert [span.span_id for span in recording.spans] == ids


def test_current_span_that_need_not_end_goes_on() -> None:
    """With end_on_exit=False the block leaves the span open."""
    recording = Recording()
    with recording.tracer.start_as_current_span("n", end_on_exit=False) as span:
        pass
    assert span.is_recording()
    assert recording.spans == []


def test_provider_without_pipeline_passes_on_what_is_around() -> None:
    """Without a pipeline nothing is recorded, and the parent's ids go through."""
    tracer = Provider().get_tracer("n")
    span = tracer.start_span("n", remote(1))
    assert not span.is_recording()
    assert span.get_span_context().trace_id == 0xA
    assert tracer.start_span("n", otel_context.Context()) is not INVALID_SPAN


def test_span_that_began_before_the_pipeline_went_ends_quietly() -> None:
    """A span that outlives its pipeline is still handed to it."""
    recording = Recording()
    span = recording.tracer.start_span("n")
    recording.provider.pipeline = None
    span.end()
    assert recording.names() == ["n"]


def test_provider_has_what_libraries_look_for() -> None:
    """The provider flushes and names its resource as that of the SDK does, and is quiet without."""
    asked: list[float] = []

    def flush(seconds: float) -> bool:
        asked.append(seconds)
        return False

    provider = Provider()
    assert provider.force_flush()
    assert provider.resource.attributes == {}
    provider.pipeline = Recording(flush=flush, resource={"service.name": "s"}).provider.pipeline
    assert not provider.force_flush(1500)
    assert asked == [1.5]
    assert provider.resource.attributes["service.name"] == "s"


SAMPLERS: dict[str, tuple[Sampler, Any]] = {
    "always_on": (Sampler(ALWAYS, parent_based=False), ALWAYS_ON),
    "always_off": (Sampler(0, parent_based=False), ALWAYS_OFF),
    "traceidratio": (Sampler(ratio_bound(0.5), parent_based=False), TraceIdRatioBased(0.5)),
    "parentbased_always_on": (Sampler(ALWAYS), ParentBased(ALWAYS_ON)),
    "parentbased_always_off": (Sampler(0), ParentBased(ALWAYS_OFF)),
    "parentbased_traceidratio": (Sampler(ratio_bound(0.5)), ParentBased(TraceIdRatioBased(0.5))),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("flags", [0, 1, 2, 3])
@pytest.mark.parametrize("trace_id", [1, 1 << 63, (1 << 64) - 1, (1 << 127) + 5])
def test_sampler_decides_as_the_sdks(name: str, flags: int, trace_id: int) -> None:
    """With a remote parent each standard sampler decides as that of the SDK, flags included."""
    mine, theirs = SAMPLERS[name]
    context = remote(flags, trace_id)
    span = Recording(mine).tracer.start_span("n", context)
    oracle = TracerProvider(sampler=theirs).get_tracer("n").start_span("n", context)
    assert span.is_recording() == oracle.is_recording()
    assert span.get_span_context().trace_flags == oracle.get_span_context().trace_flags
    assert span.get_span_context().trace_id == oracle.get_span_context().trace_id


def test_share_of_sampled_roots_is_the_ratio() -> None:
    """Of many roots the share that is sampled is about the ratio."""
    recording = Recording(Sampler(ratio_bound(0.25)))
    for _ in range(4000):
        recording.tracer.start_span("n", otel_context.Context()).end()
    assert 800 < len(recording.spans) < 1200


def test_children_of_an_unsampled_root_are_not_sampled() -> None:
    """Within a root that was not sampled nothing is recorded, whoever makes it."""
    recording = Recording(Sampler(0))
    other = recording.provider.get_tracer("other")
    with recording.tracer.start_as_current_span("root") as root:
        child = other.start_span("child")
    assert not child.is_recording()
    assert child.get_span_context().trace_id == root.get_span_context().trace_id
    assert recording.spans == []


class _Custom:
    """A sampler of a user's own."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.asked: list[Any] = []

    def should_sample(self, *arguments: Any) -> SamplingResult:
        self.asked.append(arguments)
        state = TraceState([("mine", "1")])
        return SamplingResult(self.decision, {"sampler": "mine"}, state)


def test_custom_sampler_is_asked_and_obeyed() -> None:
    """A sampler of the user's own gets what the interface says, and adds attributes and state."""
    custom = _Custom(Decision.RECORD_AND_SAMPLE)
    recording = Recording(Sampler(custom=custom))
    recording.tracer.start_span("n", attributes={"a": 1}, kind=SpanKind.SERVER).end()
    (span,) = recording.spans
    assert custom.asked[0][1:5] == (span.trace_id, "n", SpanKind.SERVER, {"a": 1})
    assert span.attributes == {"sampler": "mine"}
    assert span.trace_state is not None
    assert span.trace_state["mine"] == "1"


def test_custom_sampler_may_record_without_export() -> None:
    """A span that is to be recorded only is open to attributes and goes nowhere."""
    recording = Recording(Sampler(custom=_Custom(Decision.RECORD_ONLY)))
    span = recording.tracer.start_span("n")
    assert (span.is_recording(), span.get_span_context().trace_flags.sampled) == (True, False)
    span.end()
    assert recording.spans == []


def test_start_is_told_of() -> None:
    """Whoever wants to know of starts gets the span, with its attributes, and the context."""
    told: list[Any] = []
    recording = Recording(started=lambda span, context: told.append((span.attributes, context)))
    context = remote(1)
    recording.tracer.start_span("n", context, attributes={"a": 1})
    assert told == [({"a": 1}, context)]
