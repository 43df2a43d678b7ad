"""
Alerts of agents: that fail, that run out of time, that hang, that are there no more.

Shares need a least number of events: with few calls, a single failure is a large share.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.levels import name_of, owner
from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model import catalogue
from agentmon.query.promql import (
    Expression,
    Matchers,
    count_of,
    gauge,
    increase,
    over_time,
    quantile,
    recorded,
)

__all__ = ["alerts", "of_source", "told"]

_AGENT: Final = catalogue.OPERATIONS["agent"]
_BY: Final = ("agent", "region")
_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_DASHBOARD: Final = "agentmon-agent-details"
_HEALTH: Final = "health_monitoring.performance_health."
_CLASSES: Final = "alerting_framework.alert_classification."
_SYSTEM: Final = "monitoring_system.alerting_system."

#: Events that there must be before a share means anything; half less, as increases are estimates.
FEWEST: Final = 4.5
_SHARE: Final = 0.1
_STUCK_S: Final = 900
_HALF_HOUR_S: Final = 1800
_OF_MANY: Final = 100
_TIMES: Final = 4


def alerts() -> list[Group]:
    """What watches agents."""
    return [
        Group("agentmon-agents", "1m", (_errors(), _timeouts(), _slowest(), _stuck(), _silent()))
    ]


def told(expression: Expression) -> Expression:
    """With the team and the priority of the agent."""
    return expression.taking(owner("agent"), ("agent",), ("priority", "team"))


def of_source(expression: Expression) -> Expression:
    """With the team and the priority of the agent that hands over, where it is known."""
    who = owner("agent")
    named = f'label_replace({who.text}, "source", "$1", "agent", "(.*)")'
    by_source = Expression(named, who.labels | {"source"})
    owned = expression.taking(by_source, ("source",), ("priority", "team"))
    return owned.otherwise_on(expression, ("source", "target"))


def _share_of(outcome: str) -> Expression:
    """The share of the calls of the last 30 minutes that ended so, if they are enough."""
    bad = increase(_AGENT.calls, "30m", {"outcome": outcome}).sum(_BY)
    every = increase(_AGENT.calls, "30m", _ENDED).sum(_BY)
    share = (bad / (every > 0)).rounded(0.001)
    return told((share > _SHARE).also(bad >= FEWEST))


def _errors() -> Alert:
    return Alert(
        name="AgentmonAgentErrorRate",
        expression=_share_of("error"),
        severity="warning",
        kind="threshold",
        component="agent",
        summary="Agent {{ $labels.agent }} ends in error too often.",
        description="{{ $value | humanizePercentage }} of the calls within 30 minutes ended in "
        "error.",
        runbook=Runbook(
            meaning="More than 10 % of the calls of an agent ended in error, and at least 5.",
            impact="Whoever asks this agent gets no answer.",
            diagnosis="Look at its error groups: one type from one place is a fault, many are an "
            "outage of something below.",
            action="Roll back what was deployed last, or switch to a fallback.",
        ),
        hold="5m",
        why="A share over 30 minutes is calm already; a little more keeps out a burst.",
        keep="5m",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            "agent_metrics.quality_metrics.error_rate",
            _SYSTEM + "threshold_based_alerts",
            _CLASSES + "threshold_alerts",
            _HEALTH + "error_rate_health",
        ),
    )


def _timeouts() -> Alert:
    return Alert(
        name="AgentmonAgentTimeouts",
        expression=_share_of("timeout"),
        severity="warning",
        kind="threshold",
        component="agent",
        summary="Agent {{ $labels.agent }} runs out of time too often.",
        description="{{ $value | humanizePercentage }} of the calls within 30 minutes ended in "
        "timeout.",
        runbook=Runbook(
            meaning="More than 10 % of the calls of an agent ran out of time, and at least 5.",
            impact="Whoever asks this agent waits, and gets nothing.",
            diagnosis="See whether the model, a tool, a dependency or a queue takes the time.",
            action="Take away what is slow, or allow for more time where that is right.",
        ),
        hold="5m",
        why="A share over 30 minutes is calm already; a little more keeps out a burst.",
        keep="5m",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            "agent_metrics.response_time_metrics.timeout_rate",
            _SYSTEM + "threshold_based_alerts",
            _HEALTH + "response_time_health",
        ),
    )


def _slowest() -> Alert:
    by = ("agent",)
    enough = count_of(_AGENT.duration, "30m", _ENDED).sum(by) * _HALF_HOUR_S >= _OF_MANY
    p99 = quantile(0.99, _AGENT.duration, "30m", by, _ENDED).rounded(1)
    allowed = recorded(name_of("agent", "latency_threshold_objective", "seconds"), by) * _TIMES
    return Alert(
        name="AgentmonAgentP99High",
        expression=told((p99 > allowed).also(enough)),
        severity="warning",
        kind="threshold",
        component="agent",
        summary="The slowest calls of agent {{ $labels.agent }} take far too long.",
        description="One of a hundred calls within 30 minutes took "
        "{{ $value | humanizeDuration }} or longer.",
        runbook=Runbook(
            meaning="The 99th percentile of 30 minutes, with at least 100 calls, is more than four "
            "times the threshold of latency in the objectives.",
            impact="Few are hit, but hard; the objective may still hold, as it allows for a share.",
            diagnosis="Look at the list of the slowest calls, and at their traces.",
            action="Give what hangs a time limit, and what is large a bound.",
        ),
        hold="10m",
        why="One slow call of a hundred is one; half an hour of them are not.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(
            _SYSTEM + "threshold_based_alerts",
            _HEALTH + "response_time_health",
            "agent_metrics.response_time_metrics.p99_response_time",
        ),
    )


def _stuck() -> Alert:
    oldest = gauge(_AGENT.oldest_in_flight).max(_BY)
    return Alert(
        name="AgentmonAgentStuck",
        expression=told((oldest > _STUCK_S).rounded(1)),
        severity="warning",
        kind="absence",
        component="agent",
        summary="A call of agent {{ $labels.agent }} does not end.",
        description="The oldest call has been running for {{ $value | humanizeDuration }}.",
        runbook=Runbook(
            meaning="A call has been running for more than 15 minutes.",
            impact="Whoever asked gets no answer, and what the call holds stays held.",
            diagnosis="Look for a trace without an end; see what the process waits for.",
            action="Cancel the call; give what it waits for a time limit.",
        ),
        hold="5m",
        why="Long work may be right: then it ends soon, or wants a silence.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=(_HEALTH + "throughput_health", _CLASSES + "warning_alerts"),
    )


def _silent() -> Alert:
    # When a process is gone, its facts go before its calls: the owner is who was longest known.
    seen = over_time("count_over_time", owner("agent"), "6h")
    seen = seen.max(("agent", "team", "priority")).top_of(("agent",))
    now = recorded(name_of("agent", "calls", "rate5m"), _BY).group(("agent",))
    return Alert(
        name="AgentmonAgentSilent",
        expression=seen.unless(now, ("agent",)),
        severity="warning",
        kind="absence",
        component="agent",
        summary="Agent {{ $labels.agent }} is there no more.",
        description="No process tells of agent {{ $labels.agent }}, as one did within 6 hours.",
        runbook=Runbook(
            meaning="An agent that was seen within 6 hours is seen in no process. One that is idle "
            "is not meant: its process still tells of it.",
            impact="What only this agent can do is not done.",
            diagnosis="See whether its targets are down, and whether it was deployed away.",
            action="Start it again. One that is gone for good is forgotten after 6 hours; silence "
            "it until then.",
        ),
        hold="10m",
        why="A deployment takes less.",
        dashboard=_DASHBOARD,
        variables=("agent",),
        serves=("health_monitoring.availability_monitoring.service_availability",),
    )
