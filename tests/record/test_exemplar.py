"""Exemplars: traces that stand for calls of their duration."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, SamplingResult

import agentmon
from agentmon.model.buckets import Layout
from agentmon.model.exemplar import Exemplar
from agentmon.model.snapshot import HistogramState
from agentmon.record.exemplar import Examples, Found
from agentmon.record.histogram import Histogram
from agentmon.tracing.sampling import Sampler
from tests.instrumentation.exported import exporting
from tests.instrumentation.recording import Spans, recording

SECOND = 10**9


def span(trace_id: int, seconds: float, **changed: Any) -> Any:
    """The span of a call that has ended."""
    made = {"trace_id": trace_id, "span_id": 7, "flags": 1, "begun_ns": 5 * SECOND}
    made["ended_ns"] = made["begun_ns"] + round(seconds * SECOND)
    return SimpleNamespace(**{**made, **changed})


def test_latest_and_longest_of_those_that_returned_are_taken() -> None:
    """Of calls that returned the longest and the latest are exemplars, and forgotten when taken."""
    examples = Examples()
    for trace_id, seconds in ((1, 0.5), (2, 3.0), (3, 0.1)):
        examples.note(span(trace_id, seconds))
    taken = examples.take("ok")
    assert [(each.outcome, each.exemplar.trace_id) for each in taken] == [("ok", 2), ("ok", 3)]
    assert taken[0].exemplar == Exemplar(2, 7, 3 * SECOND, 8 * SECOND)
    assert examples.take("ok") == []


def test_one_call_is_taken_once() -> None:
    """A call that is both the longest and the latest is one exemplar."""
    examples = Examples()
    examples.note(span(1, 0.5))
    assert [each.exemplar.trace_id for each in examples.take("ok")] == [1]


def test_calls_that_failed_are_taken_with_their_outcome() -> None:
    """Each call that did not return is an exemplar of its outcome, up to 64 between two folds."""
    examples = Examples()
    for n in range(70):
        examples.note_failed("error", span(n + 1, 1.0))
    taken = examples.take("ok")
    assert len(taken) == 64
    assert taken[0] == Found("error", Exemplar(1, 7, SECOND, 6 * SECOND))


@pytest.mark.parametrize("changed", [{"flags": 0}, {"flags": 2}, {"trace_id": 0}, {"ended_ns": 0}])
def test_what_nobody_can_look_at_is_no_exemplar(changed: dict[str, int]) -> None:
    """A span that is not sampled, has no trace or has not ended stands for nothing."""
    examples = Examples()
    examples.note(span(**{"trace_id": 1, "seconds": 1.0, **changed}))
    assert examples.take("ok") == []


@pytest.mark.parametrize("seconds", [0.0, 0.009, 0.01, 0.0101, 0.2, 59.9, 7200.0, 86400.0, 10**6])
def test_exemplar_is_in_the_bucket_of_its_duration(seconds: float) -> None:
    """An exemplar stands in the classic bucket that its duration is counted in."""
    from agentmon.record.batch import Batch

    layout = Layout()
    histogram = Histogram(layout)
    duration_ns = round(seconds * SECOND)
    histogram.add(Batch(layout, "ok", 0, [duration_ns]))
    histogram.show(Exemplar(1, 2, duration_ns, 3))
    state = histogram.state()
    (place,) = state.exemplars or {}
    assert [n for n, count in enumerate(state.buckets) if count] == [place]


def test_newest_exemplar_of_a_bucket_stays() -> None:
    """A later exemplar takes the place of an earlier one of its bucket, and of no other."""
    histogram = Histogram(Layout())
    for trace_id, duration_ns in ((1, SECOND), (2, SECOND), (3, 10 * SECOND)):
        histogram.show(Exemplar(trace_id, 1, duration_ns, 1))
    state = histogram.state()
    assert [each.trace_id for each in (state.exemplars or {}).values()] == [2, 3]


def shown(recorded: Any, name: str) -> dict[str, set[int]]:
    """Trace ids of the exemplars of an agent, by outcome."""
    found: dict[str, set[int]] = {}
    for family in recorded._registry.collect():
        if family.metric.sample == "agentmon_agent_duration_seconds":
            for (agent, _, outcome), state in family.samples:
                assert isinstance(state, HistogramState)
                if agent == name and state.exemplars:
                    found[outcome] = {each.trace_id for each in state.exemplars.values()}
    return found


@pytest.mark.parametrize("form", ["decorated", "block", "handle"])
def test_traced_calls_are_exemplars(form: str) -> None:
    """Calls with recorded spans are exemplars of their outcomes, whatever their form."""

    @agentmon.agent("a")
    def decorated(fail: bool) -> None:
        if fail:
            raise ValueError

    def block(fail: bool) -> None:
        with agentmon.agent("a"):
            if fail:
                raise ValueError

    def handle(fail: bool) -> None:
        call = agentmon.agent("a").begin()
        call.end(error=ValueError() if fail else None)
        if fail:
            raise ValueError

    run = {"decorated": decorated, "block": block, "handle": handle}[form]
    with exporting() as exported:
        run(fail=False)
        with pytest.raises(ValueError):  # noqa: PT011
            run(fail=True)
        found = shown(exported.recorded, "a")
    returned, failed = exported.spans
    assert found == {"ok": {returned.trace_id}, "error": {failed.trace_id}}


def test_calls_on_the_hosts_provider_are_exemplars_too() -> None:
    """Spans of the host's provider stand for their calls as our own do."""
    spans = Spans()
    with recording("spans", spans=spans) as recorded:
        with agentmon.agent("a"):
            pass
        found = shown(recorded, "a")
    context = spans.ended()[0].context
    assert context is not None
    assert found == {"ok": {context.trace_id}}


