"""
Alerts on what runs full, on quality, and on agents that are slow for what is below them.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.agents import FEWEST, of_source, told
from agentmon.assets.rules.levels import name_of
from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model import catalogue
from agentmon.model.catalogue import coordination, resources, work
from agentmon.model.metric import Metric
from agentmon.query.promql import (
    Expression,
    Matchers,
    count_of,
    gauge,
    increase,
    mean,
    over_time,
    predicted,
    recorded,
)

__all__ = ["alerts"]

_DEPENDENCY: Final = catalogue.OPERATIONS["dependency"]
_SYSTEM: Final = "monitoring_system.alerting_system."
_HEALTH: Final = "health_monitoring.performance_health."
_CLASSES: Final = "alerting_framework.alert_classification."
_HOUR_S: Final = 3_600
#: Utilisation from which on a prediction is believed.
_FILLED: Final = 0.6
_NEARLY_FULL: Final = 0.9
_SHARE: Final = 0.1


def alerts() -> list[Group]:
    """What watches capacity and quality."""
    return [
        Group(
            "agentmon-capacity",
            "1m",
            (
                _queue_filling(),
                _storage_filling(),
                _memory_near_limit(),
                _handoffs_failing(),
                _quality_low(),
                _satisfaction_low(),
                _slow_with_dependency(),
            ),
        )
    ]


def _queue_filling() -> Alert:
    by = ("queue",)
    depth = gauge(coordination.QUEUE_DEPTH)
    used = depth.max(by) / (gauge(coordination.QUEUE_CAPACITY).max(by) > 0)
    ahead = predicted(depth, "1h", 4 * _HOUR_S).max(by)
    full = ahead > gauge(coordination.QUEUE_CAPACITY).max(by)
    growing = over_time("deriv", depth, "1h").max(by) > 0
    return Alert(
        name="AgentmonQueueFilling",
        expression=(used.rounded(0.01) > _FILLED).also(full).also(growing),
        severity="warning",
        kind="prediction",
        component="queue",
        summary="Queue {{ $labels.queue }} will be full within 4 hours.",
        description="{{ $value | humanizePercentage }} of it are in use, and it grows.",
        runbook=Runbook(
            meaning="A queue is filled by more than 60 % and, as it has grown within the last "
            "hour, is full within 4 hours.",
            impact="From then on, work is refused or waits elsewhere.",
            diagnosis="Compare what is put with what is got; see whether who takes is slow.",
            action="Add who takes from it, or slow down who puts.",
        ),
        hold="10m",
        why="A burst that is worked off is no trend.",
        dashboard="agentmon-capacity",
        serves=(_SYSTEM + "capacity_alerts", _CLASSES + "predictive_alerts"),
    )


def _storage_filling() -> Alert:
    by = ("instance", "path")
    free = gauge(resources.STORAGE_FREE)
    share = free.min(by) / (gauge(resources.STORAGE_CAPACITY).min(by) > 0)
    ahead = predicted(free, "6h", 24 * _HOUR_S).min(by)
    return Alert(
        name="AgentmonStorageFilling",
        expression=(share.rounded(0.01) < 1 - _FILLED).also(ahead < 0),
        severity="warning",
        kind="prediction",
        component="instance",
        summary="{{ $labels.path }} on {{ $labels.instance }} will be full within a day.",
        description="{{ $value | humanizePercentage }} of it are free, and get less.",
        runbook=Runbook(
            meaning="Less than 40 % of a storage are free and, as it went within the last 6 "
            "hours, nothing will be within a day.",
            impact="From then on, nothing can be written.",
            diagnosis="See which files grow.",
            action="Delete what is needed no more, or add storage.",
        ),
        hold="30m",
        why="What is cleaned up at times is no trend.",
        dashboard="agentmon-capacity",
        serves=(_SYSTEM + "capacity_alerts", _HEALTH + "resource_utilization_health"),
    )


def _memory_near_limit() -> Alert:
    by = ("instance",)
    limit = gauge(resources.CGROUP_MEMORY_LIMIT).min(by)
    used = gauge(resources.CGROUP_MEMORY).max(by) / (limit > 0)
    return Alert(
        name="AgentmonMemoryNearLimit",
        expression=used.rounded(0.001) > _NEARLY_FULL,
        severity="warning",
        kind="threshold",
        component="instance",
        summary="{{ $labels.instance }} has nearly used up its memory.",
        description="{{ $value | humanizePercentage }} of what its container may have are in use.",
        runbook=Runbook(
            meaning="A container uses more than 90 % of the memory that it may have.",
            impact="Beyond the limit, it is killed, with all that is in flight.",
            diagnosis="See whether it grows with traffic or without end.",
            action="Raise the limit, or find what is kept too long.",
        ),
        hold="10m",
        why="A peak that passes did no harm.",
        dashboard="agentmon-resources",
        serves=(_SYSTEM + "threshold_based_alerts", _HEALTH + "resource_utilization_health"),
    )


def _handoffs_failing() -> Alert:
    by = ("source", "target")
    lost: Matchers = {"result": ("=~", "failed|rejected|lost")}
    bad = increase(coordination.HANDOFF_ENDED, "30m", lost).sum(by)
    every = increase(coordination.HANDOFF_ENDED, "30m").sum(by)
    return Alert(
        name="AgentmonHandoffsFailing",
        expression=of_source(((bad / (every > 0)).rounded(0.001) > _SHARE).also(bad >= FEWEST)),
        severity="warning",
        kind="threshold",
        component="handoff",
        summary="Handoffs from {{ $labels.source }} to {{ $labels.target }} fail too often.",
        description="{{ $value | humanizePercentage }} of those within 30 minutes failed, were "
        "rejected or got lost.",
        runbook=Runbook(
            meaning="More than 10 % of the handoffs from one agent to another, and at least 5, "
            "failed, were rejected or got lost.",
            impact="Work ends between two agents.",
            diagnosis="See by the results whether the target refuses, fails or is not there.",
            action="Bring back the target, or correct what it is handed.",
        ),
        hold="5m",
        why="A share over 30 minutes is calm already; a little more keeps out a burst.",
        keep="5m",
        dashboard="agentmon-workflow-efficiency",
        serves=(
            "system_metrics.coordination_metrics.handoff_success_rate",
            _SYSTEM + "threshold_based_alerts",
            _CLASSES + "threshold_alerts",
        ),
    )


def _score(metric: Metric, objective: str) -> Expression:
    """The mean score of the last hour, where less than promised and of enough."""
    enough = count_of(metric, "1h").sum(("agent",)) * _HOUR_S >= FEWEST
    score = mean(metric, "1h", ("agent",)).rounded(0.001)
    promised = recorded(name_of("agent", f"{objective}_objective", "ratio"), ("agent",))
    return told((score < promised).also(enough))


def _quality_low() -> Alert:
    return Alert(
        name="AgentmonQualityLow",
        expression=_score(work.EVALUATION, "quality"),
        severity="warning",
        kind="quality",
        component="agent",
        summary="Answers of agent {{ $labels.agent }} are not good enough.",
        description="Their mean score within one hour is {{ $value }} of 1.",
        runbook=Runbook(
            meaning="Evaluators gave less on average than `quality` in the objectives (0.7 of 1 "
            "unless declared), at least 5 times in one hour.",
            impact="Users get answers that do not help them.",
            diagnosis="Compare dimensions and versions; read some of what was judged.",
            action="Go back to the version, prompt or model before.",
        ),
        hold="10m",
        why="The mean of an hour is calm already.",
        dashboard="agentmon-agent-details",
        variables=("agent",),
        serves=(
            "agent_metrics.quality_metrics.accuracy_score",
            _SYSTEM + "quality_alerts",
            _HEALTH + "quality_health",
        ),
    )


def _satisfaction_low() -> Alert:
    return Alert(
        name="AgentmonSatisfactionLow",
        expression=_score(work.FEEDBACK, "satisfaction"),
        severity="warning",
        kind="user_impact",
        component="agent",
        summary="Users are not content with agent {{ $labels.agent }}.",
        description="Their mean rating within one hour is {{ $value }} of 1.",
        runbook=Runbook(
            meaning="Users gave less on average than `satisfaction` in the objectives (0.7 of 1 "
            "unless declared), at least 5 times in one hour.",
            impact="Users do not get what they came for, and go.",
            diagnosis="Compare with the scores of evaluators and with latency; read comments.",
            action="Go back to the version before where it came with a new one.",
        ),
        hold="10m",
        why="The mean of an hour is calm already.",
        dashboard="agentmon-satisfaction",
        variables=("agent",),
        serves=(
            "agent_metrics.quality_metrics.user_satisfaction_score",
            _SYSTEM + "user_impact_alerts",
            _HEALTH + "user_satisfaction_health",
        ),
    )


def _slow_with_dependency() -> Alert:
    by = ("agent", "dependency")
    failed: Matchers = {"outcome": ("=~", "error|timeout")}
    bad = increase(_DEPENDENCY.calls, "30m", failed).sum(by)
    share = (bad / (increase(_DEPENDENCY.calls, "30m").sum(by) > 0)).rounded(0.001)
    slow = recorded(name_of("agent", "slow", "ratio_rate30m"), ("agent", "region")) > _SHARE
    calls = recorded(name_of("agent", "calls", "rate5m"), ("agent", "region"))
    busy = calls > over_time("avg_over_time", calls, "6h") * 2
    failing = (share > _SHARE).also(bad >= FEWEST)
    return Alert(
        name="AgentmonSlowWithDependency",
        expression=told(failing.also(slow, ("agent",)).unless(busy, ("agent",))),
        severity="warning",
        kind="correlation",
        component="agent",
        summary="Agent {{ $labels.agent }} is slow, as {{ $labels.dependency }} fails.",
        description="{{ $value | humanizePercentage }} of its calls to {{ $labels.dependency }} "
        "within 30 minutes failed, and there is no more traffic than usual.",
        runbook=Runbook(
            meaning="More than 10 % of the calls of an agent took longer than was promised, while "
            "more than 10 % of its calls to a dependency failed, and traffic has not doubled.",
            impact="Whoever asks this agent waits.",
            diagnosis="Look at the dependency first; the agent is likely not to blame.",
            action="Repair the dependency, or do without it for now.",
        ),
        hold="5m",
        why="Both are shares over 30 minutes.",
        dashboard="agentmon-agent-details",
        variables=("agent",),
        serves=(_CLASSES + "correlation_alerts",),
    )
