"""
Work and quality: tasks, feedback and scores, users, cost.
"""

from __future__ import annotations

from agentmon.model.catalogue.declare import (
    COSTS,
    MONEY,
    NANOSECONDS,
    SCORES,
    counter,
    gauge,
    histogram,
    info,
)
from agentmon.model.catalogue.labels import (
    AGENT,
    CURRENCY,
    MODEL,
    PROVIDER,
    TASK,
    TASK_RESULT,
    TOKEN_TYPE,
    VERSION,
    WORKFLOW,
)
from agentmon.model.metric import Across, Label, Unit

__all__ = [
    "BUSINESS_EVENTS",
    "CONSISTENCY",
    "COST",
    "EVALUATION",
    "FEEDBACK",
    "METRICS",
    "PRICE_TABLE",
    "SESSIONS_BEGUN",
    "SESSIONS_ENDED",
    "SESSIONS_OPEN",
    "SESSION_DURATION",
    "SESSION_TURNS",
    "TASK_BEGUN",
    "TASK_COST",
    "TASK_CPU",
    "TASK_DURATION",
    "TASK_ENDED",
    "TASK_FIRST_OUTPUT",
    "TASK_IN_FLIGHT",
    "TASK_REWORKED",
    "TASK_TOKENS",
    "TASK_VALUE",
    "TURNS",
    "TURN_DURATION",
    "UNPRICED_TOKENS",
    "USERS_IN_FLIGHT",
    "USERS_IN_FLIGHT_PEAK",
    "USERS_SEEN",
    "WASTED_COST",
    "WASTED_TOKENS",
]

_TASK = (TASK, AGENT)
_WHERE = Label(
    "result",
    "How the task ended: completed, failed, abandoned or timed_out; elsewhere for what was spent "
    "in a process that it did not end in.",
    5,
)
_TURN_COUNTS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0)
_QUALITY = "agent_metrics.quality_metrics."
_RESOURCES = "agent_metrics.resource_utilization."
_THROUGHPUT = "system_metrics.throughput_metrics."
_USERS = "monitoring_system.data_collection.user_interaction_tracking"
_BUSINESS = "monitoring_system.data_collection.business_metrics"

# ------------------------------------------------------------------ tasks

TASK_BEGUN = counter(
    "task_begun",
    "Tasks begun; one that is attempted again is not begun again.",
    (TASK,),
    _THROUGHPUT + "requests_per_hour",
)
TASK_ENDED = counter(
    "task_ended",
    "Tasks ended, by result; one that was attempted again ends again.",
    (*_TASK, TASK_RESULT),
    _QUALITY + "task_completion_rate",
    _THROUGHPUT + "task_completion_rate",
    _THROUGHPUT + "processing_velocity",
)
TASK_DURATION = histogram(
    "task_duration",
    "Time from the request to the final answer, by result.",
    (*_TASK, TASK_RESULT),
    _THROUGHPUT + "processing_velocity",
)
TASK_FIRST_OUTPUT = histogram(
    "task_first_output",
    "Time from the request to the first output of a stream.",
    _TASK,
    _USERS,
)
TASK_IN_FLIGHT = gauge(
    "task_in_flight",
    "Tasks that are begun here and neither ended nor passed on.",
    (TASK,),
    _THROUGHPUT + "system_capacity",
)
TASK_REWORKED = counter(
    "task_reworked",
    "Tasks that were attempted again after they had ended, or flagged for rework; each once.",
    (*_TASK, Label("reason", "Why: attempted_again, or the reason that was given.", 40)),
    _QUALITY + "rework_rate",
)
TASK_VALUE = counter(
    "task_value",
    "Declared value of the tasks that ended, by result.",
    (TASK, WORKFLOW, TASK_RESULT, CURRENCY),
    _BUSINESS,
    scale=MONEY,
)
BUSINESS_EVENTS = counter(
    "business_events",
    "Business events, such as a deflection or a conversion, as the program reports them.",
    (Label("event", "Name of the event.", 100), WORKFLOW, AGENT),
    _BUSINESS,
)

# ------------------------------------------------------------------ feedback and scores

FEEDBACK = histogram(
    "feedback_score",
    "Ratings by users, from 0 to 1, whatever their scale was.",
    (AGENT, TASK, Label("scale", "thumbs, stars, nps or score.", 4)),
    _QUALITY + "user_satisfaction_score",
    unit=Unit.RATIO,
    edges=SCORES,
)
EVALUATION = histogram(
    "evaluation_score",
    "Scores by evaluators, from 0 to 1.",
    (
        AGENT,
        VERSION,
        Label("dimension", "What was judged, such as accuracy, relevance or safety.", 50),
        Label("evaluator", "Who judged: the name of a function, a person's role or a model.", 100),
    ),
    _QUALITY + "accuracy_score",
    unit=Unit.RATIO,
    edges=SCORES,
)
CONSISTENCY = histogram(
    "consistency",
    "Agreement among the outputs of similar tasks, from 0 to 1, as each of them joins the others.",
    (AGENT, Label("dimension", "What was compared.", 50)),
    _QUALITY + "consistency_score",
    unit=Unit.RATIO,
    edges=SCORES,
)

