"""
Operations: what is recorded of each kind of call, and of the agents and failures behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentmon.model.catalogue.labels import (
    AGENT,
    DEPENDENCY,
    DEPENDENCY_KIND,
    ERROR_TYPE,
    MODEL,
    OPERATION,
    OUTCOME,
    PROVIDER,
    SOURCE,
    STEP,
    TARGET,
    TOKEN_TYPE,
    TOOL,
    WORKFLOW,
)
from agentmon.model.metric import Kind, Label, Metric, Unit

__all__ = [
    "AGENT_INFO",
    "ERROR_GROUP",
    "ERROR_GROUP_FIRST_SEEN",
    "ERROR_GROUP_LAST_SEEN",
    "KINDS",
    "METRICS",
    "MODEL_CALL_TOKENS",
    "MODEL_FIRST_OUTPUT",
    "MODEL_TOKENS",
    "OPERATIONS",
    "TOKEN_EDGES",
    "OperationMetrics",
]

#: What tells two error groups apart; they are bounded together, far below these bounds.
_OF_A_GROUP: tuple[Label, ...] = (
    Label(
        "error_group",
        "Failures of the same type from the same place in the code; the same in every process.",
        200,
    ),
    ERROR_TYPE,
    Label("location", "Module and function where it was raised; empty if not known.", 200),
    Label("kind", "Kind of the operation that failed.", 7),
    Label("name", "Name of the operation that failed.", 200),
    AGENT,
)


@dataclass(frozen=True, slots=True)
class OperationMetrics:
    """
    What is recorded of one kind of operation.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow``, ``step``, ``handoff`` or
            ``dependency``.
        labels: What tells two series of this kind apart.
    """

    kind: str
    labels: tuple[Label, ...]
    calls: Metric
    duration: Metric
    duration_squared: Metric
    errors: Metric
    in_flight: Metric
    oldest_in_flight: Metric

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All of them, in the order of exposition."""
        return (
            self.calls,
            self.duration,
            self.duration_squared,
            self.errors,
            self.in_flight,
            self.oldest_in_flight,
        )


_RESPONSE = "agent_metrics.response_time_metrics."
_TRACED = "monitoring_system.data_collection.agent_instrumentation"

#: Capabilities that the metrics of a kind serve, besides that the kind is instrumented at all.
_SERVES: dict[str, dict[str, tuple[str, ...]]] = {
    "agent": {
        "calls": (
            "agent_metrics.quality_metrics.error_rate",
            _RESPONSE + "timeout_rate",
            "health_monitoring.availability_monitoring.service_availability",
        ),
        "duration": (
            _RESPONSE + "mean_response_time",
            _RESPONSE + "p50_response_time",
            _RESPONSE + "p90_response_time",
            _RESPONSE + "p99_response_time",
        ),
        "duration_squared": (_RESPONSE + "variance_analysis",),
        "errors": ("agent_metrics.quality_metrics.error_rate",),
        "in_flight": ("system_metrics.throughput_metrics.system_capacity",),
    },
    "workflow": {
        "calls": (
            "system_metrics.coordination_metrics.workflow_completion_rate",
            "system_metrics.throughput_metrics.requests_per_hour",
        ),
        "duration": ("system_metrics.coordination_metrics.coordination_efficiency",),
    },
    "handoff": {"calls": ("system_metrics.coordination_metrics.handoff_success_rate",)},
    "dependency": {"calls": ("health_monitoring.availability_monitoring.dependency_availability",)},
}


def _operation(kind: str, stem: str, noun: str, labels: tuple[Label, ...]) -> OperationMetrics:
    by_outcome = (*labels, OUTCOME)

    def serves(role: str) -> tuple[str, ...]:
        return (_TRACED, *_SERVES.get(kind, {}).get(role, ()))

    return OperationMetrics(
        kind=kind,
        labels=labels,
        calls=Metric(
            f"{stem}_calls",
            Kind.COUNTER,
            Unit.NONE,
            f"{noun} ended, by outcome.",
            by_outcome,
            serves=serves("calls"),
        ),
        duration=Metric(
            f"{stem}_duration",
            Kind.HISTOGRAM,
            Unit.SECONDS,
            f"Time from start to end of {noun.lower()}, by outcome.",
            by_outcome,
            serves=serves("duration"),
        ),
        duration_squared=Metric(
            f"{stem}_duration",
            Kind.COUNTER,
            Unit.SECONDS_SQUARED,
            f"Sum of the squared durations of {noun.lower()}: with sum and count it gives the "
            "variance over any window.",
            by_outcome,
            serves=serves("duration_squared"),
        ),
        errors=Metric(
            f"{stem}_errors",
            Kind.COUNTER,
            Unit.NONE,
            f"{noun} ended by an exception with outcome error or timeout, by type.",
            (*labels, ERROR_TYPE),
            serves=serves("errors"),
        ),
        in_flight=Metric(
            f"{stem}_in_flight",
            Kind.GAUGE,
            Unit.NONE,
            f"{noun} begun and not ended.",
            labels,
            serves=serves("in_flight"),
        ),
        oldest_in_flight=Metric(
            f"{stem}_oldest_in_flight",
            Kind.GAUGE,
            Unit.SECONDS,
            f"Age of the oldest of the {noun.lower()} in flight; a hung one never reaches the "
            "histogram and shows here only.",
            labels,
            serves=serves("oldest_in_flight"),
        ),
    )


