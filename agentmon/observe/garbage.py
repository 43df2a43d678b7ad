"""
Pauses of the garbage collector.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, Final

__all__ = ["Pauses"]

#: So many wait at most to be handed over.
_FULL: Final = 1000


class Pauses:
    """
    Times every collection, from `start` to `stop`.

    Assumptions:
        The interpreter collects in one thread at a time.

    Args:
        paused: Told of the generation, and how long it took in nanoseconds.
    """

    def __init__(self, paused: Callable[[str, int], object]) -> None:
        self._paused = paused
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._begun_ns: int | None = None
        self._waiting: list[tuple[int, int]] = []

    def start(self) -> None:
        """Time them from now on."""
        self.stop()
        self._begin_anew()
        gc.callbacks.append(self._called)

    def stop(self) -> None:
        """Time them no more."""
        with suppress(ValueError):
            gc.callbacks.remove(self._called)

    def hand_over(self) -> None:
        """Tell of those that nobody was told of."""
        waiting = self._waiting
        while waiting:
            try:
                generation, took_ns = waiting.pop(0)
            except IndexError:  # another thread was faster
                return
            self._paused(str(generation), took_ns)

    def _called(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._begun_ns = perf_counter_ns()
        elif self._begun_ns is not None:
            self._waiting.append((info["generation"], perf_counter_ns() - self._begun_ns))
            self._begun_ns = None
            # Not in a forked child that has not begun anew: locks may be held by nobody there.
            if len(self._waiting) >= _FULL and os.getpid() == self._process:
                self.hand_over()
