"""
The arithmetic of the HDR histogram layout: which cell a duration falls into, and back.

A cell is an index into an array of counts, the same index that HdrHistogram uses for the same
lowest value, highest value and number of significant digits, so that counts can be merged exactly
and written in its format. Inside a power of two all cells have one width; above the linear range
a cell's width is at most ``1 / 10**digits`` of the values in it.

Source: HdrHistogram, ``AbstractHistogram`` (unit magnitude, sub-bucket count, counts index).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from agentmon.errors import ConfigError

_MOST_EDGES = 255
_LEAST_EDGE_S = 1e-9
_FEW_CELLS = 16  # so many edges are found faster than the index of each duration

__all__ = ["DAY_NS", "EDGES_S", "Layout"]

DAY_NS = 24 * 3600 * 10**9

#: Upper edges of the classic buckets, in seconds. Tools take milliseconds, agents take minutes,
#: workflows hours; round numbers, because objectives are set at round numbers.
EDGES_S: tuple[float, ...] = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0),
)


@dataclass(frozen=True)
class Layout:
    """
    The cells of a duration histogram, and the classic buckets derived from them.

    Args:
        digits: Significant decimal digits kept, 1 to 4.
        lowest_ns: The smallest duration told apart from zero, in nanoseconds.
        highest_ns: The largest duration kept; longer ones are clamped to it and counted.
        edges_s: Upper edges of the classic buckets, in seconds, rising, below the largest duration
            (longer ones, clamped to it, must not be counted under an edge). A cell belongs to the
            first bucket whose edge is not below the cell's lowest value: a duration equal to an
            edge is always counted under it, and one above an edge is counted under it only
            within the width of the one cell that the edge falls into.

    Raises:
        ConfigError: If a value is out of range.
    """

    digits: int = 2
    lowest_ns: int = 1_000
    highest_ns: int = DAY_NS
    edges_s: tuple[float, ...] = EDGES_S

    #: log2 of the width of the narrowest cells, in nanoseconds.
    unit: int = field(init=False)
    #: log2 of the number of cells in each power of two.
    half: int = field(init=False)
    #: Number of cells.
    size: int = field(init=False)
    #: The first cell beyond each classic bucket, the last of which is +Inf.
    bucket_ends: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.digits) is not int or self.digits not in (1, 2, 3, 4):
            raise ConfigError(f"digits: got {self.digits!r}, allowed 1, 2, 3 or 4")
        if self.lowest_ns < 1 or self.highest_ns < 2 * self.lowest_ns:
            raise ConfigError(
                f"histogram range: got {self.lowest_ns} to {self.highest_ns} ns, allowed a lowest "
                "value of at least 1 and a highest of at least twice that"
            )
        edges = self.edges_s
        if len(edges) > _MOST_EDGES:
            raise ConfigError(f"bucket edges: got {len(edges)}, allowed at most {_MOST_EDGES}")
        usable = (  # as it must be, and not as it must not: nothing compares with NaN
            edges
            and all(isinstance(e, int | float) and not isinstance(e, bool) for e in edges)
            and all(a < b for a, b in pairwise(edges))
            and edges[0] >= _LEAST_EDGE_S
            and edges[-1] < self.highest_ns / 1e9
        )
        if not usable:
            raise ConfigError(
                f"bucket edges: got {edges!r}, allowed rising numbers of seconds, from "
                f"{_LEAST_EDGE_S} to below {self.highest_ns / 1e9:g}"
            )
        set_ = object.__setattr__
        set_(self, "unit", self.lowest_ns.bit_length() - 1)
        set_(self, "half", (2 * 10**self.digits - 1).bit_length() - 1)
        last = self.index(self.highest_ns)
        set_(self, "size", last + 1)
        last_cells = [self.index(round(edge * 1e9)) for edge in edges]
        set_(self, "bucket_ends", (*(last + 1 for last in last_cells), self.size))

    def index(self, value_ns: int) -> int:
        """Index of the cell that holds a duration of *value_ns* nanoseconds."""
        shift = value_ns.bit_length() - self.half - 1
        if shift <= self.unit:
            return value_ns >> self.unit
        return (value_ns >> shift) + ((shift - self.unit) << self.half)

    def bucket(self, value_ns: int) -> int:
        """Place of the classic bucket that a duration is counted in."""
        return bisect_right(self.bucket_ends, self.index(min(max(value_ns, 0), self.highest_ns)))

    def counts(self, ordered_ns: list[int]) -> dict[int, int]:
        """
        How many of many durations fall into which cell.

        Args:
            ordered_ns: The durations, rising; at least one.
        """
        first, last = self.index(ordered_ns[0]), self.index(ordered_ns[-1])
        if last - first < _FEW_CELLS:  # look for the edges of the cells
            counts: dict[int, int] = {}
            end, most = 0, len(ordered_ns)
            while end < most:
                begin, index = end, self.index(ordered_ns[end])
                end = most if index == last else bisect_left(ordered_ns, self.lower(index + 1), end)
                counts[index] = end - begin
            return counts
        # Durations within one power of two are shifted alike.
        indexes: list[int] = []
        end = 0
        bits = max(ordered_ns[0].bit_length(), self.unit + self.half + 1)
        while end < len(ordered_ns):
            begin, end = end, bisect_left(ordered_ns, 1 << bits, end)
            shift = bits - self.half - 1
            offset = (shift - self.unit) << self.half
            indexes += [(value >> shift) + offset for value in ordered_ns[begin:end]]
            bits += 1
        return Counter(indexes)

    def lower(self, index: int) -> int:
        """Smallest duration in the cell, in nanoseconds."""
        octave = (index >> self.half) - 1
        if octave < 0:
            return index << self.unit
        return (index - (octave << self.half)) << (self.unit + octave)

    def upper(self, index: int) -> int:
        """Largest duration in the cell, in nanoseconds."""
        return self.lower(index + 1) - 1
