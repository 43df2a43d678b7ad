"""
Where ended spans wait to be exported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(Generic[T]):
    """
    A bounded queue that never makes anybody wait.

    Assumptions:
        ``deque.append`` and ``deque.popleft`` are each one indivisible step: a promise of CPython.

    Guarantees:
        - `put` takes no lock, save when the queue is full.
        - What was put is taken once, or counted by *full*; several threads that put at once may
          exceed the size by one each.

    Args:
        size: The most that wait.
        full: Told of each item that finds no room.
    """

    __slots__ = ("_full", "_items", "_size", "_wake_at", "wake")

    def __init__(self, size: int, full: Callable[[], object]) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._wake_at = max(1, size // 4)
        self._full = full
        #: Called when a quarter of the room is taken.
        self.wake: Callable[[], object] = _nobody

    def put(self, item: T) -> None:
        """Let an item wait, if there is room."""
        items = self._items
        waiting = len(items)
        if waiting >= self._size:
            self._full()
            return
        items.append(item)
        if waiting == self._wake_at:
            self.wake()

    def take(self, most: int) -> list[T]:
        """The items that have waited longest, at most so many."""
        items = self._items
        taken: list[T] = []
        try:
            while len(taken) < most:
                taken.append(items.popleft())
        except IndexError:  # it is empty
            pass
        return taken

    def waiting(self) -> int:
        """How many wait."""
        return len(self._items)


def _nobody() -> None:
    """Nobody is to be woken."""
