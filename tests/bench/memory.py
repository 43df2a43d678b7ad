"""What a series takes of memory, by tracemalloc."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable
from itertools import cycle
from time import perf_counter_ns

from agentmon.export.text import Renderer
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.outcome import OK, OUTCOMES
from agentmon.record.batch import Batch
from agentmon.record.declaration import Declaration
from agentmon.record.histogram import Histogram
from agentmon.record.limits import CELL_NS, FULL
from agentmon.record.registry import Registry
from agentmon.record.series import Series
from agentmon.record.window import Windows
from tests.bench.table import Row, at_most, no_target

__all__ = ["series"]

_IDLE = 180  # of each kind; as many as every label may have values
_COPIES = 4
_HOUR_CELLS = 400  # cells of 10 seconds: more than the hour that the longest window covers


def _growth(work: Callable[[], object]) -> int:
    """Bytes that are kept after some work and were not before."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def _kept_bytes(make: Callable[[], object], copies: int) -> float:
    """What one of several alike keeps, once made."""
    kept: list[object] = [None] * copies
    make()  # what is made once and shared is not counted

    def work() -> None:
        for n in range(copies):
            kept[n] = make()

    return _growth(work) / copies


def _spread(source: random.Random, layout: Layout, n: int) -> list[int]:
    """Durations that meet every power of two alike, from 1 µs to 24 h."""
    top = layout.highest_ns / layout.lowest_ns
    return [int(layout.lowest_ns * top ** source.random()) for _ in range(n)]


def _idle(layout: Layout, kind: str, *, scraped: bool) -> float:
    """Bytes kept for a series that was never called, in the registry and for the next scrape."""
    registry = Registry(layout, perf_counter_ns)
    renderer = Renderer({"service": "bench", "region": "local"})
    number = iter(range(10**9))

    def declare() -> None:
        registry.bind(Declaration(kind, f"operation{next(number)}"), None)

    def scrape() -> None:
        if scraped:
            renderer.prometheus(registry.collect())

    def work() -> None:
        for _ in range(_IDLE):
            declare()
        scrape()

    declare()
    scrape()
    return _growth(work) / _IDLE


def series(rounds: int) -> list[Row]:
    """Idle, busy, and with windows that have seen everything."""
    layout = Layout()
    source = random.Random(1)
    idle = {kind: _idle(layout, kind, scraped=False) for kind in catalogue.KINDS}
    scraped = {kind: _idle(layout, kind, scraped=True) for kind in catalogue.KINDS}
    # One value in each cell, many times over: no histogram can use more.
    everywhere = [layout.lower(index) for index in range(layout.size)]
    full = Batch(layout, OK, 0, everywhere)

    def busy() -> Histogram:
        histogram = Histogram(layout)
        for _ in range(100):
            histogram.add(full)
        return histogram

    cells = _HOUR_CELLS if rounds > 1 else _HOUR_CELLS // 8

    def whole() -> Series:
        series = Series(catalogue.OPERATIONS["tool"], ("search", ""), layout)
        for cell, outcome in zip(range(cells), cycle(OUTCOMES), strict=False):
            values = everywhere if cell < len(OUTCOMES) else _spread(source, layout, 4 * FULL)
            series.add(Batch(layout, outcome, cell * CELL_NS, values))
        return series

    def usual() -> Series:
        series = Series(catalogue.OPERATIONS["tool"], ("search", ""), layout)
        for cell in range(cells):
            values = [int(source.lognormvariate(20, 0.5)) for _ in range(100)]
            series.add(Batch(layout, OK, cell * CELL_NS, values))
            for outcome, value in zip(OUTCOMES, values, strict=False):
                series.add(Batch(layout, outcome, cell * CELL_NS, [value]))
        return series

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
        at_most(
            "a series that was never called",
            max(idle.values()),
            1024,
            "{:,.0f} B",
            _by_kind(idle),
        ),
        no_target(
            "the same, with the text that is kept for scrapes",
            f"{max(scraped.values()):,.0f} B",
            _by_kind(scraped),
        ),
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
        no_target(
            "a series with all five outcomes and its windows",
            f"{_kept_bytes(usual, 1) / 1024:.1f} KiB",
            "durations as in the row above; at worst, with every cell of every histogram used, "
            f"{_kept_bytes(whole, 1) / 1024:.0f} KiB",
        ),
    ]


def _by_kind(sizes: dict[str, float]) -> str:
    return ", ".join(f"{kind} {size:,.0f}" for kind, size in sizes.items())
