"""
Measures several things against each other in one process.

All cases take turns in short windows, in a new random order each round, so that a neighbour who
takes the processor takes it from all of them alike. Ratios are of the minima, which such a
neighbour disturbs least; each window loops in the same way, so the loop is in every number.

Standard library only: this also runs in the environments of other libraries.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from types import FunctionType
from typing import Any

__all__ = ["Case", "Timing", "interleave", "loop_async", "loop_sync", "one_call", "own_code"]

_WARM_UP = 3


@dataclass(frozen=True)
class Case:
    """
    One thing to be measured.

    Args:
        name: Key of its timing.
        window: Does it so many times, and says how many nanoseconds that took.
        calls: How many times in one window.
        after: Clears away what a window left behind; not measured.
    """

    name: str
    window: Callable[[int], int]
    calls: int
    after: Callable[[], object] | None = None


@dataclass(frozen=True)
class Timing:
    """Nanoseconds for one call: the smallest of all windows, and their median."""

    least_ns: float
    median_ns: float


def interleave(cases: Sequence[Case], rounds: int, seed: int = 1) -> dict[str, Timing]:
    """Time of each case, by name, over so many windows of each."""
    order = list(cases)
    shuffle = random.Random(seed).shuffle
    taken: dict[str, list[float]] = {case.name: [] for case in cases}
    for n in range(-_WARM_UP, rounds):
        shuffle(order)
        for case in order:
            took_ns = case.window(case.calls)
            if case.after is not None:
                case.after()
            if n >= 0:
                taken[case.name].append(took_ns / case.calls)
    return {
        name: Timing(min(windows), statistics.median(windows)) for name, windows in taken.items()
    }


def own_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    The same function over code of its own.

    The interpreter adapts code to what it meets; code that is shared by all cases would be adapted
    to none of them.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"got {type(function).__name__}, allowed a function")
    return FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


def loop_sync(function: Callable[[int], object]) -> Callable[[int], int]:
    """A window that calls a function."""

    def window(calls: int) -> int:
        begun_ns = perf_counter_ns()
        for _ in repeat(None, calls):
            function(1)
        return perf_counter_ns() - begun_ns

    return own_code(window)


def loop_async(
    loop: asyncio.AbstractEventLoop, function: Callable[[int], Awaitable[object]]
) -> Callable[[int], int]:
    """A window that awaits a coroutine function, within one task."""

    async def inner(calls: int) -> int:
        begun_ns = perf_counter_ns()
        for _ in repeat(None, calls):
            await function(1)
        return perf_counter_ns() - begun_ns

    inner = own_code(inner)

    def window(calls: int) -> int:
        return loop.run_until_complete(inner(calls))

    return window


def one_call(function: Callable[[], object]) -> Callable[[int], int]:
    """A window over something long: so many calls of a function without arguments."""

    def window(calls: int) -> int:
        begun_ns = perf_counter_ns()
        for _ in repeat(None, calls):
            function()
        return perf_counter_ns() - begun_ns

    return own_code(window)
