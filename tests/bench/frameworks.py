"""
Measure what an adapter adds to its framework: ``python -m tests.bench.frameworks``.

In the environment of each framework, one agent answers after it has called one tool, with a model
that answers from a script. That is done by turns with the adapter and without it, and the CPU time
of the process is compared, so that other users of the machine matter little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from tests.bench.table import markdown, plain, replace, where
from tests.instrumentation.adapters.frameworks import FRAMEWORKS, interpreter
from tests.servers.environments import EnvironmentFailed, run

_HEAD = ("framework", "a run without, ms", "with, ms", "more, µs", "more")
_ROOT = Path(__file__).parents[2]
_SECONDS = 300


def measured(name: str, rounds: int) -> tuple[str, ...]:
    """The line of a framework."""
    framework = FRAMEWORKS[name]
    program = _ROOT / "tests" / "instrumentation" / "adapters" / framework.program
    command = [interpreter(name, "newest"), program, "--cost", str(rounds)]
    said = run(command, _SECONDS, {"PYTHONPATH": str(_ROOT)})
    taken = json.loads(said.splitlines()[-1])
    without, measured_with = (statistics.median(taken[way]) for way in ("without", "with"))
    pairs = zip(taken["with"], taken["without"], strict=True)
    more = statistics.median(one - other for one, other in pairs)
    package = framework.newest[0].replace("==", " ")
    return (
        package,
        f"{without * 1e3:.2f}",
        f"{measured_with * 1e3:.2f}",
        f"{more * 1e6:.0f}",
        f"{more / without:.1%}",
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.frameworks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: a trial, no result")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a document")
    options = parser.parse_args()
    lines = []
    for name in FRAMEWORKS:
        try:
            lines.append(measured(name, 2 if options.quick else 20))
        except EnvironmentFailed as error:
            sys.stderr.write(f"{name}: {error}\n")
    sys.stdout.write(plain(_HEAD, lines) + "\n")
    if options.write is not None:
        replace(options.write, "frameworks", f"{markdown(_HEAD, lines)}\n\n{where()}")


if __name__ == "__main__":
    main()
