"""
A small fleet of which everything is known: how fast what is counted, and what stands where.

Each metric of the catalogue has a series for each combination of the values below, in each of two
processes. What a value weighs decides how much of the whole falls to it. Rates are steady, so that
they are the same over any window.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agentmon.model import catalogue
from agentmon.model.buckets import EDGES_S
from agentmon.model.catalogue import (
    coordination,
    facts,
    own,
    reliability,
    resources,
    work,
)
from agentmon.model.metric import Kind, Metric, Unit

__all__ = ["OF_AGENT", "PROCESSES", "SERVICE", "Fleet", "Series", "Weights"]

Weights = Mapping[str, float]
SERVICE: Final = "shop"
#: Who is scraped, in which region, and how much of the whole falls to it.
PROCESSES: Final = {("10.0.0.1:9464", "eu"): 1.0, ("10.0.0.2:9464", "us"): 0.5}

_TASK_RESULTS: Final[Weights] = {
    "completed": 0.9,
    "failed": 0.06,
    "abandoned": 0.03,
    "timed_out": 0.01,
}
#: The values of each label, and what they weigh.
_VALUES: Final[dict[str, Weights]] = {
    "agent": {"planner": 1.0, "writer": 0.4},
    "outcome": {"ok": 0.93, "error": 0.03, "timeout": 0.02, "cancelled": 0.02},
    "error_type": {"ValueError": 0.03, "TimeoutError": 0.02},
    "task": {"answer": 1.0},
    "model": {"large": 1.0, "small": 0.5},
    "token_type": {"input": 1.0, "output": 0.2},
    "cost_type": {"input": 0.6, "output": 0.4},
    "currency": {"USD": 1.0},
    "dependency_kind": {"database": 1.0},
    "waste": {"failed": 0.06, "reworked": 0.04},
    "turn": {"first": 0.7, "followup": 0.3},
    "path_kind": {"working": 0.7, "queueing": 0.3},
    "verdict": {"appropriate": 0.8, "inappropriate": 0.2},
    "way": {"retry": 0.5, "fallback": 0.2},
    "cause": {"primary": 0.7, "cascade": 0.3},
    "state": {"up": 0.99, "down": 0.01},
    "share": {"self": 0.6, "total": 1.0},
    "memory": {"rss": 1.0, "uss": 0.8},
    "direction": {"sent": 0.4, "received": 1.0},
    "access": {"read": 1.0, "written": 0.3},
    "mode": {"user": 0.8, "system": 0.2},
    "switch": {"voluntary": 1.0, "involuntary": 0.1},
    "severity": {"high": 1.0, "low": 2.0},
    "coverage": {"line": 0.9, "branch": 0.8},
    "statistic": {"mean": 0.2, "largest": 1.0},
    "backup_run": {"backup": 1.0, "restore_test": 0.1},
    "window": {"5m": 0.5, "1h": 1.0},
    "version": {"1.0": 1.0},
    "scale": {"stars": 1.0, "thumbs": 2.0},
    "generation": {"0": 1.0, "2": 0.1},
    "kind": {"agent": 1.0},
}
#: What is so of an agent wherever it is said.
OF_AGENT: Final = {
    "planner": {"version": "2.1", "team": "red", "tier": "gold"},
    "writer": {"version": "1.4", "team": "blue", "tier": "basic"},
}
_RESULTS: Final[dict[Metric, Weights]] = {
    work.SESSIONS_ENDED: {"completed": 0.8, "abandoned": 0.2},
    work.SESSION_DURATION: {"completed": 0.8, "abandoned": 0.2},
    coordination.HANDOFF_ENDED: {"completed": 0.9, "failed": 0.06, "rejected": 0.03, "lost": 0.01},
    coordination.SYNCHRONIZATIONS: {"ok": 0.9, "late": 0.08, "failed": 0.02},
    coordination.LIMIT_ACQUIRED: {"acquired": 0.96, "refused": 0.04},
    reliability.HEALTH_CHECK_RUNS: {"passed": 0.95, "failed": 0.05},
    facts.DEPLOYMENTS: {"succeeded": 0.85, "failed": 0.15, "rolled_back": 0.1},
    facts.BACKUPS: {"succeeded": 0.9, "failed": 0.1},
    facts.TESTS: {"passed": 0.96, "failed": 0.03, "skipped": 0.01},
}
#: How fast a metric is counted in all, before weights, where it is not as fast as all.
_SPEED: Final = 0.2
_SPEEDS: Final[dict[Metric, float]] = {
    reliability.COMPONENT_TIME: 1.0,
    reliability.OUTAGES: 1 / 36_000,
    reliability.OUTAGE_DURATION: 1 / 36_000,
    resources.CGROUP_PERIODS: 10.0,
    work.TASK_REWORKED: 0.01,
    work.WASTED_COST: 0.02,
    work.TASK_COST: 0.02,
    work.COST: 0.02,
    coordination.HANDOFF_BOUNCED: 0.01,
    coordination.WORKFLOW_STRAGGLER: 0.05,
    facts.DEPLOYMENTS: 4 / 86_400,
}
#: What stands, where it is not as much as all.
_STANDS: Final = 12.0
_LEVELS: Final[dict[Metric, float]] = {
    reliability.COMPONENT_UP: 1.0,
    reliability.HEALTH_CHECK_UP: 1.0,
    facts.COMPLIANCE_CONTROL: 1.0,
    coordination.AGENT_CAPACITY: 40.0,
    coordination.LIMIT_CAPACITY: 40.0,
    coordination.QUEUE_CAPACITY: 100.0,
    resources.STORAGE_CAPACITY: 1e9,
    resources.STORAGE_FREE: 4e8,
    resources.STORAGE_USED: 6e8,
    resources.PROCESS_FILES_LIMIT: 1024.0,
    resources.CGROUP_MEMORY_LIMIT: 2e9,
    resources.CGROUP_MEMORY: 5e8,
    facts.CAPACITY_LIMIT: 50.0,
    facts.TESTS: 500.0,
    facts.CODE_MAINTAINABILITY: 70.0,
}
#: What grows while it stands, a second.
_GROWS: Final[dict[Metric, float]] = {
    resources.STORAGE_USED: 100.0,
    coordination.QUEUE_DEPTH: 0.0001,
}
#: Gauges that count up.
_COUNTING: Final = frozenset(
    {
        resources.CGROUP_PERIODS,
        resources.CGROUP_THROTTLED_PERIODS,
        resources.CGROUP_THROTTLED,
        resources.CGROUP_OOM,
    }
)
#: Times, as seconds after the end of history; all others are an hour before it.
_TIMES: Final[dict[Metric, float]] = {
    facts.CERTIFICATE_EXPIRES: 30 * 86_400.0,
    own.CERTIFICATE_EXPIRY: 90 * 86_400.0,
}
#: The values that histograms get, and the share of each.
_DURATIONS: Final = ((0.2, 0.45), (0.7, 0.35), (4.0, 0.15), (12.0, 0.045), (45.0, 0.005))
_SCORES: Final = ((0.5, 0.25), (0.75, 0.25), (1.0, 0.5))
_OUTAGES: Final = ((360.0, 1.0),)


@dataclass(frozen=True)
class Series:
    """
    One series of the fleet.

    Args:
        metric: What it is of.
        labels: All its labels.
        speed: By how much it grows, each second; of a histogram, how many values come.
        level: Where it stands at the end; of a time, how long after the end it is.
        values: Of a histogram, what comes, and the share of it.
    """

    metric: Metric
    labels: Mapping[str, str]
    speed: float = 0.0
    level: float = 0.0
    values: tuple[tuple[float, float], ...] = ()

    @property
    def is_time(self) -> bool:
        """Whether its value is a time."""
        return self.metric.kind is Kind.GAUGE and "timestamp" in self.metric.name

    @property
    def edges(self) -> tuple[float, ...]:
        """The upper edges of its buckets, but for the last."""
        return self.metric.edges or EDGES_S

    @property
    def mean(self) -> float:
        """Of the values that come."""
        return sum(value * share for value, share in self.values)

    def below(self, edge: float) -> float:
        """How many values come at or below an edge, each second."""
        return self.speed * sum(share for value, share in self.values if value <= edge)


def _values_of(metric: Metric) -> tuple[tuple[float, float], ...]:
    if metric is reliability.OUTAGE_DURATION:
        return _OUTAGES
    if not metric.edges:
        return _DURATIONS
    if metric.unit is Unit.RATIO:
        return _SCORES
    return ((metric.edges[1], 0.6), (metric.edges[3], 0.4))


def _choices(metric: Metric, name: str) -> Weights:
    if name == "result":
        return _RESULTS.get(metric, _TASK_RESULTS)
    if name == "source":
        return {"planner": 1.0}
    if name == "target":
        return {"writer": 1.0}
    return _VALUES.get(name, {f"a {name}": 1.0})


def _combinations(metric: Metric) -> Iterator[tuple[dict[str, str], float]]:
    of_agent = [name for name in ("version", "team", "tier") if "agent" in metric.label_names]
    names = [name for name in metric.label_names if name not in of_agent]
    for each in itertools.product(*(_choices(metric, name).items() for name in names)):
        labels = dict(zip(names, (value for value, _ in each), strict=True))
        if labels.get("agent"):
            of = OF_AGENT[labels["agent"]]
            labels |= {name: of[name] for name in of_agent if name in metric.label_names}
        weight = 1.0
        for _, one in each:
            weight *= one
        yield labels, weight


def _series(metric: Metric) -> Iterator[Series]:
    for (instance, region), size in PROCESSES.items():
        around = {"instance": instance, "job": "agentmon", "service": SERVICE, "region": region}
        for labels, weight in _combinations(metric):
            every = {**labels, **around}
            speed = _SPEEDS.get(metric, _SPEED) * weight * size
            match metric.kind:
                case Kind.HISTOGRAM:
                    yield Series(metric, every, speed, values=_values_of(metric))
                case Kind.COUNTER if metric.unit is Unit.SECONDS_SQUARED:
                    squares = sum(value**2 * share for value, share in _DURATIONS)
                    yield Series(metric, every, speed * squares)
                case Kind.COUNTER:
                    yield Series(metric, every, speed)
                case Kind.INFO:
                    yield Series(metric, every, level=1.0)
                case Kind.GAUGE if metric in _COUNTING:
                    yield Series(metric, every, speed)
                case Kind.GAUGE if "timestamp" in metric.name:
                    yield Series(metric, every, level=_TIMES.get(metric, -3600.0))
                case _:
                    level = _LEVELS.get(metric, 1.0 if metric.unit is Unit.RATIO else _STANDS)
                    fixed = level == 1.0 and metric.unit is not Unit.RATIO
                    yield Series(
                        metric,
                        every,
                        _GROWS.get(metric, 0.0),
                        level if fixed else level * weight * size,
                    )


@dataclass(frozen=True)
class Fleet:
    """
    All its series, and sums over them as one does them by hand.

    Args:
        series: The series.
        end: The end of history, in seconds since 1970.
    """

    series: tuple[Series, ...]
    end: float

    @staticmethod
    def until(end: float) -> Fleet:
        """The fleet whose history ends then."""
        return Fleet(tuple(each for one in catalogue.CATALOGUE for each in _series(one)), end)

    def of(self, metric: Metric, where: Mapping[str, Iterable[str]]) -> list[Series]:
        """The series of a metric that have these values; a label it has not is not asked for."""
        return [
            each
            for each in self.series
            if each.metric is metric
            and all(each.labels.get(name, "") in values for name, values in where.items())
        ]
