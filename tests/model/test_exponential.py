"""Native histograms made of the cells of the HDR layout."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon.model.buckets import DAY_NS, Layout
from agentmon.model.exponential import FINEST, MOST_BUCKETS, Exponential, exponential
from agentmon.model.snapshot import Cells

LAYOUT = Layout()
CELLS = st.dictionaries(
    st.integers(0, LAYOUT.size - 1), st.integers(1, 10**9), min_size=1, max_size=60
)


def made(cells: dict[int, int]) -> Exponential:
    """The native histogram of counts by cell."""
    first = min(cells, default=0)
    counts = [cells.get(cell, 0) for cell in range(first, max(cells, default=-1) + 1)]
    return exponential(LAYOUT, Cells(first, counts))


def buckets(native: Exponential) -> dict[int, int]:
    """Counts by index, read back as Prometheus reads them."""
    found: dict[int, int] = {}
    index = count = at = 0
    for offset, length in native.spans:
        index += offset
        for _ in range(length):
            count += native.deltas[at]
            at += 1
            found[index] = count
            index += 1
    assert at == len(native.deltas)
    return found


@given(CELLS)
def test_every_duration_is_in_a_bucket(cells: dict[int, int]) -> None:
    """All counts are there, in the bucket or as zero, and no bucket is empty or below zero."""
    native = made(cells)
    found = buckets(native)
    assert sum(found.values()) + native.zero_count == sum(cells.values())
    assert all(n > 0 for n in found.values())


@given(CELLS)
def test_each_cell_is_in_the_bucket_of_its_middle(cells: dict[int, int]) -> None:
    """The bucket of a cell is the one whose edges its middle lies between."""
    native = made(cells)
    expected: dict[int, int] = {}
    growth = 2 ** (2**-native.schema)
    for cell, n in cells.items():
        if not cell:
            continue
        middle_s = (LAYOUT.lower(cell) + LAYOUT.upper(cell) + 1) / 2e9
        index = math.ceil(math.log(middle_s, growth) - 1e-9)
        assert growth ** (index - 1) < middle_s * (1 + 1e-9)
        assert middle_s <= growth**index * (1 + 1e-9)
        expected[index] = expected.get(index, 0) + n
    assert buckets(native) == expected


def test_buckets_are_as_fine_as_can_be_afforded() -> None:
    """Few buckets are finest; from one too many on they are joined, and never more than may be."""
    narrow = {LAYOUT.index(v): 1 for v in range(10**8, 10**9, 10**6)}
    assert made(narrow).schema == FINEST
    wide = dict.fromkeys(range(1, LAYOUT.size), 1)
    native = made(wide)
    assert native.schema < FINEST
    assert len(native.deltas) <= MOST_BUCKETS
    assert sum(buckets(native).values()) == LAYOUT.size - 1


def test_shortest_durations_are_zero() -> None:
    """What falls into the first cell is counted as zero, up to that cell's end."""
    native = made({0: 3, 1: 2})
    assert (native.zero_count, native.zero_threshold_s) == (3, LAYOUT.lower(1) / 1e9)
    assert sum(buckets(native).values()) == 2


@given(CELLS, st.integers(0, 200), st.integers(0, 200))
def test_cells_without_counts_change_nothing(cells: dict[int, int], before: int, n: int) -> None:
    """Empty cells before and behind those with counts make no difference."""
    first = max(0, min(cells) - before)
    end = min(LAYOUT.size, max(cells) + 1 + n)
    counts = [cells.get(cell, 0) for cell in range(first, end)]
    assert exponential(LAYOUT, Cells(first, counts)) == made(cells)


@pytest.mark.parametrize("digits", [1, 3, 4])
def test_layouts_of_other_digits_are_placed_alike(digits: int) -> None:
    """However wide cells are, each goes to the bucket that its middle falls into."""
    layout = Layout(digits=digits)
    for cell in range(1, layout.size, max(1, layout.size // 997)):
        middle_s = (layout.lower(cell) + layout.lower(cell + 1)) / 2e9
        native = exponential(layout, Cells(cell, [3]))
        assert buckets(native) == {math.ceil(math.log2(middle_s) * 2**FINEST): 3}


def test_nothing_recorded_is_no_bucket() -> None:
    """Without durations there are no spans, and nothing is counted as zero."""
    native = made({})
    assert (native.zero_count, native.spans, native.deltas) == (0, (), ())


@pytest.mark.parametrize("q", [0.01, 0.5, 0.9, 0.99, 1.0])
@given(values=st.lists(st.integers(10**6, DAY_NS), min_size=1, max_size=200))
def test_quantile_is_off_by_one_bucket_and_half_a_cell(q: float, values: list[int]) -> None:
    """The bucket in which a quantile lies holds the exact one, within half a cell's width."""
    cells: dict[int, int] = {}
    for value in values:
        cells[LAYOUT.index(value)] = cells.get(LAYOUT.index(value), 0) + 1
    native = made(cells)
    rank = max(1, math.ceil(q * len(values)))
    exact_s = sorted(values)[rank - 1] / 1e9
    growth = 2 ** (2**-native.schema)
    seen = native.zero_count
    upper_s = native.zero_threshold_s
    for index, n in buckets(native).items():
        if seen >= rank:
            break
        seen += n
        upper_s = growth**index
    half_a_cell = 1 + 1 / 128  # from a tenth of a millisecond on cells are that narrow
    assert exact_s <= upper_s * half_a_cell
    assert exact_s >= upper_s / growth / half_a_cell or upper_s == native.zero_threshold_s
