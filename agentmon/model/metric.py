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

__all__ = ["OVERFLOW", "PREFIX", "Kind", "Label", "Metric", "Unit"]

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


@dataclass(frozen=True, slots=True)
class Metric:
    """
    One metric family.

    Args:
        name: Without the prefix, the unit and ``_total``; these are appended.
        kind: Counter, gauge, histogram or info.
        unit: The base unit; decides the suffix.
        help: One sentence: what a sample says.
        labels: In the order in which label values are given.
    """

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[Label, ...] = ()

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
