"""
Measure the targets and print them: ``python -m tests.bench``.

The exit status is 0 also when a target is missed: other users of a machine can make it so.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    accuracy,
    calls,
    folding,
    imports,
    memory,
    parts,
    rendering,
    shared,
    threads,
    tracing,
)
from tests.bench.table import HEAD, Row, markdown, plain, replace, where

_PACKAGES = ("opentelemetry-api", "opentelemetry-sdk", "prometheus_client")

#: Each part, with its rounds and those of ``--quick``. What is off comes before what is on.
_PARTS: tuple[tuple[Callable[[int], list[Row]], int, int], ...] = (
    (calls.disabled, 300, 3),
    (calls.metered, 700, 3),
    (tracing.recorded, 400, 2),
    (parts.parts, 300, 3),
    (folding.folds, 100, 3),
    (threads.contended, 80, 1),
    (rendering.scrape, 12, 1),
    (shared.shared, 100, 3),
    (memory.series, 2, 1),
    (accuracy.quantiles, 2, 1),
    (imports.fresh, 25, 1),
)


def measure(*, quick: bool) -> list[Row]:
    """Every row, in order."""
    rows: list[Row] = []
    for part, rounds, few in _PARTS:
        gc.collect()
        rows.extend(part(few if quick else rounds))
    return rows


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: a trial, no result")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a document")
    options = parser.parse_args()
    context = where(_PACKAGES)
    rows = measure(quick=options.quick)
    lines = [row.cells for row in rows]
    missed = sum(row.verdict.startswith("missed") for row in rows)
    targets = sum(bool(row.target) for row in rows)
    total = f"{targets - missed} of {targets} targets met."
    print(f"{context}\n\n{plain(HEAD, lines)}\n\n{total}")
    if options.write is not None:
        replace(options.write, "bench", f"{context}\n\n{markdown(HEAD, lines)}\n\n{total}")


if __name__ == "__main__":
    main()
