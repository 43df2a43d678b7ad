"""What a decorated call is made of: closures that do more and more of what the wrapper does."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import agentmon
from agentmon.instrumentation.active import ACTIVE, METRICS
from agentmon.instrumentation.classify import Classifier
from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.limits import FULL
from agentmon.record.recorder import Recorder
from agentmon.record.registry import Registry
from tests.bench.prometheus import prometheus_cached
from tests.bench.rounds import Case, interleave, loop_sync, own_code
from tests.bench.table import Row, no_target

__all__ = ["parts"]

_CALLS = 8 * FULL

Call = Callable[..., Any]
#: The wrapper's own variable would do as well; nothing else is to be set in its context.
_CURRENT: ContextVar[Recorder | None] = ContextVar("bench_current", default=None)


class _Site:
    """Holds recorders by the names around the call, as the one of a decorated function does."""

    __slots__ = ("fast",)

    def __init__(self, recorder: Recorder) -> None:
        self.fast: dict[object, Recorder] = {None: recorder}


def _passing(fn: Call, _recorder: Recorder) -> Call:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs) if kwargs else fn(*args)

    return wrapper


def _timing(fn: Call, _recorder: Recorder) -> Call:
    clock = perf_counter_ns

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun_ns = clock()
        result = fn(*args, **kwargs) if kwargs else fn(*args)
        ended_ns = clock()
        begun_ns, ended_ns = ended_ns, begun_ns
        return result

    return wrapper


def _appending(fn: Call, recorder: Recorder) -> Call:
    clock = perf_counter_ns

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun_ns = clock()
        result = fn(*args, **kwargs) if kwargs else fn(*args)
        ended_ns = clock()
        if ended_ns >= recorder.until_ns:
            recorder.enter_cell(ended_ns)
        plain = recorder.plain
        plain.append(ended_ns - begun_ns)
        if len(plain) >= FULL:
            plain.clear()
        return result

    return wrapper


def _finding(fn: Call, recorder: Recorder) -> Call:
    clock = perf_counter_ns
    get = _CURRENT.get
    site = _Site(recorder)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get()
        recorder = site.fast.get(None if parent is None else parent.scope)
        if recorder is None:
            return fn(*args, **kwargs)
        begun_ns = clock()
        result = fn(*args, **kwargs) if kwargs else fn(*args)
        ended_ns = clock()
        if ended_ns >= recorder.until_ns:
            recorder.enter_cell(ended_ns)
        plain = recorder.plain
        plain.append(ended_ns - begun_ns)
        if len(plain) >= FULL:
            plain.clear()
        return result

    return wrapper


def _standing(fn: Call, recorder: Recorder) -> Call:
    clock = perf_counter_ns
    get, set_, reset = _CURRENT.get, _CURRENT.set, _CURRENT.reset
    site = _Site(recorder)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get()
        recorder = site.fast.get(None if parent is None else parent.scope)
        if recorder is None:
            return fn(*args, **kwargs)
        try:
            token = set_(recorder)
            begun_ns = clock()
            result = fn(*args, **kwargs) if kwargs else fn(*args)
            ended_ns = clock()
            reset(token)
            if ended_ns >= recorder.until_ns:
                recorder.enter_cell(ended_ns)
            plain = recorder.plain
            plain.append(ended_ns - begun_ns)
            if len(plain) >= FULL:
                plain.clear()
        except BaseException:
            set_(parent)
            raise
        return result

    return wrapper


def _living(fn: Call, recorder: Recorder) -> Call:
    clock = perf_counter_ns
    get, set_, reset = _CURRENT.get, _CURRENT.set, _CURRENT.reset
    site = _Site(recorder)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get()
        recorder = site.fast.get(None if parent is None else parent.scope)
        if recorder is None:
            return fn(*args, **kwargs)
        live = recorder.live
        key = None
        try:
            token = set_(recorder)
            key = id(token)
            live[key] = begun_ns = clock()
            result = fn(*args, **kwargs) if kwargs else fn(*args)
            ended_ns = clock()
            reset(token)
            del live[key]
            if ended_ns >= recorder.until_ns:
                recorder.enter_cell(ended_ns)
            plain = recorder.plain
            plain.append(ended_ns - begun_ns)
            if len(plain) >= FULL:
                plain.clear()
        except BaseException:
            live.pop(key, None)
            set_(parent)
            raise
        return result

    return wrapper


_PARTS: dict[str, Callable[[Call, Recorder], Call]] = {
    "a closure": _passing,
    "two readings of the clock": _timing,
    "an append": _appending,
    "finding the recorder": _finding,
    "being current": _standing,
    "being in flight": _living,
}


def _work(x: int) -> int:
    return x


def parts(rounds: int) -> list[Row]:
    """What each part adds, and what there is beside `prometheus_client` if folding were free."""
    registry = Registry(Layout(), perf_counter_ns)
    recorder = registry.bind(Declaration("agent", "a"), None)
    recorder.until_ns = perf_counter_ns() + 24 * 3600 * 10**9
    cached, _ = prometheus_cached(own_code(_work))
    ACTIVE.turn_on(registry, Classifier(), mode=METRICS)
    whole = agentmon.agent("whole")(own_code(_work))
    functions = {name: part(own_code(_work), recorder) for name, part in _PARTS.items()}
    functions |= {"folding": whole, "cached": cached}
    cases = [Case(name, loop_sync(fn), _CALLS) for name, fn in functions.items()]
    try:
        timings = interleave(cases, rounds)
    finally:
        ACTIVE.turn_off()
    least_ns = {name: timing.least_ns for name, timing in timings.items()}
    steps = [*_PARTS, "folding"]
    added_ns = {b: least_ns[b] - least_ns[a] for a, b in pairwise(steps)}
    detail = "; ".join(f"{name} {ns:,.0f} ns" for name, ns in added_ns.items())
    ratios = (least_ns["cached"] / least_ns[name] for name in ("folding", "being in flight"))
    return [
        no_target(
            "a decorated call, part by part",
            f"{least_ns['folding']:,.0f} ns",
            f"a closure {least_ns['a closure']:,.0f} ns; {detail}",
        ),
        no_target(
            "the same, if folding were free",
            f"{least_ns['being in flight']:,.0f} ns",
            "beside histogram + counter, cached: {:.1f} ×, and {:.1f} × if it were".format(*ratios),
        ),
    ]
