"""
Alerts on what is between agents: context that gets lost, waiting, and failures that spread.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.agents import FEWEST, of_source, told
from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model.catalogue import coordination, reliability
from agentmon.query.promql import count_of, gauge, increase, mean

__all__ = ["alerts"]

_SYSTEM: Final = "monitoring_system.alerting_system."
_HEALTH: Final = "health_monitoring.performance_health."
_CLASSES: Final = "alerting_framework.alert_classification."
_HOUR_S: Final = 3_600
_KEPT: Final = 0.8
_WAIT_S: Final = 60
_SPREAD: Final = 0.5
_BOUNCED: Final = 0.2


def alerts() -> list[Group]:
    """What watches the work of agents with each other."""
    return [
        Group(
            "agentmon-coordination",
            "1m",
            (_context_lost(), _bouncing(), _queue_waits(), _limit_full(), _cascading()),
        )
    ]


def _context_lost() -> Alert:
    by = ("source", "target", "measure")
    enough = count_of(coordination.HANDOFF_CONTEXT_KEPT, "1h").sum(by) * _HOUR_S >= FEWEST
    kept = mean(coordination.HANDOFF_CONTEXT_KEPT, "1h", by).rounded(0.001)
    return Alert(
        name="AgentmonContextLost",
        expression=of_source((kept < _KEPT).also(enough)),
        severity="warning",
        kind="quality",
        component="handoff",
        summary="Handoffs from {{ $labels.source }} to {{ $labels.target }} lose context.",
        description="{{ $value | humanizePercentage }} of it arrive within one hour, by "
        "{{ $labels.measure }}.",
        runbook=Runbook(
            meaning="Of what one agent hands over, less than 80 % is there at the other.",
            impact="The second agent asks again, or guesses.",
            diagnosis="Compare what is sent with what is taken: keys that are renamed, and texts "
            "that are cut.",
            action="Hand over what is missing; agree on one shape.",
        ),
        hold="10m",
        why="A mean over an hour is calm already.",
        dashboard="agentmon-workflow-efficiency",
        serves=(
            "system_metrics.coordination_metrics.context_preservation",
            _SYSTEM + "quality_alerts",
        ),
    )


def _bouncing() -> Alert:
    by = ("source", "target")
    back = increase(coordination.HANDOFF_BOUNCED, "1h").sum(by)
    every = increase(coordination.HANDOFF_BEGUN, "1h").sum(by)
    return Alert(
        name="AgentmonHandoffsBouncing",
        expression=of_source(((back / (every > 0)).rounded(0.001) > _BOUNCED).also(back >= FEWEST)),
        severity="info",
        kind="threshold",
        component="handoff",
        summary="What {{ $labels.source }} hands to {{ $labels.target }} comes back.",
        description="{{ $value | humanizePercentage }} of the handoffs within one hour went "
        "straight back to where they had come from.",
        runbook=Runbook(
            meaning="More than 20 % of the handoffs, and at least 5, bounced from A to B to A.",
            impact="Time and tokens are spent on nothing.",
            diagnosis="See what the second agent lacks, or why it was chosen.",
            action="Say more clearly who does what.",
        ),
        hold="10m",
        why="A share over an hour is calm already.",
        dashboard="agentmon-workflow-efficiency",
        serves=(_CLASSES + "informational_alerts", _CLASSES + "threshold_alerts"),
    )


def _queue_waits() -> Alert:
    waits = mean(coordination.QUEUE_WAIT, "15m", ("queue",)).rounded(0.1)
    return Alert(
        name="AgentmonQueueWaits",
        expression=waits > _WAIT_S,
        severity="warning",
        kind="threshold",
        component="queue",
        summary="Work waits too long in queue {{ $labels.queue }}.",
        description="What was taken from it within 15 minutes had waited "
        "{{ $value | humanizeDuration }} on average.",
        runbook=Runbook(
            meaning="Entries wait for more than a minute on average.",
            impact="Whoever waits for the work waits longer by that.",
            diagnosis="See whether more is put in, or those who take got slower or fewer.",
            action="Add who takes from it.",
        ),
        hold="10m",
        why="A burst that is worked off is none.",
        dashboard="agentmon-capacity",
        serves=(
            "system_metrics.throughput_metrics.queue_depth",
            _SYSTEM + "capacity_alerts",
            _HEALTH + "throughput_health",
        ),
    )


def _limit_full() -> Alert:
    by = ("limit",)
    full = gauge(coordination.LIMIT_IN_USE).sum(by) / (
        gauge(coordination.LIMIT_CAPACITY).sum(by) > 0
    )
    waiting = gauge(coordination.LIMIT_WAITING).sum(by) > 0
    return Alert(
        name="AgentmonLimitFull",
        expression=(full.rounded(0.01) >= 1).also(waiting),
        severity="warning",
        kind="capacity",
        component="limit",
        summary="All places of {{ $labels.limit }} are taken, and callers wait.",
        description="{{ $value | humanizePercentage }} of its places are in use.",
        runbook=Runbook(
            meaning="A semaphore or a pool is full, and somebody waits for it, for 10 minutes.",
            impact="Work waits although there may be processors to do it.",
            diagnosis="See who holds places for long; compare with the time of what is done there.",
            action="Raise the limit if what is behind it can take more; else do less at once.",
        ),
        hold="10m",
        why="A limit that is full for moments does what it is for.",
        dashboard="agentmon-capacity",
        serves=(
            "system_metrics.throughput_metrics.system_capacity",
            _SYSTEM + "capacity_alerts",
        ),
    )


def _cascading() -> Alert:
    by = ("agent",)
    caused = increase(reliability.FAILURES, "30m", {"cause": "cascade"}).sum(by)
    every = increase(reliability.FAILURES, "30m").sum(by)
    return Alert(
        name="AgentmonFailuresCascade",
        expression=told(((caused / (every > 0)).rounded(0.001) > _SPREAD).also(caused >= FEWEST)),
        severity="warning",
        kind="correlation",
        component="agent",
        summary="Agent {{ $labels.agent }} fails since what it calls fails.",
        description="{{ $value | humanizePercentage }} of its failures within 30 minutes were "
        "caused by another.",
        runbook=Runbook(
            meaning="More than half of the failures of an agent, and at least 5, are the failures "
            "of something it called.",
            impact="One fault is felt in many places.",
            diagnosis="Follow a trace to the first that failed.",
            action="Repair that one; give this agent a fallback.",
        ),
        hold="5m",
        why="A share over 30 minutes is calm already.",
        dashboard="agentmon-errors",
        variables=("agent",),
        serves=(
            "system_metrics.reliability_metrics.cascade_failure_rate",
            _CLASSES + "correlation_alerts",
            _HEALTH + "error_rate_health",
        ),
    )
