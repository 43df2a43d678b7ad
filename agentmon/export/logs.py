"""
Log records on their way out: for each collector, a queue and a thread that empties it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from agentmon.export.otlp.destination import Destination
from agentmon.export.otlp.logs import encode
from agentmon.export.otlp.sender import Retry, Sender, Shipment, transport
from agentmon.export.traces import Count, Resource
from agentmon.export.worker import Worker
from agentmon.tracing.log import LogRecord
from agentmon.tracing.queue import Queue

__all__ = ["LogExport"]

#: Records are few: failures are reported at a bounded rate.
_QUEUE_SIZE: Final = 2048
#: Many collectors take spans only; they are asked again so late.
_REST_SECONDS: Final = 600.0


class LogExport:
    """
    Takes log records to collectors.

    Guarantees:
        - `sink` never makes the host wait.
        - Every record is sent to each collector once, or counted.

    Args:
        to: The collectors.
        resource: Makes the attributes of the resource of this process.
        count: Told how many records were lost, and why.
        delay_s: The longest that a record waits for others.
        give_up_s: How long one batch is tried for.
    """

    def __init__(
        self,
        to: Sequence[Destination],
        resource: Resource,
        count: Count,
        *,
        delay_s: float,
        give_up_s: float,
    ) -> None:
        self._queues: list[Queue[LogRecord]] = []
        self._workers: list[Worker[LogRecord]] = []
        for place in to:
            sender = Sender(
                transport(place, "logs"),
                place,
                count,
                failed="log_export_failed",
                rejected="log_rejected",
                what="log records",
                retry=Retry(give_up_seconds=give_up_s),
                rest_seconds=_REST_SECONDS,
            )
            queue: Queue[LogRecord] = Queue(_QUEUE_SIZE, lambda: count("log_queue_full", 1))
            worker = Worker(
                queue,
                Shipment(encode, resource, sender),
                lambda n: count("log_export_failed", n),
                delay_seconds=delay_s,
                name="agentmon-logs",
            )
            queue.wake = worker.wake
            self._queues.append(queue)
            self._workers.append(worker)

    def sink(self, record: LogRecord) -> None:
        """Take a record."""
        for queue in self._queues:
            queue.put(record)

    def start(self) -> None:
        """Begin to export."""
        for worker in self._workers:
            worker.start()

    def flush(self, seconds: float) -> bool:
        """Export all that waits, within so many seconds; says whether that was done."""
        until = time.monotonic() + seconds
        done = [worker.flush(max(0.0, until - time.monotonic())) for worker in self._workers]
        return all(done)

    def close(self, seconds: float) -> None:
        """Export all that waits, within so many seconds, and end."""
        until = time.monotonic() + seconds
        for worker in self._workers:
            worker.close(max(0.0, until - time.monotonic()))

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        for worker in self._workers:
            worker.abandon()
