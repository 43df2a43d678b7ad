"""
A metric as it is declared: name, kind, unit, help and labels.

Everything that leaves the process is derived from these declarations, so the rules of Prometheus
naming are enforced here, once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from agentmon.errors import CatalogueError

__all__ = ["OVERFLOW", "PREFIX", "Across", "Kind", "Label", "Metric", "Unit"]

PREFIX = "agentmon_"

#: The label value that everything beyond a label's bound folds into.
OVERFLOW = "other"

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")


class Kind(Enum):
    """The kinds of metric, by their OpenMetrics names."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Unit(Enum):
    """Base units; the value is the suffix that the name gets."""

    NONE = ""
    SECONDS = "seconds"
    SECONDS_SQUARED = "seconds_squared"
    BYTES = "bytes"
    RATIO = "ratio"
    CORES = "cores"


class Across(Enum):
    """What the gauges of several processes are together."""

    SUM = "sum"
    LARGEST = "largest"
    SMALLEST = "smallest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Label:
    """
    One dimension of a metric.

    Args:
        name: As it appears in the exposition.
        help: What its values are.
        bound: The most distinct values kept; the rest fold into ``other``.
    """

    name: str
    help: str
    bound: int

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise CatalogueError(f"label name {self.name!r}: use lower_snake_case")
        if self.bound < 1:
            raise CatalogueError(f"label {self.name!r}: bound must be at least 1, got {self.bound}")


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """
    One metric family; each is declared once, so two are the same only if they are one object.

    Args:
        name: Without the prefix, the unit and ``_total``; these are appended.
        kind: Counter, gauge, histogram or info.
        unit: The base unit; decides the suffix.
        help: One sentence: what a sample says.
        labels: In the order in which label values are given.
        edges: Upper edges of the buckets of a histogram that does not hold durations, rising.
        scale: What a counter counts is 1/scale of its unit; so sums of parts stay exact.
        across: What the values of several processes are together, if it is a gauge.
        serves: The capabilities that it serves, by their names in `agentmon.model.capabilities`.
        diagnostic: Why it is for looking closely, and on no dashboard; empty otherwise.
    """

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[Label, ...] = ()
    edges: tuple[float, ...] = ()
    scale: int = 1
    across: Across = Across.SUM
    serves: tuple[str, ...] = ()
    diagnostic: str = ""

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise CatalogueError(f"metric name {self.name!r}: use lower_snake_case")
        for suffix in ("_total", "_info", "_bucket", "_count", "_sum", "_created"):
            if self.name.endswith(suffix):
                raise CatalogueError(
                    f"metric name {self.name!r}: {suffix} is appended, not spelled"
                )
        if self.unit.value and self.name.endswith(f"_{self.unit.value}"):
            raise CatalogueError(f"metric name {self.name!r}: the unit is appended, not spelled")
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names):
            raise CatalogueError(f"metric {self.name!r}: label names repeat: {names}")
        if not self.help.endswith("."):
            raise CatalogueError(
                f"metric {self.name!r}: help must be a sentence ending in a period"
            )
        if self.edges and (
            self.kind is not Kind.HISTOGRAM or list(self.edges) != sorted(set(self.edges))
        ):
            raise CatalogueError(
                f"metric {self.name!r}: edges are for histograms and rise, got {self.edges}"
            )
        if self.scale < 1 or (self.scale > 1 and self.kind is not Kind.COUNTER):
            raise CatalogueError(
                f"metric {self.name!r}: scale is for counters and at least 1, got {self.scale}"
            )
        if self.kind is Kind.HISTOGRAM and not self.edges and self.unit is not Unit.SECONDS:
            raise CatalogueError(f"metric {self.name!r}: a histogram of no durations needs edges")

    @property
    def family(self) -> str:
        """The OpenMetrics family name: prefix, name and unit."""
        suffix = f"_{self.unit.value}" if self.unit.value else ""
        return f"{PREFIX}{self.name}{suffix}"

    @property
    def sample(self) -> str:
        """The name of the family's main sample line; a histogram's lines extend it."""
        if self.kind is Kind.COUNTER:
            return f"{self.family}_total"
        if self.kind is Kind.INFO:
            return f"{self.family}_info"
        return self.family

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)
