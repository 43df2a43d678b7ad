"""
The lock of what is kept besides calls: tasks, users, prices.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

__all__ = ["Shelter"]


class Shelter:
    """
    A block in which nobody else changes what is kept.

    Guarantees:
        - There is one of them, which its holder can enter again, as a finaliser does; and nothing
          is recorded, logged or locked within it. So it cannot be part of a deadlock.
        - What is to be recorded is so when the outermost block of the thread has been left.
    """

    __slots__ = ("_depth", "_lock", "_waiting")

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        self._waiting: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def later(self, do: Callable[..., object], *arguments: object) -> None:
        """Do something when the block has been left; for use within it."""
        self._waiting.append((do, arguments))

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_error: object) -> None:
        self._depth -= 1
        waiting = self._waiting
        if self._depth:
            waiting = []
        elif waiting:
            self._waiting = []
        self._lock.release()
        for do, arguments in waiting:
            do(*arguments)
