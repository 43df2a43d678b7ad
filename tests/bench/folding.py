"""What the folding of waiting calls costs each of them, by how their durations are spread."""

from __future__ import annotations

import math
import random
from time import perf_counter_ns

from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.limits import FULL
from agentmon.record.registry import Registry
from tests.bench.rounds import Case, interleave
from tests.bench.table import Row, no_target

__all__ = ["folds"]

_FOLDS = 16  # in one window


def _case(name: str, sigma: float) -> Case:
    recorder = Registry(Layout(), perf_counter_ns).bind(Declaration("agent", "a"), None)
    source = random.Random(1)
    lists = [
        [int(source.lognormvariate(math.log(1e8), sigma)) for _ in range(FULL)]
        for _ in range(_FOLDS)
    ]

    def window(calls: int) -> int:
        recorder.until_ns = perf_counter_ns() + 10**12
        begun_ns = perf_counter_ns()
        for values in lists:
            recorder.plain.extend(values)
            recorder.fold()
        return perf_counter_ns() - begun_ns

    return Case(name, window, _FOLDS * FULL)


def folds(rounds: int) -> list[Row]:
    """Durations that are alike, that vary as calls do, and that are spread over decades."""
    spreads = {"alike": 0.02, "log-normal, σ 0.5": 0.5, "log-normal, σ 2": 2.0}
    timings = interleave([_case(name, sigma) for name, sigma in spreads.items()], rounds)
    return [
        no_target(
            "folding, for each call",
            f"{timings['alike'].least_ns:.0f} ns",
            "durations alike; "
            + "; ".join(
                f"{name} {timing.least_ns:.0f} ns"
                for name, timing in timings.items()
                if name != "alike"
            ),
        )
    ]
