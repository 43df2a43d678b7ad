"""The lifetime histogram, against HdrHistogram recording the same durations."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right

from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from agentmon.model.buckets import DAY_NS, EDGES_S, Layout
from agentmon.record.batch import Batch
from agentmon.record.histogram import Histogram

LAYOUT = Layout()
DURATIONS = st.integers(0, DAY_NS) | st.integers(0, 10**6) | st.integers(10**6, 10**10)
BATCHES = st.lists(st.lists(DURATIONS, min_size=1, max_size=20), min_size=1, max_size=8)


def histogram_of(batches: list[list[int]], layout: Layout = LAYOUT) -> Histogram:
    """A histogram that took these batches."""
    histogram = Histogram(layout)
    for values in batches:
        histogram.add(Batch(layout, "ok", 0, values))
    return histogram


@given(BATCHES)
def test_counts_equal_those_of_hdrhistogram(batches: list[list[int]]) -> None:
    """Every cell holds what HdrHistogram counts in it."""
    oracle = HdrHistogram(1000, DAY_NS, 2)
    for value in (value for values in batches for value in values):
        oracle.record_value(value)
    expected = {
        index: oracle.get_count_at_index(index)
        for index in range(LAYOUT.size)
        if oracle.get_count_at_index(index)
    }
    histogram = histogram_of(batches)
    assert histogram.cells() == expected
    assert histogram.count == oracle.get_total_count()


@given(BATCHES)
def test_moments_and_buckets_are_exact(batches: list[list[int]]) -> None:
    """Sums, extremes and classic buckets say what the durations are, by the rule of buckets."""
    values = [value for each in batches for value in each]
    histogram = histogram_of(batches)
    state = histogram.state()
    assert (state.count, state.sum_ns) == (len(values), sum(values))
    assert histogram.squares_ns2 == sum(value * value for value in values)
    assert (histogram.min_ns, histogram.max_ns) == (min(values), max(values))
    tops = [LAYOUT.upper(LAYOUT.index(round(edge * 1e9))) for edge in EDGES_S]
    expected = [0] * (len(EDGES_S) + 1)
    for value in values:
        expected[bisect_left(tops, value)] += 1
    assert list(state.buckets) == expected


def test_the_smallest_may_come_later() -> None:
    """The range grows downwards and upwards, and the extremes with it."""
    histogram = histogram_of([[10**9], [DAY_NS], [0], [10**6]])
    assert histogram.cells() == {LAYOUT.index(value): 1 for value in (0, 10**6, 10**9, DAY_NS)}
    assert (histogram.min_ns, histogram.max_ns) == (0, DAY_NS)


def test_a_count_beyond_four_bytes() -> None:
    """A cell goes on counting where 4 bytes end."""
    histogram = histogram_of([[10**9] * 3])
    index = LAYOUT.index(10**9)
    histogram._counts[index - histogram._first] = 2**32 - 1
    histogram.count = 2**32 - 1
    histogram.add(Batch(LAYOUT, "ok", 0, [10**9]))
    assert histogram.cells() == {index: 2**32}
    histogram.add(Batch(LAYOUT, "ok", 0, [10**9, 1]))
    assert histogram.cells() == {0: 1, index: 2**32 + 1}
    assert histogram.count == 2**32 + 2


def test_only_pages_between_the_lowest_and_the_highest_are_kept() -> None:
    """The range grows by whole pages of cells, in either direction, as far as is needed."""
    page = 128
    histogram = Histogram(LAYOUT)
    lengths = []
    for index in (10 * page + 5, 10 * page, 11 * page - 1, 11 * page, 8 * page + 7, 10 * page):
        histogram.add(Batch(LAYOUT, "ok", 0, [LAYOUT.lower(index)]))
        lengths.append(len(histogram._counts))
    assert lengths == [page, page, page, 2 * page, 4 * page, 4 * page]
    assert sum(histogram.cells().values()) == 6


def test_an_unused_histogram_is_empty() -> None:
    """Nothing recorded is nothing counted."""
    histogram = Histogram(LAYOUT)
    assert histogram.cells() == {}
    assert (histogram.min_ns, histogram.max_ns) == (0, 0)
    assert histogram.state().buckets == (0,) * (len(EDGES_S) + 1)


def test_a_histogram_that_uses_every_cell_takes_16_kib() -> None:
    """The counts of a full histogram fit into 16 KiB, in whatever order it filled."""
    every = [LAYOUT.lower(index) for index in range(LAYOUT.size)]
    for batches in (
        [[value] for value in every],
        [[value] for value in reversed(every)],
        [every],
        [[every[2000]], every],
    ):
        counts = histogram_of(batches)._counts
        assert isinstance(counts, array)
        assert len(counts) == LAYOUT.size
        assert sys.getsizeof(counts) <= 16 * 1024


def test_the_first_cell_kept_is_in_its_bucket() -> None:
    """Buckets below the lowest cell that is kept are empty, and that cell is in its own."""
    for index in range(0, LAYOUT.size, 128):
        histogram = Histogram(LAYOUT)
        histogram.add(Batch(LAYOUT, "ok", 0, [LAYOUT.lower(index)]))
        buckets = histogram.state().buckets
        assert sum(buckets) == buckets[bisect_right(LAYOUT.bucket_ends, index)] == 1
