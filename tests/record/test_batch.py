"""Calls that ended alike, summed up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agentmon.model.buckets import DAY_NS, Layout
from agentmon.record.batch import Batch

LAYOUT = Layout()


@given(st.lists(st.integers(-(10**9), 2 * DAY_NS), min_size=1, max_size=50))
def test_a_batch_sums_up_its_durations(values: list[int]) -> None:
    """Durations outside the range are moved to its edge and counted; all sums are exact."""
    batch = Batch(LAYOUT, "ok", 0, values)
    kept = [min(max(value, 0), DAY_NS) for value in values]
    assert batch.clamped == sum(value not in range(DAY_NS + 1) for value in values)
    assert batch.size == len(values)
    assert batch.sum_ns == sum(kept)
    assert batch.squares_ns2 == sum(value**2 for value in kept)
    assert (batch.min_ns, batch.max_ns) == (min(kept), max(kept))
    assert batch.counts == Counter(LAYOUT.index(value) for value in kept)


def test_the_edges_of_the_range_are_within_it() -> None:
    """Durations of zero and of the longest kept are not moved, next to ones that are."""
    batch = Batch(LAYOUT, "ok", 0, [DAY_NS + 1, DAY_NS, 5, 0, -1])
    assert batch.clamped == 2
    assert batch.counts == Counter({LAYOUT.size - 1: 2, 0: 3})
