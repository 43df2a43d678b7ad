"""
Spans on their way out: for each place that they go to, a queue and a thread that empties it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentmon.export.otlp.destination import Destination
from agentmon.export.otlp.sender import Retry, Sender, Shipment, transport
from agentmon.export.otlp.spans import encode
from agentmon.export.worker import Ship, Worker
from agentmon.tracing.queue import Queue
from agentmon.tracing.span import LightSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["Batching", "SpanExport"]

#: Told how many were lost, and why.
Count = Callable[[str, int], object]
#: Makes the attributes of the resource of this process.
Resource = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Batching:
    """
    How spans wait.

    Args:
        queue_size: The most that wait for one place.
        batch_size: The most sent at once.
        delay_s: The longest that they wait for others.
        give_up_s: How long one batch is tried for.
    """

    queue_size: int = 16384
    batch_size: int = 512
    delay_s: float = 1.0
    give_up_s: float = 300.0


class SpanExport:
    """
    Takes ended spans to wherever they go.

    Guarantees:
        - `sink` never makes the host wait, save for span processors of the host's own, which are
          called there and then, as their interface says.
        - Every span is handed on to each place once, or counted.

    Args:
        to: Collectors, span exporters and span processors.
        resource: Makes the attributes of the resource of this process.
        count: Told how many spans were lost, and why.
        batching: How spans wait.
    """

    def __init__(
        self, to: Sequence[Any], resource: Resource, count: Count, batching: Batching
    ) -> None:
        self._resource = resource
        self._count = count
        self._processors: list[Any] = []
        self._origin: Any = None
        self._workers: list[Worker[LightSpan]] = []
        sinks: list[Callable[[LightSpan], object]] = []
        for place in to:
            if hasattr(place, "on_end"):
                self._processors.append(place)
                continue
            queue: Queue[LightSpan] = Queue(
                batching.queue_size, lambda: count("span_queue_full", 1)
            )
            worker = Worker(
                queue,
                self._ship(place, batching),
                lambda n: count("span_export_failed", n),
                batch=batching.batch_size,
                delay_seconds=batching.delay_s,
                name="agentmon-spans",
            )
            queue.wake = worker.wake
            self._workers.append(worker)
            sinks.append(queue.put)
        if self._processors:
            sinks.append(self._process)
        self._sinks = sinks
        #: Takes a span that has ended.
        self.sink: Callable[[LightSpan], object] = sinks[0] if len(sinks) == 1 else self._spread
        #: Told of a span that starts; None if nobody wants to know.
        self.started = self._started if self._processors else None

    def _ship(self, place: Any, batching: Batching) -> Ship[LightSpan]:
        if isinstance(place, Destination):
            sender = Sender(
                transport(place, "traces"),
                place,
                self._count,
                retry=Retry(give_up_seconds=batching.give_up_s),
            )
            return Shipment(encode, self._resource, sender)
        from agentmon.export.readable import Exporter  # noqa: PLC0415  # loads the SDK

        return Exporter(place, self._resource, self._count)

    def _spread(self, span: LightSpan) -> None:
        for sink in self._sinks:
            sink(span)

    # ------------------------------------------------------------------ processors of the host

    def _started(self, span: LightSpan, context: Context | None) -> None:
        for processor in self._processors:
            try:
                processor.on_start(span, parent_context=context)
            except Exception:  # noqa: BLE001  # the host's code, which may do anything
                self._count("span_error", 1)

    def _process(self, span: LightSpan) -> None:
        from opentelemetry.sdk.resources import Resource as Origin  # noqa: PLC0415  # loads the SDK

        from agentmon.export.readable import readable  # noqa: PLC0415  # likewise

        if self._origin is None:
            self._origin = Origin(self._resource())
        whole = readable(span, self._origin)
        for processor in self._processors:
            try:
                processor.on_end(whole)
            except Exception:  # noqa: BLE001  # likewise
                self._count("span_error", 1)

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to export."""
        for worker in self._workers:
            worker.start()

    def flush(self, seconds: float) -> bool:
        """Export all that waits, within so many seconds; says whether that was done."""
        until = time.monotonic() + seconds
        done = [worker.flush(max(0.0, until - time.monotonic())) for worker in self._workers]
        for processor in self._processors:
            left_ms = max(0, round((until - time.monotonic()) * 1000))
            done.append(processor.force_flush(left_ms) is not False)
        return all(done)

    def close(self, seconds: float) -> None:
        """Export all that waits, within so many seconds, and end."""
        until = time.monotonic() + seconds
        for worker in self._workers:
            worker.close(max(0.0, until - time.monotonic()))
        for processor in self._processors:
            try:
                processor.shutdown()
            except Exception:  # noqa: BLE001  # likewise
                self._count("span_error", 1)

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        self._origin = None
        for worker in self._workers:
            worker.abandon()
