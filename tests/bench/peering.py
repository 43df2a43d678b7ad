"""What others cost: the cases that agentmon is compared with, made of their own libraries."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["RAW_CALLS", "RawSpans", "prometheus_cached", "prometheus_labels"]

#: Spans in one window: few enough to fit the queue of the batch processor, which is drained after.
RAW_CALLS = 50


class _NullExporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class RawSpans:
    """Spans of OpenTelemetry's SDK: sampled, with a batch processor, exported to nowhere."""

    def __init__(self) -> None:
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_NullExporter()))
        self.tracer: Tracer = self._provider.get_tracer("bench")

    def drain(self) -> None:
        """Export what waits, so that no window pays for the export of another."""
        self._provider.force_flush()

    def close(self) -> None:
        """Stop the exporting thread."""
        self._provider.shutdown()

    def sync(self, function: Callable[[int], object]) -> Callable[[int], object]:
        """The function within a span."""
        start = self.tracer.start_as_current_span

        def call(x: int) -> object:
            with start("triage"):
                return function(x)

        return call

    def asynchronous(
        self, function: Callable[[int], Awaitable[object]]
    ) -> Callable[[int], Awaitable[object]]:
        """The coroutine function within a span."""
        start = self.tracer.start_as_current_span

        async def call(x: int) -> object:
            with start("triage"):
                return await function(x)

        return call


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
