"""
Numbers that bound what is recorded, and that are needed before anything is.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CELL_NS", "CROWDED", "FULL", "MAX_SERIES"]

#: Calls that may wait to be folded before the next caller folds them, if nobody else is folding.
FULL: Final = 512

#: Calls that may wait before the next caller waits until it can fold them.
CROWDED: Final = 4 * FULL

#: Length of the cells that time is cut into, in nanoseconds.
CELL_NS: Final = 10 * 10**9

#: Series kept by default; declarations beyond it share one series of their kind.
MAX_SERIES: Final = 10_000
