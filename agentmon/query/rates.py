"""
Rates of durations that rules record, for questions that look back over hours and days.

A histogram has a series for each edge, outcome and process, and a sample at each scrape. What is
recorded has one for each edge, and a point every five minutes: percentiles of a week are read from
a small part of what was scraped, and are as exact, as buckets add up.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agentmon.model import catalogue
from agentmon.model.catalogue import coordination, work
from agentmon.model.metric import Metric
from agentmon.query.promql import Expression, Matchers, over_time, recorded

__all__ = ["EVERY", "RATES", "Rates", "asked_in", "read_over"]

#: How often they are recorded, and over how long each rate is: none overlaps another.
EVERY: Final = "5m"
#: From this on a window has so many points that it need not begin and end with one.
_LONG_S: Final = 3600
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
#: What a dashboard shows over its range, or over steps of it.
_OF_DASHBOARDS: Final = ("$__range", "$__rate_interval")
_SCOPE: Final = ("service", "region")


class Rates(NamedTuple):
    """
    What is recorded of a histogram of durations.

    Args:
        metric: The histogram.
        level: What the series are of, the first part of their names.
        labels: The labels that are kept, besides the edge.
    """

    metric: Metric
    level: str
    labels: tuple[str, ...]

    def name(self, part: str) -> str:
        """The name of a record: of the ``bucket``, the ``sum`` or the ``count``."""
        return f"{self.level}:{self.metric.sample}_{part}:rate{EVERY}"

    def summed(self, part: str, window: str, by: tuple[str, ...], where: Matchers) -> Expression:
        """Its points within a window, added up: of each region as much as it counted."""
        labels = (*self.labels, "le") if part == "bucket" else self.labels
        points = recorded(self.name(part), labels, where)
        return over_time("sum_over_time", points, window).sum(by)


def _of(metric: Metric, level: str, *labels: str) -> tuple[str, Rates]:
    return metric.sample, Rates(metric, level, (*labels, *_SCOPE))


#: By the name of the histogram.
RATES: Final[dict[str, Rates]] = dict(
    (
        _of(catalogue.OPERATIONS["agent"].duration, "agent", "agent"),
        _of(catalogue.OPERATIONS["workflow"].duration, "workflow", "workflow"),
        _of(catalogue.OPERATIONS["step"].duration, "step", "step", "workflow"),
        _of(catalogue.OPERATIONS["tool"].duration, "tool", "tool", "agent"),
        _of(catalogue.OPERATIONS["model_call"].duration, "model", "model", "agent"),
        _of(catalogue.MODEL_FIRST_OUTPUT, "model", "model", "agent"),
        _of(
            catalogue.OPERATIONS["dependency"].duration,
            "dependency",
            "dependency",
            "dependency_kind",
            "agent",
        ),
        _of(catalogue.OPERATIONS["handoff"].duration, "handoff", "source", "target"),
        _of(coordination.HANDOFF_LATENCY, "handoff", "source", "target"),
        _of(coordination.ESCALATION_WAIT, "escalation", "level"),
        _of(work.TASK_DURATION, "task", "task", "agent"),
        _of(work.TASK_FIRST_OUTPUT, "task", "task", "agent"),
    )
)


def asked_in(text: str) -> bool:
    """Whether an expression asks what is recorded here."""
    return any(f":{sample}_" in text for sample in RATES)


def read_over(window: str) -> bool:
    """Whether a window is read from what is recorded: those of dashboards, and long ones."""
    if window in _OF_DASHBOARDS:
        return True
    parts = re.findall(r"(\d+)(ms|[smhdwy])", window)
    return sum(int(n) * _SECONDS.get(unit, 0) for n, unit in parts) >= _LONG_S
