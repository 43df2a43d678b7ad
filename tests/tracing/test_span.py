"""The light span, held against the span of OpenTelemetry's SDK."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceState,
)

from agentmon.tracing.limits import Limits
from agentmon.tracing.span import Library, LightSpan
from tests.tracing.recording import Recording

OTHER = SpanContext(0xABC, 0xDEF, is_remote=True)


class _Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def light(**limits: Any) -> LightSpan:
    """An open span with limits of its own."""
    span = LightSpan("n", SpanKind.INTERNAL, Library("tests"), 1, 2, 0, 3, 4, lambda _: None)
    span.limits = Limits(**limits)
    return span


def sdk_span(**limits: Any) -> Any:
    """The same of the SDK."""
    return TracerProvider(span_limits=SpanLimits(**limits)).get_tracer("tests").start_span("n")


VALUES = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
    st.none(),
    st.lists(st.text(max_size=8), max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=4), st.integers(), max_size=3),
)
KEYS = st.sampled_from(["", "a", "b", "c", "d", "e"])
STEPS = st.one_of(
    st.tuples(st.just("set_attribute"), KEYS, VALUES),
    st.tuples(st.just("add_event"), st.text(max_size=5), st.dictionaries(KEYS, VALUES), st.just(7)),
    st.tuples(
        st.just("add_link"),
        st.sampled_from([OTHER, INVALID_SPAN_CONTEXT]),
        st.dictionaries(KEYS, VALUES),
    ),
    st.tuples(st.just("update_name"), st.text(max_size=5)),
    st.tuples(st.just("set_status"), st.sampled_from(list(StatusCode))),
    st.tuples(st.just("set_status"), st.builds(Status, st.just(StatusCode.ERROR), st.text())),
    st.tuples(st.just("end")),
)


@given(st.lists(STEPS, max_size=20))
@pytest.mark.filterwarnings("ignore")
def test_light_span_holds_what_the_sdks_span_holds(steps: list[tuple[Any, ...]]) -> None:
    """After any steps a light span holds what a span of the SDK holds."""
    mine = light(attributes=3, attribute_length=6, events=2, links=2, event_attributes=2)
    theirs = sdk_span(
        max_span_attributes=3, max_attribute_length=6, max_events=2, max_links=2,
        max_event_attributes=2,
    )  # fmt: skip
    for name, *arguments in steps:
        getattr(mine, name)(*arguments)
        getattr(theirs, name)(*arguments)
    assert mine.name == theirs.name
    assert mine.is_recording() == theirs.is_recording()
    assert mine.status == theirs.status.status_code.value
    assert mine.description == (theirs.status.description or "")
    assert (mine.attributes or {}) == dict(theirs.attributes)
    assert mine.dropped_attributes == theirs.dropped_attributes
    assert mine.dropped_events == theirs.dropped_events
    assert mine.dropped_links == theirs.dropped_links
    assert [
        (event.name, event.at_ns, event.attributes or {}, event.dropped_attributes)
        for event in mine.events or ()
    ] == [
        (event.name, event.timestamp, dict(event.attributes), event.dropped_attributes)
        for event in theirs.events
    ]
    assert [(link.context, link.attributes or {}) for link in mine.links or ()] == [
        (link.context, dict(link.attributes)) for link in theirs.links
    ]


def test_order_of_attributes_that_are_dropped_is_oldest_first() -> None:
    """With room for two, the third attribute takes the place of the first."""
    span = light(attributes=2)
    for key in ("a", "b", "c"):
        span.set_attribute(key, 1)
    assert (span.attributes, span.dropped_attributes) == ({"b": 1, "c": 1}, 1)


def test_attribute_that_is_set_again_is_the_newest() -> None:
    """An attribute set again counts as new where the oldest has to go."""
    span = light(attributes=2)
    for key in ("a", "b", "a", "c"):
        span.set_attribute(key, 1)
    assert (span.attributes, span.dropped_attributes) == ({"a": 1, "c": 1}, 1)


def test_value_is_detached_from_the_callers_list() -> None:
    """What the caller does to a list after setting it changes nothing."""
    span, mine = light(), ["x"]
    span.set_attribute("k", mine)
    mine.append("y")
    assert span.attributes == {"k": ("x",)}


def test_value_that_cannot_be_put_into_words_is_none() -> None:
    """A value whose text cannot be made is kept as None, and nothing is raised."""
    span = light()
    span.set_attribute("k", _Unspeakable())
    assert span.attributes == {"k": None}


def test_value_that_holds_itself_is_none() -> None:
    """A list that contains itself is kept as None, and nothing is raised."""
    span = light()
    endless: list[Any] = []
    endless.append(endless)
    span.set_attribute("k", endless)
    assert span.attributes == {"k": None}


def test_exception_is_an_event_of_type_message_and_trace() -> None:
    """An exception becomes an event as the conventions have it."""
    span = light()
    try:
        raise LookupError("gone")  # noqa: TRY301  # a traceback is wanted
    except LookupError as error:
        span.record_exception(error, {"more": 1}, timestamp=9)
    (event,) = span.events or ()
    assert (event.name, event.at_ns) == ("exception", 9)
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "LookupError"
    assert event.attributes["exception.message"] == "gone"
    assert "test_exception_is_an_event" in event.attributes["exception.stacktrace"]
    assert event.attributes["more"] == 1


def test_exception_without_words_is_recorded_all_the_same() -> None:
    """An exception whose message cannot be made is recorded without it."""
    span = light()
    error = type("Mute", (Exception,), {"__str__": _Unspeakable.__str__})()
    span.record_exception(error)
    (event,) = span.events or ()
    assert event.attributes is not None
    assert event.attributes["exception.message"] == ""


def test_span_is_handed_over_once() -> None:
    """Eight threads that end one span at once hand it over once."""
    recording = Recording()
    for _ in range(50):
        span = recording.tracer.start_span("n")
        barrier = threading.Barrier(8)

        def end(span: Any = span, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            span.end()

        threads = [threading.Thread(target=end) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(recording.spans) == 50


def test_end_takes_the_given_moment() -> None:
    """A span ends when the caller says, else now."""
    recording = Recording()
    recording.tracer.start_span("a", start_time=5).end(end_time=8)
    before = time.time_ns()
    recording.tracer.start_span("b").end()
    given, now = recording.spans
    assert (given.begun_ns, given.ended_ns) == (5, 8)
    assert before <= now.begun_ns <= now.ended_ns <= time.time_ns()


def test_context_says_what_others_pass_on() -> None:
    """Ids, flags and trace state are those of the span, and it is not remote."""
    span = light()
    span.trace_state = TraceState([("vendor", "1")])
    context = span.get_span_context()
    assert (context.trace_id, context.span_id, context.trace_flags) == (1, 2, 3)
    assert (context.is_remote, context.trace_state.get("vendor")) == (False, "1")


def test_block_that_raises_marks_the_span() -> None:
    """Left by an exception as a block, a span has it as an event and the status error."""
    recording = Recording()
    with pytest.raises(KeyError), recording.tracer.start_span("n"):
        raise KeyError("k")
    (span,) = recording.spans
    assert (span.status, span.description) == (2, "KeyError: 'k'")
    assert [event.name for event in span.events or ()] == ["exception"]


def test_block_told_not_to_record_leaves_the_span_alone() -> None:
    """With both options off, an exception leaves nothing on the span."""
    recording = Recording()
    with (
        pytest.raises(KeyError),
        recording.tracer.start_span("n", record_exception=False, set_status_on_exception=False),
    ):
        raise KeyError("k")
    (span,) = recording.spans
    assert (span.status, span.events) == (0, None)
