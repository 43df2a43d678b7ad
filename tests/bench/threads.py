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
from tests.bench.table import Row, at_least, at_most, no_target

__all__ = ["contended"]

_THREADS = 8
_CALLS = 1024  # of each thread, in one window


def _work(x: int) -> int:
    return x


def _window(function: Callable[[int], object], n: int = _THREADS) -> Callable[[int], int]:
    """So many threads call the function; the time from the first start to the last end."""

    def many(calls: int) -> None:
        for _ in repeat(None, calls):
            function(1)

    many = own_code(many)

    def window(calls: int) -> int:
        start = threading.Barrier(n)
        # Noted by the threads: whoever waits for them may get to run when some have ended.
        begun_ns: list[int] = []
        ended_ns: list[int] = []

        def run() -> None:
            start.wait()
            begun_ns.append(perf_counter_ns())
            many(calls // n)
            ended_ns.append(perf_counter_ns())

        threads = [threading.Thread(target=run) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return max(ended_ns) - min(begun_ns)

    return window


def _total(counter: Counter) -> int:
    return sum(
        int(sample.value)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def contended(rounds: int) -> list[Row]:
    """
    Eight threads on one series, against prometheus_client; counts checked afterwards.

    As many calls by one thread, beside them, tell what the threads cost each other.
    """
    labels, labels_counter = prometheus_labels(_work)
    cached, cached_counter = prometheus_cached(_work)
    agentmon.configure(traces="none", process_metrics=False)
    calls = _THREADS * _CALLS
    made = 0

    def counted() -> None:
        nonlocal made
        made += calls

    functions = {"agentmon": agentmon.agent("busy")(_work), "labels": labels, "cached": cached}
    cases = [
        Case(f"{name}, {n}", _window(function, n), calls, counted)
        for name, function in functions.items()
        for n in (1, _THREADS)
    ]
    try:
        timings = interleave(cases, rounds)
        recorded = sum(each.summary.count for each in agentmon.statistics(kind="agent"))
    finally:
        agentmon.shutdown()
    made //= len(functions)
    each = {name: timings[f"{name}, {_THREADS}"].least_ns for name in functions}
    alone = {name: timings[f"{name}, 1"].least_ns for name in functions}
    lost = made - recorded
    if _total(labels_counter) != made or _total(cached_counter) != made:
        raise AssertionError("prometheus_client counted other than was called")
    detail = "; ".join(f"{name} {1e3 / ns:.2f} M calls/s" for name, ns in each.items())
    return [
        at_least(
            "8 threads on one series",
            each["cached"] / each["agentmon"],
            2.5,
            "{:.1f} × histogram + counter, cached",
            detail,
        ),
        at_least(
            "8 threads on one series",
            each["labels"] / each["agentmon"],
            5,
            "{:.1f} × histogram + counter, .labels()",
            detail,
        ),
        no_target(
            "a call by one of 8 threads",
            f"{each['agentmon'] / alone['agentmon']:.2f} × one by a single thread",
            "; ".join(f"{name} {each[name]:,.0f} and {alone[name]:,.0f} ns" for name in functions),
        ),
        at_most("lost by these threads", lost, 0, "{:,.0f}", f"of {made:,} calls"),
    ]
