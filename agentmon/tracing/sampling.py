"""
Which traces are recorded: decided at their root, and, if one wants, again at their end.

Metrics never depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from agentmon.tracing.span import LightSpan

__all__ = ["ALWAYS", "Held", "Sampler", "Tail", "ratio_bound"]

_WORD: Final = (1 << 64) - 1
#: The bound that samples every trace.
ALWAYS: Final = 1 << 64
#: Spans of one trace that was not sampled that wait for its end.
_MOST_HELD: Final = 1000
_ERROR: Final = 2


def ratio_bound(ratio: float) -> int:
    """
    The bound below which a trace is sampled, as OpenTelemetry's ``TraceIdRatioBased`` has it.

    Args:
        ratio: Share of the traces that are, 0 to 1.
    """
    return round(ratio * ALWAYS)


class Sampler:
    """
    Decides at the root of a trace whether it is recorded.

    Args:
        bound: A trace is if the lower 64 bits of its id are below this.
        parent_based: Whether a span that has a parent does as that does.
        custom: Asked instead, if given: an object with OpenTelemetry's ``should_sample``.
    """

    __slots__ = ("bound", "custom", "parent_based")

    def __init__(
        self, bound: int = ALWAYS, *, parent_based: bool = True, custom: Any = None
    ) -> None:
        self.bound = bound
        self.parent_based = parent_based
        self.custom = custom

    def root(self, trace_id: int) -> bool:
        """Whether a trace with this id is recorded."""
        return trace_id & _WORD < self.bound


class Tail:
    """
    What is recorded although it was not sampled.

    Args:
        sink: Takes the spans of the traces that are kept.
        dropped: Told how many spans of a kept trace there was no room for.
        errors: Keep traces in which a span has the status error.
        slower_ns: Keep traces in which a span took longer, in nanoseconds; None for none.
    """

    __slots__ = ("dropped", "errors", "sink", "slower_ns")

    def __init__(
        self,
        sink: Callable[[LightSpan], object],
        dropped: Callable[[int], object],
        *,
        errors: bool,
        slower_ns: int | None,
    ) -> None:
        self.sink = sink
        self.dropped = dropped
        self.errors = errors
        self.slower_ns = slower_ns

    def wants(self, span: LightSpan) -> bool:
        """Whether a span that has ended makes its trace worth keeping."""
        if self.errors and span.status == _ERROR:
            return True
        slower_ns = self.slower_ns
        return slower_ns is not None and span.ended_ns - span.begun_ns > slower_ns


class Held:
    """
    The spans of one trace in this process, held back until the first of them ends.

    Guarantees:
        At most 1000 spans are held; more are dropped, and counted if the trace is kept. Spans that
        end after the first one has go the way of the others.

    Args:
        tail: Decides.
    """

    __slots__ = ("_keep", "_lock", "_overflow", "_spans", "_tail", "root")

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._lock = Lock()
        self._spans: list[LightSpan] = []
        self._overflow = 0
        self._keep = False
        #: The first span, whose end decides; None once it has.
        self.root: LightSpan | None = None

    def add(self, span: LightSpan) -> None:
        """Take a span that has ended."""
        tail = self._tail
        with self._lock:
            self._keep = self._keep or tail.wants(span)
            if self.root is not None and span is not self.root:
                if len(self._spans) < _MOST_HELD:
                    self._spans.append(span)
                else:
                    self._overflow += 1
                return
            self.root = None
            keep, overflow = self._keep, self._overflow
            released = [*self._spans, span]
            self._spans, self._overflow = [], 0
        if keep:
            for each in released:
                tail.sink(each)
            if overflow:
                tail.dropped(overflow)