# ------------------------------------------------------------------ users

USERS_IN_FLIGHT = gauge(
    "users_in_flight",
    "Distinct users with a turn in flight.",
    (),
    _THROUGHPUT + "concurrent_users",
)
USERS_IN_FLIGHT_PEAK = gauge(
    "users_in_flight_peak",
    "The most distinct users with a turn in flight at once within the window.",
    (Label("window", "1m, 5m or 1h.", 3),),
    _THROUGHPUT + "concurrent_users",
)
USERS_SEEN = gauge(
    "users_seen",
    "Distinct users with a turn within the window; an estimate, whose error docs/users.md states.",
    (Label("window", "5m, 1h or 1d.", 3),),
    _USERS,
    across=Across.LARGEST,
)
SESSIONS_BEGUN = counter("sessions_begun", "Sessions begun.", (), _USERS)
SESSIONS_ENDED = counter(
    "sessions_ended",
    "Sessions ended, by result.",
    (Label("result", "completed or abandoned.", 2),),
    _USERS,
)
SESSIONS_OPEN = gauge("sessions_open", "Sessions begun and not ended.", (), _USERS)
SESSION_DURATION = histogram(
    "session_duration",
    "Time from the begin of a session to its end.",
    (Label("result", "completed or abandoned.", 2),),
    _USERS,
)
SESSION_TURNS = histogram(
    "session_turns",
    "Turns that sessions had when they ended.",
    (),
    _USERS,
    unit=Unit.NONE,
    edges=_TURN_COUNTS,
)
TURNS = counter(
    "turns",
    "Turns of users: a message and the answer to it.",
    (Label("turn", "first, or followup: one more in a session that has had one.", 2),),
    _USERS,
)
TURN_DURATION = histogram("turn_duration", "Time that a user waits for the answer.", (), _USERS)

# ------------------------------------------------------------------ cost

_COST_TYPE = Label("cost_type", "input, cached, cache_write, output, reasoning or compute.", 6)
COST = counter(
    "cost",
    "Cost of model calls by the price table, and of computing at its declared price.",
    (AGENT, WORKFLOW, MODEL, PROVIDER, _COST_TYPE, CURRENCY),
    _RESOURCES + "cost_per_task",
    _BUSINESS,
    scale=COSTS,
)
UNPRICED_TOKENS = counter(
    "unpriced_tokens",
    "Tokens of models that the price table does not know: their cost is in no sum.",
    (AGENT, MODEL, PROVIDER, TOKEN_TYPE),
    _RESOURCES + "cost_per_task",
)
TASK_COST = counter(
    "task_cost",
    "Cost of what was done within tasks that ended, by result.",
    (*_TASK, _WHERE, CURRENCY),
    _RESOURCES + "cost_per_task",
    _RESOURCES + "resource_efficiency_ratio",
    _BUSINESS,
    scale=COSTS,
)
WASTED_COST = counter(
    "wasted_cost",
    "Cost of tasks that did not complete, or were reworked.",
    (*_TASK, Label("waste", "failed, abandoned, timed_out or reworked.", 4), CURRENCY),
    _RESOURCES + "resource_efficiency_ratio",
    scale=COSTS,
)
TASK_TOKENS = counter(
    "task_tokens",
    "Input and output tokens used within tasks that ended, by result.",
    (*_TASK, _WHERE),
    _RESOURCES + "resource_efficiency_ratio",
)
WASTED_TOKENS = counter(
    "wasted_tokens",
    "Input and output tokens of tasks that did not complete, or were reworked.",
    (*_TASK, Label("waste", "failed, abandoned, timed_out or reworked.", 4)),
    _RESOURCES + "resource_efficiency_ratio",
)
TASK_CPU = counter(
    "task_cpu",
    "CPU time of agents within tasks that ended, by result; only where it is attributed.",
    (*_TASK, _WHERE),
    _RESOURCES + "resource_efficiency_ratio",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
PRICE_TABLE = info(
    "price_table",
    "The price table in force.",
    (Label("version", "Its version.", 5), Label("currency", "Its currency.", 5)),
    _RESOURCES + "cost_per_task",
)

METRICS = (
    TASK_BEGUN,
    TASK_ENDED,
    TASK_DURATION,
    TASK_FIRST_OUTPUT,
    TASK_IN_FLIGHT,
    TASK_REWORKED,
    TASK_VALUE,
    TASK_COST,
    TASK_TOKENS,
    TASK_CPU,
    WASTED_COST,
    WASTED_TOKENS,
    BUSINESS_EVENTS,
    FEEDBACK,
    EVALUATION,
    CONSISTENCY,
    USERS_IN_FLIGHT,
    USERS_IN_FLIGHT_PEAK,
    USERS_SEEN,
    SESSIONS_BEGUN,
    SESSIONS_ENDED,
    SESSIONS_OPEN,
    SESSION_DURATION,
    SESSION_TURNS,
    TURNS,
    TURN_DURATION,
    COST,
    UNPRICED_TOKENS,
    PRICE_TABLE,
)
