"""
Alerts on what gets worse, before a threshold is met, and on what a deployment brought.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.agents import FEWEST, told
from agentmon.assets.rules.levels import name_of
from agentmon.assets.rules.rule import Alert, Group, Record, Runbook
from agentmon.assets.rules.seasonal import AGO
from agentmon.model import catalogue
from agentmon.model.catalogue import facts
from agentmon.query.promql import Expression, count_of, gauge, mean, over_time, recorded

__all__ = ["alerts", "records"]

_AGENT: Final = catalogue.OPERATIONS["agent"]
_BY: Final = ("agent", "region")
_DASHBOARD: Final = "agentmon-agent-details"
_TREND: Final = "monitoring_system.alerting_system.trend_based_alerts"
_ANOMALY: Final = "monitoring_system.alerting_system.anomaly_alerts"
_HEALTH: Final = "health_monitoring."
_CLASSES: Final = "alerting_framework.alert_classification."
_DAY_S: Final = 86_400
_HALF_HOUR_S: Final = 1_800
_TOOK: Final = name_of("agent", "duration", "mean1h")
_MORE: Final = 1.5
_TWICE: Final = 2
_LEAST_FAILED: Final = 0.02
_FAILED: Final = 0.05
#: Calls of a day that a trend is believed of.
_CALLS: Final = 50


def records() -> list[Group]:
    """What an hour is compared by with the same hour of other weeks."""
    took = mean(_AGENT.duration, "1h", ("agent",))
    return [Group("agentmon-usual-latency", "5m", (Record(_TOOK, took),))]


def alerts() -> list[Group]:
    """What watches how things change."""
    return [
        # Days are looked at, which costs more and changes slowly.
        Group("agentmon-trends", "15m", (_slower(), _more_errors())),
        Group("agentmon-changes", "1m", (_after_deployment(), _slow_for_the_hour())),
    ]


def _slower() -> Alert:
    by = ("agent",)
    enough = count_of(_AGENT.duration, "1d").sum(by) * _DAY_S >= _CALLS
    took = recorded(_TOOK, by)
    today, before = (over_time("avg_over_time", took, window) for window in ("1d", "7d"))
    return Alert(
        name="AgentmonAgentSlowing",
        expression=told(((today / before).rounded(0.1) > _MORE).also(enough)),
        severity="info",
        kind="trend",
        component="agent",
        summary="Agent {{ $labels.agent }} gets slower.",
        description="Hour by hour, its calls of one day take {{ $value | humanize }} times as long "
        "as those of 7 days.",
        runbook=Runbook(
            meaning="The mean duration of calls in the hours of a day, with at least 50 calls, is "
            "more than 1.5 times that in the hours of the week.",
            impact="None yet, where the objective still holds; soon users wait.",
            diagnosis="Compare versions, models, and the time in tools and dependencies.",
            action="Find what changed, before the threshold is met.",
        ),
        hold="1h",
        why="A day is looked at already; what has just begun to fire may end with the hour.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            _TREND,
            _CLASSES + "informational_alerts",
            _HEALTH + "performance_health.response_time_health",
        ),
    )


def _more_errors() -> Alert:
    now = recorded(name_of("agent", "failed", "ratio_rate6h"), _BY)
    before = recorded(name_of("agent", "failed", "ratio_rate3d"), _BY)
    calls = recorded(name_of("agent", "calls", "rate5m"), _BY)
    enough = over_time("avg_over_time", calls, "6h") * _DAY_S / 4 >= _CALLS
    worse = (now / (before > 0)).rounded(0.1) > _TWICE
    return Alert(
        name="AgentmonErrorsRising",
        expression=told(worse.also(now > _LEAST_FAILED).also(enough)),
        severity="info",
        kind="trend",
        component="agent",
        summary="Agent {{ $labels.agent }} fails more and more.",
        description="Its share of failures within 6 hours is {{ $value | humanize }} times that "
        "of 3 days.",
        runbook=Runbook(
            meaning="The share of calls that failed within 6 hours is more than twice that of 3 "
            "days, and more than 2 %; at least 50 calls were made.",
            impact="The error budget is used up faster than before.",
            diagnosis="Look for error groups that are new, and for what was deployed.",
            action="Find what changed, before the budget is gone.",
        ),
        hold="30m",
        why="One of the rules that work it out each 15 minutes may meet a burst.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(_TREND, _HEALTH + "performance_health.error_rate_health"),
    )


def _after_deployment() -> Alert:
    last = gauge(facts.DEPLOYMENT_LAST).max()
    fresh = Expression(f"time() - {last.inner} < 3600", frozenset(), simple=False)
    now = recorded(name_of("agent", "failed", "ratio_rate30m"), _BY)
    before = recorded(name_of("agent", "failed", "ratio_rate6h"), _BY)
    failures = recorded(name_of("agent", "calls_failed", "rate5m"), _BY)
    failed = over_time("avg_over_time", failures, "30m") * _HALF_HOUR_S
    worse = (now.rounded(0.001) > _FAILED).also(now / (before > 0) > _TWICE)
    return Alert(
        name="AgentmonErrorsAfterDeployment",
        expression=told(worse.also(failed >= FEWEST).also(fresh, ())),
        severity="warning",
        kind="correlation",
        component="agent",
        summary="Agent {{ $labels.agent }} fails more since something was deployed.",
        description="{{ $value | humanizePercentage }} of its calls within 30 minutes failed, "
        "more than twice as many as before; a deployment ended within the last hour.",
        runbook=Runbook(
            meaning="Within an hour of a deployment, more than 5 % of the calls of an agent fail, "
            "and more than twice the share of 6 hours.",
            impact="Users meet what the deployment broke.",
            diagnosis="Compare the error groups of both versions.",
            action="Roll back first; look for the cause then.",
        ),
        hold="5m",
        why="A restart makes some calls fail, and is over.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            _CLASSES + "correlation_alerts",
            _HEALTH + "operational_health.deployment_health",
        ),
    )


def _slow_for_the_hour() -> Alert:
    """The mean of an hour against that of the same hour one, two and three weeks ago."""
    took = recorded(_TOOK, ("agent",))
    weeks = [
        over_time("avg_over_time", took, "1h", back=ago).labelled(lookback=week)
        for week, ago in AGO.items()
    ]
    every = weeks[0].otherwise(weeks[1]).otherwise(weeks[2])
    known = every.count(("agent",)) >= _TWICE
    usual = Expression(f"quantile by (agent) (0.5, {every.text})", frozenset(("agent",)))
    enough = count_of(_AGENT.duration, "1h").sum(("agent",)) * 3600 >= _CALLS / 2
    return Alert(
        name="AgentmonLatencyUnusual",
        expression=told(((took / (usual > 0)).rounded(0.01) > _TWICE).also(known).also(enough)),
        severity="warning",
        kind="anomaly",
        component="agent",
        summary="Agent {{ $labels.agent }} is slower than it is at this hour of the week.",
        description="Its calls of one hour take {{ $value | humanize }} times as long as usual.",
        runbook=Runbook(
            meaning="The mean duration of an hour is more than twice the median of the same hour "
            "of the last three weeks, of which two are known; at least 25 calls were made.",
            impact="Users wait longer than they are used to.",
            diagnosis="Compare with traffic, models, tools and dependencies at that hour.",
            action="Repair what is slow; if it is to stay so, it is usual after two weeks.",
        ),
        hold="10m",
        why="An hour is looked at already.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            _ANOMALY,
            "monitoring_system.data_processing.anomaly_detection",
            _HEALTH + "performance_health.response_time_health",
        ),
    )
