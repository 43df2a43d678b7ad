"""
A process among those that share their counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Final

from agentmon.record.shared.folder import Folder, fresh_name
from agentmon.record.shared.merged import Merged
from agentmon.record.shared.paper import Paper
from agentmon.record.shared.pulse import Pulse
from agentmon.record.shared.sharing import Sharing

if TYPE_CHECKING:
    from agentmon.record.registry import Registry

__all__ = ["Member", "View"]

_REFRESH_S: Final = 5.0  # windows are made of cells of 10 seconds
_COMPACT_S: Final = 30.0
_FORGOTTEN_S: Final = 3900.0  # the longest window, and a little
_CROWD: Final = 64  # files of the dead that even a process archives that shows nothing


class View:
    """
    Everything that a folder holds, kept up to date as long as somebody looks at it.

    Args:
        folder: The folder.
        merged: What it holds.
    """

    def __init__(self, folder: Folder, merged: Merged) -> None:
        self.merged = merged
        self._folder = folder
        self._refreshed = self._compacted = monotonic()

    def tend(self) -> None:
        """Read it now and then, so that windows are right, and archive the dead."""
        now = monotonic()
        looked = self.merged.looked
        if looked is None or now - looked > _FORGOTTEN_S:
            return
        if now - self._refreshed >= _REFRESH_S:
            self._refreshed = now
            self.merged.refresh()
        if now - self._compacted >= _COMPACT_S:
            self._compacted = now
            self._folder.compact()


class Member:
    """
    Shares the counts of this process, and shows those of all.

    Args:
        path: The folder.
        registry: What this process records; nothing was bound in it yet.
        max_series: The most series shown.
        task: What else to do each second.

    Raises:
        ConfigError: If the folder holds what does not go together with this.
        OSError: If it cannot be written.
    """

    def __init__(
        self, path: Path, registry: Registry, max_series: int, task: Callable[[], object]
    ) -> None:
        folder = Folder(path)
        folder.claim(registry.layout)
        with suppress(OSError):
            folder.compact(least=_CROWD)
        paper = Paper(path, fresh_name(), {}, time_ns())
        self._sharing = Sharing(registry, paper)
        paper.show()
        registry.shared = self._sharing
        self._folder = folder
        self.merged = Merged(folder, registry.layout, registry.clock, max_series)
        self.merged.before = self._sharing.speak
        view = View(folder, self.merged)
        self._pulse = Pulse((self._sharing.speak, view.tend, task))

    def start(self) -> None:
        """Speak up each second from now on."""
        self._pulse.start()

    def close(self) -> None:
        """Say the last word; what was recorded stays."""
        self._pulse.stop()
        self._sharing.leave()
        self._folder.close()

    def abandon(self) -> None:
        """Let go of all that belongs to the parent, in a forked child."""
        self._sharing.abandon()
        self._folder.close()
