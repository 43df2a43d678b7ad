"""
One series: everything recorded under one kind and one set of labels, folded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from agentmon.model.exemplar import Exemplar
from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import OperationSnapshot
from agentmon.model.statistics import Statistics, merge
from agentmon.record.histogram import Histogram
from agentmon.record.window import WINDOWS, Windows

if TYPE_CHECKING:
    from agentmon.model.buckets import Layout
    from agentmon.model.catalogue import OperationMetrics
    from agentmon.record.batch import Batch

__all__ = ["Series"]

#: What a series has of each kind of thing before there is one: shared, so never to be changed.
_NO_HISTOGRAMS: Mapping[str, Histogram] = MappingProxyType({})
_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class Series:
    """
    Counts, histograms, windows and errors of one label set.

    Assumptions:
        Whoever calls a method holds the registry's lock.

    Guarantees:
        One that was never called takes 1 KiB or less, with its recorder and its places in the
        registry: most are never called in a process that has just begun.

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
        "labels",
        "metrics",
        "timeout_ns",
        "tokens",
    )

    def __init__(self, metrics: OperationMetrics, labels: tuple[str, ...], layout: Layout) -> None:
        self.metrics = metrics
        self.labels = labels
        self.timeout_ns: int | None = None
        self.histograms = _NO_HISTOGRAMS
        self.errors = _NO_COUNTS
        self.tokens = _NO_COUNTS
        self._layout = layout
        self._windows: Windows | None = None

    def add(self, batch: Batch, *, windows: bool = True) -> None:
        """
        Add calls that ended alike.

        Args:
            batch: The calls.
            windows: Whether it is known when they ended.
        """
        histogram = self.histograms.get(batch.outcome)
        if histogram is None:
            histogram = Histogram(self._layout)
            self.histograms = {**self.histograms, batch.outcome: histogram}
        histogram.add(batch)
        if not windows:
            return
        if self._windows is None:
            self._windows = Windows(self._layout)
        self._windows.add(batch)

    def show(self, outcome: str, exemplar: Exemplar) -> None:
        """Let a call's trace stand for others that ended alike and took about as long."""
        histogram = self.histograms.get(outcome)
        if histogram is not None:
            histogram.show(exemplar)

    def add_error(self, error_type: str) -> None:
        """Count one failure."""
        self.errors = _with(self.errors, error_type, 1)

    def add_tokens(self, token_type: str, n: int) -> None:
        """Count tokens."""
        self.tokens = _with(self.tokens, token_type, n)

    def life(self) -> Statistics:
        """Statistics since recording began."""
        return merge(
            self._layout,
            (statistics(o, h, self._layout) for o, h in self.histograms.items()),
        )

    def snapshot(self, now_ns: int, live: Collection[int]) -> OperationSnapshot:
        """
        Everything known of the series, to be looked at.

        Args:
            now_ns: The present.
            live: When each call in flight began.
        """
        windows = self._windows or Windows(self._layout)
        return OperationSnapshot(
            kind=self.metrics.kind,
            labels=self.labels,
            timeout_ns=self.timeout_ns,
            in_flight=len(live),
            oldest_ns=max(0, now_ns - min(live)) if live else 0,
            life=self.life(),
            windows={name: windows.read(name, now_ns) for name in WINDOWS},
            history={name: windows.history(name, now_ns) for name in WINDOWS},
            errors=dict(self.errors),
        )


def _with(counts: Mapping[str, int], name: str, n: int) -> Mapping[str, int]:
    """The counts with *n* more of a name: the same ones, unless there was nothing to change."""
    own = counts if isinstance(counts, dict) else {}
    own[name] = own.get(name, 0) + n
    return own


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
