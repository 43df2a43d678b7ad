"""What the tests of pushing share: metrics with a known exposition, and what to compare it with."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from agentmon.export.push.target import Moment, Origin
from agentmon.export.respond import Endpoint
from agentmon.export.text import Renderer
from agentmon.model.snapshot import Family
from agentmon.testing import ManualClock
from tests.export.recording import filled

__all__ = ["LABELS", "ORIGIN", "Series", "moment", "run", "samples", "series", "shown"]

ROOT = Path(__file__).parents[3]
#: Labels that make the servers' and parsers' escaping matter.
LABELS = {"service": 'a "b" \\ c', "region": "Zürich\n2"}
ORIGIN = Origin(LABELS, lambda: {"service.name": "s", "service.instance.id": "i"})

#: A sample by its name and labels.
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def families() -> list[Family]:
    """What an endpoint shows of a registry in which things have happened."""
    return Endpoint(filled(ManualClock())).families()


def moment(*, last: bool = False) -> Moment:
    """That, now."""
    now_ns = time.time_ns()
    return Moment(families(), now_ns - 60 * 10**9, now_ns, last)


def shown(taken: Iterable[Family], labels: Mapping[str, str] = LABELS) -> Series:
    """What a scrape would have shown."""
    return samples(Renderer(labels).prometheus(taken).decode())


def samples(text: str, *without: str) -> Series:
    """
    Agentmon's samples in a text.

    Args:
        without: Labels that are left out.
    """
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("agentmon_"):
                found[series(sample.name, sample.labels, *without)] = sample.value
    return found


def series(
    name: str, labels: Mapping[str, str], *without: str
) -> tuple[str, frozenset[tuple[str, str]]]:
    """
    What tells a sample from others: labels without a value are none, and edges are numbers.

    Args:
        without: Labels that are left out.
    """
    edge = {"le": str(float(labels["le"]))} if "le" in labels else {}
    given = {**labels, **edge}.items()
    left_out = (*without, "__name__")
    return name, frozenset((key, text) for key, text in given if text and key not in left_out)


def run(program: str, *arguments: str, seconds: float = 60, **environ: str) -> Any:
    """Run a program to its end in an interpreter of its own, where warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        check=False,
    )
