"""
The arithmetic of native histograms: cells of the HDR layout as buckets that grow exponentially.

Bucket *i* of schema *s* holds what is above ``2 ** ((i - 1) / 2**s)`` and at most
``2 ** (i / 2**s)``. A cell goes, whole, to the bucket that its middle falls into: so a duration is
off by at most half the width of its cell, and a quantile by the width of one bucket more.

Source: Prometheus, "Native Histograms" (standard exponential schemas).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import sub
from typing import Final

from agentmon.model.buckets import Layout
from agentmon.model.snapshot import Cells

__all__ = ["FINEST", "MOST_BUCKETS", "Exponential", "exponential"]

#: Buckets grow by 2.2 % each: more than twice the width of the cells they are made of.
FINEST: Final = 5
#: More buckets than that are joined two by two, until they are few enough.
MOST_BUCKETS: Final = 160
_COARSEST: Final = -4
_NS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Exponential:
    """
    A native histogram of durations.

    Args:
        schema: How fast buckets grow: each is ``2 ** 2**-schema`` times as high as the last.
        zero_threshold_s: Durations up to this one are counted as zero.
        zero_count: How many there are.
        spans: Runs of buckets without a gap: how many indexes the run lies behind the last one (the
            first, behind 0), and how many buckets it has.
        deltas: Count of each bucket, as the difference to the one before.
    """

    schema: int
    zero_threshold_s: float
    zero_count: int
    spans: tuple[tuple[int, int], ...]
    deltas: tuple[int, ...]


def exponential(layout: Layout, cells: Cells) -> Exponential:
    """
    Cells as a native histogram.

    Args:
        layout: What the cells are.
        cells: What is in them.
    """
    schema = FINEST
    zero_count = cells.counts[0] if cells.counts and not cells.first else 0
    buckets = _finest(layout, cells)
    while len(buckets) > MOST_BUCKETS and schema > _COARSEST:
        schema -= 1
        joined: dict[int, int] = {}
        for index, n in buckets.items():
            half = (index + 1) >> 1  # the upper edge of a pair is that of its upper half
            joined[half] = joined.get(half, 0) + n
        buckets = joined
    spans, deltas = _runs(buckets.items())
    return Exponential(schema, layout.lower(1) / _NS, zero_count, spans, deltas)


def _finest(layout: Layout, cells: Cells) -> dict[int, int]:
    """Counts of the finest buckets that have any, by index, rising; without the first cell."""
    first, counts = cells
    indexes, ends = _finest_ends(layout)
    begin, end = bisect_left(ends, first), bisect_left(ends, first + len(counts))
    below = [0, *accumulate(counts)]  # how many there are below each cell
    upto = [below[each - first] for each in ends[begin:end]] + below[-1:]
    found = map(sub, upto, [0 if first else sum(counts[:1]), *upto])
    return {index: n for index, n in zip(indexes[begin:], found, strict=False) if n}


@lru_cache(maxsize=8)  # the histograms of a process have one layout
def _finest_ends(layout: Layout) -> tuple[list[int], list[int]]:
    """Indexes of the finest buckets that cells may fall into, and the first cell beyond each."""
    indexes: list[int] = []
    ends: list[int] = []
    index = _place(layout, 1)
    last = _place(layout, layout.size - 1)
    while index < last:
        edge_ns = 2 ** (index / (1 << FINEST)) * _NS
        cell = layout.index(int(edge_ns))
        indexes.append(index)
        ends.append(cell + (_middle_ns(layout, cell) <= edge_ns))
        index += 1
    return [*indexes, last], [*ends, layout.size]


def _place(layout: Layout, cell: int) -> int:
    """Index of the finest bucket that the middle of a cell falls into."""
    return math.ceil(math.log2(_middle_ns(layout, cell) / _NS) * (1 << FINEST))


def _middle_ns(layout: Layout, cell: int) -> float:
    return (layout.lower(cell) + layout.lower(cell + 1)) / 2


def _runs(
    buckets: Iterable[tuple[int, int]],
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Spans and deltas of buckets with rising indexes."""
    spans: list[tuple[int, int]] = []
    deltas: list[int] = []
    expected = last = 0
    for index, n in buckets:
        if spans and index == expected:
            offset, length = spans[-1]
            spans[-1] = offset, length + 1
        else:
            spans.append((index - expected, 1))
        expected = index + 1
        deltas.append(n - last)
        last = n
    return tuple(spans), tuple(deltas)
