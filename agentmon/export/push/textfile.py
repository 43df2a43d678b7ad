"""
Pushing into a file that the node exporter reads.

Source: node_exporter, "Textfile Collector".
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from agentmon.export.otlp.answer import Answer
from agentmon.export.push.target import Attempt, FilePath, Moment, Origin, check_every, refuse
from agentmon.export.text import Renderer

__all__ = ["File", "Textfile"]

#: Whoever the exporter runs as, it has to be able to read the file.
_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Textfile:
    """
    A file for the textfile collector of the node exporter, for ``configure(push=...)``.

    Args:
        path: The file; the node exporter reads those whose names end in ``.prom``. Its folder has
            to be there when it is written.
        every: Write it each so many seconds too; by default only at the end, and on `push`.

    Raises:
        ConfigError: If something cannot be used.
    """

    path: FilePath
    every: float | None = None

    def __post_init__(self) -> None:
        given = os.fspath(self.path) if isinstance(self.path, str | os.PathLike) else None
        if not isinstance(given, str) or not given.endswith(".prom") or "\0" in given:
            refuse("Textfile: path", self.path, "the path of a file whose name ends in .prom")
        # The process may change its folder before it is written.
        object.__setattr__(self, "path", os.path.abspath(given))  # noqa: PTH100  # keeps links
        check_every("Textfile", self.every)

    def __str__(self) -> str:
        return f"textfile={self.path}"


class File:
    """
    Writes it; see `agentmon.export.push.target.Target`.

    Guarantees:
        Whoever reads the file finds all of one moment: it is written beside its place, under a name
        that nobody reads, and moved there.

    Args:
        options: Where and how.
        origin: Where the metrics come from.
    """

    def __init__(self, options: Textfile, origin: Origin) -> None:
        self._options = options
        self._path = str(options.path)
        self._renderer = Renderer(origin.constant_labels)
        self.conflict = "it would overwrite the file of its parent"

    def __str__(self) -> str:
        return str(self._options)

    def prepare(self, moment: Moment) -> Iterator[Attempt]:
        """What writes the file."""
        yield partial(_written, self._path, self._renderer.prometheus(moment.families))

    def abort(self) -> None:
        """Nothing: writing cannot be cut off."""

    def close(self) -> None:
        """Nothing is held."""

    def abandon(self) -> None:
        """Nothing is shared with the parent."""


def _written(path: str, body: bytes, _timeout_seconds: float) -> Answer:
    folder, name = os.path.split(path)
    # Not a name that ends in .prom, and none that another process may take.
    beside = os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")  # noqa: PTH118  # pathlib is not needed for this
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor has no path
                os.fchmod(descriptor, _MODE)  # whatever the process has for a umask
                file.write(body)
                file.flush()
                os.fsync(descriptor)
            os.replace(beside, path)  # noqa: PTH105  # as above
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)  # noqa: PTH108  # as above
            raise
    except OSError as error:
        return Answer("failed", error.strerror or type(error).__name__)
    return Answer("accepted")
