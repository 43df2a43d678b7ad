"""What ``import agentmon`` takes and loads, in fresh interpreters."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from tests.bench.table import Row, at_most

__all__ = ["fresh"]

_UNWANTED = ("opentelemetry.sdk", "grpc", "numpy", "asyncio", "prometheus_client", "socket")

_PROGRAM = """
import json, sys, threading
from time import perf_counter
before = set(sys.modules)
begun = perf_counter()
import {module}
took = perf_counter() - begun
new = sorted(set(sys.modules) - before)
print(json.dumps({{"took": took, "new": new, "threads": threading.active_count()}}))
"""


@dataclass(frozen=True)
class _Import:
    """What one import did."""

    took: float
    new: list[str]
    threads: int


def _run(module: str, compiled: str) -> _Import:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module=module)],
        env={**kept, "PYTHONPYCACHEPREFIX": compiled},
        check=True,
        capture_output=True,
        text=True,
    )
    return _Import(**json.loads(done.stdout))


def fresh(rounds: int) -> list[Row]:
    """Import of agentmon against that of OpenTelemetry's API, in turns."""
    modules = ["agentmon", "opentelemetry.trace"]
    seen: dict[str, list[_Import]] = {module: [] for module in modules}
    shuffle = random.Random(1).shuffle
    with tempfile.TemporaryDirectory() as compiled:  # by the first round, whatever was before
        for _ in range(rounds + 1):
            shuffle(modules)
            for module in modules:
                seen[module].append(_run(module, compiled))
    ms = {module: 1e3 * min(run.took for run in runs) for module, runs in seen.items()}
    loaded = {module: len(runs[0].new) for module, runs in seen.items()}
    own = seen["agentmon"][0]
    unwanted = [name for name in own.new if name.startswith(_UNWANTED)]
    return [
        at_most(
            "import agentmon",
            ms["agentmon"] / ms["opentelemetry.trace"],
            1.5,
            "{:.2f} × import opentelemetry.trace",
            "; ".join(f"{module} {ms[module]:.1f} ms, {loaded[module]} modules" for module in ms),
        ),
        at_most(
            "threads started and unwanted modules loaded by it",
            own.threads - 1 + len(unwanted),
            0,
            "{:.0f}",
            ", ".join(unwanted) or "unwanted are " + ", ".join(_UNWANTED),
        ),
    ]
