"""What analysers hand to the reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from examples.audit.packages import Package

__all__ = ["Case", "Claim", "Finding"]


@dataclass(frozen=True)
class Case:
    """
    One package under audit.

    Args:
        package: Its metadata.
        sources: Its files, whether or not they could be read.
        attempt: 1 at first; 2 when a finding comes back from review.
        audit: Id of the audit that it is part of.
    """

    package: Package
    sources: tuple[Path, ...]
    attempt: int = 1
    audit: str = ""


@dataclass(frozen=True)
class Claim:
    """
    Something a finding says about a line.

    Args:
        text: What it says.
        path: The file.
        line: The line, from 1.
        expects: What has to stand in that line for the claim to be true.
    """

    text: str
    path: str
    line: int
    expects: str


@dataclass(frozen=True)
class Finding:
    """
    What an analyser found.

    Args:
        analyser: Its name.
        summary: The finding in one line.
        claims: What can be checked about it.
        doubts: What the analyser itself holds against it.
        coverage: Share of the package that it rests on, in [0, 1].
    """

    analyser: str
    summary: str
    claims: tuple[Claim, ...] = ()
    doubts: tuple[str, ...] = ()
    coverage: float = 1.0
