"""
Sliding windows of 1 minute, 5 minutes and 1 hour over the durations of one series.

Time is cut into cells of 10 seconds; cells that have closed are kept for the shortest window and
merged into longer ones for the others. A window reads the cell that is filling and as many closed
ones as cover its length, so it covers between one and one and a fraction of its length.

Durations are counted at half the resolution of the layout (64 cells in a power of two by default,
so that a quantile is off by at most 0.8 %). A cell that would need more than `MOST` counts, or more
than `PACKED` bytes once it has closed, is halved again, and says so in the error of its quantiles.

Bound: 26 closed cells of at most `PACKED` bytes, one open cell of at most `MOST` counts, and a tail
of `TAIL` entries: 32 KiB.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import add

from agentmon.model.buckets import Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import Point
from agentmon.model.statistics import Statistics, merge
from agentmon.record.batch import Batch
from agentmon.record.limits import CELL_NS

__all__ = ["MOST", "PACKED", "TAIL", "WINDOWS", "Windows"]

#: Name of each window: length of its cells in nanoseconds, and how many closed ones it reads.
WINDOWS: dict[str, tuple[int, int]] = {
    "1m": (CELL_NS, 6),
    "5m": (6 * CELL_NS, 5),
    "1h": (30 * CELL_NS, 12),
}

MOST = 640
PACKED = 600
TAIL = 1024
_NARROW_BITS = 11  # of half an index, that leave room to count in two bytes

_POSITION: dict[str, int] = {outcome: position for position, outcome in enumerate(OUTCOMES)}


def _narrow(numbers: list[int]) -> array[int]:
    """The numbers in the narrowest array that holds them."""
    top = max(numbers, default=0)
    return array("B" if top < 1 << 8 else "H" if top < 1 << 16 else "Q", numbers)


def _compress(numbers: list[int]) -> bytes:
    """The numbers, all first bytes before all second ones: most of the higher are 0."""
    data = array("Q", numbers).tobytes()
    return zlib.compress(b"".join([data[i::8] for i in range(8)]), 1)


def _decompress(packed: bytes) -> array[int]:
    planes = zlib.decompress(packed)
    n = len(planes) // 8
    data = bytearray(len(planes))
    for i in range(8):
        data[i::8] = planes[i * n : (i + 1) * n]
    return array("Q", bytes(data))


def _halve(counts: dict[int, int]) -> dict[int, int]:
    """The counts of a layout with half as many cells."""
    halved: dict[int, int] = {}
    for index, n in counts.items():
        halved[index >> 1] = halved.get(index >> 1, 0) + n
    return halved


def _steps(indexes: list[int]) -> list[int]:
    """The distance of each index from the one before."""
    return [b - a for a, b in zip([0, *indexes], indexes, strict=False)]


def _packed(counts: dict[int, int]) -> bytes:
    indexes = sorted(counts)
    return _compress([*_steps(indexes), *(counts[index] for index in indexes)])


def _begin(cell: _Cell) -> int:
    return cell.begin_ns


class _Cell:
    """One stretch of time: a sorted list of counts, compressed once closed, and exact moments."""

    __slots__ = (
        "begin_ns",
        "coarseness",
        "counts",
        "max_ns",
        "min_ns",
        "outcomes",
        "packed",
        "squares_ns2",
        "steps",
        "sum_ns",
    )

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.coarseness = 1
        self.steps: array[int] | None = None  # distance of each index from the one before
        self.counts: array[int] | None = None
        self.packed: bytes | None = None  # both of these, of a closed cell
        self.outcomes = (0,) * len(OUTCOMES)
        self.sum_ns = 0
        self.squares_ns2 = 0
        self.min_ns = 0
        self.max_ns = 0

    def absorb_moments(self, outcomes: Iterable[int], other: Batch | _Cell) -> None:
        self.min_ns = min(other.min_ns, self.min_ns) if any(self.outcomes) else other.min_ns
        self.max_ns = max(other.max_ns, self.max_ns)
        self.outcomes = tuple(map(add, self.outcomes, outcomes))
        self.sum_ns += other.sum_ns
        self.squares_ns2 += other.squares_ns2

    def absorb_counts(self, counts: Mapping[int, int], coarseness: int) -> None:
        shift, merged = self._merged(counts, coarseness)
        indexes = sorted(merged)
        steps = _narrow(_steps(indexes))
        narrow = _narrow([merged[index] for index in indexes])
        # At once: a signal handler that reads must not see the one without the other.
        self.coarseness, self.steps, self.counts = shift, steps, narrow

    def _merged(self, counts: Mapping[int, int], coarseness: int) -> tuple[int, dict[int, int]]:
        """Coarseness and counts of what is there and what is given together."""
        shift = max(self.coarseness, coarseness)
        merged = self._at(shift)
        for index, n in counts.items():
            coarse = index >> (shift - coarseness)
            merged[coarse] = merged.get(coarse, 0) + n
        while len(merged) > MOST:
            shift += 1
            merged = _halve(merged)
        return shift, merged

    def absorb(self, other: _Cell) -> None:
        """Take in a closed cell; stays closed itself."""
        self.absorb_moments(other.outcomes, other)
        shift, merged = self._merged(other._at(other.coarseness), other.coarseness)
        while len(packed := _packed(merged)) > PACKED:
            shift += 1
            merged = _halve(merged)
        self.coarseness, self.packed = shift, packed

    def statistics(self, layout: Layout) -> Statistics:
        return Statistics(
            layout=layout,
            coarseness=self.coarseness,
            cells=self._at(self.coarseness),
            outcomes=dict(zip(OUTCOMES, self.outcomes, strict=True)),
            sum_ns=self.sum_ns,
            squares_ns2=self.squares_ns2,
            min_ns=self.min_ns,
            max_ns=self.max_ns,
        )

    def _at(self, coarseness: int) -> dict[int, int]:
        """Counts by index, brought to a coarseness not finer than the cell's own."""
        steps, counts = self.steps, self.counts
        if self.packed is not None:
            numbers = _decompress(self.packed)
            steps, counts = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        if steps is None or counts is None:
            return {}
        shift = coarseness - self.coarseness
        if not shift:
            return dict(zip(accumulate(steps), counts, strict=True))
        coarse: dict[int, int] = {}
        for index, n in zip(accumulate(steps), counts, strict=True):
            coarse[index >> shift] = coarse.get(index >> shift, 0) + n
        return coarse


