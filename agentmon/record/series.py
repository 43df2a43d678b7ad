"""
One series: everything recorded under one kind and one set of labels, folded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import OperationSnapshot
from agentmon.model.statistics import Statistics, merge
from agentmon.record.histogram import Histogram
from agentmon.record.window import WINDOWS, Windows

if TYPE_CHECKING:
    from agentmon.model.buckets import Layout
    from agentmon.model.catalogue import OperationMetrics
    from agentmon.record.batch import Batch

__all__ = ["Series", "Source"]


class Source(Protocol):
    """What writes to a series, as far as the series knows it."""

    #: When each call in flight began, by an object that is the call's own.
    live: dict[object, int]

    def waiting(self) -> bool:
        """Whether anything waits to be folded."""

    def fold(self) -> None:
        """Move everything that waits into the series."""


class Series:
    """
    Counts, histograms, windows and errors of one label set.

    Assumptions:
        Whoever calls a method holds the registry's lock, save for `in_flight` and `oldest_ns`.

    Args:
        metrics: The metrics of its kind.
        labels: Its label values.
        layout: The cells of its histograms.
    """

    __slots__ = (
        "_layout",
        "_windows",
        "errors",
        "histograms",
        "keys",
        "labels",
        "metrics",
        "sources",
        "timeout_ns",
        "tokens",
    )

    def __init__(self, metrics: OperationMetrics, labels: tuple[str, ...], layout: Layout) -> None:
        self.metrics = metrics
        self.labels = labels
        #: The labels with each outcome; made once, because every collection needs them.
        self.keys = tuple((*labels, outcome) for outcome in OUTCOMES)
        self.timeout_ns: int | None = None
        #: Appended to in one step: a signal handler or finaliser may be binding another one.
        self.sources: list[Source] = []
        self.histograms: dict[str, Histogram] = {}
        self.errors: dict[str, int] = {}
        self.tokens: dict[str, int] = {}
        self._layout = layout
        self._windows: Windows | None = None

    def add(self, batch: Batch) -> None:
        """Add calls that ended alike."""
        histogram = self.histograms.get(batch.outcome)
        if histogram is None:
            histogram = self.histograms[batch.outcome] = Histogram(self._layout)
        histogram.add(batch)
        if self._windows is None:
            self._windows = Windows(self._layout)
        self._windows.add(batch)

    def in_flight(self) -> int:
        """Calls begun and not ended."""
        n = 0
        for source in self.sources:
            n += len(source.live)
        return n

    def oldest_ns(self, now_ns: int) -> int:
        """Age of the oldest call in flight, in nanoseconds; 0 without any."""
        if not self.in_flight():
            return 0
        begun = [begun for source in self.sources for begun in source.live.copy().values()]
        return max(0, now_ns - min(begun)) if begun else 0

    def life(self) -> Statistics:
        """Statistics since recording began."""
        return merge(
            self._layout,
            (statistics(o, h, self._layout) for o, h in self.histograms.items()),
        )

    def snapshot(self, now_ns: int) -> OperationSnapshot:
        """Everything known of the series, to be looked at."""
        windows = self._windows or Windows(self._layout)
        return OperationSnapshot(
            kind=self.metrics.kind,
            labels=self.labels,
            timeout_ns=self.timeout_ns,
            in_flight=self.in_flight(),
            oldest_ns=self.oldest_ns(now_ns),
            life=self.life(),
            windows={name: windows.read(name, now_ns) for name in WINDOWS},
            history={name: windows.history(name, now_ns) for name in WINDOWS},
            errors=dict(self.errors),
        )


def statistics(outcome: str, histogram: Histogram, layout: Layout) -> Statistics:
    """Statistics of the calls of one outcome."""
    return Statistics(
        layout=layout,
        cells=histogram.cells(),
        outcomes={**dict.fromkeys(OUTCOMES, 0), outcome: histogram.count},
        sum_ns=histogram.sum_ns,
        squares_ns2=histogram.squares_ns2,
        min_ns=histogram.min_ns,
        max_ns=histogram.max_ns,
    )
