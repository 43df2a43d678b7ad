"""
What a process does for its own file: it folds its journal, and notes what changed.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from time import time_ns
from typing import TYPE_CHECKING

from agentmon.record.clock import epoch_offset_ns
from agentmon.record.recorder import NO_JOURNAL
from agentmon.record.shared.form import BITS, MOST_NUMBERS, NOTE_PAIRS, SEEN
from agentmon.record.shared.mirror import Mirror

if TYPE_CHECKING:
    from agentmon.model.metric import Metric
    from agentmon.record.histogram import Histogram
    from agentmon.record.recorder import Recorder
    from agentmon.record.registry import Registry
    from agentmon.record.series import Series
    from agentmon.record.shared.paper import Paper
    from agentmon.record.signals import Scores

__all__ = ["Sharing"]

_MOST_NOTED = NOTE_PAIRS - 512
_HISTOGRAM = 8  # words that change besides cells
_BITS = BITS - 32  # of the duration, in the higher half of a word
_REST = (1 << _BITS) - 1
_LATE = 24  # words that a call changes that took longer than it may


class Sharing:
    """
    Keeps the file of a process in step with its registry.

    Guarantees:
        - A call that returned is in the file before its caller goes on; so is whatever else ended.
        - What is in flight, and gauges that are looked at, are there when `speak` was called last.

    Args:
        registry: What is recorded; nothing was bound in it yet.
        paper: The file.
    """

    def __init__(self, registry: Registry, paper: Paper) -> None:
        self._registry = registry
        self.paper = paper
        self.mirror = Mirror(paper, lambda: registry.drop("not_shared", 1))
        self.mirror.dropped("not_shared", 0)  # so that there is room to count what has none
        self._recorders: list[Recorder] = []
        #: What has calls in flight, as the file says it.
        self._busy: set[Series] = set()

    def attach(self, recorder: Recorder) -> None:
        """Let a recorder put its calls into the journal."""
        number = len(self._recorders) + 1  # a word of zeros is none
        timeout_ns = recorder.declaration.timeout_ns
        if number <= MOST_NUMBERS and self.mirror.numbered(number, recorder.series, timeout_ns):
            self._recorders.append(recorder)
            recorder.tag = number << BITS
            recorder.journal = self.paper.journal
            recorder.plain = None

    def fold(self) -> None:
        """Fold the journal. The lock is held, and the registry busy."""
        journal = self.paper.journal
        places, lows, highs = journal.waiting()
        while lows:
            size = len(lows)
            while True:
                groups = self._grouped(lows[:size], highs[:size])
                if size == 1 or self._noted(groups) <= _MOST_NOTED:
                    break
                size //= 2
            for recorder, values in groups:
                recorder.take(values)
            for at, value in journal.folded(places[:size]).items():
                self.mirror.put(at, value)
            self.mirror.commit()
            places, lows, highs = places[size:], lows[size:], highs[size:]
        journal.rewind()
        for recorder, duration_ns in journal.spilled[:]:
            del journal.spilled[0]
            recorder.take([duration_ns])

    def _grouped(self, lows: list[int], highs: array[int]) -> list[tuple[Recorder, list[int]]]:
        """The durations in the journal, by who takes them."""
        by_high: defaultdict[int, list[int]] = defaultdict(list)
        if highs == highs[:1] * len(highs):  # all of one, and short
            by_high[highs[0]] = lows
        else:
            for high, low in zip(highs, lows, strict=True):
                by_high[high].append(low)
        by_number: dict[int, list[int]] = {}
        for high, values in by_high.items():
            number, rest = high >> _BITS, (high & _REST) << 32
            whole = [rest + value for value in values] if rest else values
            known = by_number.setdefault(number, whole)
            if known is not whole:
                known += whole
        return [(self._recorders[number - 1], values) for number, values in by_number.items()]

    @staticmethod
    def _noted(groups: list[tuple[Recorder, list[int]]]) -> int:
        """At most so many words change by folding them."""
        words = 0
        for recorder, values in groups:
            words += 2 * len(values) + _HISTOGRAM  # the calls' own words among them
            timeout_ns = recorder.declaration.timeout_ns
            if timeout_ns is not None and max(values) > timeout_ns:
                words += _LATE * sum(value > timeout_ns for value in values)
        return words

    def signal(
        self,
        metric: Metric,
        labels: tuple[str, ...],
        value: float | Histogram | Scores | None,
        touched: Iterable[int] = (),
    ) -> None:
        """Note what is recorded besides operations; see `Mirror.signal`."""
        self.mirror.signal(metric, labels, value, time_ns(), touched)
        if self.mirror.full:
            self.mirror.commit()

    def commit(self) -> None:
        """Let the file say what was folded."""
        self.mirror.commit()

    def speak(self) -> None:
        """Let the file say what can be seen by looking only: calls in flight, and gauges."""
        registry = self._registry
        registry.settle()
        live = registry.live()
        offset_ns = epoch_offset_ns(registry.clock)
        with registry.still():
            for series in chain(live, self._busy - live.keys()):
                begun = live.get(series)
                oldest_ns = min(begun) + offset_ns if begun else 0
                self.mirror.in_flight(series, len(begun or ()), oldest_ns)
                if self.mirror.full:
                    self.mirror.commit()
            self._busy = set(live)
            self.mirror.put(SEEN, registry.clock() + offset_ns)
            self.mirror.commit()

    def leave(self) -> None:
        """Say the last word and let go of the file."""
        with suppress(OSError, ValueError):
            self.speak()
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is; in a forked child, of the parent's."""
        registry = self._registry
        registry.shared = None
        for recorder in self._recorders:
            recorder.plain = []
            recorder.journal = NO_JOURNAL
        self.paper.close()
