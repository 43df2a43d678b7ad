"""
Calls that ended alike within one cell of time, summed up once for all who take them in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
        counts: How many fall into which cell.
    """

    __slots__ = (
        "clamped",
        "counts",
        "ended_ns",
        "max_ns",
        "min_ns",
        "outcome",
        "size",
        "squares_ns2",
        "sum_ns",
    )

    def __init__(self, layout: Layout, outcome: str, ended_ns: int, values_ns: list[int]) -> None:
        ordered = sorted(values_ns)
        self.clamped = 0
        highest = layout.highest_ns
        if ordered[0] < 0 or ordered[-1] > highest:
            self.clamped = bisect_left(ordered, 0) + len(ordered) - bisect_right(ordered, highest)
            ordered = [min(max(v, 0), highest) for v in ordered]
        self.outcome = outcome
        self.ended_ns = ended_ns
        self.size = len(ordered)
        self.min_ns = ordered[0]
        self.max_ns = ordered[-1]
        self.sum_ns = sum(ordered)
        self.squares_ns2 = sum(map(mul, ordered, ordered))
        self.counts: Mapping[int, int] = layout.counts(ordered)

    @classmethod
    def of(
        cls,
        outcome: str,
        ended_ns: int,
        size: int,
        ends_ns: tuple[int, int],
        counts: Mapping[int, int],
    ) -> Batch:
        """
        One whose durations are known by their cells only; sums are the caller's to set.

        Args:
            outcome: How the calls ended.
            ended_ns: When.
            size: How many.
            ends_ns: The shortest and the longest there can be.
            counts: How many fall into which cell.
        """
        batch = cls.__new__(cls)
        batch.outcome, batch.ended_ns, batch.size, batch.counts = outcome, ended_ns, size, counts
        batch.min_ns, batch.max_ns = ends_ns
        batch.clamped = batch.sum_ns = batch.squares_ns2 = 0
        return batch
