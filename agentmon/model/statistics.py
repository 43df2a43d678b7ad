"""
What a set of durations says: moments, quantiles with their error, outcomes.

Counts, sums and sums of squares are exact integers; quantiles come from the cells of an HDR
layout. Two statistics of one layout merge exactly, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from agentmon.model.buckets import Layout
from agentmon.model.outcome import ERROR, OUTCOMES, TIMEOUT

__all__ = ["Quantile", "Statistics", "merge", "variance_shares"]


@dataclass(frozen=True, slots=True)
class Quantile:
    """
    A quantile and how far it can be off.

    Args:
        value_ns: The middle of the cell that holds it, in nanoseconds.
        error_ns: The exact quantile lies within this of `value_ns`.
    """

    value_ns: float
    error_ns: float


@dataclass(frozen=True)
class Statistics:
    """
    A set of durations, summarised.

    Args:
        layout: The cells that `cells` counts in.
        coarseness: Each key of `cells` stands for ``2**coarseness`` neighbouring cells.
        cells: Counts by cell index (divided by ``2**coarseness``).
        outcomes: How many ended how.
        sum_ns: Sum of the durations, exact, in nanoseconds.
        squares_ns2: Sum of their squares, exact, in square nanoseconds.
        min_ns: The smallest, exact; 0 without any.
        max_ns: The largest, exact; 0 without any.
    """

    layout: Layout
    coarseness: int = 0
    cells: Mapping[int, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    sum_ns: int = 0
    squares_ns2: int = 0
    min_ns: int = 0
    max_ns: int = 0

    @property
    def count(self) -> int:
        """Durations in the set."""
        return sum(self.outcomes.values())

    @property
    def mean_ns(self) -> float:
        """Arithmetic mean in nanoseconds, exact; NaN without any."""
        return self.sum_ns / self.count if self.count else math.nan

    @property
    def variance_ns2(self) -> float:
        """
        Population variance in square nanoseconds, exact; NaN without any.

        Source: ``E[x²] - E[x]²``, over integers, so that nothing cancels.
        """
        n = self.count
        return (n * self.squares_ns2 - self.sum_ns**2) / n**2 if n else math.nan

    @property
    def stddev_ns(self) -> float:
        """Population standard deviation in nanoseconds; NaN without any."""
        return math.sqrt(self.variance_ns2)

    @property
    def cv(self) -> float:
        """Coefficient of variation: standard deviation / mean; NaN where the mean is 0 or none."""
        return self.stddev_ns / self.mean_ns if self.sum_ns else math.nan

    @property
    def error_rate(self) -> float:
        """Share that ended in error; NaN without any."""
        return self._share(ERROR)

    @property
    def timeout_rate(self) -> float:
        """Share that exceeded its timeout; NaN without any."""
        return self._share(TIMEOUT)

    def _share(self, outcome: str) -> float:
        return self.outcomes.get(outcome, 0) / self.count if self.count else math.nan

    def quantile(self, q: float) -> Quantile:
        """
        The duration at or below which a fraction *q* of the set lies.

        Args:
            q: In [0, 1].

        Returns:
            The middle of the cell that holds rank ``ceil(q * n)``, never outside the smallest and
            largest duration; NaN without any. With 2 digits and no coarseness the error is at most
            0.4 % of the value, or half of the narrowest cell.

        Raises:
            ValueError: If *q* is not in [0, 1].
        """
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Iterable[float]) -> list[Quantile]:
        """Several quantiles in one pass; see `quantile`."""
        wanted = list(qs)
        for q in wanted:
            if not 0.0 <= q <= 1.0:
                raise ValueError(f"quantile: got {q!r}, allowed 0 to 1")
        total = sum(self.cells.values())
        if not total:
            return [Quantile(math.nan, math.nan) for _ in wanted]
        indexes = sorted(self.cells)
        reached = list(accumulate(self.cells[i] for i in indexes))
        found: dict[int, Quantile] = {}
        position = 0
        for rank in sorted({_rank(q, total) for q in wanted}):
            while reached[position] < rank:
                position += 1
            found[rank] = self._middle(indexes[position])
        return [found[_rank(q, total)] for q in wanted]

    def _middle(self, index: int) -> Quantile:
        low = max(self.layout.lower(index << self.coarseness), self.min_ns)
        high = min(self.layout.upper(((index + 1) << self.coarseness) - 1), self.max_ns)
        return Quantile((low + high) / 2, (high - low) / 2)


def _rank(q: float, total: int) -> int:
    """
    The rank that a fraction *q* of *total* reaches, from 1.

    Source: HdrHistogram, ``getValueAtPercentile``: one unit in the last place less, so that the
    rounding of 0.07 * 100 to 7.000000000000001 does not ask for rank 8.
    """
    return max(1, math.ceil(math.nextafter(q, 0.0) * total))


def merge(layout: Layout, parts: Iterable[Statistics]) -> Statistics:
    """
    The union of several sets of durations.

    Args:
        layout: The layout that all of them share.
        parts: The sets; the result is as coarse as the coarsest of them.

    Returns:
        Statistics whose counts and sums equal those of recording all durations into one.
    """
    filled = [part for part in parts if part.count]
    coarseness = max((part.coarseness for part in filled), default=0)
    cells: dict[int, int] = {}
    outcomes: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    for part in filled:
        shift = coarseness - part.coarseness
        for index, n in part.cells.items():
            cells[index >> shift] = cells.get(index >> shift, 0) + n
        for outcome, n in part.outcomes.items():
            outcomes[outcome] += n
    return Statistics(
        layout=layout,
        coarseness=coarseness,
        cells=cells,
        outcomes=outcomes,
        sum_ns=sum(part.sum_ns for part in filled),
        squares_ns2=sum(part.squares_ns2 for part in filled),
        min_ns=min((part.min_ns for part in filled), default=0),
        max_ns=max((part.max_ns for part in filled), default=0),
    )


def variance_shares(parts: list[Statistics]) -> list[float]:
    """
    How much each set contributes to the variance of all of them together.

    Args:
        parts: The sets, for instance one for each agent and operation.

    Returns:
        Shares that add up to 1, in the order given; all 0 where there is no variance.

    Source: law of total variance; a set of ``n`` durations contributes
    ``n * (variance + (mean - overall mean)²)``.
    """
    total = sum(part.count for part in parts)
    if not total:
        return [0.0] * len(parts)
    mean = sum(part.sum_ns for part in parts) / total
    spread = [
        part.count * (part.variance_ns2 + (part.mean_ns - mean) ** 2) if part.count else 0.0
        for part in parts
    ]
    whole = sum(spread)
    return [part / whole if whole else 0.0 for part in spread]
