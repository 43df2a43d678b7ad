"""
The registry of several processes together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import compress, count
from math import fsum
from operator import ne
from threading import Lock
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from agentmon.model import catalogue
from agentmon.model.failure import Failure, unlocated
from agentmon.model.metric import OVERFLOW, Across, Kind, Metric
from agentmon.model.outcome import OK, TIMEOUT
from agentmon.model.snapshot import Family, Snapshot
from agentmon.record.batch import Batch
from agentmon.record.clock import epoch_offset_ns
from agentmon.record.failures import Row
from agentmon.record.histogram import Histogram
from agentmon.record.registry import Registry, agent_of
from agentmon.record.series import Series
from agentmon.record.shared.form import BITS, LONGEST, PAGE, WORD, WORDS_AT, float_of, signed
from agentmon.record.shared.source import Entry, Source
from agentmon.record.signals import Scores

if TYPE_CHECKING:
    from agentmon.model.buckets import Layout
    from agentmon.record.clock import Clock
    from agentmon.record.shared.folder import Folder

__all__ = ["Merged"]

_HALF = 1 << 63
_BY_NAME = {metric.name: metric for metric in catalogue.CATALOGUE}


class _Gain:
    """What a histogram gains by one reading of all files."""

    __slots__ = ("count", "counts", "squares_ns2", "sum_ns")

    def __init__(self) -> None:
        self.count = self.sum_ns = self.squares_ns2 = 0
        self.counts: dict[int, int] = {}

    def take(self, batch: Batch, sign: int) -> None:
        self.count += sign * batch.size
        self.sum_ns += sign * batch.sum_ns
        self.squares_ns2 += sign * batch.squares_ns2
        counts = self.counts
        for index, n in batch.counts.items():
            counts[index] = counts.get(index, 0) + sign * n


class _Home:
    """Where a histogram of a file goes: that of a series and outcome, or of a metric and labels."""

    __slots__ = ("histogram", "longest_ns", "outcome", "series", "shortest_ns")

    def __init__(self, series: Series | None, outcome: str) -> None:
        self.series = series
        self.outcome = outcome
        self.histogram: Histogram | None = None
        self.shortest_ns: int | None = None
        self.longest_ns = 0

    def stretch(self, shortest_ns: int, longest_ns: int) -> None:
        known = self.shortest_ns
        self.shortest_ns = shortest_ns if known is None else min(known, shortest_ns)
        self.longest_ns = max(self.longest_ns, longest_ns)


class _Part:
    """What one file has contributed besides its words."""

    __slots__ = ("flying", "gauges", "numbers", "scores", "unfolded")

    def __init__(self) -> None:
        self.unfolded: list[tuple[_Home, Batch]] = []
        self.flying: dict[Series, list[int]] = {}
        self.gauges: dict[tuple[Metric, tuple[str, ...]], list[int]] = {}
        self.scores: dict[Scores, float] = {}
        self.numbers: dict[int, tuple[Series, int | None]] = {}


class Merged(Registry):
    """
    Everything that the files of a folder hold.

    It is read anew before each look at it, by what has changed since the last. So it has windows as
    well: they begin when it is looked at for the first time.

    Guarantees:
        Counts, sums, sums of squares, cells, and the shortest and longest are those of all files
        together, exactly, as long as all have the same layout.

    Args:
        folder: Where the files are.
        layout: The cells of their histograms.
        clock: Tells the time.
        max_series: The most series kept.
    """

    def __init__(self, folder: Folder, layout: Layout, clock: Clock, max_series: int) -> None:
        super().__init__(layout, clock, max_series)
        self._folder = folder
        self._reading = Lock()
        self._seen = False
        #: When somebody looked at it last, in monotonic seconds.
        self.looked: float | None = None
        #: Called before the files are read.
        self.before: Callable[[], object] | None = None
        self._parts: dict[Source, _Part] = {}
        self._homes: dict[Any, _Home] = {}
        self._gains: dict[_Home, _Gain] = {}
        #: Numbers: their totals, what the dictionaries that they are in say, and where that is. The
        #: first is of none.
        self._totals, self._shown = [0], [0]
        self._where: list[tuple[dict[Any, int], Any]] = [({}, None)]
        self._slots: dict[tuple[int, Any], int] = {}

    # ------------------------------------------------------------------ reading

    def refresh(self) -> None:
        """Read what is new in all files."""
        if self.before is not None:
            self.before()
        with self._reading, self.still():
            self._folder.refresh()
            for source in self._folder.gone:
                if source in self._parts:
                    self._absorb(source)
                    del self._parts[source]
            self._folder.gone = []
            for source in self._folder.sources:
                self._absorb(source)
            self._settle_gauges()
            self._gain()
            self._totals[self._slot(self.dropped, "not_read")] += self._folder.unread
            self._folder.unread = 0
            self._count()
            offset_ns = epoch_offset_ns(self.clock)
            begun = [each.begun_ns - offset_ns for each in self._folder.sources if each.begun_ns]
            self.begun_ns = min([self.begun_ns, *begun])
            self._seen = True
        if self.unsaid:
            self.say()

    def _absorb(self, source: Source) -> None:
        """Take in what one file has gained."""
        part = self._parts.get(source)
        if part is None:
            part = self._parts[source] = _Part()
        fresh, source.fresh = source.fresh, []
        for entry in fresh:
            self._meet(entry, source, part)
        touched: dict[Entry, None] = {}
        for entry, place, new, old in source.changes(self._totals):
            if entry.code == "p":
                gain = self._gain_of(entry.home)
                index = entry.said[3] * PAGE + place
                gain.counts[index] = gain.counts.get(index, 0) + new - old
            else:
                touched[entry] = None
        for entry in touched:
            now, before = _words(source.words, entry), _words(source.before, entry)
            getattr(self, f"_take_{entry.code}")(entry, part, now, before)
        source.before = source.words
        for home, batch in part.unfolded:
            self._gain_of(home).take(batch, -1)
            self._late(home, batch, -1)
        part.unfolded = list(self._journalled(source, part)) if source.journal else []
        for home, batch in part.unfolded:
            self._gain_of(home).take(batch, 1)
            self._late(home, batch, 1)
            home.stretch(batch.min_ns, batch.max_ns)

    def _journalled(self, source: Source, part: _Part) -> Any:
        by_number: dict[int, list[int]] = {}
        for word in source.journal:
            by_number.setdefault(word >> BITS, []).append(word & LONGEST)
        now_ns = self.clock()
        for number, values in by_number.items():
            known = part.numbers.get(number)
            if known is None:
                continue
            series, timeout_ns = known
            values.sort()
            end = len(values) if timeout_ns is None else bisect_left(values, timeout_ns + 1)
            for outcome, those in ((OK, values[:end]), (TIMEOUT, values[end:])):
                if those:
                    batch = Batch(self.layout, outcome, now_ns, those)
                    yield self._home((series, outcome), series, outcome), batch

    def _late(self, home: _Home, batch: Batch, sign: int) -> None:
        """Count calls that took longer than they may among the failures, as their owner will."""
        series = home.series
        if batch.outcome == TIMEOUT and series is not None:
            kind, name = series.metrics.kind, series.labels[0]
            key = self.groups.place((unlocated(TIMEOUT, kind, name), kind, name, agent_of(series)))
            row = self.groups.rows.setdefault(key, Row(time_ns()))
            row.count += sign * batch.size

    # ------------------------------------------------------------------ what lines stand for

    def _meet(self, entry: Entry, source: Source, part: _Part) -> None:
        """Find out what a line stands for here."""
        code, said, above = entry.code, entry.said, entry.above
        if code == "s":
            entry.home = self._series_of(said[2], tuple(said[3]))
        elif code == "a":
            _, name, *facts = said
            known = self.facts.get(name, ("", "", ""))
            version, team, tier = (new or old for new, old in zip(facts, known, strict=True))
            self.facts[name] = (version, team, tier)
        elif code == "d":
            self._number(entry, source, self.dropped, said[2])
        elif code == "f":
            entry.home = [self.groups.place((Failure(*said[2:5]), *said[5:8]))]
        elif code in "novx":
            metric = _BY_NAME.get(said[2])
            if metric is not None:
                self._meet_signal(entry, source, metric, tuple(said[3]))
        elif above is not None and above.home is not None:
            if code == "r":
                part.numbers[said[1]] = above.home, said[3]
            elif code == "h":
                series, outcome = above.home, said[3]
                entry.home = self._home((series, outcome), series, outcome)
            elif code == "p":
                entry.home = above.home
            else:
                series = above.home
                what = "errors" if code == "e" else "tokens"
                if not isinstance(getattr(series, what), dict):
                    setattr(series, what, {})
                name = self.bounded(catalogue.ERROR_TYPE, said[3]) if code == "e" else said[3]
                self._number(entry, source, getattr(series, what), name)

    def _series_of(self, kind: str, said: tuple[str, ...]) -> Series | None:
        metrics = catalogue.OPERATIONS.get(kind)
        if metrics is None or len(said) != len(metrics.labels):
            return None
        alike = self._series[kind]
        values = said
        if values not in alike:
            values = tuple(map(self.bounded, metrics.labels, said))
            if values not in alike and not self.room():
                values = (OVERFLOW,) * len(said)
        return alike.setdefault(values, Series(metrics, values, self.layout))

    def _number(self, entry: Entry, source: Source, held: dict[Any, int], key: Any) -> None:
        """Have a word counted under a key of a dictionary."""
        source.slots[entry.at - WORDS_AT] = self._slot(held, key)

    def _slot(self, held: dict[Any, int], key: Any) -> int:
        place = id(held), key
        slot = self._slots.get(place)
        if slot is None:
            slot = self._slots[place] = len(self._totals)
            self._totals.append(0)
            self._shown.append(0)
            self._where.append((held, key))
        return slot

    def _count(self) -> None:
        """Let the dictionaries say what the totals are."""
        totals, shown = self._totals, self._shown
        for slot in compress(count(), map(ne, totals, shown)):
            held, key = self._where[slot]
            n = shown[slot] = totals[slot]
            held[key] = n if -_HALF <= n < _HALF else signed(n & WORD)

    def _meet_signal(
        self, entry: Entry, source: Source, metric: Metric, labels: tuple[str, ...]
    ) -> None:
        held = self.signals.held(metric)
        place = labels if labels in held else self.signals.place(metric, labels, held)
        if entry.code == "n":
            held.setdefault(place, 0)
            self._number(entry, source, held, place)
        elif entry.code == "v":
            entry.home = [metric, place]
        elif entry.code == "x":
            if tuple(entry.said[4]) == metric.edges:
                entry.home = held.setdefault(place, Scores(metric.edges))
        else:
            home = self._home((metric, place), None, "")
            home.histogram = held.setdefault(place, Histogram(self.layout))
            entry.home = home

    def _home(self, key: Any, series: Series | None, outcome: str) -> _Home:
        home = self._homes.get(key)
        if home is None:
            home = self._homes[key] = _Home(series, outcome)
        return home

    # ------------------------------------------------------------------ what words say

    def _take_s(self, entry: Entry, part: _Part, now: list[int], _before: list[int]) -> None:
        series = entry.home
        if series is None:
            return
        timeout_ns, calls, oldest_ns = now
        if timeout_ns:
            series.timeout_ns = timeout_ns
        if calls:
            part.flying[series] = [oldest_ns] * calls
        else:
            part.flying.pop(series, None)

    def _take_h(self, entry: Entry, _part: _Part, now: list[int], before: list[int]) -> None:
        home = entry.home
        if home is None:
            return
        gain = self._gain_of(home)
        gain.count += now[0] - before[0]
        gain.sum_ns += now[1] - before[1] + (now[2] - before[2] << 64)
        gain.squares_ns2 += now[3] - before[3] + (now[4] - before[4] << 64)
        if now[0]:
            home.stretch(now[5], now[6])

    _take_o = _take_h

    def _take_f(self, entry: Entry, _part: _Part, now: list[int], before: list[int]) -> None:
        count, first_ns, last_ns, high, low = now
        key = self.groups.place(entry.home[0])
        row = self.groups.rows.setdefault(key, Row(first_ns))
        row.count += count - before[0]
        if count:
            row.first_ns = min(row.first_ns, first_ns)
            if last_ns >= row.last_ns:
                row.last_ns = last_ns
                row.trace_id = (high << 64 | low) or row.trace_id

    def _take_v(self, entry: Entry, part: _Part, now: list[int], _before: list[int]) -> None:
        if entry.home is not None:
            metric, place = entry.home
            if now[0]:
                part.gauges[metric, place] = now[1:]
            else:
                part.gauges.pop((metric, place), None)

    def _take_x(self, entry: Entry, part: _Part, now: list[int], before: list[int]) -> None:
        scores = entry.home
        if scores is None:
            return
        scores.count += now[0] - before[0]
        for n, (new, old) in enumerate(zip(now[2:], before[2:], strict=True)):
            scores.buckets[n] += new - old
        part.scores[scores] = float_of(now[1])
        parts = self._parts.values()
        scores.total = fsum(each.scores[scores] for each in parts if scores in each.scores)

    # ------------------------------------------------------------------ together

    def _gain_of(self, home: _Home) -> _Gain:
        gain = self._gains.get(home)
        if gain is None:
            gain = self._gains[home] = _Gain()
        return gain

    def _gain(self) -> None:
        """Add to the histograms what they gain."""
        gains, self._gains = self._gains, {}
        now_ns = self.clock()
        for home, gain in gains.items():
            counts = {index: n for index, n in gain.counts.items() if n}
            if counts:
                ends = self.layout.lower(min(counts)), self.layout.upper(max(counts))
                batch = Batch.of(home.outcome, now_ns, gain.count, ends, counts)
                batch.sum_ns, batch.squares_ns2 = gain.sum_ns, gain.squares_ns2
                if home.series is not None:
                    home.series.add(batch, windows=self._seen)
                    home.histogram = home.series.histograms[home.outcome]
                elif home.histogram is not None:
                    home.histogram.add(batch)
            if home.histogram is not None:
                home.histogram.min_ns = home.shortest_ns or 0
                home.histogram.max_ns = home.longest_ns

    def _settle_gauges(self) -> None:
        """Put the gauges of the living together."""
        found: dict[tuple[Metric, tuple[str, ...]], list[tuple[int, float]]] = {}
        for source, part in self._parts.items():
            if source.alive:
                for key, (bits, at_ns) in part.gauges.items():
                    found.setdefault(key, []).append((at_ns, float_of(bits)))
        for metric in self.signals.metrics():
            if metric.kind in (Kind.GAUGE, Kind.INFO):
                self.signals.held(metric).clear()
        for (metric, place), values in found.items():
            self.signals.held(metric)[place] = _together(metric, values)

    def live(self) -> dict[Series, list[int]]:
        """When calls in flight began, by series: of one process, all when the oldest did."""
        offset_ns = epoch_offset_ns(self.clock)
        begun: dict[Series, list[int]] = {}
        for source, part in self._parts.items():
            if source.alive:
                for series, epochs in part.flying.items():
                    begun.setdefault(series, []).extend(at - offset_ns for at in epochs)
        return begun

    # ------------------------------------------------------------------ looking at it

    def drop(self, reason: str, n: int) -> None:
        """Count what could not be answered here, with what the files say."""
        with self.lock:
            self._totals[self._slot(self.dropped, reason)] += n
            self._count()

    def collect(self, *, cells: bool = False) -> list[Family]:
        """Every metric with its samples; see `Registry.collect`."""
        self._look_at()
        return super().collect(cells=cells)

    def histograms(self) -> list[tuple[str, tuple[str, ...], str, dict[int, int]]]:
        """Every lifetime histogram; see `Registry.histograms`."""
        self._look_at()
        return super().histograms()

    def snapshot(self) -> Snapshot:
        """Everything known; see `Registry.snapshot`."""
        self._look_at()
        return super().snapshot()

    def _look_at(self) -> None:
        self.looked = monotonic()
        self.refresh()


def _together(metric: Metric, values: list[tuple[int, float]]) -> float:
    """The gauges of several processes as one, as the metric declares it."""
    if metric.kind is Kind.INFO or metric.across is Across.NEWEST:
        value = max(values)[1]
    elif metric.across is Across.LARGEST:
        value = max(value for _, value in values)
    elif metric.across is Across.SMALLEST:
        value = min(value for _, value in values)
    else:
        value = fsum(value for _, value in values)
    return int(value) if value.is_integer() else value


def _words(data: bytes, entry: Entry) -> list[int]:
    """The words of an entry; 0 where there are none."""
    begin = 8 * (entry.at - WORDS_AT)
    end = begin + 8 * entry.size
    return memoryview(data[begin:end].ljust(end - begin, b"\0")).cast("Q").tolist()
