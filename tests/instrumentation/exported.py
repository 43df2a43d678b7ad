"""Recording with light spans, as ``configure(traces=...)`` makes it happen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.owned import OwnedSpans
from agentmon.model.buckets import Layout
from agentmon.record.registry import Registry
from agentmon.testing import Recorded
from agentmon.tracing.sampling import Sampler, Tail
from agentmon.tracing.span import LightSpan
from agentmon.tracing.tracer import Pipeline, Provider, Tracer

__all__ = ["Exported", "exporting"]


class Exported:
    """What reached the end of the pipeline, and a tracer of another library on the same."""

    def __init__(self, registry: Registry, sampler: Sampler | None, **options: Any) -> None:
        self.spans: list[LightSpan] = []
        tail = None
        if options.pop("keep_errors", False):
            tail = Tail(self.spans.append, lambda _: None, errors=True, slower_ns=None)
        self.pipeline = Pipeline(self.spans.append, sampler, tail, **options)
        provider = Provider()
        provider.pipeline = self.pipeline
        self.other: Tracer = provider.get_tracer("other")
        self.recorded = Recorded(registry)  # type: ignore[arg-type]  # only `value` is used

    def named(self, name: str) -> LightSpan:
        """The one span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def names(self) -> list[str]:
        """All names, in the order of ends."""
        return [span.name for span in self.spans]


@contextmanager
def exporting(sampler: Sampler | None = None, **options: Any) -> Iterator[Exported]:
    """Record calls and their light spans within a ``with`` block."""
    registry = Registry(Layout(), time.perf_counter_ns)
    exported = Exported(registry, sampler, **options)
    ACTIVE.turn_on(registry, Classifier(), OwnedSpans(exported.pipeline))
    try:
        yield exported
    finally:
        ACTIVE.turn_off()
