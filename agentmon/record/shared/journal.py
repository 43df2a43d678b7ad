"""
The journal of a file: calls that returned, one word each, as the process itself writes them.

Each caller takes the next place, and stores its word there. A thread that is held up between the
two leaves a gap, for as long as that takes, and one that a signal handler throws out of it leaves
it for good. So a word that is 0 says nothing of those behind it, and a place where a word may
still come is not given to somebody else: when the journal begins anew, gaps are left out.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from sys import byteorder
from threading import Lock
from typing import TYPE_CHECKING

from agentmon.record.shared.form import BASE, JOURNAL, JOURNAL_WORDS

if TYPE_CHECKING:
    from agentmon.record.recorder import Recorder

__all__ = ["Journal"]

_LOW = 0 if byteorder == "little" else 1  # which half of a word
_EMPTY = bytes(8)


class Journal:
    """
    Takes calls: ``journal.slots[next(journal.take)] = word``.

    `StopIteration` means that it is full, `ValueError` that it is closed; then the word is not in.

    Assumptions:
        - ``next`` of a range, and storing an item of a ``memoryview``, are each one indivisible
          step. On builds without the GIL a lock makes the former one.
        - A word has its higher half set.
        - Whoever calls a method holds the registry's lock.

    Guarantees:
        - A word that was put in is there for readers from that moment on, until the change that
          folds it.
        - No word is put over another.

    Args:
        head: The words of the file up to the end of the journal, or more.
    """

    __slots__ = ("_fixed", "_free", "_lifted", "_upcoming", "slots", "spilled", "take")

    def __init__(self, head: memoryview) -> None:
        self._fixed = head
        self.slots = head[JOURNAL : JOURNAL + JOURNAL_WORDS]
        #: The places that are given out this time, in order: all but gaps of the last time.
        self._free: Sequence[int] = range(JOURNAL_WORDS)
        #: Places of words behind a gap that were folded, and so are 0 again.
        self._lifted: set[int] = set()
        self.take: Iterator[int] = _one_by_one(self._free)
        #: Calls that found it full, until they are folded.
        self.spilled: list[tuple[Recorder, int]] = []
        #: What `take` is to be, where a signal handler kept it from that.
        self._upcoming: Iterator[int] | None = None

    def waiting(self) -> tuple[Sequence[int], list[int], array[int]]:
        """What is not folded: places, and lower and higher halves of the words there."""
        begin, end = self._fixed[BASE], JOURNAL_WORDS
        if len(self._free) == JOURNAL_WORDS:
            end -= length_hint(self.take)
        data = self.slots[begin:end].tobytes()
        # In halves, because the interpreter is much faster with numbers of 30 bits.
        halves = array("I", data)
        lows, highs = halves[_LOW::2].tolist(), halves[1 - _LOW :: 2]
        places: Sequence[int] = range(begin, end)
        alike = bool(highs) and bool(highs[0]) and highs == highs[:1] * len(highs)
        # Where they are not: perhaps a gap, perhaps the end of one word and the next.
        if not alike and data.find(_EMPTY) >= 0:
            places = [place for place, high in zip(places, highs, strict=True) if high]
            lows = [self.slots[place] & 0xFFFFFFFF for place in places]
            highs = array("I", [self.slots[place] >> 32 for place in places])
        return places, lows, highs

    def folded(self, places: Sequence[int]) -> dict[int, int]:
        """What has to change, as values by place in the file, when these words are folded."""
        if isinstance(places, range):
            return {BASE: places.stop}
        self._lifted.update(places)
        return dict.fromkeys((JOURNAL + place for place in places), 0)

    def rewind(self) -> None:
        """Begin anew, if all places were given out. All that was found to wait is folded."""
        if length_hint(self.take):
            return
        base, slots = self._fixed[BASE], self.slots
        if base or self._upcoming is None:
            # Behind the base is what readers look at: there are gaps, and words that came since.
            self._free = [*range(base), *sorted(self._lifted)] if self._lifted else range(base)
            self._upcoming = _one_by_one(self._free)
            slots[:base] = array("Q", bytes(8 * base))
            Lock().acquire()  # keeps processors from changing the order of what is stored
            self._fixed[BASE] = 0
        self._lifted = set()
        self.take, self._upcoming = self._upcoming, None

    def close(self) -> None:
        """Take no more."""
        self.slots.release()


def _one_by_one(places: Sequence[int]) -> Iterator[int]:
    """The places, each to one thread."""
    enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return iter(places) if enabled is None or enabled() else _TakingTurns(iter(places))


class _TakingTurns:
    """An iterator that one thread after the other moves on."""

    def __init__(self, iterator: Iterator[int]) -> None:
        self._iterator = iterator
        self._lock = Lock()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._iterator)

    def __length_hint__(self) -> int:
        return length_hint(self._iterator)
