"""
When files were changed last, as git knows it: a checkout makes all of them look new.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

__all__ = ["commits"]

_SECONDS: Final = 60


def commits(folder: Path) -> dict[Path, float]:
    """
    When each file below a folder was committed last; empty where git knows nothing.

    Raises:
        ValueError: If git has only a part of the history, so that nobody knows.
    """
    state = _git(folder, "rev-parse", "--is-shallow-repository", "--show-toplevel").splitlines()
    if not state:
        return {}
    if state[0] == "true":
        raise ValueError("git has only a part of the history, so ages are not known; fetch all")
    times: dict[Path, float] = {}
    at = 0.0
    for part in _git(folder, "log", "--format=%x01%ct", "--name-only", "-z", "--", ".").split("\0"):
        name = part.strip("\n")
        if name.startswith("\1"):
            at = float(name[1:])
        elif name:
            times.setdefault(Path(state[1], name).resolve(), at)
    return times


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # arguments are ours
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # the one that the user has
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
