"""The table of results: what was measured, the target, and whether it was met."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

__all__ = ["Row", "at_least", "at_most", "markdown", "no_target", "plain", "replace", "where"]


@dataclass(frozen=True)
class Row:
    """
    One line.

    Args:
        what: What was measured.
        measured: The number that the target is about, with its unit.
        target: What it should be; empty where there is no target.
        verdict: Whether that was met, or by how much not; empty where there is no target.
        detail: The numbers behind it.
    """

    what: str
    measured: str
    target: str
    verdict: str
    detail: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        return (self.what, self.measured, self.target, self.verdict, self.detail)


HEAD = ("what", "measured", "target", "verdict", "detail")


def at_most(what: str, value: float, limit: float, text: str, detail: str = "") -> Row:
    """
    A row whose value should not exceed a limit.

    Args:
        text: Shows a number, such as ``{:.3f} × raw span``.
    """
    over = value / limit - 1 if limit else float(value > 0)
    verdict = "met" if value <= limit else f"missed by {over:.0%}"
    if not limit and value:
        verdict = "missed"
    return Row(what, text.format(value), f"≤ {text.format(limit)}", verdict, detail)


def at_least(what: str, value: float, limit: float, text: str, detail: str = "") -> Row:
    """A row whose value should reach a limit; see `at_most`."""
    verdict = "met" if value >= limit else f"missed by {1 - value / limit:.0%}"
    return Row(what, text.format(value), f"≥ {text.format(limit)}", verdict, detail)


def no_target(what: str, measured: str, detail: str = "") -> Row:
    """A row that only informs."""
    return Row(what, measured, "", "", detail)


def plain(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table for a terminal."""
    every = [list(head), *map(list, lines)]
    widths = [max(len(line[column]) for line in every) for column in range(len(head))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in every
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """The same table for a document."""
    every = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in every)


def replace(path: Path, name: str, text: str) -> None:
    """
    Put a text between two markers of a document, ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    Raises:
        ValueError: If the document has no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    document = path.read_text(encoding="utf-8")
    before, found, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"{path}: got no {begin} … {end}")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def where(packages: Iterable[str] = ()) -> str:
    """One paragraph: when, on what machine, with which versions."""
    versions = [f"{name} {version(name)}" for name in packages]
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    build = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{day}. {_processor()}, {os.cpu_count()} processors, {platform.system()} "
        f"{platform.release()}, load average {os.getloadavg()[0]:.1f}. "
        + ", ".join([f"{build} ({platform.python_compiler()})", *versions])
        + "."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
