"""
The counts of one duration histogram over the life of the process.

Dense between the lowest and the highest cell used, 4 bytes a cell until one count needs 8: a
histogram that uses every cell of the default layout takes 16 KB, an unused one none.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import pairwise

from agentmon.model.buckets import Layout
from agentmon.model.exemplar import Exemplar
from agentmon.model.snapshot import Cells, HistogramState
from agentmon.record.batch import Batch

__all__ = ["Histogram"]

_PAGE = 128  # cells that the array grows by at either end
_NARROW = 0xFFFFFFFF  # the most that a 4-byte cell holds


class Histogram:
    """
    Counts by cell, and exact moments. Not safe for use by two threads.

    Args:
        layout: The cells.
    """

    __slots__ = (
        "_counts",
        "_first",
        "_layout",
        "count",
        "exemplars",
        "max_ns",
        "min_ns",
        "squares_ns2",
        "sum_ns",
    )

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._first = 0
        self._counts = array("I")
        self.count = 0
        #: The newest trace of each classic bucket, by its place; None while there is none.
        self.exemplars: dict[int, Exemplar] | None = None
        self.sum_ns = 0
        self.squares_ns2 = 0
        self.min_ns = 0
        self.max_ns = 0

    def add(self, batch: Batch) -> None:
        """Add durations."""
        if self.count + batch.size > _NARROW and self._counts.typecode == "I":
            self._counts = array("Q", self._counts)
        counts = batch.counts
        self._reach(min(counts), max(counts))
        first = self._first
        cells = self._counts
        for index, n in counts.items():
            cells[index - first] += n
        self.min_ns = min(batch.min_ns, self.min_ns) if self.count else batch.min_ns
        self.max_ns = max(batch.max_ns, self.max_ns)
        self.count += batch.size
        self.sum_ns += batch.sum_ns
        self.squares_ns2 += batch.squares_ns2

    def show(self, exemplar: Exemplar) -> None:
        """Let a call's trace stand for its bucket."""
        place = self._layout.bucket(exemplar.duration_ns)
        self.exemplars = {**(self.exemplars or {}), place: exemplar}

    def cells(self) -> dict[int, int]:
        """Counts of the cells that have any, by index, rising."""
        return {index: n for index, n in enumerate(self._counts, self._first) if n}

    def counts_of(self, cells: Iterable[int]) -> list[tuple[int, int]]:
        """Index and count of some cells, all of which have any."""
        first, counts = self._first, self._counts
        return [(index, counts[index - first]) for index in cells]

    def state(self, *, cells: bool = False) -> HistogramState:
        """
        What the exposition needs, as it stands now.

        Args:
            cells: Whether the counts of all cells are needed too.
        """
        first, counts = self._first, self._counts
        ends = [max(0, end - first) for end in self._layout.bucket_ends]
        # Summed when asked for: scrapes are rare, and folds are not.
        buckets = tuple(sum(counts[begin:end]) for begin, end in pairwise([0, *ends]))
        every = Cells(first, counts[:]) if cells else None
        return HistogramState(self._layout, buckets, self.count, self.sum_ns, every, self.exemplars)

    def _reach(self, low: int, high: int) -> None:
        """Make room for the cells from *low* to *high*."""
        if not self._counts:
            self._first = low - low % _PAGE
        elif low < self._first:
            first = low - low % _PAGE
            self._counts = self._zeros(self._first - first) + self._counts
            self._first = first
        length = len(self._counts)
        missing = high + 1 - self._first - length
        if missing > 0:
            room = self._layout.size - self._first - length
            # A new array, because one that is extended keeps room to spare.
            self._counts = self._counts + self._zeros(min(room, missing + -missing % _PAGE))

    def _zeros(self, n: int) -> array[int]:
        return array(self._counts.typecode, bytes(n * self._counts.itemsize))
