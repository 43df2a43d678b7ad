"""
Measure what an adapter adds to its framework: ``python -m tests.bench.frameworks``.

In the environment of each framework, one agent answers after it has called one tool, with a model
that answers from a script. That is done by turns with the adapter and without it, and the CPU time
of the process is compared, so that other users of the machine matter little. Each client of a model
asks a server on loopback, by turns likewise; there it is the CPU time of the thread that asks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from tests.bench.table import markdown, plain, replace, where
from tests.instrumentation.adapters import test_clients as clients
from tests.instrumentation.adapters.frameworks import FRAMEWORKS, interpreter
from tests.servers.environments import EnvironmentFailed, alone

_HEAD = ("package", "without, ms", "with, ms", "more, µs", "more")
_RUNS = Path(__file__).parents[1] / "instrumentation" / "adapters"
_SECONDS = 300


def measured(name: str, rounds: int) -> tuple[str, ...]:
    """The line of a framework."""
    framework = FRAMEWORKS[name]
    program = _RUNS / framework.program
    command = [interpreter(name, "newest"), program, "--cost", str(rounds)]
    return _line(framework.newest[0], alone(command, _SECONDS))


def asked(name: str, rounds: int) -> tuple[str, ...]:
    """The line of a client."""
    python = clients.interpreter(name, "newest")
    command = [python, _RUNS / "client_runs.py", name, "--cost", str(rounds)]
    client = clients.client(name)
    package = f"{client.title} {client.newest.partition('==')[2]}"
    return _line(package, alone(command, _SECONDS, clients.OFFLINE))


def _line(package: str, said: str) -> tuple[str, ...]:
    taken = json.loads(said.splitlines()[-1])
    without, measured_with = (statistics.median(taken[way]) for way in ("without", "with"))
    pairs = zip(taken["with"], taken["without"], strict=True)
    more = statistics.median(one - other for one, other in pairs)
    return (
        package.replace("==", " "),
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
    rounds = 2 if options.quick else 20
    for what, measure, names in (
        ("frameworks", measured, FRAMEWORKS),
        ("clients", asked, clients.TITLES),
    ):
        lines = []
        for name in names:
            try:
                lines.append(measure(name, rounds))
            except EnvironmentFailed as error:
                sys.stderr.write(f"{name}: {error}\n")
        sys.stdout.write(plain(_HEAD, lines) + "\n")
        if options.write is not None:
            replace(options.write, what, f"{markdown(_HEAD, lines)}\n\n{where()}")


if __name__ == "__main__":
    main()
