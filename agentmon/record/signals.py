"""
What is recorded besides operations: counters, gauges and histograms of any metric of the catalogue.

They come seldom, compared with calls; the way in is the same: append now, fold later.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from agentmon.model.metric import OVERFLOW, Label, Metric
from agentmon.model.snapshot import Distribution, Family, Sample
from agentmon.record.batch import Batch
from agentmon.record.histogram import Histogram
from agentmon.record.limits import FULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import RLock

    from agentmon.model.buckets import Layout
    from agentmon.record.clock import Clock
    from agentmon.record.shared.sharing import Sharing

__all__ = ["Scores", "Signals"]

_Verb: TypeAlias = Literal["add", "set", "observe", "forget"]
_Entry: TypeAlias = "tuple[_Verb, Metric, tuple[str, ...], float]"


class Keeper(Protocol):
    """What signals need of the registry that they belong to."""

    layout: Layout
    clock: Clock
    lock: RLock
    busy: bool
    unsaid: list[Callable[[], object]]
    #: Keeps the file that others read in step; None where nobody else does.
    shared: Sharing | None

    def bounded(self, label: Label, value: str) -> str:
        """The value, or ``other`` where the label has as many as it may have."""

    def room(self) -> bool:
        """Whether there may be one series more; counts and warns where there may not."""

    def drop(self, reason: str, n: int) -> None:
        """Count recordings that could not be kept as they came."""

    def say(self) -> None:
        """Log what is to be logged."""


class Scores:
    """Values that are no durations, by bucket. Not safe for use by two threads."""

    __slots__ = ("buckets", "count", "edges", "total")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges = edges
        self.buckets = [0] * (len(edges) + 1)
        self.count = 0
        self.total = 0.0

    def add(self, value: float) -> None:
        """Add one value."""
        self.buckets[bisect_left(self.edges, value)] += 1
        self.count += 1
        self.total += value

    def state(self) -> Distribution:
        """What the exposition needs, as it stands now."""
        return Distribution(self.edges, tuple(self.buckets), self.count, self.total)


class Signals:
    """
    Every counter, gauge and histogram that is not of an operation.

    Guarantees:
        - Recording is one append: it takes no lock unless many entries wait, and never raises.
        - What is recorded from several threads, signal handlers or finalisers is neither lost nor
          counted twice; see `agentmon.record.recorder.Recorder`.
        - Series are bounded as those of operations are.

    Args:
        keeper: The registry.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._waiting: list[_Entry] = []
        self._values: dict[Metric, dict[tuple[str, ...], Any]] = {}

    def __len__(self) -> int:
        return sum(map(len, list(self._values.values())))

    def add(self, metric: Metric, labels: tuple[str, ...] = (), n: int = 1) -> None:
        """
        Add to a counter, or to a gauge that goes up and down.

        Args:
            metric: The metric.
            labels: Its label values, in their order.
            n: How much, in 1/scale of the unit of the metric.
        """
        self._note(("add", metric, labels, n))

    def set(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Set a gauge, or an info metric to 1; it stays until it is set anew or forgotten."""
        self._note(("set", metric, labels, value))

    def observe(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Add a value to a histogram: nanoseconds, where it holds durations."""
        self._note(("observe", metric, labels, value))

    def forget(self, metric: Metric, labels: tuple[str, ...]) -> None:
        """Take a gauge away whose object is gone."""
        self._note(("forget", metric, labels, 0))

    def _note(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        if len(self._waiting) >= FULL or self._keeper.shared is not None:
            self.fold()

    def fold(self) -> None:
        """Move everything that waits into its place."""
        keeper = self._keeper
        with keeper.lock:
            if keeper.busy:  # its holder was interrupted by us: it comes to this later
                return
            keeper.busy = True
            try:
                for verb, metric, labels, value in self._waiting[:]:
                    del self._waiting[0]
                    self._take(verb, metric, labels, value)
                if keeper.shared is not None:
                    keeper.shared.commit()
            finally:
                keeper.busy = False
        if keeper.unsaid:
            keeper.say()

    def _take(self, verb: _Verb, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        held = self.held(metric)
        shared = self._keeper.shared
        touched: Iterable[int] = ()
        if verb == "forget":
            held.pop(labels, None)
            if shared is not None:
                shared.signal(metric, labels, None)
            return
        place = labels if labels in held else self.place(metric, labels, held)
        if verb == "add":
            held[place] = held.get(place, 0) + value
        elif verb == "set":
            held[place] = value
        elif metric.edges:
            held.setdefault(place, Scores(metric.edges)).add(value)
        else:
            layout = self._keeper.layout
            batch = Batch(layout, "", self._keeper.clock(), [int(value)])
            if batch.clamped:
                self._keeper.drop("clamped", batch.clamped)
            histogram = held.get(place)
            if histogram is None:
                histogram = held[place] = Histogram(layout)
            histogram.add(batch)
            touched = batch.counts
        if shared is not None:
            shared.signal(metric, place, held[place], touched)

    def place(
        self, metric: Metric, labels: tuple[str, ...], held: dict[tuple[str, ...], Any]
    ) -> tuple[str, ...]:
        """The label values, each within its bound, or all ``other`` where there is no room."""
        place = tuple(
            self._keeper.bounded(label, value)
            for label, value in zip(metric.labels, labels, strict=True)
        )
        return place if place in held or self._keeper.room() else (OVERFLOW,) * len(place)

    def held(self, metric: Metric) -> dict[tuple[str, ...], Any]:
        """What there is of a metric, by label values; the caller holds the registry's lock."""
        return self._values.setdefault(metric, {})

    def metrics(self) -> list[Metric]:
        """Every metric that has or had a value."""
        return list(self._values)

    def families(self, *, cells: bool = False) -> Iterator[Family]:
        """
        Every metric that has a value, in the order in which they first had one.

        Assumptions:
            The caller holds the registry's lock, and has folded.

        Args:
            cells: Whether durations come with the counts of all cells.
        """
        for metric, held in self._values.items():
            if held:
                samples: list[Sample] = [
                    (place, _shown(metric, value, cells=cells)) for place, value in held.items()
                ]
                yield Family(metric, samples)


def _shown(metric: Metric, value: Any, *, cells: bool) -> Any:
    """A value as it is exposed."""
    if isinstance(value, Histogram):
        return value.state(cells=cells)
    if isinstance(value, Scores):
        return value.state()
    return value / metric.scale if metric.scale > 1 else value
