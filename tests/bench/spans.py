"""Spans of OpenTelemetry's SDK as they come: what everything is compared with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

__all__ = ["RAW_CALLS", "NullExporter", "RawSpans"]

#: Spans in one window: few enough to fit the queue of the batch processor, which is drained after.
RAW_CALLS = 50


class NullExporter(SpanExporter):
    """Takes spans and drops them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Succeed at once."""
        return SpanExportResult.SUCCESS


class RawSpans:
    """Spans of OpenTelemetry's SDK: sampled, with a batch processor, exported to nowhere."""

    def __init__(self) -> None:
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(NullExporter()))
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
