"""
Views of tasks, quality, users and cost.
"""

from __future__ import annotations

from typing import Final

from agentmon.model.catalogue import resources, work
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_QUALITY: Final = "agent_metrics.quality_metrics."
_HEALTH: Final = "health_monitoring.performance_health."
_RESOURCES: Final = "agent_metrics.resource_utilization."
_THROUGHPUT: Final = "system_metrics.throughput_metrics."
_USERS: Final = "monitoring_system.data_collection.user_interaction_tracking"
_BUSINESS: Final = "monitoring_system.data_collection.business_metrics"
_COMPLETED: Final[Matchers] = {"result": "completed"}
_AGENT: Final = ("agent",)
_MONEY: Final = ("currency",)


def _completed(ask: Ask, by: tuple[str, ...]) -> Expression:
    return ask.rate(work.TASK_ENDED, by, _COMPLETED)


def _task_money(ask: Ask, by: tuple[str, ...]) -> Expression:
    """Cost of each completed task: what was spent on all of them, completed or not."""
    return ask.rate(work.TASK_COST, (*by, "currency")).combine(
        "/", _completed(ask, by) > 0, by, many=True
    )


def _per_cost(ask: Ask) -> Expression:
    spent = ask.rate(work.TASK_COST, ("agent",))
    return _completed(ask, _AGENT) / (spent > 0)


