"""
How much is stored at a path, found out in pieces.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["STEP", "Walk"]

#: The most entries and folders that are looked at in one step.
STEP: Final = 20_000


class Walk:
    """
    Adds up the sizes of the files at a path, again and again, a bounded number of them at a time.

    Links are not followed. A file with several names counts as often. What comes or goes during a
    round is counted or not.

    Args:
        path: A folder, or a file.
        step: The most entries and folders that are looked at in one step.
    """

    def __init__(self, path: str, step: int = STEP) -> None:
        self._path = Path(path)
        self._step = step
        self._round: Iterator[int] | None = None
        self._sum = 0

    def advance(self) -> int | None:
        """
        Look at some more entries.

        Returns:
            The size of all, in bytes, whenever a round is complete; None before that.

        Raises:
            OSError: If there is nothing at the path, or it may not be looked at.
        """
        if self._round is None:
            found = self._path.stat()
            if not self._path.is_dir():
                return found.st_size
            os.scandir(self._path).close()
            self._round, self._sum = _sizes(str(self._path)), 0
        for _ in range(self._step):
            size = next(self._round, None)
            if size is None:
                self._round = None
                return self._sum
            self._sum += size
        return None


def _sizes(path: str) -> Iterator[int]:
    """The size of each file, and 0 for everything else that is met."""
    folders = [path]
    while folders:
        yield 0
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    size = 0
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                    yield size
        except OSError:  # it has gone meanwhile, or is not for us
            continue
