"""Binding of label sets, bounds, recent calls and the way out."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from typing import Any

import pytest

from agentmon.model import catalogue
from agentmon.model.buckets import DAY_NS, Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import Family, HistogramState, OperationSnapshot
from agentmon.record.declaration import Declaration, Scope
from agentmon.record.recorder import Recorder
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock

SECOND = 10**9
LAYOUT = Layout()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def registry(clock: ManualClock) -> Registry:
    """A registry of its own."""
    return Registry(LAYOUT, clock)


def agent(name: str, **facts: Any) -> Declaration:
    """The declaration of an agent."""
    return Declaration("agent", name, "invoke", **facts)


def record(
    recorder: Recorder,
    clock: ManualClock,
    seconds: float,
    outcome: str = "ok",
    error_type: str | None = None,
    *,
    trace_id: int = 0,
) -> None:
    """Record a call that ends now, as instrumentation does it."""
    duration = round(seconds * 1e9)
    if clock() >= recorder.until_ns:
        recorder.enter_cell(clock())
    if outcome == "ok" and not trace_id:
        recorder.plain.append(duration)
    else:
        recorder.details.append((clock() - duration, clock(), outcome, error_type, trace_id, None))


def samples(families: list[Family], name: str) -> dict[tuple[str, ...], Any]:
    """The samples of one family."""
    return {
        labels: value
        for family in families
        if family.metric.sample == name
        for labels, value in family.samples
    }


def dropped(registry: Registry) -> dict[str, int]:
    """What was counted as dropped."""
    return {
        reason: n
        for (reason,), n in samples(registry.collect(), "agentmon_dropped_total").items()
        if n
    }


def only(registry: Registry) -> OperationSnapshot:
    """The snapshot of the one series there is."""
    (operation,) = registry.snapshot().operations
    return operation


# ------------------------------------------------------------------ binding


def test_the_same_arguments_bind_the_same_recorder(registry: Registry) -> None:
    """Equal declarations in one scope share a recorder."""
    assert registry.bind(agent("a"), None) is registry.bind(agent("a"), registry.root)
    assert registry.bind(agent("a"), None) is not registry.bind(agent("b"), None)


def test_declarations_with_the_same_labels_share_a_series(registry: Registry) -> None:
    """What differs in no label is one series, with the timeout declared last."""
    quick = registry.bind(agent("a", timeout_ns=SECOND), None)
    slow = registry.bind(agent("a", timeout_ns=9 * SECOND), None)
    registry.bind(agent("a"), None)
    assert quick.series is slow.series
    assert only(registry).timeout_ns == 9 * SECOND


def test_scopes_pass_names_on(registry: Registry) -> None:
    """What is called within takes on the innermost workflow and agent."""
    flow = registry.bind(Declaration("workflow", "w"), None)
    outer = registry.bind(agent("a"), flow.scope)
    tool = registry.bind(Declaration("tool", "t"), outer.scope)
    inner = registry.bind(agent("b"), tool.scope)
    chat = registry.bind(Declaration("model_call", "chat", "", "m", "p"), inner.scope)
    step = registry.bind(Declaration("step", "s"), inner.scope)
    assert tool.series.labels == ("t", "a")
    assert chat.series.labels == ("chat", "m", "p", "b")
    assert step.series.labels == ("s", "w")
    assert (inner.scope.workflow, inner.scope.agent) == ("w", "b")
    assert tool.scope is outer.scope


@pytest.mark.parametrize("kind", catalogue.KINDS)
def test_outside_any_call_names_are_empty(registry: Registry, kind: str) -> None:
    """Every kind can be bound outside any call; the names around it are empty then."""
    labels = registry.bind(Declaration(kind, "x"), None).series.labels
    assert labels[0] == "x"
    assert len(labels) == len(catalogue.OPERATIONS[kind].labels)
    assert not any(labels[1:])


# ------------------------------------------------------------------ bounds


def test_a_label_beyond_its_bound_folds_into_other(
    registry: Registry, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Values beyond a label's bound are recorded as other, counted each time, warned of once."""
    bound = 1000
    with caplog.at_level(logging.WARNING, "agentmon"):
        for n in range(bound + 7):
            record(registry.bind(agent(f"a{n}"), None), clock, 1)
        registry.bind(agent("a0"), None)
    calls = samples(registry.collect(), "agentmon_agent_calls_total")
    assert len(calls) == (bound + 1) * len(OUTCOMES)
    assert calls["other", "invoke", "ok"] == 7
    assert calls["a0", "invoke", "ok"] == 1
    assert dropped(registry) == {"label_bound": 7}
    assert [entry.getMessage() for entry in caplog.records] == [
        "label 'agent' reached its bound of 1000; further values are recorded as 'other'"
    ]


