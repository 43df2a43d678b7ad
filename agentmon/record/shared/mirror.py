"""
Which word of a file is what, and its value: the way from the registry into the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from agentmon.model.metric import Kind, Metric
from agentmon.record.histogram import Histogram
from agentmon.record.shared.form import NOTE_PAIRS, PAGE, SIZES, WORD, word_of

if TYPE_CHECKING:
    from agentmon.record.failures import Key, Row
    from agentmon.record.registry import Registry
    from agentmon.record.series import Series
    from agentmon.record.shared.paper import Paper
    from agentmon.record.signals import Scores

__all__ = ["Mirror"]

_FULL = NOTE_PAIRS - 2 * PAGE  # a histogram is at most so much at once


class _Place:
    """Where a histogram is in the file."""

    __slots__ = ("at", "pages")

    def __init__(self, at: int) -> None:
        self.at = at
        self.pages: dict[int, int] = {}


class Mirror:
    """
    Follows a registry, word by word.

    What is noted here is in the file once `commit` is called. What the file has no room for is
    noted again, whole, when it changes again; until then others do not see it.

    Assumptions:
        Whoever calls a method holds the registry's lock.

    Args:
        paper: The file.
        lost: Called where there is no room in it.
    """

    def __init__(self, paper: Paper, lost: Callable[[], object]) -> None:
        self._paper = paper
        self._lost = lost
        #: New values by place, that wait to be committed.
        self._changes: dict[int, int] = {}
        self._reserving = False
        self._series: dict[Series, int] = {}
        self._histograms: dict[Any, _Place] = {}
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def commit(self) -> None:
        """Let the file hold all that was noted."""
        # What a signal handler notes meanwhile is for the next time.
        changes, self._changes = self._changes, {}
        if changes:
            self._paper.commit(changes)

    def put(self, at: int, value: int) -> None:
        """Note a value of a word."""
        self._changes[at] = value & WORD

    # ------------------------------------------------------------------ places

    def _reserve(self, key: Any, entry: list[Any], words: int) -> int | None:
        """Room for a key; the place goes into the entry, after its first item."""
        try:
            if self._reserving:  # a signal handler interrupts us: later
                raise BlockingIOError
            self._reserving = True
            try:
                at = self._paper.reserve(words)
                self._paper.line([entry[0], at, *entry[1:]])
            finally:
                self._reserving = False
        except OSError:
            self._lost()
            return None
        if key is not None:
            self._numbers[key] = at
        return at

    def _number(self, key: Any, entry: Callable[[], list[Any]]) -> int | None:
        at = self._numbers.get(key)
        if at is None:
            made = entry()
            at = self._reserve(key, made, SIZES[made[0]])
        return at

    # ------------------------------------------------------------------ operations

    def series(self, series: Series) -> int | None:
        """Where a series is; it is there as soon as it is asked for."""
        at = self._series.get(series)
        if at is None:
            at = self._reserve(None, ["s", series.metrics.kind, series.labels], SIZES["s"])
            if at is None:
                return None
            self._series[series] = at
        if series.timeout_ns is not None:
            self.put(at, series.timeout_ns)
        return at

    def in_flight(self, series: Series, calls: int, oldest_ns: int) -> None:
        """Note how many calls are in flight, and when the oldest began, since 1970."""
        at = self.series(series)
        if at is not None:
            self.put(at + 1, calls)
            self.put(at + 2, oldest_ns)

    def numbered(self, number: int, series: Series, timeout_ns: int | None) -> bool:
        """Say who is meant by a number in the journal."""
        at = self.series(series)
        if at is None:
            return False
        try:
            self._paper.line(["r", number, at, timeout_ns])
        except OSError:
            self._lost()
            return False
        return True

    def calls(self, series: Series, outcome: str, touched: Iterable[int]) -> None:
        """
        Note a histogram of a series.

        Args:
            series: The series.
            outcome: How the calls ended.
            touched: The cells that changed.
        """
        key = (series, outcome)
        home = self._histograms.get(key)
        if home is None:
            at = self.series(series)
            if at is not None:
                place = self._reserve(None, ["h", at, outcome], SIZES["h"])
                home = None if place is None else self._begun(key, place)
            if home is None:
                return
            touched = series.histograms[outcome].cells()
        self._histogram(key, home, series.histograms[outcome], touched)

    def _begun(self, key: Any, at: int) -> _Place:
        home = self._histograms[key] = _Place(at)
        return home

    def _histogram(
        self, key: Any, home: _Place, histogram: Histogram, touched: Iterable[int]
    ) -> None:
        at, pages = home.at, home.pages
        for index, n in histogram.counts_of(touched):
            page, cell = divmod(index, PAGE)
            first = pages.get(page)
            if first is None:
                first = self._reserve(None, ["p", at, page], PAGE)
                if first is None:  # all of it is noted again when it changes again
                    del self._histograms[key]
                    self._forsake(home)
                    return
                pages[page] = first
            self._changes[first + cell] = n
        squares, total = histogram.squares_ns2, histogram.sum_ns
        changes = self._changes
        changes[at] = histogram.count
        changes[at + 1], changes[at + 2] = total & WORD, total >> 64
        changes[at + 3], changes[at + 4] = squares & WORD, squares >> 64 & WORD
        changes[at + 5], changes[at + 6] = histogram.min_ns, histogram.max_ns

    def _forsake(self, home: _Place) -> None:
        """What is in a place that is given up counts no more."""
        for at, words in ((home.at, SIZES["h"]), *((at, PAGE) for at in home.pages.values())):
            for place in range(at, at + words):
                self._changes[place] = 0

    def error(self, series: Series, error_type: str) -> None:
        """Note how often a series failed with an error."""
        self._of_series("e", series, error_type, series.errors[error_type])

    def tokens(self, series: Series, token_type: str) -> None:
        """Note how many tokens a series used."""
        self._of_series("t", series, token_type, series.tokens[token_type])

    def _of_series(self, what: str, series: Series, name: str, n: int) -> None:
        home = self.series(series)
        if home is not None:
            at = self._number((what, series, name), lambda: [what, home, name])
            if at is not None:
                self.put(at, n)

    # ------------------------------------------------------------------ what else there is

    def agent(self, name: str, facts: tuple[str, str, str]) -> None:
        """Say what is known of an agent."""
        try:
            self._paper.line(["a", name, *facts])
        except OSError:
            self._lost()

    def group(self, key: Key, row: Row) -> None:
        """Note failures that are alike."""
        failure, *operation = key
        at = self._number(("f", key), lambda: ["f", *failure, *operation])
        if at is not None:
            words = (
                row.count,
                row.first_ns,
                row.last_ns,
                row.trace_id >> 64,
                row.trace_id & WORD,
            )
            for place, value in enumerate(words, at):
                self.put(place, value)

    def dropped(self, reason: str, n: int) -> None:
        """Note how many recordings were dropped."""
        at = self._number(("d", reason), lambda: ["d", reason])
        if at is not None:
            self.put(at, n)

    def signal(
        self,
        metric: Metric,
        labels: tuple[str, ...],
        value: float | Histogram | Scores | None,
        now_ns: int,
        touched: Iterable[int] = (),
    ) -> None:
        """
        Note what is recorded besides operations.

        Args:
            metric: The metric.
            labels: Its label values.
            value: What there is of it now; None of a gauge that is there no more.
            now_ns: The present, in nanoseconds since 1970.
            touched: The cells of a histogram of durations that changed.
        """
        key = (metric, labels)
        if metric.kind is Kind.HISTOGRAM:
            if isinstance(value, Histogram):
                self._durations(key, value, touched)
            else:
                self._scores(key, value)
        elif metric.kind is Kind.COUNTER:
            at = self._number(key, lambda: ["n", metric.name, labels])
            if at is not None:
                self.put(at, int(value))  # type: ignore[arg-type]
        else:
            at = self._number(key, lambda: ["v", metric.name, labels])
            if at is not None:
                self.put(at, value is not None)
                self.put(at + 1, 0 if value is None else word_of(value))  # type: ignore[arg-type]
                self.put(at + 2, now_ns)

    def _durations(self, key: Any, histogram: Histogram, touched: Iterable[int]) -> None:
        home = self._histograms.get(key)
        if home is None:
            metric, labels = key
            at = self._reserve(None, ["o", metric.name, labels], SIZES["o"])
            if at is None:
                return
            home = self._begun(key, at)
            touched = histogram.cells()
        self._histogram(key, home, histogram, touched)

    def _scores(self, key: Any, scores: Any) -> None:
        metric, labels = key
        at = self._numbers.get(key)
        if at is None:
            words = 2 + len(scores.buckets)
            at = self._reserve(key, ["x", metric.name, labels, list(metric.edges)], words)
            if at is None:
                return
        self.put(at, scores.count)
        self.put(at + 1, word_of(scores.total))
        for place, n in enumerate(scores.buckets, at + 2):
            self.put(place, n)

    def whole(self, registry: Registry) -> None:
        """Fill a file that nobody sees yet with everything that a registry has, but gauges."""
        for series in registry.every_series():
            self.series(series)
            for outcome in series.histograms:
                self.calls(series, outcome, ())
            for error_type in series.errors:
                self.error(series, error_type)
            for token_type in series.tokens:
                self.tokens(series, token_type)
        for name, facts in registry.facts.items():
            self.agent(name, facts)
        for key, row in registry.groups.rows.items():
            self.group(key, row)
        for reason, n in registry.dropped.items():
            self.dropped(reason, n)
        signals = registry.signals
        for metric in signals.metrics():
            if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM):
                for labels, value in signals.held(metric).items():
                    self.signal(metric, labels, value, 0)
        changes, self._changes = self._changes, {}
        self._paper.fill(changes)

    @property
    def full(self) -> bool:
        """Whether what is noted should be committed before more is."""
        return len(self._changes) >= _FULL
