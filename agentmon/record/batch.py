"""
Calls that ended alike within one cell of time, summed up once for all who take them in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentmon.model.buckets import Layout

__all__ = ["Batch"]


class Batch:
    """
    Durations of calls that ended with one outcome.

    Args:
        layout: The cells; durations outside its range are clamped to it.
        outcome: How the calls ended.
        ended_ns: When one of them ended; all ended within one cell of time.
        values_ns: Their durations, at least one.

    Attributes:
        clamped: How many durations lay outside the range.
        indexes: The cell of each duration.
        counts: How many fall into which cell.
    """

    __slots__ = (
        "clamped",
        "counts",
        "ended_ns",
        "indexes",
        "max_ns",
        "min_ns",
        "outcome",
        "size",
        "squares_ns2",
        "sum_ns",
    )

    def __init__(self, layout: Layout, outcome: str, ended_ns: int, values_ns: list[int]) -> None:
        low, high = min(values_ns), max(values_ns)
        self.clamped = 0
        if low < 0 or high > layout.highest_ns:
            highest = layout.highest_ns
            self.clamped = sum(1 for v in values_ns if v < 0 or v > highest)
            values_ns = [min(max(v, 0), highest) for v in values_ns]
            low, high = min(values_ns), max(values_ns)
        self.outcome = outcome
        self.ended_ns = ended_ns
        self.size = len(values_ns)
        self.min_ns = low
        self.max_ns = high
        self.sum_ns = sum(values_ns)
        self.squares_ns2 = sum(map(mul, values_ns, values_ns))
        self.indexes = layout.indexes(values_ns, low, high)
        self.counts: Mapping[int, int] = Counter(self.indexes)
