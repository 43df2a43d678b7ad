"""
Coordination: handoffs, workflows, escalations, synchronisation, queues and limits.
"""

from __future__ import annotations

from agentmon.model.catalogue.declare import NANOSECONDS, SCORES, counter, gauge, histogram
from agentmon.model.catalogue.labels import AGENT, SOURCE, TARGET, WORKFLOW
from agentmon.model.metric import Across, Label, Unit

__all__ = [
    "AGENT_CAPACITY",
    "BARRIER",
    "ESCALATIONS",
    "ESCALATIONS_OPEN",
    "ESCALATION_VERDICTS",
    "ESCALATION_WAIT",
    "HANDOFF_ACCEPTED",
    "HANDOFF_BEGUN",
    "HANDOFF_BOUNCED",
    "HANDOFF_CONTEXT_KEPT",
    "HANDOFF_CONTEXT_SIZE",
    "HANDOFF_ENDED",
    "HANDOFF_LATENCY",
    "LEVEL",
    "LIMIT",
    "LIMIT_ACQUIRED",
    "LIMIT_CAPACITY",
    "LIMIT_IN_USE",
    "LIMIT_WAIT",
    "LIMIT_WAITING",
    "METRICS",
    "PATH_KIND",
    "QUEUE",
    "QUEUE_CAPACITY",
    "QUEUE_DEPTH",
    "QUEUE_DEPTH_PEAK",
    "QUEUE_DEPTH_TIME",
    "QUEUE_GOT",
    "QUEUE_PUT",
    "QUEUE_WAIT",
    "SYNCHRONIZATIONS",
    "SYNCHRONIZATION_SKEW",
    "SYNCHRONIZATION_WAIT",
    "WORKFLOW_CRITICAL_PATH",
    "WORKFLOW_FAN_OUT",
    "WORKFLOW_STRAGGLER",
    "WORKFLOW_UNTRACKED",
    "WORKFLOW_WORK",
]

_COORDINATION = "system_metrics.coordination_metrics."
_CAPACITY = "system_metrics.throughput_metrics.system_capacity"
_QUEUES = "system_metrics.throughput_metrics.queue_depth"

# ------------------------------------------------------------------ handoffs

_EDGE = (TARGET, SOURCE)
HANDOFF_BEGUN = counter(
    "handoff_begun", "Handoffs begun.", _EDGE, _COORDINATION + "handoff_success_rate"
)
HANDOFF_ACCEPTED = counter(
    "handoff_accepted",
    "Handoffs that the target accepted, in this process or another.",
    _EDGE,
    _COORDINATION + "handoff_success_rate",
)
HANDOFF_ENDED = counter(
    "handoff_ended",
    "Handoffs ended, by result.",
    (
        *_EDGE,
        Label("result", "completed, failed, rejected or lost (not accepted in time).", 4),
    ),
    _COORDINATION + "handoff_success_rate",
)
HANDOFF_BOUNCED = counter(
    "handoff_bounced",
    "Handoffs that went straight back to the agent that they had come from.",
    _EDGE,
    _COORDINATION + "handoff_success_rate",
)
HANDOFF_LATENCY = histogram(
    "handoff_latency",
    "Time from the begin of a handoff to its acceptance; on several hosts as exact as their "
    "clocks agree.",
    _EDGE,
    _COORDINATION + "handoff_success_rate",
)
HANDOFF_CONTEXT_KEPT = histogram(
    "handoff_context_kept",
    "Share of the context handed over that the target has.",
    (*_EDGE, Label("measure", "keys, bytes, tokens, or the name of a scorer.", 20)),
    _COORDINATION + "context_preservation",
    unit=Unit.RATIO,
    edges=SCORES,
)
HANDOFF_CONTEXT_SIZE = counter(
    "handoff_context_size",
    "Size of the context handed over.",
    _EDGE,
    _COORDINATION + "context_preservation",
    unit=Unit.BYTES,
)

# ------------------------------------------------------------------ workflows

