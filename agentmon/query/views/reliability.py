"""
Views of failures and recoveries, components, health checks and dependencies.
"""

from __future__ import annotations

from typing import Final

from agentmon.model import catalogue
from agentmon.model.catalogue import reliability as r
from agentmon.model.metric import Metric
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_DEPENDENCY: Final = catalogue.OPERATIONS["dependency"]
_KIND: Final = ("dependency", "dependency_kind")
_PART: Final = ("component",)
_FAILED: Final[Matchers] = {"outcome": ("=~", "error|timeout")}
_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_RELIABILITY: Final = "system_metrics.reliability_metrics."
_AVAILABILITY: Final = "health_monitoring.availability_monitoring."


def _grown(ask: Ask, metric: Metric, where: Matchers | None = None) -> Expression:
    return ask.increase(metric, _PART, where)


VIEWS: Final = (
    View(
        "cascades",
        "Cascading failures",
        "What share of the failures was caused by another failure?",
        Measure.RATIO,
        ("agent",),
        lambda ask: ask.share(r.FAILURES, r.FAILURES, ("agent",), {"cause": "cascade"}),
        better="less",
        serves=(_RELIABILITY + "cascade_failure_rate",),
    ),
    View(
        "failure-causes",
        "Failures by cause",
        "Where do failures begin, and where do they spread?",
        Measure.PER_SECOND,
        ("kind", "agent", "cause"),
        lambda ask: ask.rate(r.FAILURES, ("kind", "agent", "cause")),
        better="less",
    ),
    View(
        "recovery",
        "Errors recovered from",
        "What share of the errors within tasks was followed by success in the same task?",
        Measure.RATIO,
        ("task",),
        lambda ask: ask.share(r.RECOVERIES, r.TASK_ERRORS, ("task",)),
        better="more",
        serves=(_RELIABILITY + "error_recovery_rate",),
    ),
    View(
        "recovery-ways",
        "Ways of recovery",
        "How do tasks recover from errors?",
        Measure.PER_SECOND,
        ("task", "way"),
        lambda ask: ask.rate(r.RECOVERIES, ("task", "way")),
    ),
    View(
        "component-up",
        "Up",
        "Which components are up?",
        Measure.YES,
        _PART,
        lambda ask: ask.smallest(r.COMPONENT_UP, _PART),
        better="more",
        serves=(_AVAILABILITY + "dependency_availability",),
    ),
    View(
        "availability",
        "Availability",
        "What share of the time was each component up?",
        Measure.RATIO,
        _PART,
        lambda ask: ask.share(r.COMPONENT_TIME, r.COMPONENT_TIME, _PART, {"state": "up"}),
        better="more",
        serves=(_RELIABILITY + "system_uptime",),
    ),
    View(
        "mtbf",
        "Time between failures",
        "How long is each component up between two outages, on average?",
        Measure.SECONDS,
        _PART,
        lambda ask: _grown(ask, r.COMPONENT_TIME, {"state": "up"}) / (_grown(ask, r.OUTAGES) > 0),
        better="more",
        serves=(_RELIABILITY + "mtbf",),
    ),
    View(
        "mttr",
        "Time to recover",
        "How long do the outages of each component take on average?",
        Measure.SECONDS,
        _PART,
        lambda ask: ask.mean(r.OUTAGE_DURATION, _PART),
        better="less",
        serves=(_RELIABILITY + "mttr",),
    ),
    View(
        "outages",
        "Outages",
        "How many outages did each component have?",
        Measure.COUNT,
        _PART,
        lambda ask: ask.increase(r.OUTAGES, _PART),
        better="less",
    ),
    View(
        "health-checks",
        "Health checks",
        "Which health checks pass?",
        Measure.YES,
        ("check", "component", "category"),
        lambda ask: ask.smallest(r.HEALTH_CHECK_UP, ("check", "component", "category")),
        better="more",
        serves=(_AVAILABILITY + "dependency_availability",),
    ),
    View(
        "health-check-runs",
        "Runs of health checks",
        "How do the runs of health checks end?",
        Measure.PER_SECOND,
        ("check", "result"),
        lambda ask: ask.rate(r.HEALTH_CHECK_RUNS, ("check", "result")),
    ),
    View(
        "health-check-p90",
        "Health checks, p90",
        "Within what time do 90 % of the runs of each health check end?",
        Measure.SECONDS,
        ("check",),
        lambda ask: ask.quantile(0.9, r.HEALTH_CHECK_DURATION, ("check",)),
        better="less",
    ),
    View(
        "health-check-last",
        "Last run",
        "When did each health check run last?",
        Measure.TIMESTAMP,
        ("check",),
        lambda ask: ask.largest(r.HEALTH_CHECK_LAST_RUN, ("check",)),
    ),
    View(
        "rate-limits",
        "Rate limited",
        "How many calls does each dependency refuse because there are too many?",
        Measure.PER_SECOND,
        _KIND,
        lambda ask: ask.rate(r.RATE_LIMITED, _KIND),
        better="less",
    ),
    View(
        "pool-wait",
        "Wait for connections, p90",
        "How long do callers wait for a connection, at most in 90 % of the cases?",
        Measure.SECONDS,
        _KIND,
        lambda ask: ask.quantile(0.9, r.POOL_WAIT, _KIND),
        better="less",
    ),
)
