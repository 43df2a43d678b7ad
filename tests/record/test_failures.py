"""The table of error groups, and what leaves it."""

from __future__ import annotations

import time

import pytest

from agentmon.model.buckets import Layout
from agentmon.model.failure import Failure, group_id
from agentmon.model.outcome import ERROR, TIMEOUT
from agentmon.model.snapshot import ErrorGroup, Family
from agentmon.record.declaration import Declaration
from agentmon.record.failures import MOST_GROUPS, FailureTable
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock

SECOND = 10**9
FAILURE = Failure("0123456789ab", "KeyError", "shop.find")
TOOL = Declaration("tool", "search")
METRICS = (
    "error_group_failures",
    "error_group_first_seen_timestamp",
    "error_group_last_seen_timestamp",
)


def fail(
    registry: Registry,
    declaration: Declaration = TOOL,
    failure: Failure | None = FAILURE,
    *,
    outcome: str = ERROR,
    error_type: str | None = "KeyError",
    trace_id: int = 0,
) -> None:
    """Record a call that failed just now."""
    now_ns = registry.clock()
    recorder = registry.bind(declaration, None)
    recorder.details.append((now_ns - 5, now_ns, outcome, error_type, trace_id, failure))


def only(registry: Registry) -> ErrorGroup:
    """The one group."""
    (group,) = registry.snapshot().groups
    return group


def group_families(registry: Registry) -> dict[str, Family]:
    """The metrics of groups, by name."""
    return {each.metric.name: each for each in registry.collect() if each.metric.name in METRICS}


def test_names_of_groups_are_fnv() -> None:
    """A name is FNV-1a of 64 bits folded to 48: of two texts from its authors' test vectors."""
    assert group_id("") == f"{0xCBF29CE484222325 >> 48 ^ 0xCBF29CE484222325 & (1 << 48) - 1:012x}"
    assert group_id("foobar") == (
        f"{0x85944171F73967E8 >> 48 ^ 0x85944171F73967E8 & (1 << 48) - 1:012x}"
    )


def test_names_stay_when_the_memory_of_them_is_emptied() -> None:
    """A name is the same before and after thousands of others."""
    before = group_id("x")
    assert len({group_id(str(n)) for n in range(3000)}) == 3000
    assert group_id("x") == before


def test_group_knows_when_how_often_and_an_example() -> None:
    """First and last seen, count and the trace of the latest that has one are kept."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    began_ns = time.time_ns()
    fail(registry, trace_id=7)
    registry.collect()
    clock.advance(60)
    fail(registry, trace_id=9)
    fail(registry)
    group = only(registry)
    ended_ns = time.time_ns()
    assert (group.group, group.error_type, group.location) == FAILURE
    assert (group.kind, group.name, group.agent) == ("tool", "search", "")
    assert (group.count, group.trace_id) == (3, f"{9:032x}")
    assert began_ns <= group.first_seen_ns <= ended_ns
    assert began_ns <= group.last_seen_ns <= ended_ns


def test_seen_last_means_the_latest_whenever_it_was_folded() -> None:
    """Calls that are folded late do not move the moments, nor the example, backwards."""
    table = FailureTable()
    for at_ns, trace_id in ((50, 5), (90, 9), (10, 1)):
        table.note(FAILURE, "tool", "search", "", at_ns, trace_id)
    (group,) = table.groups()
    assert (group.first_seen_ns, group.last_seen_ns, group.trace_id) == (10, 90, f"{9:032x}")


def test_groups_are_kept_by_operation_and_agent() -> None:
    """The same group at another operation, or within another agent, counts for itself."""
    registry = Registry(Layout(), ManualClock())
    desk = registry.bind(Declaration("agent", "desk", "invoke"), None)
    fail(registry)
    fail(registry, Declaration("tool", "other"))
    recorder = registry.bind(TOOL, desk.scope)
    recorder.details.append((0, 1, ERROR, "KeyError", 0, FAILURE))
    found = sorted((each.name, each.agent, each.count) for each in registry.snapshot().groups)
    assert found == [("other", "", 1), ("search", "", 1), ("search", "desk", 1)]


def test_the_agent_of_a_handoff_is_its_source() -> None:
    """A handoff that failed belongs to the agent that hands over."""
    registry = Registry(Layout(), ManualClock())
    fail(registry, Declaration("handoff", "billing", "triage"))
    assert only(registry).agent == "triage"


@pytest.mark.parametrize(("outcome", "error_type"), [(ERROR, None), (TIMEOUT, None)])
def test_failures_of_which_nothing_is_known_are_grouped(
    outcome: str, error_type: str | None
) -> None:
    """A failure without an exception is of the group of its outcome and operation."""
    registry = Registry(Layout(), ManualClock())
    for name in ("a", "a", "b"):
        fail(registry, Declaration("tool", name), None, outcome=outcome, error_type=error_type)
    found = sorted((each.name, each.error_type, each.count) for each in registry.snapshot().groups)
    assert found == [("a", outcome, 2), ("b", outcome, 1)]
    assert len({each.group for each in registry.snapshot().groups}) == 2


@pytest.mark.parametrize("outcome", ["ok", "cancelled", "interrupted"])
def test_other_outcomes_are_in_no_group(outcome: str) -> None:
    """What is no failure is in no group."""
    registry = Registry(Layout(), ManualClock())
    fail(registry, outcome=outcome, error_type=None)
    assert registry.snapshot().groups == ()
    assert group_families(registry) == {}


def test_late_calls_of_the_fast_path_are_grouped_and_told_of() -> None:
    """A call that returned too late is in a group, and told of once the lock is released."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    told = []
    registry.late = lambda *late: told.append(
        (*late, registry.lock._is_owned())  # type: ignore[attr-defined]
    )
    recorder = registry.bind(Declaration("tool", "slow", timeout_ns=10), None)
    recorder.enter_cell(clock())
    recorder.plain.extend([5, 20, 30])
    assert only(registry).count == 2
    assert told == [(recorder, clock(), 20, False), (recorder, clock(), 30, False)]