def test_error_types_are_bounded(
    registry: Registry, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Error types beyond their bound are counted as other; the warning comes once."""
    recorder = registry.bind(agent("a"), None)
    with caplog.at_level(logging.WARNING, "agentmon"):
        for n in range(205):
            record(recorder, clock, 1, "error", f"E{n}")
        errors = samples(registry.collect(), "agentmon_agent_errors_total")
    assert len(errors) == 201
    assert errors["a", "invoke", "other"] == 5
    assert dropped(registry) == {"label_bound": 5, "group_bound": 5}
    assert len(caplog.records) == 2


def test_warnings_are_logged_without_the_lock(registry: Registry, clock: ManualClock) -> None:
    """A log handler that is slow, or that waits for a thread that records, holds nothing up."""
    held: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            held.append(registry.lock._is_owned())  # type: ignore[attr-defined]

    handler = Handler()
    logger = logging.getLogger("agentmon")
    logger.addHandler(handler)
    try:
        recorder = registry.bind(agent("a"), None)
        for n in range(201):
            record(recorder, clock, 1, "error", f"E{n}")
        registry.collect()
        for n in range(1000):
            registry.bind(agent(f"b{n}"), None)
    finally:
        logger.removeHandler(handler)
    assert held == [False, False, False]


def test_series_are_bounded(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Series beyond the most fold into one of their kind, and no call is lost."""
    registry = Registry(LAYOUT, clock, max_series=3)
    with caplog.at_level(logging.WARNING, "agentmon"):
        for n in range(10):
            record(registry.bind(agent(f"a{n}"), None), clock, 1)
            record(registry.bind(Declaration("workflow", f"w{n}"), None), clock, 1)
    families = registry.collect()
    calls = samples(families, "agentmon_agent_calls_total")
    assert sum(calls.values()) == 10
    assert calls["other", "other", "ok"] == 8
    assert sum(samples(families, "agentmon_workflow_calls_total").values()) == 10
    assert samples(families, "agentmon_series") == {(): 5}
    assert dropped(registry)["series_bound"] == 17
    assert sum("series reached" in entry.getMessage() for entry in caplog.records) == 1


def test_recorders_are_bounded(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Ever new declarations of one series share a recorder in the end, and no call is lost."""
    registry = Registry(LAYOUT, clock, max_series=5)
    distinct = set()
    for n in range(200):
        recorder = registry.bind(agent("a", timeout_ns=(1 + n) * DAY_NS), None)
        distinct.add(recorder)
        record(recorder, clock, 1)
    assert len(distinct) == len(registry._recorders) == 11
    assert only(registry).life.count == 200
    assert dropped(registry) == {"declaration_bound": 190}
    (warning,) = caplog.messages
    assert warning.startswith("declarations reached its bound of 10;")


def test_scopes_are_bounded(clock: ManualClock) -> None:
    """Combinations of workflow and agent beyond the most are other, and counted."""
    registry = Registry(LAYOUT, clock, max_series=4)
    for n in range(9):
        scope = registry.bind(agent("a"), Scope(f"w{n}", "")).scope
    assert (scope.workflow, scope.agent) == ("other", "other")
    assert len(registry._scopes) == 4
    assert dropped(registry)["label_bound"] == 6


def test_clamped_durations_are_counted(registry: Registry, clock: ManualClock) -> None:
    """A duration outside the range is moved to its edge and counted, whatever its outcome."""
    recorder = registry.bind(agent("a"), None)
    record(recorder, clock, 100_000)
    record(recorder, clock, -1)
    record(recorder, clock, 100_000, "error", "E")
    record(recorder, clock, 1)
    life = only(registry).life
    assert life.count == 4
    assert (life.min_ns, life.max_ns) == (0, DAY_NS)
    assert life.sum_ns == 2 * DAY_NS + SECOND
    assert dropped(registry) == {"clamped": 3}


# ------------------------------------------------------------------ the way out


def test_every_outcome_is_there_from_zero(registry: Registry, clock: ManualClock) -> None:
    """A series shows all five outcomes before its first call, and counts the one that happened."""
    recorder = registry.bind(agent("a"), None)
    zero = {("a", "invoke", outcome): 0 for outcome in OUTCOMES}
    assert samples(registry.collect(), "agentmon_agent_calls_total") == zero
    for outcome in OUTCOMES:
        record(recorder, clock, 1, outcome)
    one = dict.fromkeys(zero, 1)
    assert samples(registry.collect(), "agentmon_agent_calls_total") == one


def test_families_come_in_the_order_of_the_catalogue(
    registry: Registry, clock: ManualClock
) -> None:
    """Collected families are in the order of exposition, each once, with the right labels."""
    for kind in catalogue.KINDS:
        recorder = registry.bind(Declaration(kind, "x", version="1"), None)
        record(recorder, clock, 1, "error", "E")
        if kind == "model_call":
            recorder.usage.append(("input", 1))
    families = registry.collect()
    order = [catalogue.CATALOGUE.index(family.metric) for family in families]
    assert order == sorted(set(order))
    for family in families:
        for labels, _ in family.samples:
            assert len(labels) == len(family.metric.labels)


def test_histogram_and_squares(registry: Registry, clock: ManualClock) -> None:
    """Durations are exposed with their sum, count and sum of squares, by outcome."""
    recorder = registry.bind(agent("a"), None)
    for seconds in (0.5, 1.5, 2.0):
        record(recorder, clock, seconds)
    record(recorder, clock, 4, "error", "E")
    families = registry.collect()
    state = samples(families, "agentmon_agent_duration_seconds")["a", "invoke", "ok"]
    assert isinstance(state, HistogramState)
    assert (state.count, state.sum_ns) == (3, 4 * SECOND)
    squares = samples(families, "agentmon_agent_duration_seconds_squared_total")
    assert squares == {("a", "invoke", "ok"): 6.5, ("a", "invoke", "error"): 16.0}


def test_calls_in_flight(registry: Registry, clock: ManualClock) -> None:
    """Calls in flight are counted over all recorders of a series, with the age of the oldest."""
    first = registry.bind(agent("a"), None)
    second = registry.bind(agent("a", timeout_ns=SECOND), None)
    first.live["one"] = clock()
    clock.advance(2.5)
    second.live["two"] = clock()
    clock.advance(1)
    families = registry.collect()
    assert samples(families, "agentmon_agent_in_flight") == {("a", "invoke"): 2}
    assert samples(families, "agentmon_agent_oldest_in_flight_seconds") == {("a", "invoke"): 3.5}
    (operation,) = registry.snapshot().operations
    assert (operation.in_flight, operation.oldest_ns) == (2, 3.5 * SECOND)
    del first.live["one"]
    del second.live["two"]
    families = registry.collect()
    assert samples(families, "agentmon_agent_in_flight") == {("a", "invoke"): 0}
    assert samples(families, "agentmon_agent_oldest_in_flight_seconds") == {("a", "invoke"): 0}
    (operation,) = registry.snapshot().operations
    assert (operation.in_flight, operation.oldest_ns) == (0, 0)


def test_a_call_that_began_after_the_clock_was_read_is_new(
    registry: Registry, clock: ManualClock
) -> None:
    """A call that begins while a scrape reads has an age of 0, and no negative one."""
    registry.bind(agent("a"), None).live["one"] = clock() + 5
    families = registry.collect()
    assert samples(families, "agentmon_agent_oldest_in_flight_seconds") == {("a", "invoke"): 0}
    assert registry.snapshot().operations[0].oldest_ns == 0


def test_tokens_add_up_by_type(registry: Registry) -> None:
    """Token counts of model calls add up by type over all recorders of the series."""
    chat = Declaration("model_call", "chat", "", "m", "p")
    registry.bind(chat, None).usage += [("input", 5), ("output", 2), ("input", 7)]
    assert samples(registry.collect(), "agentmon_model_tokens_total") == {
        ("chat", "m", "p", "", "input"): 12,
        ("chat", "m", "p", "", "output"): 2,
    }


def test_facts_about_agents(registry: Registry) -> None:
    """The facts declared last are shown; a declaration without any does not erase them."""
    registry.bind(agent("a", version="1", team="t", tier="x"), None)
    registry.bind(agent("a", version="2", team="t", tier="x"), None)
    registry.bind(agent("a"), None)
    registry.bind(agent("b"), None)
    assert samples(registry.collect(), "agentmon_agent_info") == {
        ("a", "2", "t", "x"): 1,
        ("b", "", "", ""): 1,
    }


def test_counts_for_interval_logs(registry: Registry, clock: ManualClock) -> None:
    """The cells of every lifetime histogram can be had, by outcome."""
    recorder = registry.bind(agent("a"), None)
    record(recorder, clock, 1)
    record(recorder, clock, 2, "error", "E")
    assert registry.histograms() == [
        ("agent", ("a", "invoke"), "ok", {LAYOUT.index(SECOND): 1}),
        ("agent", ("a", "invoke"), "error", {LAYOUT.index(2 * SECOND): 1}),
    ]


def test_every_drop_reason_is_there_from_zero(registry: Registry) -> None:
    """The reasons of loss are all shown before the first loss."""
    shown = samples(registry.collect(), "agentmon_dropped_total")
    assert shown == {(reason,): 0 for reason in catalogue.DROP_REASONS}


# ------------------------------------------------------------------ recent calls


def test_recent_failures_are_the_newest_fifty(registry: Registry, clock: ManualClock) -> None:
    """Calls that failed or timed out are remembered, newest first, at most 50."""
    recorder = registry.bind(agent("a"), None)
    for n in range(60):
        clock.advance(1)
        record(recorder, clock, 0.5, "timeout" if n % 2 else "error", f"E{n}", trace_id=n)
        record(recorder, clock, 0.5, "cancelled")
        record(recorder, clock, 0.5, "interrupted")
    failed = registry.snapshot().failed
    assert [call.error_type for call in failed] == [f"E{n}" for n in range(59, 9, -1)]
    assert failed[0].labels == ("a", "invoke")
    assert failed[0].ended_ns == clock()
    assert failed[0].duration_ns == SECOND // 2
    assert failed[0].trace_id == f"{59:032x}"


def test_recent_failures_of_several_series_are_in_order(
    registry: Registry, clock: ManualClock
) -> None:
    """Failures are newest first by their ends, not by when they were folded."""
    one, other = registry.bind(agent("one"), None), registry.bind(agent("other"), None)
    for n in range(6):
        clock.advance(1)
        record((other, one)[n % 2], clock, 0.5, "error", f"E{n}")
    failed = registry.snapshot().failed
    assert [call.error_type for call in failed] == ["E5", "E4", "E3", "E2", "E1", "E0"]


def test_slow_calls_are_the_slowest_of_any_outcome(registry: Registry, clock: ManualClock) -> None:
    """The slowest calls are remembered, slowest first, at most 50."""
    clock.advance(7200)
    recorder = registry.bind(agent("a"), None)
    for n in range(100):
        record(recorder, clock, 1 + n, "ok" if n % 2 else "error", "E" if n % 2 else None)
        recorder.fold()
    slow = registry.snapshot().slow
    assert [call.duration_ns // SECOND for call in slow] == list(range(100, 50, -1))
    assert {call.outcome for call in slow} == {"ok", "error"}
    assert {call.trace_id for call in slow} == {None}
    record(recorder, clock, 51.5)
    slow = registry.snapshot().slow
    assert [call.duration_ns / SECOND for call in slow[-2:]] == [52, 51.5]


@pytest.mark.parametrize("outcome", ["ok", "error"])
def test_slow_calls_are_forgotten_after_an_hour(
    registry: Registry, clock: ManualClock, outcome: str
) -> None:
    """What was slow an hour ago goes, and makes room for what is slow now."""
    recorder = registry.bind(agent("a"), None)
    for _ in range(60):
        record(recorder, clock, 50)
        recorder.fold()
    clock.advance(3599)
    assert len(registry.snapshot().slow) == 50
    clock.advance(1)
    assert registry.snapshot().slow == ()
    record(recorder, clock, 2, outcome)
    assert [call.duration_ns // SECOND for call in registry.snapshot().slow] == [2]


# ------------------------------------------------------------------ timeouts and time


def test_calls_that_returned_late_are_timeouts(registry: Registry, clock: ManualClock) -> None:
    """A call that returned after its timeout is a timeout; one that took just that long is not."""
    recorder = registry.bind(agent("a", timeout_ns=2 * SECOND), None)
    for seconds in (1, 2, 2.000000001, 3):
        record(recorder, clock, seconds)
    snapshot = registry.snapshot()
    (operation,) = snapshot.operations
    assert operation.life.outcomes == {**dict.fromkeys(OUTCOMES, 0), "ok": 2, "timeout": 2}
    assert {call.duration_ns for call in snapshot.failed} == {2_000_000_001, 3 * SECOND}
    assert {call.trace_id for call in snapshot.failed} == {None}
    assert operation.errors == {}


def test_calls_that_all_returned_late(registry: Registry, clock: ManualClock) -> None:
    """It is no trouble if no call returned in time."""
    record(registry.bind(agent("a", timeout_ns=1), None), clock, 3)
    assert only(registry).life.outcomes["timeout"] == 1


def test_waiting_calls_belong_to_the_time_they_ended_in(
    registry: Registry, clock: ManualClock
) -> None:
    """Calls that are folded long after they ended are in the windows of their ends."""
    recorder = registry.bind(agent("a"), None)
    record(recorder, clock, 1)
    record(recorder, clock, 1, "error", "E")
    clock.advance(2 * 3600)
    operation = only(registry)
    assert operation.life.count == 2
    assert {name: window.count for name, window in operation.windows.items()} == {
        "1m": 0,
        "5m": 0,
        "1h": 0,
    }
    record(recorder, clock, 1)
    clock.advance(12)
    record(recorder, clock, 1)
    points = [point.statistics.count for point in only(registry).history["1m"]]
    assert sum(points) == 2
    assert max(points) == 1


# ------------------------------------------------------------------ memory


@pytest.mark.parametrize("kind", catalogue.KINDS)
def test_an_idle_series_takes_1_kib(clock: ManualClock, kind: str) -> None:
    """A series without calls takes 1 KiB or less, with all that the registry keeps for it."""
    registry = Registry(LAYOUT, clock)
    registry.bind(Declaration(kind, "first"), None)
    number = 180  # as many as every label may have values
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [registry.bind(Declaration(kind, f"operation{n}"), None) for n in range(number)]
        registry.collect()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len({recorder.series for recorder in kept}) == number
    assert (after - before) / number <= 1024
