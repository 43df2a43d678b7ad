"""What a call costs the caller: every form, against a raw span and against prometheus_client."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any

import agentmon
from tests.bench.prometheus import prometheus_cached, prometheus_labels
from tests.bench.rounds import Case, Timing, interleave, loop_async, loop_sync
from tests.bench.spans import RAW_CALLS, RawSpans
from tests.bench.table import Row, at_most, no_target

__all__ = ["disabled", "metered"]

#: A whole number of folds, so that every window pays for as many calls as it makes.
_CALLS = 1024
_HALF = 512  # where one call records two, or takes twice as long


def _work(x: int) -> int:
    return x


async def _work_async(x: int) -> int:
    return x


def _items(x: int) -> Iterator[int]:
    yield x
    yield x
    yield x


def _raises(x: int) -> int:
    raise ValueError(x)


def _closure(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def _closure_async(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def _consumed(function: Callable[[int], Iterator[int]]) -> Callable[[int], None]:
    def consume(x: int) -> None:
        for _ in function(x):
            pass

    return consume


def _calling(function: Callable[[int], int]) -> Callable[[int], int]:
    """A plain function around one that is decorated, as agents are around tools."""

    def call(x: int) -> int:
        return function(x)

    return call


def _suppressed(function: Callable[[int], object]) -> Callable[[int], None]:
    def call(x: int) -> None:
        try:  # noqa: SIM105  # cheaper than contextlib.suppress, and so less in the way
            function(x)
        except ValueError:
            pass

    return call


def _nanoseconds(timings: dict[str, Timing], *names: str) -> str:
    """The numbers behind a ratio."""
    return "; ".join(
        f"{name} {timings[name].least_ns:,.0f} ns (median {timings[name].median_ns:,.0f})"
        for name in names
    )


def _over(timings: dict[str, Timing], one: str, other: str) -> float:
    return timings[one].least_ns / timings[other].least_ns


def disabled(rounds: int) -> list[Row]:
    """Before ``configure()``, against a closure that does nothing."""
    loop = asyncio.new_event_loop()
    cases = [
        Case("closure", loop_sync(_closure(_work)), _CALLS),
        Case("decorated", loop_sync(agentmon.agent("off")(_work)), _CALLS),
        Case("async closure", loop_async(loop, _closure_async(_work_async)), _CALLS),
        Case("async decorated", loop_async(loop, agentmon.agent("off")(_work_async)), _CALLS),
    ]
    timings = interleave(cases, rounds)
    loop.close()
    return [
        at_most(
            f"not configured, {form}",
            _over(timings, f"{prefix}decorated", f"{prefix}closure"),
            2,
            "{:.2f} × bare closure",
            _nanoseconds(timings, f"{prefix}decorated", f"{prefix}closure"),
        )
        for form, prefix in (("def", ""), ("async def", "async "))
    ]


def metered(rounds: int) -> list[Row]:
    """Every form of call while metrics are recorded, against a raw span around the same."""
    agentmon.configure(service="bench", region="local", traces="none", process_metrics=False)
    loop = asyncio.new_event_loop()
    raw = RawSpans()
    try:
        timings = interleave(_cases(raw, loop), rounds)
    finally:
        agentmon.shutdown()
        raw.close()
        loop.close()
    return _rows(timings)


def _cases(raw: RawSpans, loop: asyncio.AbstractEventLoop) -> list[Case]:
    agent = agentmon.agent(
        "triage", version="3.2", team="support", tier="frontline", timeout=30, operation="invoke"
    )
    tool = agentmon.tool("search", timeout=2)
    kept = agentmon.tool("kept")
    inner = tool(_work)

    def block(x: int) -> None:
        with agentmon.tool("block"):
            _work(x)

    def kept_block(x: int) -> None:
        with kept:
            _work(x)

    def handle(x: int) -> None:
        call = kept.begin()
        _work(x)
        call.end()

    async def async_block(x: int) -> None:
        async with agentmon.tool("block"):
            await _work_async(x)

    def spanned_items(x: int) -> Iterator[int]:
        with raw.tracer.start_as_current_span("items"):
            yield from _items(x)

    def spans(name: str, function: Callable[[int], object], calls: int = RAW_CALLS) -> Case:
        return Case(name, loop_sync(function), calls, raw.drain)

    return [
        Case("bare", loop_sync(_work), _CALLS),
        Case("async bare", loop_async(loop, _work_async), _CALLS),
        spans("span", raw.sync(_work)),
        Case("async span", loop_async(loop, raw.asynchronous(_work_async)), RAW_CALLS, raw.drain),
        spans("span around span", raw.sync(raw.sync(_work)), RAW_CALLS // 2),
        spans("span around 3 items", _consumed(spanned_items)),
        spans("span around exception", _suppressed(raw.sync(_raises))),
        Case("prometheus_client .labels()", loop_sync(prometheus_labels(_work)[0]), _HALF),
        Case("prometheus_client cached", loop_sync(prometheus_cached(_work)[0]), _HALF),
        Case("def", loop_sync(agent(_work)), _CALLS),
        Case("async def", loop_async(loop, agent(_work_async)), _CALLS),
        Case("tool in agent", loop_sync(agent(_calling(inner))), _HALF),
        Case("generator", loop_sync(_consumed(agent(_items))), _HALF),
        Case("exception", loop_sync(_suppressed(agent(_raises))), _HALF),
        Case("with", loop_sync(block), _HALF),
        Case("with, reused", loop_sync(kept_block), _HALF),
        Case("async with", loop_async(loop, async_block), _HALF),
        Case("begin, end", loop_sync(handle), _HALF),
    ]


def _rows(timings: dict[str, Timing]) -> list[Row]:
    labels, cached = "prometheus_client .labels()", "prometheus_client cached"

    def target(what: str, one: str, other: str, limit: float, unit: str) -> Row:
        detail = _nanoseconds(timings, one, other)
        return at_most(what, _over(timings, one, other), limit, f"{{:.3f}} × {unit}", detail)

    def only(what: str, one: str, other: str, unit: str) -> Row:
        measured = f"{_over(timings, one, other):.3f} × {unit}"
        return no_target(what, measured, _nanoseconds(timings, one, other))

    return [
        target("decorated def", "def", "span", 0.05, "raw span"),
        target("decorated async def", "async def", "async span", 0.06, "raw span"),
        target("decorated def", "def", labels, 0.25, "histogram + counter, .labels()"),
        only("decorated def", "def", cached, "histogram + counter, cached"),
        only("tool in agent", "tool in agent", "span around span", "span in span"),
        only("generator of 3 items", "generator", "span around 3 items", "span around it"),
        only("def that raises", "exception", "span around exception", "span around it"),
        only("with agentmon.tool(...)", "with", "span", "raw span"),
        only("with, made beforehand", "with, reused", "span", "raw span"),
        only("async with agentmon.tool(...)", "async with", "async span", "raw span"),
        only("begin() and end()", "begin, end", "span", "raw span"),
        no_target("call without anything", "", _nanoseconds(timings, "bare", "async bare")),
    ]
