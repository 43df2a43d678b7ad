"""
The folder with the files of all processes: who is there, who is dead, and the archive of the dead.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from agentmon.errors import ConfigError
from agentmon.model.buckets import Layout
from agentmon.record.limits import MAX_SERIES
from agentmon.record.shared.form import NAMES, VERSION, WORDS
from agentmon.record.shared.mirror import Mirror
from agentmon.record.shared.paper import Paper
from agentmon.record.shared.source import Source, Unreadable

__all__ = ["Folder", "fresh_name"]

_FORM: Final = "form.json"
_LOCK: Final = "lock"
_FRESH: Final = ".new-"
_ARCHIVE: Final = "archive-"
_MANY: Final = 8  # dead files that are worth an archive
_WAIT_S: Final = 2.0
_STALE_S: Final = 60.0


def fresh_name() -> str:
    """A name for the files of this process."""
    return f"process-{os.getpid()}-{secrets.token_hex(4)}"


class Folder:
    """
    The files of a folder.

    Guarantees:
        A file is there or in the archive, never both and never neither, for whoever reads: files
        are listed and opened under a lock that whoever archives holds alone. No process waits for
        that lock to record.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Files that are there, and those that were there before the last `refresh`.
        self.sources: list[Source] = []
        self.gone: list[Source] = []
        #: Files that could not be read by the last `refresh`.
        self.unread = 0
        self._refused: set[str] = set()

    # ------------------------------------------------------------------ its form

    def claim(self, layout: Layout) -> None:
        """
        Make the folder, if it is not there, and have it hold files of this layout only.

        Raises:
            ConfigError: If it holds files of another layout or version.
            OSError: If it cannot be made or written.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        form = _form(layout)
        path = self.path / _FORM
        fresh = path.with_name(f"{_FRESH}{secrets.token_hex(4)}")
        try:
            if not path.exists():
                fresh.write_text(json.dumps(form))
                with suppress(FileExistsError):
                    os.link(fresh, path)
        finally:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
        there = self._said()
        if there != form:
            raise ConfigError(
                f"shared: {self.path} holds counts of other histograms or another version of "
                f"agentmon: got {form}, allowed {there}, or an empty folder"
            )

    def layout(self) -> Layout:
        """
        The layout of its files.

        Raises:
            ConfigError: If it has none that can be read.
        """
        said = self._said()
        if not isinstance(said, dict) or said.get("version") != VERSION:
            raise ConfigError(f"shared: {self.path} holds no counts of this version of agentmon")
        return Layout(
            digits=said["digits"],
            lowest_ns=said["lowest_ns"],
            highest_ns=said["highest_ns"],
            edges_s=tuple(said["edges_s"]),
        )

    def _said(self) -> Any:
        try:
            return json.loads((self.path / _FORM).read_text())
        except (OSError, ValueError):
            return None

    # ------------------------------------------------------------------ reading

    @contextmanager
    def _locked(self, *, alone: bool) -> Iterator[bool]:
        """Hold the lock of the folder; says whether it could be had."""
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield not alone  # nobody can archive in a folder that is read-only
            return
        try:
            yield _lock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, wait=not alone)
        finally:
            os.close(descriptor)

    def refresh(self) -> None:
        """Find new files, and read what is new in all of them."""
        with self._locked(alone=False) as held:
            if held:
                self._find()
            else:
                self.gone = []
        for source in self.sources:
            was = source.alive
            if source.look() or was or not source.words:
                try:
                    source.read()
                except (Unreadable, OSError, ValueError):
                    self.unread += 1

    def _find(self) -> None:
        try:
            there = [each.name for each in self.path.iterdir()]
        except FileNotFoundError:
            there = []
        names = {
            name.removesuffix(WORDS)
            for name in there
            if name.endswith(WORDS) and not name.startswith(_FRESH)
        }
        known = {source.name: source for source in self.sources}
        for name in names - known.keys() - self._refused:
            try:
                known[name] = Source(self.path, name)
            except (OSError, Unreadable, ValueError, TypeError, KeyError):
                self._refused.add(name)
                self.unread += 1
        absorbed = {name for each in known.values() for name in each.about.get("absorbed", ())}
        stay = names - absorbed
        self.sources = [each for name, each in known.items() if name in stay]
        self.gone = [each for name, each in known.items() if name not in stay]
        for each in self.gone:
            each.vanish()
            each.close()

    # ------------------------------------------------------------------ the archive

    def compact(self, *, least: int = _MANY) -> bool:
        """
        Merge the files of the dead into one, if there are so many, and remove what is left over.

        A kill at any moment loses nothing and doubles nothing: the archive names the files that
        are in it, and whoever finds one of those files passes it over.

        Args:
            least: Files of the dead that are worth it.

        Returns:
            Whether that was done.

        Raises:
            OSError: If there is no room.
        """
        from agentmon.record.shared.merged import Merged  # noqa: PLC0415  # knows this module

        with self._locked(alone=True) as held:
            if not held:
                return False
            other = _Dead(self.path)
            other.refresh()
            self._sweep(other)
            if len(other.sources) < max(2, least):
                return False
            merged = Merged(other, self.layout(), time.perf_counter_ns, 100 * MAX_SERIES)
            merged.refresh()
            begun_ns = min(each.begun_ns for each in other.sources)
            about = {"absorbed": [each.name for each in other.sources]}
            name = f"{_ARCHIVE}{secrets.token_hex(8)}"
            paper = Paper(self.path, name, about, begun_ns)
            try:
                Mirror(paper, _no_room).whole(merged)
                paper.show()
            except BaseException:
                paper.discard()
                raise
            finally:
                paper.close()
            for source in other.sources:
                self._remove(source.name)
            other.close()
        return True

    def _sweep(self, other: Folder) -> None:
        """Remove what was absorbed, and what was begun and never shown."""
        absorbed = {n for each in other.sources for n in each.about.get("absorbed", ())}
        for name in absorbed:
            self._remove(name)
        for entry in os.scandir(self.path):
            if entry.name.startswith(_FRESH):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > _STALE_S:
                        Path(entry.path).unlink()

    def _remove(self, name: str) -> None:
        for end in (WORDS, NAMES):
            (self.path / f"{name}{end}").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of all files."""
        for source in self.sources:
            source.close()


class _Dead(Folder):
    """The files of the dead only."""

    def refresh(self) -> None:
        """Read them, once; the caller holds the lock."""
        if self.sources:
            return
        self._find()
        found, self.sources = self.sources, []
        for source in found:
            try:
                dead = not source.look()
                if dead:
                    source.read()
            except (Unreadable, OSError, ValueError):
                dead = False
            if dead:
                self.sources.append(source)
            else:
                source.close()


def _no_room() -> None:
    raise OSError("no room for the archive")


def _form(layout: Layout) -> dict[str, Any]:
    return {
        "version": VERSION,
        "digits": layout.digits,
        "lowest_ns": layout.lowest_ns,
        "highest_ns": layout.highest_ns,
        "edges_s": list(layout.edges_s),
    }


def _lock(descriptor: int, how: int, *, wait: bool) -> bool:
    until = time.monotonic() + (_WAIT_S if wait else 0.0)
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.005)
        else:
            return True
