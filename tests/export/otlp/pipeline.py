"""All there is between the end of a span and a collector, put together by hand; also a program."""

from __future__ import annotations

import argparse
import atexit
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from threading import Lock

from opentelemetry.trace import SpanKind

from agentmon.export.otlp.destination import destination
from agentmon.export.otlp.sender import Retry, Sender, Shipment, transport
from agentmon.export.otlp.spans import encode
from agentmon.export.worker import Worker
from agentmon.tracing.ids import random_bits, reseed
from agentmon.tracing.queue import Queue
from agentmon.tracing.span import Library, LightSpan

__all__ = ["QUICK", "Pipeline"]

QUICK = Retry(first_seconds=0.05, most_seconds=0.2)
LIBRARY = Library("agentmon", "1")


class Pipeline:
    """A queue, a worker and a sender to a collector."""

    def __init__(
        self,
        url: str,
        *,
        size: int = 16384,
        batch: int = 512,
        delay_seconds: float = 0.05,
        timeout_seconds: float = 10.0,
        retry: Retry = QUICK,
    ) -> None:
        where = destination("traces", {}, url=url, timeout_seconds=timeout_seconds)
        self.ended = 0
        self.dropped: Counter[str] = Counter()
        self._lock = Lock()
        self.queue: Queue[LightSpan] = Queue(size, lambda: self._count("span_queue_full", 1))
        self.worker: Worker[LightSpan] = Worker(
            self.queue,
            Shipment(
                encode,
                lambda: {"process.pid": os.getpid()},
                Sender(transport(where, "traces"), where, self._count, retry=retry),
            ),
            lambda n: self._count("span_export_failed", n),
            batch=batch,
            delay_seconds=delay_seconds,
        )
        self.queue.wake = self.worker.wake
        self.worker.start()

    def _count(self, reason: str, n: int) -> None:
        with self._lock:
            self.dropped[reason] += n

    def end(self, n: int) -> None:
        """End so many spans."""
        for _ in range(n):
            now_ns = time.time_ns()
            span = LightSpan(
                "step",
                SpanKind.INTERNAL,
                LIBRARY,
                random_bits(128),
                random_bits(64) or 1,
                0,
                1,
                now_ns,
                self.queue.put,
            )
            span.set_attribute("n", self.ended)
            span.end(now_ns + 1)
            self.ended += 1

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        reseed()
        self.ended = 0
        self.dropped.clear()
        self._lock = Lock()
        self.worker.abandon()

    def account(self) -> str:
        """What became of the spans, as a line."""
        return json.dumps({"pid": os.getpid(), "ended": self.ended, "dropped": dict(self.dropped)})


def main() -> None:
    """End spans, fork, and leave as told; print accounts at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--spans", type=int, default=1000)
    parser.add_argument("--children", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=20.0)
    parser.add_argument("--leave", choices=["return", "raise", "exit", "term"], default="return")
    parser.add_argument("--kill-child", action="store_true")
    given = parser.parse_args()

    logging.basicConfig()
    pipeline = Pipeline(given.url)

    def finish() -> None:
        begun = time.monotonic()
        pipeline.worker.close(given.deadline)
        # One write, as several processes share the pipe.
        took = time.monotonic() - begun
        os.write(1, f'{pipeline.account()[:-1]}, "took": {took:.3f}}}\n'.encode())

    atexit.register(finish)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pipeline.end(given.spans)
    for n in range(given.children):
        pid = os.fork()
        if pid == 0:
            pipeline.abandon()
            pipeline.end(given.spans)
            if given.kill_child and n == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            sys.exit(0)
        pipeline.end(10)
    for _ in range(given.children):
        os.wait()
    pipeline.end(given.spans)
    if given.leave == "raise":
        raise RuntimeError("as told")
    if given.leave == "exit":
        sys.exit(3)
    if given.leave == "term":
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
