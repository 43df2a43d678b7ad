"""The same function measured with prometheus_client, as its users do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["prometheus_cached", "prometheus_labels"]


def _metrics() -> tuple[Histogram, Counter]:
    registry = CollectorRegistry()
    duration = Histogram("duration_seconds", "d", ["agent", "operation"], registry=registry)
    calls = Counter("calls", "c", ["agent", "operation", "outcome"], registry=registry)
    return duration, calls


def prometheus_labels(function: Callable[[int], object]) -> tuple[Callable[..., Any], Counter]:
    """The function with a histogram and a counter whose labels are given at each call."""
    duration, calls = _metrics()

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun = perf_counter()
        outcome = "ok"
        try:
            return function(*args, **kwargs)
        except BaseException:
            outcome = "error"
            raise
        finally:
            duration.labels("triage", "invoke").observe(perf_counter() - begun)
            calls.labels("triage", "invoke", outcome).inc()

    return wrapper, calls


def prometheus_cached(function: Callable[[int], object]) -> tuple[Callable[..., Any], Counter]:
    """The function with a histogram and a counter whose children are looked up beforehand."""
    duration, calls = _metrics()
    observe = duration.labels("triage", "invoke").observe
    ok = calls.labels("triage", "invoke", "ok").inc
    error = calls.labels("triage", "invoke", "error").inc

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun = perf_counter()
        count = ok
        try:
            return function(*args, **kwargs)
        except BaseException:
            count = error
            raise
        finally:
            observe(perf_counter() - begun)
            count()

    return wrapper, calls
