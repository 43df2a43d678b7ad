"""
Rates of durations, from which dashboards make percentiles over hours and days.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentmon.assets.rules.rule import Group, Record
from agentmon.query.promql import buckets, count_of, sum_of
from agentmon.query.rates import EVERY, RATES, Rates

__all__ = ["records"]


def records() -> list[Group]:
    """The recording rules, worked out as often as each rate is long."""
    every = tuple(record for rates in RATES.values() for record in _of(rates))
    return [Group("agentmon-durations", EVERY, every)]


def _of(rates: Rates) -> Iterator[Record]:
    metric, by = rates.metric, rates.labels
    yield Record(rates.name("bucket"), buckets(metric, EVERY).sum(("le", *by)))
    yield Record(rates.name("sum"), sum_of(metric, EVERY).sum(by))
    yield Record(rates.name("count"), count_of(metric, EVERY).sum(by))
