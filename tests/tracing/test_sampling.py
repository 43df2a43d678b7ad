"""The tail rule: traces that were not sampled and are kept after all."""

from __future__ import annotations

import gc
import weakref

import pytest
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode

from agentmon.tracing.sampling import Sampler
from tests.tracing.recording import Recording

NOTHING = Sampler(0)


def test_trace_with_an_error_is_kept_whole() -> None:
    """All spans of a trace with an error reach the end, parents after children."""
    recording = Recording(NOTHING, errors=True)
    with recording.tracer.start_as_current_span("root"):
        recording.tracer.start_span("before").end()
        failing = recording.tracer.start_span("failing")
        failing.set_status(StatusCode.ERROR)
        failing.end()
        recording.tracer.start_span("after").end()
        assert recording.spans == []
    assert recording.names() == ["before", "failing", "after", "root"]


def test_trace_without_an_error_is_not_kept() -> None:
    """A trace that neither was sampled nor failed leaves nothing."""
    recording = Recording(NOTHING, errors=True)
    with recording.tracer.start_as_current_span("root"):
        recording.tracer.start_span("child").end()
    assert recording.spans == []


@pytest.mark.parametrize(("took_ns", "kept"), [(100, []), (101, ["child", "root"])])
def test_trace_with_a_slow_span_is_kept(took_ns: int, kept: list[str]) -> None:
    """A trace is kept if one of its spans took longer than the limit, and not at the limit."""
    recording = Recording(NOTHING, slower_ns=100)
    root = recording.tracer.start_span("root", otel_context.Context(), start_time=0)
    with_root = otel_context.Context()
    from opentelemetry import trace

    inside = trace.set_span_in_context(root, with_root)
    recording.tracer.start_span("child", inside, start_time=10).end(end_time=10 + took_ns)
    root.end(end_time=50)
    assert recording.names() == kept


def test_span_that_outlives_its_root_goes_its_way() -> None:
    """A span that ends after the root is kept if the trace was, or is itself worth keeping."""
    from opentelemetry import trace

    recording = Recording(NOTHING, errors=True)
    root = recording.tracer.start_span("root")
    late = recording.tracer.start_span("late", trace.set_span_in_context(root))
    root.set_status(StatusCode.ERROR)
    root.end()
    late.end()
    assert recording.names() == ["root", "late"]


def test_sampled_traces_do_not_wait() -> None:
    """What was sampled goes out at once, errors or not."""
    recording = Recording(errors=True)
    with recording.tracer.start_as_current_span("root"):
        recording.tracer.start_span("child").end()
        assert recording.names() == ["child"]


def test_spans_held_are_bounded_and_counted() -> None:
    """Of a long trace 1000 spans are held; how many are missing is told when it is kept."""
    recording = Recording(NOTHING, errors=True)
    with recording.tracer.start_as_current_span("root") as root:
        for _ in range(1005):
            recording.tracer.start_span("child").end()
        root.set_status(StatusCode.ERROR)
    assert (len(recording.spans), recording.dropped) == (1001, 5)


def test_abandoned_trace_leaves_nothing_behind() -> None:
    """A trace whose root never ends is forgotten with it."""
    from opentelemetry import trace

    recording = Recording(NOTHING, errors=True)
    root = recording.tracer.start_span("root")
    child = recording.tracer.start_span("child", trace.set_span_in_context(root))
    child.end()
    gone = weakref.ref(child)
    del root, child
    gc.collect()
    assert gone() is None