def test_nothing_waits_to_be_told_where_nobody_listens() -> None:
    """Without a listener late calls leave nothing behind."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    recorder = registry.bind(Declaration("tool", "slow", timeout_ns=10), None)
    recorder.enter_cell(clock())
    recorder.plain.append(20)
    recorder.fold()
    assert registry.unsaid == []


def test_a_listener_that_raises_breaks_nothing() -> None:
    """What a listener raises does not reach whoever folds, and the next is told all the same."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    told = []

    def listen(*late: object) -> None:
        told.append(late)
        raise RuntimeError

    registry.late = listen
    recorder = registry.bind(Declaration("tool", "slow", timeout_ns=10), None)
    recorder.enter_cell(clock())
    recorder.plain.extend([20, 30])
    recorder.relieve()
    assert len(told) == 2


def test_relief_tells_without_the_lock() -> None:
    """A caller that folds on its way tells of late calls when it has released the lock."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    held = []
    registry.late = lambda *_: held.append(registry.lock._is_owned())  # type: ignore[attr-defined]
    recorder = registry.bind(Declaration("tool", "slow", timeout_ns=10), None)
    recorder.enter_cell(clock())
    recorder.plain.append(20)
    recorder.relieve()
    assert held == [False]


def test_groups_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond 200 groups, all further failures are counted as one, dropped and warned of once."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    for n in range(MOST_GROUPS + 50):
        fail(registry, failure=FAILURE._replace(group=f"{n:012x}"))
    fail(registry, failure=FAILURE._replace(group=f"{0:012x}"))
    snapshot = registry.snapshot()
    assert len(snapshot.groups) == MOST_GROUPS + 1
    counts = {each.group: each.count for each in snapshot.groups}
    assert (counts["other"], counts[f"{0:012x}"], sum(counts.values())) == (50, 2, 251)
    (other,) = [each for each in snapshot.groups if each.group == "other"]
    assert {other.error_type, other.location, other.kind, other.name, other.agent} == {"other"}
    assert snapshot.dropped["group_bound"] == 50
    assert [each.getMessage()[:31] for each in caplog.records] == [
        "error groups reached its bound "
    ]


def test_metrics_of_groups() -> None:
    """Count, first and last seen are metrics with the same labels, in seconds since 1970."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    began = time.time()
    fail(registry)
    registry.collect()
    fail(registry)
    found = group_families(registry)
    labels = ("0123456789ab", "KeyError", "shop.find", "tool", "search", "")
    assert list(found["error_group_failures"].samples) == [(labels, 2)]
    for name in METRICS[1:]:
        ((given, seconds),) = found[name].samples
        assert given == labels
        assert isinstance(seconds, float)
        assert began - 0.001 <= seconds <= time.time() + 0.001


def test_moments_do_not_move_between_scrapes() -> None:
    """What was seen once has the same moment at every scrape."""
    registry = Registry(Layout(), time.perf_counter_ns)
    fail(registry)
    first, second = (group_families(registry) for _ in range(2))
    assert [first[n].samples for n in METRICS] == [second[n].samples for n in METRICS]


def test_groups_come_that_which_was_seen_last_first() -> None:
    """Pages show what happened last on top."""
    clock = ManualClock()
    registry = Registry(Layout(), clock)
    table = FailureTable()
    for at_ns, name in ((2, "b"), (3, "c"), (1, "a")):
        table.note(FAILURE, "tool", name, "", at_ns, 0)
    assert [each.name for each in table.groups()] == ["c", "b", "a"]
    assert registry.snapshot().groups == ()