#: What is recorded of each kind of operation, by kind.
OPERATIONS: dict[str, OperationMetrics] = {
    metrics.kind: metrics
    for metrics in (
        _operation("workflow", "workflow", "Workflow runs", (WORKFLOW,)),
        _operation("step", "step", "Workflow steps", (STEP, WORKFLOW)),
        _operation("agent", "agent", "Agent calls", (AGENT, OPERATION)),
        _operation("tool", "tool", "Tool calls", (TOOL, AGENT)),
        _operation("model_call", "model", "Model calls", (OPERATION, MODEL, PROVIDER, AGENT)),
        _operation("handoff", "handoff", "Handoffs", (TARGET, SOURCE)),
        _operation(
            "dependency", "dependency", "Dependency calls", (DEPENDENCY, DEPENDENCY_KIND, AGENT)
        ),
    )
}

KINDS: tuple[str, ...] = tuple(OPERATIONS)

ERROR_GROUP = Metric(
    "error_group_failures",
    Kind.COUNTER,
    Unit.NONE,
    "Calls that ended with outcome error or timeout, by what they have in common.",
    _OF_A_GROUP,
    serves=("monitoring_system.data_collection.error_logging",),
)

ERROR_GROUP_FIRST_SEEN = Metric(
    "error_group_first_seen_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the first failure of the group was in this process, in seconds since 1970.",
    _OF_A_GROUP,
    serves=("monitoring_system.data_collection.error_logging",),
)

ERROR_GROUP_LAST_SEEN = Metric(
    "error_group_last_seen_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the latest failure of the group was in this process, in seconds since 1970.",
    _OF_A_GROUP,
    serves=("monitoring_system.data_collection.error_logging",),
)

AGENT_INFO = Metric(
    "agent",
    Kind.INFO,
    Unit.NONE,
    "Slow-moving facts about an agent, to be joined in queries.",
    (
        AGENT,
        Label("version", "Version declared last.", 1000),
        Label("team", "Team that owns the agent.", 1000),
        Label("tier", "Tier of the agent, such as frontline.", 1000),
    ),
    serves=(_TRACED,),
)

MODEL_TOKENS = Metric(
    "model_tokens",
    Kind.COUNTER,
    Unit.NONE,
    "Tokens that model calls reported; those of a part are counted within the whole as well.",
    (OPERATION, MODEL, PROVIDER, AGENT, TOKEN_TYPE),
    serves=("agent_metrics.resource_utilization.cost_per_task",),
)

#: Those that the conventions for generative AI recommend.
TOKEN_EDGES = tuple(float(4**n) for n in range(14))

MODEL_FIRST_OUTPUT = Metric(
    "model_first_output",
    Kind.HISTOGRAM,
    Unit.SECONDS,
    "Time from the start of model calls that stream to the first part of the answer.",
    (OPERATION, MODEL, PROVIDER, AGENT),
    serves=(_TRACED,),
)

MODEL_CALL_TOKENS = Metric(
    "model_call_tokens",
    Kind.HISTOGRAM,
    Unit.NONE,
    "Tokens of input and output as model calls reported them, each time; only with "
    "standard_metrics.",
    (OPERATION, MODEL, PROVIDER, TOKEN_TYPE),
    edges=TOKEN_EDGES,
    serves=("agent_metrics.resource_utilization.cost_per_task",),
    diagnostic="It is there for the metric of that name in the conventions.",
)

METRICS = (
    *(metric for operation in OPERATIONS.values() for metric in operation.metrics),
    MODEL_TOKENS,
    MODEL_FIRST_OUTPUT,
    MODEL_CALL_TOKENS,
    ERROR_GROUP,
    ERROR_GROUP_FIRST_SEEN,
    ERROR_GROUP_LAST_SEEN,
    AGENT_INFO,
)
