"""
Views of handoffs, workflows, escalations, synchronisation, queues and limits.
"""

from __future__ import annotations

from typing import Final

from agentmon.model import catalogue
from agentmon.model.catalogue import coordination as c
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_WORKFLOW: Final = catalogue.OPERATIONS["workflow"]
_EDGE: Final = ("source", "target")
_FLOW: Final = ("workflow",)
_COORDINATION: Final = "system_metrics.coordination_metrics."
_CAPACITY: Final = "system_metrics.throughput_metrics.system_capacity"
_QUEUES: Final = "system_metrics.throughput_metrics.queue_depth"
_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_OK: Final[Matchers] = {"outcome": "ok"}


def _work_share(ask: Ask) -> Expression:
    return ask.share(
        c.WORKFLOW_CRITICAL_PATH, c.WORKFLOW_CRITICAL_PATH, _FLOW, {"path_kind": "working"}
    )


def _parallelism(ask: Ask) -> Expression:
    path = ask.rate(c.WORKFLOW_CRITICAL_PATH, _FLOW)
    return ask.rate(c.WORKFLOW_WORK, _FLOW) / (path > 0)


VIEWS: Final = (
    View(
        "handoff-success",
        "Handoffs that succeed",
        "What share of the handoffs is accepted and completed?",
        Measure.RATIO,
        _EDGE,
        lambda ask: ask.share(c.HANDOFF_ENDED, c.HANDOFF_ENDED, _EDGE, {"result": "completed"}),
        better="more",
        serves=(_COORDINATION + "handoff_success_rate",),
    ),
    View(
        "handoffs",
        "Handoffs",
        "How many handoffs begin, from whom to whom?",
        Measure.PER_SECOND,
        _EDGE,
        lambda ask: ask.rate(c.HANDOFF_BEGUN, _EDGE),
    ),
    View(
        "handoffs-accepted",
        "Handoffs accepted",
        "How many handoffs are accepted?",
        Measure.PER_SECOND,
        _EDGE,
        lambda ask: ask.rate(c.HANDOFF_ACCEPTED, _EDGE),
    ),
    View(
        "handoff-results",
        "How handoffs end",
        "How do handoffs end?",
        Measure.PER_SECOND,
        (*_EDGE, "result"),
        lambda ask: ask.rate(c.HANDOFF_ENDED, (*_EDGE, "result")),
    ),
    View(
        "handoff-bounces",
        "Handoffs that bounce",
        "How many handoffs go straight back?",
        Measure.PER_SECOND,
        _EDGE,
        lambda ask: ask.rate(c.HANDOFF_BOUNCED, _EDGE),
        better="less",
    ),
    View(
        "handoff-latency-p90",
        "Handoff latency, p90",
        "Within what time are 90 % of the handoffs accepted?",
        Measure.SECONDS,
        _EDGE,
        lambda ask: ask.quantile(0.9, c.HANDOFF_LATENCY, _EDGE),
        better="less",
    ),
    View(
        "context-kept",
        "Context kept",
        "What share of the context that is handed over arrives?",
        Measure.RATIO,
        _EDGE,
        lambda ask: ask.mean(c.HANDOFF_CONTEXT_KEPT, _EDGE),
        better="more",
        serves=(_COORDINATION + "context_preservation",),
    ),
    View(
        "context-size",
        "Context handed over",
        "How much context is handed over?",
        Measure.BYTES_PER_SECOND,
        _EDGE,
        lambda ask: ask.rate(c.HANDOFF_CONTEXT_SIZE, _EDGE),
    ),
    View(
        "workflow-completion",
        "Workflows that complete",
        "What share of the runs of each workflow ends well?",
        Measure.RATIO,
        _FLOW,
        lambda ask: ask.share(_WORKFLOW.calls, _WORKFLOW.calls, _FLOW, _OK, _ENDED),
        better="more",
        serves=(
            _COORDINATION + "workflow_completion_rate",
            "health_monitoring.availability_monitoring.workflow_availability",
        ),
    ),
    View(
        "critical-path",
        "Critical path by kind",
        "On what do workflows spend the time that decides how long they take?",
        Measure.CORES,
        ("workflow", "path_kind"),
        lambda ask: ask.rate(c.WORKFLOW_CRITICAL_PATH, ("workflow", "path_kind")),
        serves=(_COORDINATION + "coordination_efficiency",),
    ),
    View(
        "critical-path-agents",
        "Critical path by agent",
        "Which agents decide how long workflows take?",
        Measure.CORES,
        ("workflow", "agent"),
        lambda ask: ask.rate(c.WORKFLOW_CRITICAL_PATH, ("workflow", "agent")),
        serves=(_COORDINATION + "coordination_efficiency",),
    ),
    View(
        "coordination-efficiency",
        "Coordination efficiency",
        "What share of the critical path is work of agents, rather than waiting?",
        Measure.RATIO,
        _FLOW,
        _work_share,
        better="more",
        serves=(_COORDINATION + "coordination_efficiency",),
    ),
    View(
        "parallelism",
        "Effective parallelism",
        "How many agents work at once, on average over the critical path?",
        Measure.NUMBER,
        _FLOW,
        _parallelism,
        better="more",
    ),
    View(
        "stragglers",
        "Waiting for the last",
        "What share of the time of parallel branches is spent waiting for the last of them?",
        Measure.RATIO,
        _FLOW,
        lambda ask: ask.share(c.WORKFLOW_STRAGGLER, c.WORKFLOW_FAN_OUT, _FLOW),
        better="less",
    ),
    View(
        "escalations",
        "Escalations",
        "How many escalations are there, to whom and why?",
        Measure.PER_SECOND,
        ("level", "reason"),
        lambda ask: ask.rate(c.ESCALATIONS, ("level", "reason")),
        better="less",
    ),
    View(
        "escalations-open",
        "Open escalations",
        "How many escalations wait for an answer?",
        Measure.COUNT,
        ("level",),
        lambda ask: ask.now(c.ESCALATIONS_OPEN, ("level",)),
        better="less",
    ),
    View(
        "escalation-wait",
        "Wait for escalations, p90",
        "Within what time are 90 % of the escalations answered?",
        Measure.SECONDS,
        ("level",),
        lambda ask: ask.quantile(0.9, c.ESCALATION_WAIT, ("level",)),
        better="less",
    ),
    View(
        "escalation-appropriateness",
        "Appropriate escalations",
        "What share of the escalations that were judged was appropriate?",
        Measure.RATIO,
        ("agent",),
        lambda ask: ask.share(
            c.ESCALATION_VERDICTS,
            c.ESCALATION_VERDICTS,
            ("agent",),
            {"verdict": "appropriate"},
        ),
        better="more",
        serves=(_COORDINATION + "escalation_appropriateness",),
    ),
    View(
        "synchronization",
        "Joins in time",
        "In what share of the joins did all parties come in time?",
        Measure.RATIO,
        ("barrier",),
        lambda ask: ask.share(
            c.SYNCHRONIZATIONS, c.SYNCHRONIZATIONS, ("barrier",), {"result": "ok"}
        ),
        better="more",
        serves=(_COORDINATION + "synchronization_success",),
    ),
    View(
        "synchronization-skew",
        "Skew of joins, p90",
        "How far apart do the first and the last party come, in 90 % of the joins?",
        Measure.SECONDS,
        ("barrier",),
        lambda ask: ask.quantile(0.9, c.SYNCHRONIZATION_SKEW, ("barrier",)),
        better="less",
        serves=(_COORDINATION + "synchronization_success",),
    ),
    View(
        "synchronization-wait",
        "Wait at joins, mean",
        "How long does a party wait for the others on average?",
        Measure.SECONDS,
        ("barrier",),
        lambda ask: ask.mean(c.SYNCHRONIZATION_WAIT, ("barrier",)),
        better="less",
    ),
    View(
        "queue-depth",
        "Queue depth",
        "How many items are in each queue?",
        Measure.COUNT,
        ("queue",),
        lambda ask: ask.now(c.QUEUE_DEPTH, ("queue",)),
        better="less",
        serves=(_QUEUES,),
    ),
    View(
        "queue-depth-average",
        "Queue depth, average",
        "How many items are in each queue, averaged over time?",
        Measure.NUMBER,
        ("queue",),
        lambda ask: ask.rate(c.QUEUE_DEPTH_TIME, ("queue",)),
        better="less",
        serves=(_QUEUES,),
    ),
    View(
        "queue-depth-peak",
        "Queue depth, peak",
        "How many items were in each queue at once, at most?",
        Measure.COUNT,
        ("queue",),
        lambda ask: ask.largest(c.QUEUE_DEPTH_PEAK, ("queue",)),
        better="less",
        serves=(_QUEUES,),
    ),
    View(
        "queue-wait",
        "Wait in queues, p90",
        "How long do items wait in each queue, at most in 90 % of the cases?",
        Measure.SECONDS,
        ("queue",),
        lambda ask: ask.quantile(0.9, c.QUEUE_WAIT, ("queue",)),
        better="less",
        serves=(_QUEUES,),
    ),
    View(
        "queue-put",
        "Items put",
        "How many items come into each queue?",
        Measure.PER_SECOND,
        ("queue",),
        lambda ask: ask.rate(c.QUEUE_PUT, ("queue",)),
    ),
    View(
        "queue-got",
        "Items taken",
        "How many items leave each queue?",
        Measure.PER_SECOND,
        ("queue",),
        lambda ask: ask.rate(c.QUEUE_GOT, ("queue",)),
    ),
    View(
        "queue-fill",
        "Queues, filled",
        "How full is each queue that has a bound?",
        Measure.RATIO,
        ("queue",),
        lambda ask: (
            ask.now(c.QUEUE_DEPTH, ("queue",)) / (ask.now(c.QUEUE_CAPACITY, ("queue",)) > 0)
        ),
        better="less",
        serves=(_QUEUES,),
    ),
    View(
        "limit-use",
        "Limits, used",
        "What share of the places of each limit is taken?",
        Measure.RATIO,
        ("limit",),
        lambda ask: (
            ask.now(c.LIMIT_IN_USE, ("limit",)) / (ask.now(c.LIMIT_CAPACITY, ("limit",)) > 0)
        ),
        better="less",
        serves=(_CAPACITY,),
    ),
    View(
        "limit-waiting",
        "Waiting at limits",
        "How many callers wait for a place?",
        Measure.COUNT,
        ("limit",),
        lambda ask: ask.now(c.LIMIT_WAITING, ("limit",)),
        better="less",
    ),
    View(
        "limit-wait",
        "Wait at limits, p90",
        "How long do callers wait for a place, at most in 90 % of the cases?",
        Measure.SECONDS,
        ("limit",),
        lambda ask: ask.quantile(0.9, c.LIMIT_WAIT, ("limit",)),
        better="less",
    ),
    View(
        "limit-refused",
        "Refused at limits",
        "What share of the callers gets no place in time?",
        Measure.RATIO,
        ("limit",),
        lambda ask: ask.share(
            c.LIMIT_ACQUIRED, c.LIMIT_ACQUIRED, ("limit",), {"result": "refused"}
        ),
        better="less",
    ),
    View(
        "agent-capacity",
        "Capacity used",
        "How much of the capacity of each agent is in use?",
        Measure.RATIO,
        ("agent",),
        lambda ask: (
            ask.now(catalogue.OPERATIONS["agent"].in_flight, ("agent",))
            / (ask.now(c.AGENT_CAPACITY, ("agent",)) > 0)
        ),
        better="less",
        serves=(_CAPACITY,),
    ),
    View(
        "system-capacity",
        "Capacity used in all",
        "How much of the capacity of all agents together is in use?",
        Measure.RATIO,
        (),
        lambda ask: (
            ask.now(catalogue.OPERATIONS["agent"].in_flight, ("agent",))
            .also(ask.now(c.AGENT_CAPACITY, ("agent",)))
            .sum()
            / (ask.now(c.AGENT_CAPACITY) > 0)
        ),
        better="less",
        serves=(_CAPACITY,),
    ),
)