def test_without_spans_there_are_none() -> None:
    """Calls without spans cost nothing for exemplars and have none."""
    with recording("metrics") as recorded:
        with agentmon.agent("a"):
            pass
        assert shown(recorded, "a") == {}


def test_slow_calls_of_the_status_have_their_trace() -> None:
    """The slowest call that returned is listed with the id of its trace."""

    @agentmon.agent("a")
    def work() -> None: ...

    with exporting() as exported:
        work()
        slow = exported.recorded._registry.snapshot().slow
    assert [call.trace_id for call in slow] == [f"{exported.spans[0].trace_id:032x}"]


class Turns:
    """Samples every other trace, the first one included."""

    def __init__(self) -> None:
        self.asked = 0

    def should_sample(self, *_: Any) -> SamplingResult:
        """Record and sample, or drop."""
        self.asked += 1
        return SamplingResult(Decision.RECORD_AND_SAMPLE if self.asked % 2 else Decision.DROP)


@pytest.mark.parametrize("form", ["decorated", "block"])
def test_spans_held_back_leave_room_for_sampled_ones(form: str) -> None:
    """Where a tail rule looks at calls that are not sampled, exemplars are of those that are."""

    def work(least_ns: int) -> None:
        end_ns = time.perf_counter_ns() + least_ns
        while time.perf_counter_ns() < end_ns:
            pass

    def block(least_ns: int) -> None:
        with agentmon.agent("a"):
            work(least_ns)

    run = {"decorated": agentmon.agent("a")(work), "block": block}[form]
    with exporting(Sampler(custom=Turns()), keep_errors=True) as exported:
        run(0)
        (sampled,) = exported.spans
        run(2 * (sampled.ended_ns - sampled.begun_ns))  # the latest, and the longest
        found = shown(exported.recorded, "a")
    assert found == {"ok": {sampled.trace_id}}


def test_unsampled_spans_of_the_hosts_provider_are_none() -> None:
    """Where the host samples a trace out, its calls are counted and no exemplars."""
    with recording("spans", spans=Spans(sampler=ALWAYS_OFF)) as recorded:
        with agentmon.agent("a"):
            pass
        assert recorded._registry.collect()[0].samples[0][1] == 1
        assert shown(recorded, "a") == {}


@pytest.mark.parametrize("form", ["decorated", "block"])
def test_calls_that_took_too_long_are_exemplars_of_timeouts(form: str) -> None:
    """A call that returned later than it may is an exemplar of the outcome it is counted as."""
    late = agentmon.agent("a", timeout=1e-9)

    def block() -> None:
        with late:
            pass

    @late
    def decorated() -> None: ...

    with exporting() as exported:
        {"decorated": decorated, "block": block}[form]()
        found = shown(exported.recorded, "a")
    assert found == {"timeout": {exported.spans[0].trace_id}}
