"""
Alerts on the work itself: tasks done again or given up, users who leave, and what it costs.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.agents import FEWEST, told
from agentmon.assets.rules.levels import name_of
from agentmon.assets.rules.rule import Alert, Group, Record, Runbook
from agentmon.model.catalogue import work
from agentmon.query.promql import (
    Expression,
    Matchers,
    count_of,
    increase,
    mean,
    over_time,
    quantile,
    rate,
    recorded,
)

__all__ = ["alerts", "records"]

_SYSTEM: Final = "monitoring_system.alerting_system."
_HEALTH: Final = "health_monitoring.performance_health."
_CLASSES: Final = "alerting_framework.alert_classification."
_HOUR_S: Final = 3_600
_SHARE: Final = 0.2
_LEFT: Final = 0.3
_AGREEING: Final = 0.7
_PATIENCE_S: Final = 60
_AHEAD: Final = 1.5
_SPENT: Final = "currency:agentmon_cost:rate1h"


def records() -> list[Group]:
    """What is spent, by the hour: days are worked out of it."""
    spent = rate(work.COST, "1h").sum(("currency",))
    return [Group("agentmon-spent", "5m", (Record(_SPENT, spent),))]


def alerts() -> list[Group]:
    """What watches the work."""
    return [
        Group(
            "agentmon-work",
            "1m",
            (
                _reworked(),
                _given_up(),
                _inconsistent(),
                _sessions_left(),
                _turns_slow(),
                _cost_per_task(),
                _unpriced(),
            ),
        ),
        # Days are looked at, which costs more and changes slowly.
        Group("agentmon-spending", "15m", (_cost_ahead(),)),
    ]


def _share(bad: Expression, every: Expression, least: float) -> Expression:
    """The share where it is too large, and of enough."""
    return ((bad / (every > 0)).rounded(0.001) > least).also(bad >= FEWEST)


def _reworked() -> Alert:
    again = increase(work.TASK_REWORKED, "1h").sum(("task",))
    return Alert(
        name="AgentmonReworkHigh",
        expression=_share(again, increase(work.TASK_ENDED, "1h").sum(("task",)), _SHARE),
        severity="warning",
        kind="quality",
        component="task",
        summary="Tasks of kind {{ $labels.task }} are done again too often.",
        description="{{ $value | humanizePercentage }} of those within one hour were done again, "
        "or flagged for it.",
        runbook=Runbook(
            meaning="More than 20 % of the tasks of a kind, and at least 5, were attempted again "
            "after they had ended, or were flagged.",
            impact="Users got something wrong first, and it is paid for twice.",
            diagnosis="Look at the reasons, and at which agents ended them the first time.",
            action="Correct what comes back most; check before the answer goes out.",
        ),
        hold="10m",
        why="A share over an hour is calm already.",
        dashboard="agentmon-satisfaction",
        serves=(
            "agent_metrics.quality_metrics.rework_rate",
            _SYSTEM + "quality_alerts",
            _HEALTH + "quality_health",
        ),
    )


def _given_up() -> Alert:
    left: Matchers = {"result": "abandoned"}
    return Alert(
        name="AgentmonTasksAbandoned",
        expression=_share(
            increase(work.TASK_ENDED, "1h", left).sum(("task",)),
            increase(work.TASK_ENDED, "1h").sum(("task",)),
            _SHARE,
        ),
        severity="warning",
        kind="user_impact",
        component="task",
        summary="Tasks of kind {{ $labels.task }} are given up too often.",
        description="{{ $value | humanizePercentage }} of those that ended within one hour were "
        "abandoned.",
        runbook=Runbook(
            meaning="More than 20 % of the tasks of a kind, and at least 5, were abandoned.",
            impact="Users leave without what they came for.",
            diagnosis="Compare with the time until the first output and until the answer.",
            action="Show something sooner; see what the slowest step is.",
        ),
        hold="10m",
        why="A share over an hour is calm already.",
        dashboard="agentmon-satisfaction",
        serves=(
            "agent_metrics.quality_metrics.task_completion_rate",
            _SYSTEM + "user_impact_alerts",
            _SYSTEM + "quality_alerts",
        ),
    )


def _inconsistent() -> Alert:
    enough = count_of(work.CONSISTENCY, "6h").sum(("agent",)) * 6 * _HOUR_S >= FEWEST
    agreeing = mean(work.CONSISTENCY, "6h", ("agent",)).rounded(0.001)
    return Alert(
        name="AgentmonInconsistent",
        expression=told((agreeing < _AGREEING).also(enough)),
        severity="warning",
        kind="quality",
        component="agent",
        summary="Agent {{ $labels.agent }} answers alike questions differently.",
        description="Its answers to tasks that are alike agree by {{ $value }} of 1 within 6 "
        "hours.",
        runbook=Runbook(
            meaning="Answers to similar tasks agree by less than 0.7 of 1 on average.",
            impact="Who asks twice is told two things.",
            diagnosis="Compare some pairs; see whether temperature, model or sources changed.",
            action="Fix the sources, lower the temperature, or check answers against each other.",
        ),
        hold="15m",
        why="Agreement over 6 hours is calm already.",
        dashboard="agentmon-agent-details",
        variables=("agent",),
        serves=(_SYSTEM + "quality_alerts",),
    )


def _sessions_left() -> Alert:
    left: Matchers = {"result": "abandoned"}
    return Alert(
        name="AgentmonSessionsAbandoned",
        expression=_share(
            increase(work.SESSIONS_ENDED, "1h", left).sum(),
            increase(work.SESSIONS_ENDED, "1h").sum(),
            _LEFT,
        ),
        severity="warning",
        kind="user_impact",
        component="users",
        summary="Too many users leave in the middle.",
        description="{{ $value | humanizePercentage }} of the sessions that ended within one hour "
        "were abandoned.",
        runbook=Runbook(
            meaning="More than 30 % of the sessions, and at least 5, went quiet without an end.",
            impact="Users go elsewhere.",
            diagnosis="See after how many turns they leave, and whether turns got slow.",
            action="Repair what is slow or wrong for them first.",
        ),
        hold="15m",
        why="A share over an hour is calm already.",
        dashboard="agentmon-satisfaction",
        serves=(_SYSTEM + "user_impact_alerts", _HEALTH + "user_satisfaction_health"),
    )


def _turns_slow() -> Alert:
    enough = count_of(work.TURN_DURATION, "30m").sum() * _HOUR_S / 2 >= FEWEST
    waits = quantile(0.9, work.TURN_DURATION, "30m", ()).rounded(0.1)
    return Alert(
        name="AgentmonTurnsSlow",
        expression=(waits > _PATIENCE_S).also(enough),
        severity="warning",
        kind="user_impact",
        component="users",
        summary="Users wait too long for their answers.",
        description="One of ten turns takes {{ $value | humanizeDuration }} or longer.",
        runbook=Runbook(
            meaning="Within 30 minutes, more than 10 % of the turns took over a minute.",
            impact="Users wait, ask again, or leave.",
            diagnosis="See which agent, model or tool takes the time.",
            action="Take away what is slow; stream the answer.",
        ),
        hold="10m",
        why="Half an hour is looked at already.",
        dashboard="agentmon-satisfaction",
        serves=(_SYSTEM + "user_impact_alerts", _HEALTH + "response_time_health"),
    )


def _cost_per_task() -> Alert:
    by = ("agent", "currency")
    done: Matchers = {"result": "completed"}
    ended = increase(work.TASK_ENDED, "1h", done).sum(("agent",))
    cost = increase(work.TASK_COST, "1h").sum(by)
    each = cost.combine("/", ended >= FEWEST, ("agent",), many=True)
    allowed = recorded(name_of("agent", "cost_objective", "per_task"), ("agent",))
    dear = each.combine(">", allowed, ("agent",), many=True)
    return Alert(
        name="AgentmonTasksDear",
        expression=told(Expression(dear.text, each.labels, simple=False)),
        severity="warning",
        kind="threshold",
        component="agent",
        summary="Tasks of agent {{ $labels.agent }} cost more than they may.",
        description="Within one hour, a task that was completed cost {{ $value | humanize }} "
        "{{ $labels.currency }} on average, with those that failed.",
        runbook=Runbook(
            meaning="What was spent within one hour, divided by the tasks completed, is more than "
            "`cost_per_task` in the objectives; at least 5 were completed.",
            impact="The work costs more than was planned.",
            diagnosis="Compare models, tokens of each task, and what is spent on failed ones.",
            action="Use a smaller model where it will do; cache; stop what runs in circles.",
        ),
        hold="15m",
        why="An hour is looked at already.",
        dashboard="agentmon-cost",
        variables=("agent",),
        serves=(
            "agent_metrics.resource_utilization.cost_per_task",
            _SYSTEM + "threshold_based_alerts",
            _CLASSES + "threshold_alerts",
        ),
    )


def _unpriced() -> Alert:
    by = ("model", "provider")
    return Alert(
        name="AgentmonTokensUnpriced",
        expression=(increase(work.UNPRICED_TOKENS, "1h").sum(by) > 0).rounded(1),
        severity="info",
        kind="monitoring",
        component="cost",
        summary="There is no price for the model {{ $labels.model }} of {{ $labels.provider }}.",
        description="{{ $value | humanize }} tokens within one hour cost nothing in the reports.",
        runbook=Runbook(
            meaning="A model is used that is not in the table of prices.",
            impact="Costs are shown too low.",
            diagnosis="See whether the name is spelled as its provider does.",
            action="Give its prices: `configure(prices=...)`.",
        ),
        hold="15m",
        why="Nobody has to hurry.",
        dashboard="agentmon-cost",
        serves=(
            "health_monitoring.operational_health.monitoring_health",
            _CLASSES + "informational_alerts",
        ),
    )


def _cost_ahead() -> Alert:
    by = ("currency",)
    spent = recorded(_SPENT, by)
    ahead, usual = (over_time("avg_over_time", spent, window) for window in ("6h", "7d"))
    return Alert(
        name="AgentmonCostAhead",
        expression=(ahead / (usual > 0)).rounded(0.1) > _AHEAD,
        severity="warning",
        kind="prediction",
        component="cost",
        summary="A day at this pace costs much more than one of last week.",
        description="At the pace of the last 6 hours, a day costs {{ $value | humanize }} times "
        "the mean day of the last 7, in {{ $labels.currency }}.",
        runbook=Runbook(
            meaning="Spending of the last 6 hours, over a day, is more than 1.5 times a mean day "
            "of the last week.",
            impact="The budget of the month will not do.",
            diagnosis="See which agent or model spends it, and whether there is more work or each "
            "task costs more.",
            action="Limit what runs in circles; move to a cheaper model; plan for more.",
        ),
        hold="1h",
        why="A busy morning is no trend.",
        dashboard="agentmon-cost",
        serves=(
            _SYSTEM + "capacity_alerts",
            _CLASSES + "predictive_alerts",
            "monitoring_system.data_processing.predictive_analytics",
        ),
    )