VIEWS: Final = (
    # -------------------------------------------------------------- tasks
    View(
        "requests",
        "Requests an hour",
        "How many requests do users make in an hour, at the present rate?",
        Measure.NUMBER,
        (),
        lambda ask: ask.rate(work.TASK_BEGUN) * 3600,
        serves=(_THROUGHPUT + "requests_per_hour",),
    ),
    View(
        "task-completion",
        "Completed",
        "What share of the tasks of each kind is completed?",
        Measure.RATIO,
        ("task",),
        lambda ask: ask.share(work.TASK_ENDED, work.TASK_ENDED, ("task",), _COMPLETED),
        better="more",
        serves=(_QUALITY + "task_completion_rate",),
    ),
    View(
        "agent-task-completion",
        "Completed by agent",
        "What share of the tasks of each agent is completed?",
        Measure.RATIO,
        _AGENT,
        lambda ask: ask.share(work.TASK_ENDED, work.TASK_ENDED, _AGENT, _COMPLETED),
        better="more",
        serves=(_QUALITY + "task_completion_rate",),
    ),
    View(
        "system-task-completion",
        "Completed in all",
        "What share of all tasks is completed?",
        Measure.RATIO,
        (),
        lambda ask: ask.share(work.TASK_ENDED, work.TASK_ENDED, (), _COMPLETED),
        better="more",
        serves=(_THROUGHPUT + "task_completion_rate",),
    ),
    View(
        "task-results",
        "Results",
        "How do tasks end?",
        Measure.PER_SECOND,
        ("task", "result"),
        lambda ask: ask.rate(work.TASK_ENDED, ("task", "result")),
    ),
    View(
        "velocity",
        "Completed a minute",
        "How many tasks are completed in a minute?",
        Measure.NUMBER,
        (),
        lambda ask: _completed(ask, ()) * 60,
        better="more",
        serves=(_THROUGHPUT + "processing_velocity",),
    ),
    View(
        "task-p90",
        "Time to the answer, p90",
        "Within what time do 90 % of the tasks of each kind end?",
        Measure.SECONDS,
        ("task",),
        lambda ask: ask.quantile(0.9, work.TASK_DURATION, ("task",)),
        better="less",
    ),
    View(
        "task-first-output",
        "Time to the first output, p90",
        "Within what time do 90 % of the tasks of each kind show their first output?",
        Measure.SECONDS,
        ("task",),
        lambda ask: ask.quantile(0.9, work.TASK_FIRST_OUTPUT, ("task",)),
        better="less",
    ),
    View(
        "tasks-in-flight",
        "Tasks in flight",
        "How many tasks of each kind have begun and not ended?",
        Measure.COUNT,
        ("task",),
        lambda ask: ask.now(work.TASK_IN_FLIGHT, ("task",)),
    ),
    View(
        "rework",
        "Reworked",
        "How many of each agent's tasks are done again, compared with those that end?",
        Measure.RATIO,
        _AGENT,
        lambda ask: ask.share(work.TASK_REWORKED, work.TASK_ENDED, _AGENT),
        better="less",
        serves=(_QUALITY + "rework_rate",),
    ),
    View(
        "rework-reasons",
        "Rework by reason",
        "Why are tasks done again?",
        Measure.PER_SECOND,
        ("task", "reason"),
        lambda ask: ask.rate(work.TASK_REWORKED, ("task", "reason")),
        better="less",
        serves=(_QUALITY + "rework_rate",),
    ),
    # -------------------------------------------------------------- quality
    View(
        "satisfaction",
        "Satisfaction",
        "How content are users with each agent, from 0 to 1?",
        Measure.SCORE,
        _AGENT,
        lambda ask: ask.mean(work.FEEDBACK, _AGENT),
        better="more",
        serves=(_QUALITY + "user_satisfaction_score", _HEALTH + "user_satisfaction_health"),
    ),
    View(
        "satisfaction-by-task",
        "Satisfaction by task",
        "How content are users with each kind of task, from 0 to 1?",
        Measure.SCORE,
        ("task",),
        lambda ask: ask.mean(work.FEEDBACK, ("task",)),
        better="more",
        serves=(_QUALITY + "user_satisfaction_score",),
    ),
    View(
        "satisfaction-distribution",
        "Ratings",
        "How are the ratings distributed?",
        Measure.PER_SECOND,
        ("le",),
        lambda ask: ask.distribution(work.FEEDBACK),
        serves=(_QUALITY + "user_satisfaction_score",),
    ),
    View(
        "ratings",
        "Ratings on each scale",
        "How many ratings come, on which scale?",
        Measure.PER_SECOND,
        ("scale",),
        lambda ask: ask.rate(work.FEEDBACK, ("scale",)),
    ),
    View(
        "evaluation",
        "Evaluation",
        "How do evaluators judge each agent, by dimension, from 0 to 1?",
        Measure.SCORE,
        ("agent", "dimension"),
        lambda ask: ask.mean(work.EVALUATION, ("agent", "dimension")),
        better="more",
        serves=(_QUALITY + "accuracy_score", _HEALTH + "quality_health"),
    ),
    View(
        "evaluation-by-version",
        "Evaluation by version",
        "How do evaluators judge each version of each agent, from 0 to 1?",
        Measure.SCORE,
        ("agent", "version", "dimension"),
        lambda ask: ask.mean(work.EVALUATION, ("agent", "version", "dimension")),
        better="more",
        serves=(_QUALITY + "accuracy_score",),
    ),
    View(
        "consistency",
        "Consistency",
        "How far do the outputs of similar tasks agree, from 0 to 1?",
        Measure.SCORE,
        ("agent", "dimension"),
        lambda ask: ask.mean(work.CONSISTENCY, ("agent", "dimension")),
        better="more",
        serves=(_QUALITY + "consistency_score",),
    ),
    # -------------------------------------------------------------- users
    View(
        "users",
        "Users at work",
        "How many users wait for an answer now?",
        Measure.COUNT,
        (),
        lambda ask: ask.now(work.USERS_IN_FLIGHT),
        serves=(_THROUGHPUT + "concurrent_users",),
    ),
    View(
        "users-peak",
        "Users at work, peak",
        "How many users have waited for an answer at once, at most?",
        Measure.COUNT,
        ("window",),
        lambda ask: ask.now(work.USERS_IN_FLIGHT_PEAK, ("window",)),
        serves=(_THROUGHPUT + "concurrent_users",),
    ),
    View(
        "users-seen",
        "Users seen",
        "How many different users were there?",
        Measure.COUNT,
        ("window",),
        lambda ask: ask.largest(work.USERS_SEEN, ("window",)),
        serves=(_USERS,),
    ),
    View(
        "sessions",
        "Sessions begun",
        "How many sessions begin?",
        Measure.PER_SECOND,
        (),
        lambda ask: ask.rate(work.SESSIONS_BEGUN),
        serves=(_USERS,),
    ),
    View(
        "sessions-open",
        "Open sessions",
        "How many sessions are open?",
        Measure.COUNT,
        (),
        lambda ask: ask.now(work.SESSIONS_OPEN),
        serves=(_USERS,),
    ),
    View(
        "abandonment",
        "Abandoned sessions",
        "What share of the sessions is abandoned?",
        Measure.RATIO,
        (),
        lambda ask: ask.share(
            work.SESSIONS_ENDED, work.SESSIONS_ENDED, (), {"result": "abandoned"}
        ),
        better="less",
        serves=(_USERS,),
    ),
    View(
        "session-length",
        "Length of sessions",
        "How long do sessions take on average?",
        Measure.SECONDS,
        ("result",),
        lambda ask: ask.mean(work.SESSION_DURATION, ("result",)),
        serves=(_USERS,),
    ),
    View(
        "session-turns",
        "Turns in a session",
        "How many turns does a session have on average?",
        Measure.NUMBER,
        (),
        lambda ask: ask.mean(work.SESSION_TURNS),
        serves=(_USERS,),
    ),
    View(
        "follow-ups",
        "Follow-ups",
        "What share of the turns follows up on an answer?",
        Measure.RATIO,
        (),
        lambda ask: ask.share(work.TURNS, work.TURNS, (), {"turn": "followup"}),
        serves=(_USERS,),
    ),
    View(
        "turn-p90",
        "Wait of users, p90",
        "Within what time do users get 90 % of the answers?",
        Measure.SECONDS,
        (),
        lambda ask: ask.quantile(0.9, work.TURN_DURATION),
        better="less",
        serves=(_USERS,),
    ),
    # -------------------------------------------------------------- cost and value
    View(
        "cost",
        "Cost",
        "What do the calls of each agent cost?",
        Measure.MONEY_PER_SECOND,
        ("agent", "currency"),
        lambda ask: ask.rate(work.COST, ("agent", "currency")),
        better="less",
        serves=(_RESOURCES + "cost_per_task", _BUSINESS),
    ),
    View(
        "cost-by-model",
        "Cost by model",
        "What does each model cost?",
        Measure.MONEY_PER_SECOND,
        ("model", "currency"),
        lambda ask: ask.rate(work.COST, ("model", "currency")),
        better="less",
        serves=(_BUSINESS,),
    ),
    View(
        "cost-by-workflow",
        "Cost by workflow",
        "What does each workflow cost?",
        Measure.MONEY_PER_SECOND,
        ("workflow", "currency"),
        lambda ask: ask.rate(work.COST, ("workflow", "currency")),
        better="less",
        serves=(_BUSINESS,),
    ),
    View(
        "cost-by-type",
        "Cost by type",
        "For what is the money spent?",
        Measure.MONEY_PER_SECOND,
        ("cost_type", "currency"),
        lambda ask: ask.rate(work.COST, ("cost_type", "currency")),
        better="less",
        serves=(_BUSINESS,),
    ),
    View(
        "cost-per-task",
        "Cost of a task",
        "What does a completed task of each agent cost, failed ones included?",
        Measure.MONEY,
        ("agent", "currency"),
        lambda ask: _task_money(ask, _AGENT),
        better="less",
        serves=(_RESOURCES + "cost_per_task",),
    ),
    View(
        "waste",
        "Wasted",
        "What share of the money goes into tasks that fail or are done again?",
        Measure.RATIO,
        _MONEY,
        lambda ask: ask.share(work.WASTED_COST, work.TASK_COST, _MONEY),
        better="less",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "waste-by-agent",
        "Wasted money",
        "How much money does each agent put into tasks that fail or are done again?",
        Measure.MONEY_PER_SECOND,
        ("agent", "waste", "currency"),
        lambda ask: ask.rate(work.WASTED_COST, ("agent", "waste", "currency")),
        better="less",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "useful-tokens",
        "Useful tokens",
        "What share of the tokens goes into tasks that are completed and stay so?",
        Measure.RATIO,
        _AGENT,
        lambda ask: ask.share(work.WASTED_TOKENS, work.TASK_TOKENS, _AGENT) * -1 + 1,
        better="more",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "tasks-per-cost",
        "Tasks for a unit of money",
        "How many tasks does each agent complete for a unit of money?",
        Measure.NUMBER,
        _AGENT,
        _per_cost,
        better="more",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "tasks-per-cpu",
        "Tasks for a CPU second",
        "How many tasks does each agent complete for a second of CPU time?",
        Measure.NUMBER,
        _AGENT,
        lambda ask: (
            _completed(ask, _AGENT) / (ask.rate(resources.AGENT_CPU, _AGENT, {"share": "self"}) > 0)
        ),
        better="more",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "task-cpu",
        "CPU time of tasks",
        "How much CPU time goes into the tasks of each agent, by how they end?",
        Measure.CORES,
        ("agent", "result"),
        lambda ask: ask.rate(work.TASK_CPU, ("agent", "result")),
        better="less",
        serves=(_RESOURCES + "resource_efficiency_ratio",),
    ),
    View(
        "unpriced",
        "Tokens without a price",
        "Which models have no price, so that their cost is in no sum?",
        Measure.PER_SECOND,
        ("model", "provider"),
        lambda ask: ask.rate(work.UNPRICED_TOKENS, ("model", "provider")),
        better="less",
        serves=(_RESOURCES + "cost_per_task",),
    ),
    View(
        "price-table",
        "Price table",
        "Which price table is in force?",
        Measure.COUNT,
        ("version", "currency"),
        lambda ask: ask.now(work.PRICE_TABLE, ("version", "currency")),
    ),
    View(
        "value",
        "Value delivered",
        "What is the declared value of the tasks that end, by workflow?",
        Measure.MONEY_PER_SECOND,
        ("workflow", "currency"),
        lambda ask: ask.rate(work.TASK_VALUE, ("workflow", "currency")),
        better="more",
        serves=(_BUSINESS,),
    ),
    View(
        "margin",
        "Margin",
        "How much of the declared value is left after the cost, by workflow?",
        Measure.MONEY_PER_SECOND,
        ("workflow", "currency"),
        lambda ask: (
            ask.rate(work.TASK_VALUE, ("workflow", "currency"))
            - ask.rate(work.COST, ("workflow", "currency"))
        ),
        better="more",
        serves=(_BUSINESS,),
    ),
    View(
        "return",
        "Return",
        "How many times its cost is the declared value, by workflow?",
        Measure.NUMBER,
        ("workflow", "currency"),
        lambda ask: (
            ask.rate(work.TASK_VALUE, ("workflow", "currency"))
            / (ask.rate(work.COST, ("workflow", "currency")) > 0)
        ),
        better="more",
        serves=(_BUSINESS,),
    ),
    View(
        "business-events",
        "Business events",
        "How many deflections, conversions and the like are there?",
        Measure.PER_SECOND,
        ("event",),
        lambda ask: ask.rate(work.BUSINESS_EVENTS, ("event",)),
        better="more",
        serves=(_BUSINESS,),
    ),
)
