"""
The arithmetic of native histograms: cells of the HDR layout as buckets that grow exponentially.

Bucket *i* of schema *s* holds what is above ``2 ** ((i - 1) / 2**s)`` and at most
``2 ** (i / 2**s)``. A cell goes, whole, to the bucket that its middle falls into: so a duration is
off by at most half the width of its cell, and a quantile by the width of one bucket more.

Source: Prometheus, "Native Histograms" (standard exponential schemas).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agentmon.model.buckets import Layout

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


def exponential(layout: Layout, cells: Mapping[int, int]) -> Exponential:
    """
    Cells as a native histogram.

    Args:
        layout: The cells.
        cells: Counts by index.
    """
    schema = FINEST
    buckets: dict[int, int] = {}
    zero_count = cells.get(0, 0)
    for cell, n in cells.items():
        if cell and n:
            middle_s = (layout.lower(cell) + layout.upper(cell) + 1) / 2 / _NS
            index = math.ceil(math.log2(middle_s) * (1 << schema))
            buckets[index] = buckets.get(index, 0) + n
    while len(buckets) > MOST_BUCKETS and schema > _COARSEST:
        schema -= 1
        joined: dict[int, int] = {}
        for index, n in buckets.items():
            half = (index + 1) >> 1  # the upper edge of a pair is that of its upper half
            joined[half] = joined.get(half, 0) + n
        buckets = joined
    spans, deltas = _runs(sorted(buckets.items()))
    return Exponential(schema, layout.lower(1) / _NS, zero_count, spans, deltas)


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
