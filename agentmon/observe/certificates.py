"""
Certificates that are watched: when they end, as their files say it at each look.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agentmon.errors import DeclarationError
from agentmon.model.catalogue.facts import CERTIFICATE_EXPIRES
from agentmon.model.certificate import earliest
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from agentmon.record.registry import Registry

__all__ = ["Certificates"]

_MOST: Final = 200
_MOST_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class _Watched:
    """A file with certificates, and what was found when it had changed last."""

    path: str
    changed: tuple[int, int]
    expiry: float


class Certificates:
    """The certificates of this process that are watched."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def watch(self, name: str, path: str | os.PathLike[str]) -> None:
        """
        Watch a certificate.

        Args:
            name: Its name.
            path: Its file.

        Raises:
            DeclarationError: If the name cannot be used, or the file holds no certificate.
        """
        check_text("certificate", "name", name, empty=False)
        try:
            watched = _read(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100  # keeps links, which may be turned
        except OSError as error:
            raise DeclarationError(
                f"certificate: path: cannot read {path!r}: {error.strerror}"
            ) from None
        except (TypeError, ValueError) as error:
            raise DeclarationError(f"certificate: path: got {path!r}, {error}") from None
        if name in self._watched or len(self._watched) < _MOST:
            self._watched[name] = watched

    def look(self, registry: Registry) -> None:
        """Set when certificates end; one that cannot be read any more stays as it was."""
        for name, watched in list(self._watched.items()):
            try:
                if _state(os.stat(watched.path)) != watched.changed:  # noqa: PTH116  # a path as text
                    self._watched[name] = _read(watched.path)
            except (OSError, ValueError):
                registry.drop("look_failed", 1)
            registry.signals.set(CERTIFICATE_EXPIRES, (name,), self._watched[name].expiry)


def _read(path: str) -> _Watched:
    with open(path, "rb") as file:  # noqa: PTH123  # likewise
        return _Watched(path, _state(os.fstat(file.fileno())), earliest(file.read(_MOST_BYTES)))


def _state(found: os.stat_result) -> tuple[int, int]:
    """What tells whether a file is another one."""
    return found.st_mtime_ns, found.st_ino
