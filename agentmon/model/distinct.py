"""
How many different ones there were, in bounded memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["LowestHashes", "Sketch", "SketchOfLibrary"]

_HASHES = 1 << 64


class Sketch(Protocol):
    """Counts what is different."""

    def add(self, hashed: int) -> None:
        """Take one, by a hash of 64 bits."""
        ...

    def estimate(self, others: Iterable[Any]) -> float:
        """How many different ones this and others of its kind have seen together."""
        ...


class LowestHashes:
    """
    Keeps the lowest hashes that it saw.

    Up to *most* different ones it is exact. Beyond, how low the highest of them is says how many
    there were, with a standard error of 1 / sqrt(most - 2): 3.1 % for 1,024.

    Args:
        most: How many are kept.
    """

    __slots__ = ("_most", "lowest")

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self.lowest: list[int] = []

    def add(self, hashed: int) -> None:
        """Take one, by a hash of 64 bits."""
        lowest = self.lowest
        at = bisect_left(lowest, hashed)
        if at < len(lowest):
            if lowest[at] == hashed:
                return
        elif at >= self._most:
            return
        lowest.insert(at, hashed)
        del lowest[self._most :]

    def estimate(self, others: Iterable[LowestHashes]) -> float:
        """How many different ones this and others have seen together."""
        together = set(self.lowest)
        for other in others:
            together.update(other.lowest)
        if len(together) < self._most:
            return len(together)
        highest = sorted(together)[self._most - 1]
        return (self._most - 1) * _HASHES / (highest + 1)


class SketchOfLibrary:
    """
    A sketch of the library ``datasketches``: HyperLogLog of 4,096 registers.

    Its standard error is 1.6 %, in 4 KiB; with few it is all but exact.

    Args:
        library: The library.
    """

    __slots__ = ("_library", "sketch")

    LG_REGISTERS = 12

    def __init__(self, library: Any) -> None:
        self._library = library
        self.sketch = library.hll_sketch(self.LG_REGISTERS, library.tgt_hll_type.HLL_8)

    def add(self, hashed: int) -> None:
        """Take one, by a hash of 64 bits."""
        self.sketch.update(hashed.to_bytes(8, "big").hex())

    def estimate(self, others: Iterable[SketchOfLibrary]) -> float:
        """How many different ones this and others have seen together."""
        union = self._library.hll_union(self.LG_REGISTERS)
        union.update(self.sketch)
        for other in others:
            union.update(other.sketch)
        return float(union.get_estimate())
