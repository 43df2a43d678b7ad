"""Counters, gauges and histograms besides operations."""

from __future__ import annotations

import sys
from threading import Thread

import pytest

from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.metric import Kind, Label, Metric, Unit
from agentmon.model.snapshot import Distribution, HistogramState
from agentmon.record.registry import Registry

TASK = Label("task_of_test", "Of the test.", 3)
COUNTER = Metric("of_test", Kind.COUNTER, Unit.NONE, "Of the test.", (TASK,))
MONEY = Metric("money_of_test", Kind.COUNTER, Unit.NONE, "Of the test.", (TASK,), scale=10**6)
GAUGE = Metric("gauge_of_test", Kind.GAUGE, Unit.NONE, "Of the test.", (TASK,))
SCORE = Metric(
    "score_of_test", Kind.HISTOGRAM, Unit.RATIO, "Of the test.", (TASK,), edges=(0.0, 0.5, 1.0)
)
WAIT = Metric("wait_of_test", Kind.HISTOGRAM, Unit.SECONDS, "Of the test.", (TASK,))


@pytest.fixture
def registry() -> Registry:
    """One whose clock stands still."""
    return Registry(Layout(), lambda: 10**12)


def values(registry: Registry, metric: Metric) -> dict[tuple[str, ...], object]:
    """What is there of a metric."""
    registry.signals.fold()
    with registry.lock:
        return {
            labels: value
            for family in registry.signals.families(cells=True)
            if family.metric is metric
            for labels, value in family.samples
        }


def test_a_counter_adds_up_by_its_labels(registry: Registry) -> None:
    """What is added under the same labels is one number."""
    registry.signals.add(COUNTER, ("a",))
    registry.signals.add(COUNTER, ("a",), 4)
    registry.signals.add(COUNTER, ("b",))
    assert values(registry, COUNTER) == {("a",): 5, ("b",): 1}


def test_a_counter_of_parts_is_exposed_in_its_unit(registry: Registry) -> None:
    """Money is counted in millionths and shown in its unit, without an error of rounding."""
    for _ in range(3):
        registry.signals.add(MONEY, ("a",), 100_001)
    assert values(registry, MONEY) == {("a",): 0.300003}


def test_a_gauge_holds_what_was_set_last(registry: Registry) -> None:
    """The latest value counts, a whole number or not."""
    registry.signals.set(GAUGE, ("a",), 4)
    registry.signals.set(GAUGE, ("a",), 2.5)
    assert values(registry, GAUGE) == {("a",): 2.5}


def test_a_gauge_that_is_forgotten_is_gone_until_it_is_set_anew(registry: Registry) -> None:
    """One that is not there can be forgotten as well."""
    registry.signals.set(GAUGE, ("a",), 4)
    registry.signals.forget(GAUGE, ("a",))
    registry.signals.forget(GAUGE, ("b",))
    assert values(registry, GAUGE) == {}
    registry.signals.set(GAUGE, ("a",), 5)
    assert values(registry, GAUGE) == {("a",): 5}


def test_a_value_at_an_edge_falls_into_the_bucket_below_it(registry: Registry) -> None:
    """As Prometheus has it: at most the edge."""
    for score in (0.0, 0.5, 0.6, 1.0, 1.5):
        registry.signals.observe(SCORE, ("a",), score)
    assert values(registry, SCORE) == {
        ("a",): Distribution((0.0, 0.5, 1.0), (1, 1, 2, 1), 5, 0.0 + 0.5 + 0.6 + 1.0 + 1.5)
    }


def test_durations_are_counted_in_nanoseconds(registry: Registry) -> None:
    """The exact sum is kept beside the cells."""
    registry.signals.observe(WAIT, ("a",), 1_500_000_000)
    registry.signals.observe(WAIT, ("a",), 250_000_000)
    state = values(registry, WAIT)[("a",)]
    assert isinstance(state, HistogramState)
    assert (state.count, state.sum_ns) == (2, 1_750_000_000)


def test_a_duration_out_of_range_is_moved_to_its_edge_and_counted(registry: Registry) -> None:
    """As with operations."""
    registry.signals.observe(WAIT, ("a",), -5)
    state = values(registry, WAIT)[("a",)]
    assert isinstance(state, HistogramState)
    assert (state.count, state.sum_ns) == (1, 0)
    assert registry.snapshot().dropped["clamped"] == 1


def test_label_values_beyond_their_bound_are_recorded_as_other(registry: Registry) -> None:
    """Each time that it happens is counted."""
    for name in ("a", "b", "c", "d", "e"):
        registry.signals.add(COUNTER, (name,))
    assert values(registry, COUNTER) == {("a",): 1, ("b",): 1, ("c",): 1, ("other",): 2}
    assert registry.snapshot().dropped["label_bound"] == 2


def test_series_beyond_the_bound_of_the_registry_are_recorded_as_other() -> None:
    """They share the bound with operations."""
    registry = Registry(Layout(), lambda: 10**12, max_series=2)
    for name in ("a", "b", "c"):
        registry.signals.add(COUNTER, (name,))
    assert values(registry, COUNTER) == {("a",): 1, ("b",): 1, ("other",): 1}
    assert registry.snapshot().dropped["series_bound"] == 1


def test_signals_come_in_the_order_of_the_catalogue_with_the_operations(
    registry: Registry,
) -> None:
    """So that a page reads alike whatever was recorded first."""
    registry.signals.set(catalogue.CERTIFICATE_EXPIRY, (), 5)
    places = [catalogue.CATALOGUE.index(family.metric) for family in registry.collect()]
    assert places == sorted(places)
    assert catalogue.CATALOGUE.index(catalogue.CERTIFICATE_EXPIRY) in places


def test_what_is_looked_at_when_metrics_are_read_is_read_with_them(registry: Registry) -> None:
    """One that raises is counted, and the others are asked all the same."""

    def fails() -> None:
        raise OSError

    registry.looks += [
        fails,
        lambda: registry.signals.set(catalogue.CERTIFICATE_EXPIRY, (), 7),
    ]
    families = {family.metric: family for family in registry.collect()}
    assert families[catalogue.CERTIFICATE_EXPIRY].samples == [((), 7)]
    assert dict(families[catalogue.DROPPED].samples)["look_failed",] == 1


def test_what_is_recorded_while_the_lock_is_held_and_busy_is_folded_later(
    registry: Registry,
) -> None:
    """A signal handler may record in the midst of a fold."""
    with registry.lock:
        registry.busy = True  # as a signal handler finds it
        for _ in range(1000):
            registry.signals.add(COUNTER, ("a",))
        registry.busy = False
    assert values(registry, COUNTER) == {("a",): 1000}


def test_nothing_is_lost_or_counted_twice_by_eight_threads_that_record_and_read(
    registry: Registry,
) -> None:
    """At the shortest switch interval that there is."""

    def record() -> None:
        for n in range(3000):
            registry.signals.add(COUNTER, ("a",))
            registry.signals.observe(SCORE, ("a",), 0.5)
            if n % 500 == 0:
                registry.signals.fold()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=record) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert values(registry, COUNTER) == {("a",): 24_000}
    assert values(registry, SCORE) == {
        ("a",): Distribution((0.0, 0.5, 1.0), (0, 24_000, 0, 0), 24_000, 12_000.0)
    }
