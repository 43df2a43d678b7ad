"""Many threads on one series: how fast, and whether anything is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import repeat
from time import perf_counter_ns

from prometheus_client import Counter

import agentmon
from tests.bench.prometheus import prometheus_cached, prometheus_labels
from tests.bench.rounds import Case, interleave, own_code
from tests.bench.table import Row, at_least, at_most

__all__ = ["contended"]

_THREADS = 8
_CALLS = 1024  # of each thread, in one window


def _work(x: int) -> int:
    return x


def _window(function: Callable[[int], object]) -> Callable[[int], int]:
    """All threads call the function; the time from the first start to the last end."""

    def many(calls: int) -> None:
        for _ in repeat(None, calls):
            function(1)

    many = own_code(many)

    def window(calls: int) -> int:
        start = threading.Barrier(_THREADS + 1)

        def run() -> None:
            start.wait()
            many(calls // _THREADS)

        threads = [threading.Thread(target=run) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        start.wait()
        begun_ns = perf_counter_ns()
        for thread in threads:
            thread.join()
        return perf_counter_ns() - begun_ns

    return window


def _total(counter: Counter) -> int:
    return sum(
        int(sample.value)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def contended(rounds: int) -> list[Row]:
    """Eight threads on one series, against prometheus_client; counts checked afterwards."""
    labels, labels_counter = prometheus_labels(_work)
    cached, cached_counter = prometheus_cached(_work)
    agentmon.configure(traces="none", process_metrics=False)
    calls = _THREADS * _CALLS
    made = 0

    def counted() -> None:
        nonlocal made
        made += calls

    try:
        timings = interleave(
            [
                Case("agentmon", _window(agentmon.agent("busy")(_work)), calls, counted),
                Case("labels", _window(labels), calls),
                Case("cached", _window(cached), calls),
            ],
            rounds,
        )
        recorded = sum(each.summary.count for each in agentmon.statistics(kind="agent"))
    finally:
        agentmon.shutdown()
    per_second = {name: 1e9 / timing.least_ns for name, timing in timings.items()}
    lost = made - recorded
    if _total(labels_counter) != made or _total(cached_counter) != made:
        raise AssertionError("prometheus_client counted other than was called")
    detail = "; ".join(f"{name} {rate / 1e6:.2f} M calls/s" for name, rate in per_second.items())
    return [
        at_least(
            "8 threads on one series",
            per_second["agentmon"] / per_second["cached"],
            2.5,
            "{:.1f} × histogram + counter, cached",
            detail,
        ),
        at_least(
            "8 threads on one series",
            per_second["agentmon"] / per_second["labels"],
            5,
            "{:.1f} × histogram + counter, .labels()",
            detail,
        ),
        at_most("lost by these threads", lost, 0, "{:,.0f}", f"of {made:,} calls"),
    ]
