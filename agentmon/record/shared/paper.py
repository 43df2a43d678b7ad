"""
The file of a process, as the process itself writes it.

Why a kill at any moment leaves it whole
----------------------------------------
A process that is killed by SIGKILL stops between two instructions; what it had stored in the mapped
file is there for everybody, what it had not is not. So it is enough that the file means the right
thing after each single store:

- *A call* is one store of 8 aligned bytes into a place of the journal that is its own: it is there
  or not. A word of zeros is not written yet.
- *A change* of several words is first noted: places and new values go into the note, and their
  number. Nobody looks at them while the sequence is even. Then the sequence becomes odd, by one
  store: from here on the change counts. Then the words are changed, and the sequence becomes even
  again. Whoever finds a dead file with an odd sequence applies the note: values are absolute, so
  doing that twice, or to words half of which are changed, gives the same.
- *Folding the journal* is such a change. It holds the new values of all words that calls of the
  journal changed, together with the new base of the journal, before which nothing is read; where a
  word is missing, the base stays, and the words behind it are set to zero by the same change. So no
  call counts twice or not at all.
- *Beginning the journal anew* clears what is before its base, where nothing is read, and then sets
  the base to the beginning. Behind it are zeros, and calls that are not folded.
- *A line of names* that is cut off has no end of line, and is not read. Words are changed only
  after the lines that say what they are were written.
- *A new file* is made under another name, locked, filled, and then renamed.

A reader of a living process copies what it needs and keeps the copy only if the sequence was even
and the same before and after. It takes no lock that the writer takes.

Disks that are full show when room is reserved, before anything is mapped (``posix_fallocate``):
a store into a mapped file never fails.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
from array import array
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

from agentmon.record.shared.form import (
    BEGUN,
    MAGIC,
    NAMES,
    NOTE,
    NOTE_PAIRS,
    NOTED,
    SEGMENT,
    SEQUENCE,
    VERSION,
    WORDS,
    WORDS_AT,
)
from agentmon.record.shared.journal import Journal

__all__ = ["Paper"]

_MODE = 0o600


class Paper:
    """
    Words in a file, and their names in another.

    Assumptions:
        Whoever calls a method holds the registry's lock.

    Guarantees:
        What a kill leaves behind can be read, and is right; see above.

    Args:
        folder: Where the files go.
        name: What they are called, without their ends.
        about: What the first line of the names says.
        begun_ns: When recording began, in nanoseconds since 1970.

    Raises:
        OSError: If there is no room, or no permission.
    """

    def __init__(self, folder: Path, name: str, about: dict[str, Any], begun_ns: int) -> None:
        self.name = name
        self._paths = (folder / f"{name}{NAMES}", folder / f"{name}{WORDS}")
        self._fresh = tuple(path.with_name(f".new-{path.name}") for path in self._paths)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        self._names = self._words = -1
        self._maps: list[mmap.mmap] = []
        self._segments: list[memoryview] = []
        self._lines = 0
        try:
            self._names = os.open(self._fresh[0], flags, _MODE)
            self._words = os.open(self._fresh[1], flags, _MODE)
            # Held as long as the process lives, whatever ends it.
            fcntl.flock(self._words, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(self._words, 0, 8 * WORDS_AT)
            self._fixed = self._mapped(0, WORDS_AT)
            self._fixed[0] = MAGIC
            self._fixed[1] = VERSION
            self._fixed[BEGUN] = begun_ns
            self.line({"version": VERSION, **about})
            self.journal = Journal(self._fixed)
        except BaseException:
            self.close()
            self.discard()
            raise
        self.next = WORDS_AT
        self._end = WORDS_AT
        self._fence = Lock()

    def _mapped(self, at: int, words: int) -> memoryview:
        mapped = mmap.mmap(self._words, 8 * words, offset=8 * at)
        self._maps.append(mapped)
        return memoryview(mapped).cast("Q")

    def show(self) -> None:
        """Let others see the files."""
        for fresh, path in zip(self._fresh, self._paths, strict=True):
            fresh.rename(path)

    # ------------------------------------------------------------------ names

    def line(self, entry: Any) -> None:
        """
        Add a line of names.

        Raises:
            OSError: If it could not be written; then nothing of it is there.
        """
        data = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._names, data)
        if written < len(data):
            os.ftruncate(self._names, self._lines)
            os.lseek(self._names, self._lines, os.SEEK_SET)
            raise OSError("no room for a line of names")
        self._lines += written

    def reserve(self, words: int) -> int:
        """
        Room for so many words, all 0.

        Returns:
            Where it begins.

        Raises:
            OSError: If there is none.
        """
        while self._end - self.next < words:
            os.posix_fallocate(self._words, 8 * self._end, 8 * SEGMENT)
            self._segments.append(self._mapped(self._end, SEGMENT))
            self._end += SEGMENT
        at, self.next = self.next, self.next + words
        return at

    # ------------------------------------------------------------------ words

    def commit(self, changes: dict[int, int]) -> None:
        """
        Give words new values, all or none.

        Args:
            changes: Values by place; all or none only up to `NOTE_PAIRS` of them.
        """
        fixed = self._fixed
        sequence = fixed[SEQUENCE]
        if len(changes) > NOTE_PAIRS:  # there was no room for so many before, and now there is
            pairs = list(changes.items())
            for begin in range(0, len(pairs), NOTE_PAIRS):
                self.commit(dict(pairs[begin : begin + NOTE_PAIRS]))
            return
        if sequence % 2:  # what a signal handler raised has ended the last commit
            noted = fixed[NOTE : NOTE + 2 * fixed[NOTED]].tolist()
            self._apply(dict(zip(noted[::2], noted[1::2], strict=True)))
            sequence += 1
        fixed[NOTE : NOTE + 2 * len(changes)] = array("Q", chain.from_iterable(changes.items()))
        fixed[NOTED] = len(changes)
        # Taking and giving back a lock keeps processors from changing the order of what is stored.
        with self._fence:
            fixed[SEQUENCE] = sequence + 1
        with self._fence:
            self._apply(changes)
        with self._fence:
            fixed[SEQUENCE] = sequence + 2

    def _apply(self, changes: dict[int, int]) -> None:
        fixed, segments = self._fixed, self._segments
        for at, value in changes.items():
            if at < WORDS_AT:
                fixed[at] = value
            else:
                place = at - WORDS_AT
                segments[place // SEGMENT][place % SEGMENT] = value

    def fill(self, changes: dict[int, int]) -> None:
        """Give words values in a file that nobody sees yet."""
        self._apply(changes)

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """
        Let go of the files: their owner counts as dead from now on.

        In a forked child this lets go of those of the parent, which lives on.
        """
        if hasattr(self, "journal"):
            self.journal.close()
        for view in (*self._segments, *([self._fixed] if hasattr(self, "_fixed") else [])):
            view.release()
        for each in self._maps:  # each has a descriptor of its own
            each.close()
        for descriptor in (self._names, self._words):
            if descriptor >= 0:
                os.close(descriptor)
        self._names = self._words = -1
        self._maps, self._segments = [], []

    def discard(self) -> None:
        """Remove files that nobody saw."""
        for each in self._fresh:
            each.unlink(missing_ok=True)