PATH_KIND = Label(
    "path_kind",
    "working, handoff, queueing, dependency (waiting for one), synchronising or escalation.",
    6,
)
WORKFLOW_CRITICAL_PATH = counter(
    "workflow_critical_path",
    "Time of workflow runs that ended, along the path that decided how long they took.",
    (WORKFLOW, AGENT, PATH_KIND),
    _COORDINATION + "coordination_efficiency",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
WORKFLOW_WORK = counter(
    "workflow_work",
    "Time that all agents together worked within workflow runs that ended; divided by the time of "
    "the runs it is their effective parallelism.",
    (WORKFLOW,),
    _COORDINATION + "coordination_efficiency",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
WORKFLOW_FAN_OUT = counter(
    "workflow_fan_out",
    "Time from the begin of parallel branches to the end of the last, in workflow runs that ended.",
    (WORKFLOW,),
    _COORDINATION + "coordination_efficiency",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
WORKFLOW_STRAGGLER = counter(
    "workflow_straggler",
    "The part of the time of parallel branches in which only the last of them still ran.",
    (WORKFLOW,),
    _COORDINATION + "coordination_efficiency",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
WORKFLOW_UNTRACKED = counter(
    "workflow_untracked",
    "Workflow runs with more calls than are remembered; their path is split as far as it is known.",
    (WORKFLOW,),
    diagnostic="tells how far the critical path can be believed",
)

# ------------------------------------------------------------------ escalations

LEVEL = Label("level", "Who is asked, such as senior, human or on_call.", 20)
_WHY = Label("reason", "Why it was escalated.", 50)
ESCALATIONS = counter(
    "escalations",
    "Escalations begun.",
    (AGENT, LEVEL, _WHY),
    _COORDINATION + "escalation_appropriateness",
)
ESCALATION_VERDICTS = counter(
    "escalation_verdicts",
    "Escalations judged, then or later.",
    (AGENT, LEVEL, _WHY, Label("verdict", "appropriate or inappropriate.", 2)),
    _COORDINATION + "escalation_appropriateness",
)
ESCALATION_WAIT = histogram(
    "escalation_wait",
    "Time from the begin of an escalation to its answer.",
    (AGENT, LEVEL),
    _COORDINATION + "escalation_appropriateness",
)
ESCALATIONS_OPEN = gauge(
    "escalations_open",
    "Escalations begun and not answered.",
    (LEVEL,),
    _COORDINATION + "escalation_appropriateness",
)

# ------------------------------------------------------------------ synchronisation

BARRIER = Label("barrier", "Name of the place where parallel work comes together.", 200)
SYNCHRONIZATIONS = counter(
    "synchronizations",
    "Times that parallel work was to come together.",
    (BARRIER, Label("result", "ok, late (not all came in time) or failed.", 3)),
    _COORDINATION + "synchronization_success",
)
SYNCHRONIZATION_SKEW = histogram(
    "synchronization_skew",
    "Time from the arrival of the first party to that of the last.",
    (BARRIER,),
    _COORDINATION + "synchronization_success",
)
SYNCHRONIZATION_WAIT = histogram(
    "synchronization_wait",
    "Time that a party waited for the others, for each party.",
    (BARRIER,),
    _COORDINATION + "synchronization_success",
)

# ------------------------------------------------------------------ queues

QUEUE = Label("queue", "Name of the queue.", 200)
QUEUE_DEPTH = gauge("queue_depth", "Items in the queue.", (QUEUE,), _QUEUES)
QUEUE_DEPTH_PEAK = gauge(
    "queue_depth_peak",
    "The most items that were in the queue at once within the last 5 minutes.",
    (QUEUE,),
    _QUEUES,
    across=Across.LARGEST,
)
QUEUE_DEPTH_TIME = counter(
    "queue_depth_time",
    "Time that items spent in the queue up to now, those still there included; its rate is the "
    "depth averaged over time.",
    (QUEUE,),
    _QUEUES,
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
QUEUE_CAPACITY = gauge(
    "queue_capacity",
    "The most items that the queue holds, where it has a bound.",
    (QUEUE,),
    _QUEUES,
)
QUEUE_PUT = counter("queue_put", "Items put into the queue.", (QUEUE,), _QUEUES)
QUEUE_GOT = counter("queue_got", "Items taken out of the queue.", (QUEUE,), _QUEUES)
QUEUE_WAIT = histogram(
    "queue_wait", "Time that items that were taken out spent in the queue.", (QUEUE,), _QUEUES
)

# ------------------------------------------------------------------ limits

LIMIT = Label("limit", "Name of the semaphore, pool or other limit.", 200)
LIMIT_IN_USE = gauge("limit_in_use", "Places taken.", (LIMIT,), _CAPACITY)
LIMIT_CAPACITY = gauge("limit_capacity", "Places that there are.", (LIMIT,), _CAPACITY)
LIMIT_WAITING = gauge("limit_waiting", "Callers that wait for a place.", (LIMIT,), _CAPACITY)
LIMIT_ACQUIRED = counter(
    "limit_acquired",
    "Times that a place was asked for, by what came of it.",
    (LIMIT, Label("result", "acquired, or refused (not given in time).", 2)),
    _CAPACITY,
)
LIMIT_WAIT = histogram(
    "limit_wait", "Time that callers waited for the place that they got.", (LIMIT,), _CAPACITY
)
AGENT_CAPACITY = gauge(
    "agent_capacity",
    "Calls of the agent that can be in flight at once, as declared or measured.",
    (AGENT,),
    _CAPACITY,
)

METRICS = (
    HANDOFF_BEGUN,
    HANDOFF_ACCEPTED,
    HANDOFF_ENDED,
    HANDOFF_BOUNCED,
    HANDOFF_LATENCY,
    HANDOFF_CONTEXT_KEPT,
    HANDOFF_CONTEXT_SIZE,
    WORKFLOW_CRITICAL_PATH,
    WORKFLOW_WORK,
    WORKFLOW_FAN_OUT,
    WORKFLOW_STRAGGLER,
    WORKFLOW_UNTRACKED,
    ESCALATIONS,
    ESCALATION_VERDICTS,
    ESCALATION_WAIT,
    ESCALATIONS_OPEN,
    SYNCHRONIZATIONS,
    SYNCHRONIZATION_SKEW,
    SYNCHRONIZATION_WAIT,
    QUEUE_DEPTH,
    QUEUE_DEPTH_PEAK,
    QUEUE_DEPTH_TIME,
    QUEUE_CAPACITY,
    QUEUE_PUT,
    QUEUE_GOT,
    QUEUE_WAIT,
    LIMIT_IN_USE,
    LIMIT_CAPACITY,
    LIMIT_WAITING,
    LIMIT_ACQUIRED,
    LIMIT_WAIT,
    AGENT_CAPACITY,
)
