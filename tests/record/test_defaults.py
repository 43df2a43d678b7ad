"""What is so unless somebody says otherwise."""

from __future__ import annotations

from time import perf_counter_ns

from agentmon.model.buckets import Layout
from agentmon.model.catalogue.coordination import QUEUE_WAIT
from agentmon.model.snapshot import HistogramState
from agentmon.record.batch import Batch
from agentmon.record.declaration import Declaration, Scope
from agentmon.record.recorder import Recorder
from agentmon.record.registry import Registry


def test_a_scope_is_not_watched_and_one_that_is_stays_itself() -> None:
    """There is one watched scope for each, however often it is asked for."""
    scope = Scope("w", "a")
    assert scope.watching is False
    watched = scope.watched
    assert watched.watching is True
    assert watched.watched is watched
    assert scope.watched is watched


def test_histograms_come_without_their_cells() -> None:
    """Of operations and of signals; with them where that is asked for."""
    registry = Registry(Layout(), perf_counter_ns)
    registry.bind(Declaration("tool", "t"), None).keep(5_000_000)
    registry.signals.observe(QUEUE_WAIT, ("q",), 5_000_000)

    def states(*, cells: bool | None = None) -> list[HistogramState]:
        families = registry.collect() if cells is None else registry.collect(cells=cells)
        values = [value for family in families for _, value in family.samples]
        return [value for value in values if isinstance(value, HistogramState) and value.count]

    assert [state.cells is None for state in states()] == [True, True]
    assert [state.cells is None for state in states(cells=True)] == [False, False]
    signals = [value for family in registry.signals.families() for _, value in family.samples]
    assert [value.cells for value in signals] == [None]


def test_a_batch_that_is_known_by_its_cells_has_no_sums_yet() -> None:
    """They are for whoever makes it to say."""
    batch = Batch.of("ok", 7, 2, (1, 3), {0: 2})
    assert (batch.clamped, batch.sum_ns, batch.squares_ns2) == (0, 0, 0)


def test_a_call_that_took_longer_than_it_may_is_told_of() -> None:
    """Once the fold is over, with when it ended and how long it took."""
    registry = Registry(Layout(), perf_counter_ns)
    told: list[tuple[Recorder, int]] = []
    registry.late = lambda recorder, _ended_ns, duration_ns: told.append((recorder, duration_ns))
    recorder = registry.bind(Declaration("tool", "t", timeout_ns=1000), None)
    recorder.keep(1000)
    recorder.keep(1001)
    recorder.fold()
    assert told == [(recorder, 1001)]
