"""
Readings of the catalogue as metrics of OpenTelemetry's conventions.

They are made of the same counts as our own, cell by cell: a duration is counted under the edge that
its cell begins under. So counts and sums are exact, and a duration above an edge counts under it
only where both fall into one cell.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from agentmon.model.attributes import ERROR_TYPE, Generation
from agentmon.model.snapshot import Distribution, Family, HistogramState, Value
from agentmon.model.standard import ERROR_TYPES, Standard, of_generation

__all__ = ["Attributes", "Reading", "readings"]

#: Attributes of a point and their values.
Attributes: TypeAlias = "tuple[tuple[str, str], ...]"


@dataclass(slots=True)
class Reading:
    """
    What one point holds.

    Args:
        by_cell: How many values fell between which two.
        by_bucket: How many fell into which bucket, by its place.
        total: The sum of the values.
    """

    by_cell: Counter[tuple[float, float]] = field(default_factory=Counter)
    by_bucket: Counter[int] = field(default_factory=Counter)
    total: float = 0.0

    def distribution(self, edges: tuple[float, ...]) -> Distribution:
        """The counts as buckets."""
        buckets = tuple(self.by_bucket[n] for n in range(len(edges) + 1))
        return Distribution(edges, buckets, sum(buckets), self.total)


def readings(
    families: Iterable[Family], generation: Generation
) -> Iterator[tuple[Standard, dict[Attributes, Reading]]]:
    """
    The metrics of the conventions that there is something to say of.

    Args:
        families: Our own; durations with the counts of their cells.
        generation: Which generation of the conventions.
    """
    by_metric = {family.metric: family for family in families}
    for standard in of_generation(generation):
        family = by_metric.get(standard.source)
        if family is None:
            continue
        points: dict[Attributes, Reading] = {}
        for values, value in family.samples:
            labels = dict(zip(standard.source.label_names, values, strict=True))
            if all(labels[name] == wanted for name, wanted in standard.only.items()):
                reading = points.setdefault(_attributes(standard, labels), Reading())
                _add(reading, standard, value)
        yield standard, points


def _attributes(standard: Standard, labels: dict[str, str]) -> Attributes:
    said = [(attribute, labels[name]) for name, attribute in standard.attributes.items()]
    said.append((ERROR_TYPE, ERROR_TYPES.get(labels.get("outcome", ""), "")))
    return tuple((attribute, value) for attribute, value in said if value)


def _add(reading: Reading, standard: Standard, value: Value) -> None:
    if isinstance(value, Distribution):
        reading.total += value.total
        for place, n in enumerate(value.buckets):
            if n:
                edges = (0.0, *standard.edges, 2 * standard.edges[-1])
                reading.by_cell[edges[place], edges[place + 1]] += n
                reading.by_bucket[place] += n
    elif isinstance(value, HistogramState) and value.cells is not None:
        layout = value.layout
        reading.total += value.total
        for index, n in enumerate(value.cells.counts, value.cells.first):
            if n:
                lower, upper = layout.lower(index) / 1e9, layout.upper(index) / 1e9
                reading.by_cell[lower, upper] += n
                reading.by_bucket[bisect_left(standard.edges, lower)] += n
