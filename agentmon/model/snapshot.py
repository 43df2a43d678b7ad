"""
What crosses from recording to exporting: plain values, stable once made.

The writer side makes them under its own lock; the reader side owns them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from agentmon.model.buckets import Layout
from agentmon.model.exemplar import Exemplar
from agentmon.model.metric import Metric
from agentmon.model.outcome import OUTCOMES
from agentmon.model.statistics import Statistics

__all__ = [
    "ByOutcome",
    "CallRecord",
    "Cells",
    "Distribution",
    "ErrorGroup",
    "Family",
    "HistogramState",
    "OperationSnapshot",
    "Point",
    "Sample",
    "Snapshot",
    "Value",
]


class Cells(NamedTuple):
    """
    Counts of the cells of a histogram.

    Args:
        first: Index of the first one.
        counts: What is in it and in those behind it; cells elsewhere have nothing.
    """

    first: int
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class HistogramState:
    """
    One duration histogram as the exposition needs it.

    Args:
        layout: The cells, and the edges of the classic buckets.
        buckets: Counts per classic bucket, not cumulative; one more than there are edges.
        count: Durations recorded.
        sum_ns: Their sum, exact, in nanoseconds.
        cells: Counts of all cells, where they were asked for.
        exemplars: The newest trace of each classic bucket that has one, by its place.
    """

    layout: Layout
    buckets: tuple[int, ...]
    count: int
    sum_ns: int
    cells: Cells | None = None
    exemplars: Mapping[int, Exemplar] | None = None

    @property
    def edges(self) -> tuple[float, ...]:
        """Upper edges of the buckets, in seconds."""
        return self.layout.edges_s

    @property
    def total(self) -> float:
        """The sum of the durations in seconds, rounded as floats are."""
        return self.sum_ns / 1e9


@dataclass(frozen=True, slots=True)
class Distribution:
    """
    A histogram of what is no duration, as the exposition needs it.

    Args:
        edges: Upper edges of the buckets.
        buckets: Counts per bucket, not cumulative; one more than there are edges.
        count: Values recorded.
        total: Their sum.
    """

    edges: tuple[float, ...]
    buckets: tuple[int, ...]
    count: int
    total: float


Value: TypeAlias = "int | float | HistogramState | Distribution"
Sample: TypeAlias = "tuple[tuple[str, ...], Value]"


@dataclass(frozen=True, slots=True)
class ByOutcome(Sequence[Sample]):
    """
    The samples of a counter whose last label is the outcome, in groups of all five.

    A sequence of samples like any other. Whoever knows it can take each group at once.

    Args:
        groups: Label values without the outcome, and a count for each outcome in the order of
            `OUTCOMES`.
    """

    groups: Sequence[tuple[tuple[str, ...], tuple[int, ...]]]

    def __len__(self) -> int:
        return len(self.groups) * len(OUTCOMES)

    def __iter__(self) -> Iterator[Sample]:
        for labels, counts in self.groups:
            for outcome, n in zip(OUTCOMES, counts, strict=True):
                yield (*labels, outcome), n

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its samples: label values in the order of the metric's labels, and a value."""

    metric: Metric
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call that ended, remembered for people to look at. Never holds a message or argument."""

    kind: str
    labels: tuple[str, ...]
    ended_ns: int
    duration_ns: int
    outcome: str
    error_type: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """
    Failures that are alike, at one operation. Never holds a message or argument.

    Args:
        group: What identifies them; the same at every operation that they pass.
        error_type: Qualified name of the exception's class; the outcome where there was none.
        location: Module and function where they were raised, or empty.
        kind: Kind of the operation.
        name: Its name.
        agent: The agent that it belongs to, or empty.
        count: How many there were.
        first_seen_ns: When the first was, in nanoseconds since 1970.
        last_seen_ns: When the latest was, likewise.
        trace_id: Id of a late one's trace in hexadecimal, or None.
    """

    group: str
    error_type: str
    location: str
    kind: str
    name: str
    agent: str
    count: int
    first_seen_ns: int
    last_seen_ns: int
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One cell of a sliding window, for a sparkline."""

    begin_ns: int
    length_ns: int
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class OperationSnapshot:
    """
    Everything known of one operation series at one moment.

    Args:
        kind: Kind of operation.
        labels: Label values, in the order of the kind's labels.
        timeout_ns: Declared timeout, if one was.
        in_flight: Calls begun and not ended.
        oldest_ns: Age of the oldest of them, in nanoseconds; 0 without any.
        life: Statistics since recording began.
        windows: Statistics of each sliding window, by name.
        history: Cells of each sliding window, oldest first, by name.
        errors: Failures by type.
    """

    kind: str
    labels: tuple[str, ...]
    timeout_ns: int | None
    in_flight: int
    oldest_ns: int
    life: Statistics
    windows: dict[str, Statistics]
    history: dict[str, tuple[Point, ...]]
    errors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The whole process at one moment.

    Args:
        now_ns: When it was taken, on the clock that the calls were measured with.
        operations: One for each series.
        agents: Version, team and tier by agent.
        failed: Recent calls that failed, newest first.
        slow: The slowest calls of the last hour, slowest first.
        groups: Failures by what they are like, that which was seen last first.
        dropped: What could not be kept as it came, by reason.
    """

    now_ns: int
    operations: tuple[OperationSnapshot, ...]
    agents: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    failed: tuple[CallRecord, ...] = ()
    slow: tuple[CallRecord, ...] = ()
    groups: tuple[ErrorGroup, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)
