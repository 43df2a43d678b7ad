"""
The file of a process, as others read it.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import time
from operator import sub
from pathlib import Path
from typing import Any, Final

from agentmon.record.shared.form import (
    BASE,
    BEGUN,
    JOURNAL,
    MAGIC,
    NAMES,
    NOTE,
    NOTED,
    SEGMENT,
    SEQUENCE,
    SIZES,
    VERSION,
    WORDS,
    WORDS_AT,
)

__all__ = ["Entry", "Source", "Unreadable"]

_TRIES: Final = 200
_PAUSE_S: Final = 0.0001


class Unreadable(Exception):
    """The file is none of ours, or of another version, or is being written all the time."""


class Entry:
    """
    One line of names, and what it stands for where it is read.

    Args:
        said: The line.
        above: The line that it refers to.
    """

    __slots__ = ("above", "at", "code", "home", "said", "size")

    def __init__(self, said: list[Any], above: Entry | None) -> None:
        self.code: str = said[0]
        self.at: int = said[1]
        self.said = said
        self.above = above
        self.size = 2 + len(said[4]) + 1 if self.code == "x" else SIZES.get(self.code, 0)
        self.home: Any = None


class Source:
    """
    Reads a file again and again.

    Guarantees:
        - What `read` leaves here belongs together: it is what the file meant at one moment.
        - Nothing is written, and no lock is taken that the owner of the file takes.

    Args:
        folder: Where the file is.
        name: What it is called, without its ends.

    Raises:
        OSError: If it is not there.
        Unreadable: If it is none of ours.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.alive = True
        #: What it says in its first line.
        self.about: dict[str, Any] = {}
        #: Words behind the journal and the note, now and before, and whose they are.
        self.words = self.before = b""
        self.owners: list[Entry | None] = []
        #: Of words that are numbers, where their totals are; else 0. Whoever reads sets them.
        self.slots: list[int] = []
        #: Calls that are in the journal only.
        self.journal: list[int] = []
        #: Lines that were read, until whoever takes them clears this.
        self.fresh: list[Entry] = []
        self.begun_ns = 0
        self._by_place: dict[int, Entry] = {}
        self._sequence = -1
        self._read = 0
        self._mapped: mmap.mmap | None = None
        self._names = self._words = -1
        try:
            self._names = os.open(folder / f"{name}{NAMES}", os.O_RDONLY)
            self._words = os.open(folder / f"{name}{WORDS}", os.O_RDONLY)
            head = self._copy(0, 8 * WORDS_AT)
            if len(head) < WORDS_AT or head[0] != MAGIC or head[1] != VERSION:
                raise Unreadable(f"{name}: no file of this version of agentmon")  # noqa: TRY301
            self.begun_ns = head[BEGUN]
            self._lines()
        except BaseException:
            self.close()
            raise

    def look(self) -> bool:
        """Whether its owner lives."""
        if self.alive:
            try:
                fcntl.flock(self._words, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(self._words, fcntl.LOCK_UN)
            self.alive = False
        return False

    def read(self) -> None:
        """
        Read what is new.

        Raises:
            Unreadable: If it was being written whenever it was looked at.
        """
        for _ in range(_TRIES):
            alive = self.alive
            if self._attempt(alive=alive):
                self._lines()
                return
            time.sleep(_PAUSE_S)
            self.look()
        raise Unreadable(f"{self.name}: is being written all the time")

    def _attempt(self, *, alive: bool) -> bool:
        head = self._copy(0, 8 * NOTE)
        sequence = head[SEQUENCE]
        if alive and sequence % 2:
            return False
        words: memoryview | None = None
        if sequence != self._sequence:
            words = self._copy(8 * WORDS_AT, os.fstat(self._words).st_size)
        note = self._copy(8 * NOTE, 8 * WORDS_AT) if sequence % 2 else None
        if alive and self._copy(0, 8 * JOURNAL)[SEQUENCE] != sequence:
            return False
        begin = head[BASE]
        journal = head[JOURNAL:NOTE].tolist()
        changed = None if words is None else memoryview(bytearray(words)).cast("Q")
        if note is not None:
            pairs = note[: 2 * head[NOTED]].tolist()
            for at, value in zip(pairs[::2], pairs[1::2], strict=True):
                if at >= WORDS_AT:
                    if changed is not None:
                        changed[at - WORDS_AT] = value
                elif at == BASE:  # what the journal has before it is in the words
                    begin = value
                elif at >= JOURNAL:
                    journal[at - JOURNAL] = value
        self.journal = [word for word in journal[begin:] if word]
        self.before = self.words
        if changed is not None:
            self.words = bytes(changed)
            self._sequence = sequence
        return True

    def _copy(self, begin: int, end: int) -> memoryview:
        size = os.fstat(self._words).st_size
        if self._mapped is None or len(self._mapped) < end:
            if size < end:
                end = size - size % 8
            if not end:
                return memoryview(b"").cast("Q")
            self._mapped = mmap.mmap(self._words, size, access=mmap.ACCESS_READ)
        return memoryview(self._mapped[begin:end]).cast("Q")

    def _lines(self) -> None:
        """Read the lines that are new; the last one, where it is cut off, another time."""
        size = os.fstat(self._names).st_size
        if size <= self._read:
            return
        data = os.pread(self._names, size - self._read, self._read)
        data = data[: data.rfind(b"\n") + 1]
        self._read += len(data)
        lines = json.loads(b"[" + b",".join(data.splitlines()) + b"]")
        if lines and isinstance(lines[0], dict):
            self.about = lines.pop(0)
        for said in lines:
            refers = said[0] in "rhpet"
            entry = Entry(said, self._by_place.get(said[2]) if refers else None)
            self.fresh.append(entry)
            if entry.size:
                self._by_place[entry.at] = entry
                begin = entry.at - WORDS_AT
                end = begin + entry.size
                self.owners.extend([None] * (end - len(self.owners)))
                self.slots.extend([0] * (end - len(self.slots)))
                self.owners[begin:end] = [entry] * entry.size

    def changes(self, totals: list[int]) -> list[tuple[Entry, int, int, int]]:
        """
        What changed by the last `read`.

        Args:
            totals: To those, by `slots`, the numbers that changed are added: they are many.

        Returns:
            Of all other words whose it is, which one, its value, and the one before.
        """
        if self.words is self.before:
            return []
        found: list[tuple[Entry, int, int, int]] = []
        step = 8 * SEGMENT
        slots, owners = self.slots, self.owners
        for begin in range(0, max(len(self.words), len(self.before)), step):
            new, old = self.words[begin : begin + step], self.before[begin : begin + step]
            if new == old:
                continue
            length = max(len(new), len(old))
            values = memoryview(new.ljust(length, b"\0")).cast("Q").tolist()
            former = memoryview(old.ljust(length, b"\0")).cast("Q").tolist()
            place = begin // 8
            # What is behind the last name has none yet, and is 0.
            for slot, value, delta in zip(
                slots[place : place + SEGMENT], values, map(sub, values, former), strict=False
            ):
                if delta:
                    if slot:
                        totals[slot] += delta
                    else:
                        owner = owners[place]
                        if owner is not None:
                            at = place + WORDS_AT - owner.at
                            found.append((owner, at, value, value - delta))
                place += 1
        return found

    def vanish(self) -> None:
        """Be as if there were nothing in it."""
        self.before, self.words = self.words, b""
        self.journal, self.fresh = [], []
        self.alive = False

    def close(self) -> None:
        """Let go of the file; what was read stays."""
        self._mapped = None
        for descriptor in (self._names, self._words):
            if descriptor >= 0:
                os.close(descriptor)
        self._names = self._words = -1