class Windows:
    """
    The sliding windows of one series. Not safe for use by two threads.

    Args:
        layout: The cells of the durations.
    """

    __slots__ = ("_bits", "_layout", "_most", "_open", "_rings", "_tail")

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._open: _Cell | None = None
        # An entry holds half an index in its low bits, and how many there are, less one, above.
        self._bits = layout.size.bit_length() - 1
        self._tail: array[int] = array("H" if self._bits <= _NARROW_BITS else "I")
        self._most = 1 << 8 * self._tail.itemsize - self._bits
        self._rings: dict[str, list[_Cell]] = {name: [] for name in WINDOWS}

    def add(self, batch: Batch) -> None:
        """Add durations."""
        begin_ns = batch.ended_ns - batch.ended_ns % CELL_NS
        cell = self._open
        if cell is None or cell.begin_ns < begin_ns:
            self._close()
            self._open = cell = _Cell(begin_ns)
        outcomes = [0] * len(OUTCOMES)
        outcomes[_POSITION[batch.outcome]] = batch.size
        if cell.begin_ns > begin_ns:  # reported after its time: it belongs to a closed cell
            late = _Cell(begin_ns)
            late.absorb_moments(outcomes, batch)
            late.absorb_counts(batch.counts, 0)
            self._file(late)
            return
        cell.absorb_moments(outcomes, batch)
        bits, most = self._bits, self._most
        entries: list[int] = []
        for index, n in batch.counts.items():
            while n > most:
                entries.append((most - 1) << bits | index >> 1)
                n -= most  # noqa: PLW2901  # what is left of it
            entries.append((n - 1) << bits | index >> 1)
        # Made before it is appended, in one step: a signal handler may read meanwhile.
        fresh = array(self._tail.typecode, entries)
        self._tail.extend(fresh)
        if len(self._tail) > TAIL:
            self._fold_tail(cell)

    def read(self, name: str, now_ns: int) -> Statistics:
        """
        What happened within a window that ends now.

        Args:
            name: ``1m``, ``5m`` or ``1h``.
            now_ns: On the clock of the calls.
        """
        length_ns, closed = WINDOWS[name]
        oldest_ns = now_ns - now_ns % length_ns - closed * length_ns
        return merge(
            self._layout,
            (
                cell.statistics(self._layout)
                for cell in self._cells(name)
                if cell.begin_ns >= oldest_ns
            ),
        )

    def history(self, name: str, now_ns: int) -> tuple[Point, ...]:
        """The cells that `read` merges, oldest first, empty ones included."""
        length_ns, closed = WINDOWS[name]
        newest_ns = now_ns - now_ns % length_ns
        by_begin: dict[int, list[Statistics]] = {}
        for cell in self._cells(name):
            begin_ns = cell.begin_ns - cell.begin_ns % length_ns
            by_begin.setdefault(begin_ns, []).append(cell.statistics(self._layout))
        begins = range(newest_ns - closed * length_ns, newest_ns + 1, length_ns)
        return tuple(
            Point(begin, length_ns, merge(self._layout, by_begin.get(begin, ())))
            for begin in begins
        )

    def _cells(self, name: str) -> list[_Cell]:
        cells = list(self._rings[name])
        if self._open is not None:
            self._fold_tail(self._open)
            cells.append(self._open)
        return cells

    def _fold_tail(self, cell: _Cell) -> None:
        # Taken in one step, before it is counted: a signal handler that reads meanwhile must
        # neither count it again nor replace what is being added to.
        fresh = array(self._tail.typecode)
        tail, self._tail = self._tail, fresh
        if tail:
            bits = self._bits
            mask = (1 << bits) - 1
            counts: dict[int, int] = {}
            for entry, times in Counter(tail).items():
                index = entry & mask
                counts[index] = counts.get(index, 0) + ((entry >> bits) + 1) * times
            cell.absorb_counts(counts, 1)

    def _close(self) -> None:
        if self._open is not None:
            self._fold_tail(self._open)
            self._file(self._open)
            self._open = None

    def _file(self, cell: _Cell) -> None:
        """Merge a closed cell into every ring."""
        for name, (length_ns, closed) in WINDOWS.items():
            ring = self._rings[name]
            begin_ns = cell.begin_ns - cell.begin_ns % length_ns
            home = next((c for c in reversed(ring) if c.begin_ns == begin_ns), None)
            if home is None:
                home = _Cell(begin_ns)
                ring.append(home)
                ring.sort(key=_begin)
                del ring[: -(closed + 1)]
            home.absorb(cell)
