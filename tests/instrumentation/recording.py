"""What the tests of the instrument layer share: recording in each mode, and reading it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentmon.instrumentation.active import ACTIVE, DETAILS
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.host import HostSpans
from agentmon.instrumentation.owned import OwnedSpans
from agentmon.model.buckets import Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.record.clock import Clock
from agentmon.record.registry import Registry
from agentmon.testing import Recorded
from agentmon.tracing.tracer import Pipeline

__all__ = ["MODES", "Spans", "errors", "outcomes", "recording"]

MODES = ("metrics", "details", "spans", "owned")

_STEMS = {"model_call": "model"}


class Spans:
    """A tracer provider of the host, and the spans that it got."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("host")

    def ended(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order of their ends."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        """The one ended span of this name."""
        (span,) = [span for span in self.ended() if span.name == name]
        return span


@contextmanager
def recording(
    mode: str = "metrics",
    *,
    spans: Spans | None = None,
    clock: Clock = perf_counter_ns,
    classifier: Classifier | None = None,
) -> Iterator[Recorded]:
    """Record as ``configure()`` makes it happen, within a ``with`` block."""
    registry = Registry(Layout(), clock)
    if mode == "spans":
        spans = spans or Spans()
    makes: HostSpans | OwnedSpans | None = None
    if mode == "owned":
        makes = OwnedSpans(Pipeline([].append))
    elif spans is not None:
        makes = HostSpans(spans.provider, clock)
    ACTIVE.turn_on(
        registry,
        classifier or Classifier(),
        makes,
        mode=DETAILS if mode == "details" else None,
    )
    try:
        yield Recorded(registry)  # type: ignore[arg-type]  # only `value` is used
    finally:
        ACTIVE.turn_off()
        ACTIVE.clock = perf_counter_ns


def outcomes(recorded: Recorded, kind: str = "agent", **labels: str) -> dict[str, int]:
    """How many calls of a kind ended how, without zeros."""
    sample = f"agentmon_{_STEMS.get(kind, kind)}_calls_total"
    counts = {o: recorded.value(sample, outcome=o, **labels) for o in OUTCOMES}
    return {outcome: int(n) for outcome, n in counts.items() if n}


def errors(recorded: Recorded, kind: str = "agent", **labels: str) -> int:
    """How many calls of a kind were counted as errors of a type."""
    return int(recorded.value(f"agentmon_{_STEMS.get(kind, kind)}_errors_total", **labels) or 0)
