"""
Virtual environments of their own for packages that must not share ours.

They are made with uv below a cache folder, and kept there for the next time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["OURS", "EnvironmentFailed", "alone", "environment", "run"]

ROOT = Path(__file__).parents[2]

#: What agentmon itself needs.
OURS = (
    "opentelemetry-sdk",
    "wrapt",
    "psutil",
    "hdrhistogram",
    "prometheus-client",
    "opentelemetry-exporter-otlp",
)

_CREATE_SECONDS = 120.0
_INSTALL_SECONDS = 600.0


class EnvironmentFailed(Exception):
    """A command failed; the message is the last thing it said."""


def run(
    command: Sequence[str | Path],
    seconds: float,
    variables: Mapping[str, str],
    folder: Path = ROOT,
) -> str:
    """
    What a command prints.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        variables: Environment variables besides those of this process.
        folder: Where it runs; the checkout unless told.

    Raises:
        EnvironmentFailed: If it fails, or takes too long.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=folder,
            env={**os.environ, **variables},
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFailed(f"took more than {seconds:.0f} s") from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise EnvironmentFailed(said[-1] if said else f"exit status {done.returncode}")
    return done.stdout


def alone(
    command: Sequence[str | Path], seconds: float, more: Mapping[str, str] | None = None
) -> str:
    """
    What a program of the checkout prints that finds nothing of others, and leaves nothing behind.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        more: Environment variables besides those of this process and its own.

    Raises:
        EnvironmentFailed: If it fails, or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="alone-") as home:
        places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        variables = {"PYTHONPATH": str(ROOT), **dict.fromkeys(places, home), **(more or {})}
        return run(command, seconds, variables, Path(home))


def environment(folder: Path, requires: Sequence[str]) -> Path:
    """
    The interpreter of an environment with these packages.

    Args:
        folder: Where it is, or is made unless it was made for the same packages before.
        requires: What is installed there.

    Raises:
        EnvironmentFailed: If it cannot be made.
    """
    python = folder / "bin" / "python"
    stamp = folder / "requires.txt"
    wanted = "\n".join(requires)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    handed = {
        "UV_DEFAULT_INDEX": os.environ.get("PIP_INDEX_URL") or _pip_setting("index-url"),
        "SSL_CERT_FILE": os.environ.get("PIP_CERT") or _pip_setting("cert"),
    }
    given = {name: value for name, value in handed.items() if value and name not in os.environ}
    uv = [sys.executable, "-m", "uv"]
    run([*uv, "venv", "--clear", "--python", sys.executable, folder], _CREATE_SECONDS, given)
    run([*uv, "pip", "install", "--quiet", "--python", python, *requires], _INSTALL_SECONDS, given)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _pip_setting(name: str) -> str:
    """A setting of pip, which uv does not read."""
    listed = run([sys.executable, "-m", "pip", "config", "list"], 60, {})
    found = [
        line.partition("=")[2].strip("'") for line in listed.splitlines() if f".{name}=" in line
    ]
    return found[-1] if found else ""
