"""Recording and alerting rules, made from objectives and the catalogue."""

from __future__ import annotations

from agentmon.assets.rules import (
    agents,
    burn,
    capacity,
    coordination,
    durations,
    levels,
    monitoring,
    operations,
    reliability,
    resources,
    seasonal,
    trends,
    work,
)
from agentmon.assets.rules.rule import Alert, Group
from agentmon.model.objectives import Objectives

__all__ = ["alert_groups", "alerts", "record_groups"]


def record_groups(objectives: Objectives) -> list[Group]:
    """The recording rules, in the order in which they build on each other."""
    return [
        *levels.records(objectives),
        *durations.records(),
        *seasonal.records(),
        *trends.records(),
        *work.records(),
        *reliability.records(),
    ]


def alert_groups() -> list[Group]:
    """The alerting rules."""
    return [
        *burn.alerts(),
        *agents.alerts(),
        *capacity.alerts(),
        *resources.alerts(),
        *coordination.alerts(),
        *work.alerts(),
        *trends.alerts(),
        *operations.alerts(),
        *monitoring.alerts(),
        *seasonal.alerts(),
    ]


def alerts() -> list[Alert]:
    """Every alert."""
    return [rule for group in alert_groups() for rule in group.rules if isinstance(rule, Alert)]
