"""What a series takes of memory, by tracemalloc."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable
from time import perf_counter_ns

from agentmon.model.buckets import Layout
from agentmon.model.outcome import OK
from agentmon.record.batch import Batch
from agentmon.record.declaration import Declaration
from agentmon.record.histogram import Histogram
from agentmon.record.limits import CELL_NS, FULL
from agentmon.record.registry import Registry
from agentmon.record.window import Windows
from tests.bench.table import Row, at_most, no_target

__all__ = ["series"]

_IDLE = 500
_COPIES = 4
_HOUR_CELLS = 400  # cells of 10 seconds: more than the hour that the longest window covers


def _kept_bytes(make: Callable[[], object], copies: int) -> float:
    """What one of several alike keeps, once made."""
    kept: list[object] = [None] * copies
    make()  # what is made once and shared is not counted
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for n in range(copies):
            kept[n] = make()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / copies


def _spread(source: random.Random, layout: Layout, n: int) -> list[int]:
    """Durations that meet every power of two alike, from 1 µs to 24 h."""
    top = layout.highest_ns / layout.lowest_ns
    return [int(layout.lowest_ns * top ** source.random()) for _ in range(n)]


def series(rounds: int) -> list[Row]:
    """Idle, busy, and with windows that have seen everything."""
    layout = Layout()
    source = random.Random(1)
    registry = Registry(layout, perf_counter_ns)
    number = iter(range(10**9))
    idle = _kept_bytes(
        lambda: registry.bind(Declaration("tool", f"tool{next(number)}"), None), _IDLE
    )
    # One value in each cell, many times over: no histogram can use more.
    everywhere = [layout.lower(index) for index in range(layout.size)]
    full = Batch(layout, OK, 0, everywhere)

    def busy() -> Histogram:
        histogram = Histogram(layout)
        for _ in range(100):
            histogram.add(full)
        return histogram

    cells = _HOUR_CELLS if rounds > 1 else _HOUR_CELLS // 8

    def windows() -> Windows:
        windows = Windows(layout)
        for cell in range(cells):
            for _ in range(12):
                values = _spread(source, layout, FULL)
                windows.add(Batch(layout, OK, cell * CELL_NS, values))
        return windows

    def typical() -> Windows:
        windows = Windows(layout)
        for cell in range(cells):
            values = [int(source.lognormvariate(20, 0.5)) for _ in range(100)]
            windows.add(Batch(layout, OK, cell * CELL_NS, values))
        return windows

    return [
        at_most("a series that was never called", idle, 1024, "{:,.0f} B"),
        at_most(
            "lifetime histogram, every cell used",
            _kept_bytes(busy, _COPIES) / 1024,
            16,
            "{:.1f} KiB",
            f"{layout.size:,} cells",
        ),
        at_most(
            "windows, durations from 1 µs to 24 h alike",
            _kept_bytes(windows, 1) / 1024,
            32,
            "{:.1f} KiB",
            f"{12 * FULL:,} calls in each of {cells} cells of time",
        ),
        no_target(
            "windows, as calls of one kind spread",
            f"{_kept_bytes(typical, 1) / 1024:.1f} KiB",
            f"log-normal, σ 0.5; 100 calls in each of {cells} cells of time",
        ),
    ]
