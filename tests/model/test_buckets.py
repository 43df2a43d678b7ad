"""The arithmetic of the histogram layout, against HdrHistogram's own."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from agentmon.errors import ConfigError
from agentmon.model.buckets import DAY_NS, EDGES_S, Layout

LAYOUTS = {digits: Layout(digits=digits) for digits in (1, 2, 3, 4)}
DURATIONS = st.integers(0, DAY_NS) | st.integers(0, 10**6) | st.integers(0, 46).map(lambda b: 2**b)
digits_of_layouts = st.sampled_from(sorted(LAYOUTS))


def bucket_of(layout: Layout, index: int) -> int:
    """Number of the classic bucket that counts a cell."""
    return bisect_right(layout.bucket_ends, index)


@given(digits_of_layouts, DURATIONS)
def test_a_cell_holds_the_durations_that_are_indexed_to_it(digits: int, value: int) -> None:
    """A duration lies between the lower and the upper end of its cell."""
    layout = LAYOUTS[digits]
    index = layout.index(value)
    assert layout.lower(index) <= value <= layout.upper(index)


@given(digits_of_layouts, st.data())
def test_the_ends_of_a_cell_are_indexed_to_it(digits: int, data: st.DataObject) -> None:
    """Both ends of a cell have its index, and the next duration has the next index."""
    layout = LAYOUTS[digits]
    index = data.draw(st.integers(0, layout.size - 1))
    assert layout.index(layout.lower(index)) == index
    assert layout.index(layout.upper(index)) == index
    assert layout.index(layout.upper(index) + 1) == index + 1


@given(digits_of_layouts, DURATIONS, DURATIONS)
def test_a_longer_duration_never_has_a_lower_index(digits: int, one: int, other: int) -> None:
    """The index rises with the duration."""
    layout = LAYOUTS[digits]
    low, high = sorted((one, other))
    assert layout.index(low) <= layout.index(high)


@given(digits_of_layouts, DURATIONS)
def test_a_cell_is_as_narrow_as_the_digits_say(digits: int, value: int) -> None:
    """A cell is no wider than one part in 10 to the digits, or one narrowest cell."""
    layout = LAYOUTS[digits]
    index = layout.index(value)
    width = layout.upper(index) - layout.lower(index) + 1
    assert width <= max(2**layout.unit, value / 10**digits)


@given(digits_of_layouts)
def test_the_last_cell_holds_the_longest_duration(digits: int) -> None:
    """There are as many cells as the longest duration needs."""
    layout = LAYOUTS[digits]
    assert layout.index(layout.highest_ns) == layout.size - 1
    assert layout.bucket_ends[-1] == layout.size


@given(digits_of_layouts, st.lists(DURATIONS, min_size=1, max_size=40))
def test_many_durations_are_counted_where_each_belongs(digits: int, values: list[int]) -> None:
    """Many durations at once are counted in the cells that each of them has alone."""
    layout = LAYOUTS[digits]
    assert layout.counts(sorted(values)) == Counter(layout.index(value) for value in values)


@given(
    digits_of_layouts,
    DURATIONS.filter(bool),
    st.lists(st.integers(-20, 20), min_size=1, max_size=40),
)
def test_durations_that_are_alike_are_counted_where_each_belongs(
    digits: int, middle: int, distances: list[int]
) -> None:
    """Durations of few cells, which are counted in another way, are in the cells of each."""
    layout = LAYOUTS[digits]
    width = layout.upper(layout.index(middle)) - layout.lower(layout.index(middle)) + 1
    values = [min(max(0, middle + d * width // 4), DAY_NS) for d in distances]
    assert layout.counts(sorted(values)) == Counter(layout.index(value) for value in values)


@pytest.mark.parametrize("exponent", range(1, 47))
def test_counts_at_powers_of_two(exponent: int) -> None:
    """Durations at the edges of powers of two are in their cells, many or few at once."""
    layout = LAYOUTS[2]
    edge = 2**exponent
    for values in ([edge - 1, edge, edge + 1], [0, edge - 1, edge, edge + 1, DAY_NS]):
        assert layout.counts(values) == Counter(layout.index(value) for value in values)


@given(
    st.sampled_from((1, 2, 3, 4)),
    st.sampled_from((1, 1000, 4096, 10**6)),
    st.lists(DURATIONS, min_size=1, max_size=10),
)
def test_index_equals_that_of_hdrhistogram(digits: int, lowest: int, values: list[int]) -> None:
    """A duration is counted where HdrHistogram counts it for the same range and digits."""
    layout = Layout(digits=digits, lowest_ns=lowest)
    oracle = HdrHistogram(lowest, DAY_NS, digits)
    for value in values:
        bucket = oracle._get_bucket_index(value)
        expected = oracle._counts_index(bucket, oracle._get_sub_bucket_index(value, bucket))
        assert layout.index(value) == expected
        assert layout.lower(expected) == oracle.get_value_from_index(expected)


@given(DURATIONS)
def test_a_bucket_holds_what_is_at_most_its_edge(value: int) -> None:
    """Only durations within the cell that an edge falls into can be counted under it wrongly."""
    layout = LAYOUTS[2]
    index = layout.index(value)
    bucket = bucket_of(layout, index)
    exact = next((i for i, edge in enumerate(EDGES_S) if value <= edge * 1e9), len(EDGES_S))
    assert bucket <= exact
    if bucket < exact:
        assert layout.lower(index) <= EDGES_S[bucket] * 1e9 < value


@pytest.mark.parametrize("digits", sorted(LAYOUTS))
def test_a_duration_equal_to_an_edge_is_counted_under_it(digits: int) -> None:
    """A duration of exactly an edge belongs to the bucket of that edge."""
    layout = LAYOUTS[digits]
    for number, edge in enumerate(EDGES_S):
        assert bucket_of(layout, layout.index(round(edge * 1e9))) == number


def test_what_is_above_all_edges_is_in_the_last_bucket() -> None:
    """Durations above the last edge belong to the bucket +Inf."""
    layout = LAYOUTS[2]
    assert bucket_of(layout, layout.index(DAY_NS)) == len(EDGES_S)


def test_edges_within_one_cell() -> None:
    """Of two edges within one cell, the first takes what is in it, and none is lost."""
    layout = Layout(edges_s=(10.0, 10.01, 20.0))
    assert bucket_of(layout, layout.index(10 * 10**9)) == 0
    assert bucket_of(layout, layout.index(11 * 10**9)) == 2


@pytest.mark.parametrize("digits", [0, 5, -1, 2.0, "2", None, True, [2]])
def test_digits_out_of_range(digits: Any) -> None:
    """A number of digits that is none of 1 to 4 is refused: what, got, allowed."""
    with pytest.raises(ConfigError, match=r"digits: got .*, allowed 1, 2, 3 or 4") as caught:
        Layout(digits=digits)
    assert repr(digits) in str(caught.value)


@pytest.mark.parametrize(
    "edges",
    [
        (),
        (1.0, 1.0),
        (2.0, 1.0),
        (0.0, 1.0),
        (-1.0,),
        (math.nan,),
        (1.0, math.nan),
        (math.inf,),
        (1.0, 86400.0),
        (1e-12,),
        (10**400,),
        ("1",),
        (True,),
        (None, 1.0),
    ],
)
def test_edges_that_are_no_edges(edges: Any) -> None:
    """Edges that are no rising numbers within the range are refused: what, got, allowed."""
    with pytest.raises(
        ConfigError, match=r"bucket edges: got .*, allowed rising numbers"
    ) as caught:
        Layout(edges_s=edges)
    assert repr(edges) in str(caught.value)


def test_too_many_edges() -> None:
    """More edges than a byte can number are refused."""
    Layout(edges_s=tuple(float(n) for n in range(1, 256)))
    with pytest.raises(ConfigError, match="got 256, allowed at most 255"):
        Layout(edges_s=tuple(float(n) for n in range(1, 257)))


@pytest.mark.parametrize(("lowest", "highest"), [(0, 10), (-1, 10), (10, 19), (10, 5)])
def test_a_range_that_is_none(lowest: int, highest: int) -> None:
    """A range whose ends are not apart is refused."""
    with pytest.raises(
        ConfigError, match=f"histogram range: got {lowest} to {highest} ns, allowed"
    ):
        Layout(lowest_ns=lowest, highest_ns=highest)


def test_the_narrowest_range_and_the_least_edge() -> None:
    """A range may be one power of two wide, and an edge may be a nanosecond."""
    narrow = Layout(lowest_ns=10, highest_ns=20, edges_s=(1.5e-8,))
    assert narrow.index(20) == narrow.size - 1
    least = Layout(lowest_ns=1, edges_s=(1e-9, 1.0))
    assert [bucket_of(least, least.index(value)) for value in (0, 1, 2)] == [0, 0, 1]


def test_layouts_of_the_same_arguments_are_equal() -> None:
    """Layouts compare by what they were made of."""
    assert Layout() == Layout(digits=2)
    assert Layout() != Layout(digits=3)
    assert Layout() != Layout(edges_s=(1.0,))
