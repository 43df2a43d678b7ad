"""
Calls whose traces stand for others of their duration: exemplars.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from agentmon.model.exemplar import Exemplar

__all__ = ["Examples", "Found", "TracedSpan"]

_SAMPLED = 1
_MOST_FAILED = 64  # between two folds; the rest of so many failures has no exemplar


class TracedSpan(Protocol):
    """The span of a call that has ended, as far as it is needed here."""

    trace_id: int
    span_id: int
    flags: int
    begun_ns: int
    ended_ns: int


class Found(NamedTuple):
    """An exemplar, and how its call ended."""

    outcome: str
    exemplar: Exemplar


class Examples:
    """
    The traces of some calls of one recorder since the last fold.

    Of calls that returned it has the latest and the longest; of others, the first 64. Only sampled
    ones: those of which nothing is kept must not take the places of the others.

    Assumptions:
        Whoever takes holds the registry's lock. Whoever notes holds none: what two threads note at
        once may be one of the two.
    """

    __slots__ = ("failed", "latest", "peak")

    def __init__(self) -> None:
        self.latest: TracedSpan | None = None
        self.peak: TracedSpan | None = None
        self.failed: list[tuple[str, TracedSpan]] = []

    def note(self, span: TracedSpan) -> None:
        """Take note of a call that returned, if its trace can be looked at."""
        if not _usable(span):
            return
        self.latest = span
        peak = self.peak
        if peak is None or span.ended_ns - span.begun_ns > peak.ended_ns - peak.begun_ns:
            self.peak = span

    def note_failed(self, outcome: str, span: TracedSpan) -> None:
        """Take note of a call that did not return, if its trace can be looked at."""
        if len(self.failed) < _MOST_FAILED and _usable(span):
            self.failed.append((outcome, span))

    def take(self, returned: str) -> list[Found]:
        """
        What was noted, which is forgotten.

        Args:
            returned: The outcome of calls that returned.
        """
        latest, peak, self.latest, self.peak = self.latest, self.peak, None, None
        failed = self.failed[:]
        del self.failed[: len(failed)]
        noted = [*failed]
        if peak is not None:
            noted.append((returned, peak))
        if latest is not None and latest is not peak:
            noted.append((returned, latest))
        return [Found(outcome, _exemplar(span)) for outcome, span in noted]


def _usable(span: TracedSpan) -> bool:
    return bool(span.flags & _SAMPLED and span.trace_id and span.ended_ns)


def _exemplar(span: TracedSpan) -> Exemplar:
    return Exemplar(span.trace_id, span.span_id, span.ended_ns - span.begun_ns, span.ended_ns)
