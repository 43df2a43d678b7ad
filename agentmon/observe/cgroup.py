"""
The control group of the process, of version 1, of version 2, or of both side by side.

Only reads files below the paths that it is given, so any tree of files will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

__all__ = ["MEMBERSHIP", "ROOT", "ControlGroup", "read"]

#: Where control groups are mounted, and where a process reads which ones it is in.
ROOT: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")

T = TypeVar("T")
N = TypeVar("N", int, float)

#: Version 1 says that there is no limit by a number of about this size.
_NO_LIMIT: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """
    What the control group may use and uses; None is what it does not say.

    Args:
        cpu_limit: Processors that it may use; the least that it and those around it may.
        memory_limit: Bytes that it may use, likewise.
        memory: Bytes that it uses.
        periods: Periods in which it could run.
        throttled_periods: Those of them in which it was throttled.
        throttled_s: Seconds that it was throttled.
        oom_kills: Processes of it that were killed for memory.
    """

    cpu_limit: float | None = None
    memory_limit: int | None = None
    memory: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_s: float | None = None
    oom_kills: int | None = None


def read(root: Path = ROOT, membership: Path = MEMBERSHIP) -> ControlGroup:
    """
    Read what the control group of the process says.

    Args:
        root: Where control groups are mounted.
        membership: The file that names the groups of the process, as ``/proc/self/cgroup`` does.
    """
    paths = _memberships(membership)
    cpu = _folders(root, paths, "cpu")
    memory = _folders(root, paths, "memory")
    unified = _unified(root, paths)
    cpu_limits = [_quota_v1(each) for each in cpu] or [_quota_v2(each) for each in unified]
    if memory:
        limits = [_number(each / "memory.limit_in_bytes") for each in memory]
        limits = [each if each is not None and each < _NO_LIMIT else None for each in limits]
        used = _number(memory[0] / "memory.usage_in_bytes")
        killed = _table(memory[0] / "memory.oom_control").get("oom_kill")
    else:
        limits = [_number(each / "memory.max") for each in unified]
        used = _first(_number(each / "memory.current") for each in unified[:1])
        killed = _first(_table(each / "memory.events").get("oom_kill") for each in unified[:1])
    stat = _first(_table(each / "cpu.stat") for each in (cpu or unified)[:1]) or {}
    throttled_ns = stat.get("throttled_time")
    if throttled_ns is None and (microseconds := stat.get("throttled_usec")) is not None:
        throttled_ns = microseconds * 1000
    return ControlGroup(
        cpu_limit=_least(cpu_limits),
        memory_limit=_least(limits),
        memory=used,
        periods=stat.get("nr_periods"),
        throttled_periods=stat.get("nr_throttled"),
        throttled_s=None if throttled_ns is None else throttled_ns / 1e9,
        oom_kills=killed,
    )


def _memberships(file: Path) -> dict[str, tuple[str, str]]:
    """The group of each controller, and that of version 2 by the empty name, with its hierarchy."""
    found: dict[str, tuple[str, str]] = {}
    for line in _lines(file):
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            for name in controllers.split(","):
                found[name] = (controllers, path)
    return found


def _folders(root: Path, paths: dict[str, tuple[str, str]], controller: str) -> list[Path]:
    """The group of a controller of version 1 and those around it, the innermost first."""
    if controller not in paths:
        return []
    together, path = paths[controller]
    for mounted in (root / together, root / controller):
        if mounted.is_dir():
            return list(_upwards(mounted, path))
    return []


def _unified(root: Path, paths: dict[str, tuple[str, str]]) -> list[Path]:
    """The group of version 2 and those around it, the innermost first."""
    if "" not in paths:
        return []
    for mounted in (root, root / "unified"):
        if (mounted / "cgroup.controllers").is_file():
            return list(_upwards(mounted, paths[""][1]))
    return []


def _upwards(mounted: Path, path: str) -> Iterator[Path]:
    """
    A group and those around it, up to where they are mounted.

    In a container the path may be that of the host, which is not to be seen there: then the group
    is what is mounted.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts or not mounted.joinpath(*parts).is_dir():
        parts = []
    for n in range(len(parts), -1, -1):
        yield mounted.joinpath(*parts[:n])


def _quota_v1(folder: Path) -> float | None:
    quota = _number(folder / "cpu.cfs_quota_us")
    period = _number(folder / "cpu.cfs_period_us")
    return quota / period if quota is not None and quota > 0 and period else None


def _quota_v2(folder: Path) -> float | None:
    words = " ".join(_lines(folder / "cpu.max")).split()
    with suppress(ValueError, ZeroDivisionError, IndexError):  # "max" is no number
        return int(words[0]) / int(words[1])
    return None


def _number(file: Path) -> int | None:
    with suppress(ValueError):  # "max" is none
        return int("".join(_lines(file)))
    return None


def _table(file: Path) -> dict[str, int]:
    found = {}
    for line in _lines(file):
        name, _, value = line.partition(" ")
        with suppress(ValueError):
            found[name] = int(value)
    return found


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _first(values: Iterable[T]) -> T | None:
    return next(iter(values), None)


def _least(values: Iterable[N | None]) -> N | None:
    return min((each for each in values if each is not None), default=None)
