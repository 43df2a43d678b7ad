"""
The clock of the hot path, and its place on the calendar.

Durations come from a clock that never steps back; spans and pages want time since 1970. The
difference of the two is read once per use, so that one reading of the clock serves both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Clock", "epoch_offset_ns"]

#: Nanoseconds from an arbitrary start; never steps back.
Clock: TypeAlias = Callable[[], int]


def epoch_offset_ns(clock: Clock) -> int:
    """Nanoseconds to add to a reading of *clock* to get nanoseconds since 1970."""
    return time.time_ns() - clock()
