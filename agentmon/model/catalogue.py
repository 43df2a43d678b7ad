"""
Every signal, declared once.

Exposition, reference pages, queries, rules and dashboards derive from these declarations.

To add a metric: declare it here, record it in `instrumentation` or `observe`, and ask for it in
`query`.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentmon.model.metric import Kind, Label, Metric, Unit

__all__ = [
    "AGENT_INFO",
    "BUILD_INFO",
    "CATALOGUE",
    "CERTIFICATE_EXPIRY",
    "CONSTANT_LABELS",
    "DROPPED",
    "DROP_REASONS",
    "ENDPOINT_REFUSED",
    "ERROR_GROUP",
    "ERROR_GROUP_FIRST_SEEN",
    "ERROR_GROUP_LAST_SEEN",
    "KINDS",
    "MODEL_TOKENS",
    "OPERATIONS",
    "REFUSAL_REASONS",
    "SCRAPES",
    "SCRAPE_DURATION",
    "SERIES",
    "OperationMetrics",
]

AGENT = Label(
    "agent",
    "Name of the agent; for what an agent uses, the innermost agent around it.",
    1000,
)
OPERATION = Label(
    "operation",
    "Entry point of the agent, or kind of model call (chat, embeddings).",
    200,
)
TOOL = Label("tool", "Name of the tool.", 2000)
MODEL = Label("model", "Model asked for.", 500)
PROVIDER = Label("provider", "Who serves the model.", 100)
SOURCE = Label("source", "Agent that hands over.", 1000)
TARGET = Label("target", "Agent that is handed to.", 1000)
WORKFLOW = Label(
    "workflow",
    "Name of the workflow; for a step, the innermost workflow around it.",
    1000,
)
STEP = Label("step", "Name of the step within its workflow.", 2000)
OUTCOME = Label("outcome", "How it ended: ok, error, timeout, cancelled or interrupted.", 5)
ERROR_TYPE = Label("error_type", "Qualified name of the exception's class.", 200)
#: What tells two error groups apart; they are bounded together, far below these bounds.
_OF_A_GROUP: tuple[Label, ...] = (
    Label(
        "error_group",
        "Failures of the same type from the same place in the code; the same in every process.",
        200,
    ),
    ERROR_TYPE,
    Label("location", "Module and function where it was raised; empty if not known.", 200),
    Label("kind", "Kind of the operation that failed.", 6),
    Label("name", "Name of the operation that failed.", 200),
    AGENT,
)
TOKEN_TYPE = Label(
    "token_type",
    "input, output, and parts of them: cached (input read from a cache), cache_write (input that "
    "was written to one) and reasoning (output).",
    5,
)
REASON = Label("reason", "Why something was not recorded as it came, or not answered.", 40)

#: Labels of the whole process, put on every sample when they are configured.
CONSTANT_LABELS: tuple[Label, ...] = (
    Label("service", "Name of the service that the process belongs to.", 1),
    Label("region", "Where the process runs.", 1),
)


@dataclass(frozen=True, slots=True)
class OperationMetrics:
    """
    What is recorded of one kind of operation.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow``, ``step`` or ``handoff``.
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


def _operation(kind: str, stem: str, noun: str, labels: tuple[Label, ...]) -> OperationMetrics:
    by_outcome = (*labels, OUTCOME)
    return OperationMetrics(
        kind=kind,
        labels=labels,
        calls=Metric(
            f"{stem}_calls",
            Kind.COUNTER,
            Unit.NONE,
            f"{noun} ended, by outcome.",
            by_outcome,
        ),
        duration=Metric(
            f"{stem}_duration",
            Kind.HISTOGRAM,
            Unit.SECONDS,
            f"Time from start to end of {noun.lower()}, by outcome.",
            by_outcome,
        ),
        duration_squared=Metric(
            f"{stem}_duration",
            Kind.COUNTER,
            Unit.SECONDS_SQUARED,
            f"Sum of the squared durations of {noun.lower()}: with sum and count it gives the "
            "variance over any window.",
            by_outcome,
        ),
        errors=Metric(
            f"{stem}_errors",
            Kind.COUNTER,
            Unit.NONE,
            f"{noun} ended by an exception with outcome error or timeout, by type.",
            (*labels, ERROR_TYPE),
        ),
        in_flight=Metric(
            f"{stem}_in_flight",
            Kind.GAUGE,
            Unit.NONE,
            f"{noun} begun and not ended.",
            labels,
        ),
        oldest_in_flight=Metric(
            f"{stem}_oldest_in_flight",
            Kind.GAUGE,
            Unit.SECONDS,
            f"Age of the oldest of the {noun.lower()} in flight; a hung one never reaches the "
            "histogram and shows here only.",
            labels,
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
    )
}

KINDS: tuple[str, ...] = tuple(OPERATIONS)

ERROR_GROUP = Metric(
    "error_group_failures",
    Kind.COUNTER,
    Unit.NONE,
    "Calls that ended with outcome error or timeout, by what they have in common.",
    _OF_A_GROUP,
)

ERROR_GROUP_FIRST_SEEN = Metric(
    "error_group_first_seen_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the first failure of the group was in this process, in seconds since 1970.",
    _OF_A_GROUP,
)

ERROR_GROUP_LAST_SEEN = Metric(
    "error_group_last_seen_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the latest failure of the group was in this process, in seconds since 1970.",
    _OF_A_GROUP,
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
)

MODEL_TOKENS = Metric(
    "model_tokens",
    Kind.COUNTER,
    Unit.NONE,
    "Tokens that model calls reported; those of a part are counted within the whole as well.",
    (OPERATION, MODEL, PROVIDER, AGENT, TOKEN_TYPE),
)

#: Why a recording was not kept as it came, and what became of it.
DROP_REASONS: dict[str, str] = {
    "label_bound": "A label had as many values as it may have; the new one was recorded as other.",
    "series_bound": "There were as many series as there may be; the new one was recorded as other.",
    "declaration_bound": "There were as many declarations as there may be; the new one shares a "
    "recorder, without its timeout.",
    "group_bound": "There were as many error groups as there may be; the failure was counted as "
    "other.",
    "clamped": "A duration lay outside the range of the histograms; it was moved to its edge.",
    "ended_twice": "A call was ended again; the later end changed nothing.",
    "invalid_usage": "A number of tokens was no whole number of 0 or more; it was not counted.",
    "usage_outside_model_call": "Tokens were reported on something that is no model call.",
    "naming_failed": "named_by or model_by raised or gave no usable name; the default was used.",
    "bad_context": "No context could be written to what inject() got, or read from what received() "
    "got; it was left out.",
    "content_failed": "Content could not be made into text, or its redaction raised; it was left "
    "out.",
    "span_error": "The host's tracer provider raised; the call went on without its span.",
    "log_error": "A log handler, or the hook for redaction, raised on the record of a failure.",
    "log_queue_full": "A log record was made while as many waited as may; it was not exported.",
    "log_export_failed": "A log record could not be exported: refused, given up, or no time was "
    "left.",
    "log_rejected": "A log record was sent, and the collector said that it rejected it.",
    "span_queue_full": "A span ended while as many waited as may; it was not exported.",
    "span_export_failed": "A span could not be exported: refused, given up, or no time was left.",
    "span_rejected": "A span was sent, and the collector said that it rejected it.",
    "push_failed": "Metrics could not be pushed to one of the places for them; the next push holds "
    "what this one would have held.",
    "look_failed": "Something that is looked at when metrics are read raised; what it had stays.",
    "invalid_value": "A value was no number, not finite, or out of its range; it was not recorded.",
    "scrape_error": "Rendering an answer of the endpoint failed.",
}

DROPPED = Metric(
    "dropped",
    Kind.COUNTER,
    Unit.NONE,
    "Recordings that could not be kept as they came, by reason.",
    (REASON,),
)

#: Why the endpoint refused a request, or a connection before it was one.
REFUSAL_REASONS: dict[str, str] = {
    "no_credentials": "A request showed no user and no token; browsers begin like that.",
    "wrong_credentials": "A request showed a user, password or token that will not do.",
    "unknown_host": "A request asked for a host by a name that is not the endpoint's.",
    "client_certificate": "A client showed no certificate, or one that will not do.",
    "tls_handshake": "A connection did not come through the handshake of TLS for another reason: "
    "plain HTTP, no common version, a client that does not trust the endpoint or went silent.",
}

ENDPOINT_REFUSED = Metric(
    "endpoint_refused",
    Kind.COUNTER,
    Unit.NONE,
    "Requests and connections that the endpoint refused, by reason.",
    (REASON,),
)

CERTIFICATE_EXPIRY = Metric(
    "endpoint_certificate_expiry_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the certificate of the endpoint ends, in seconds since 1970; only where it speaks TLS.",
)

SERIES = Metric(
    "series",
    Kind.GAUGE,
    Unit.NONE,
    "Series held in memory: of operations, and of what else is recorded.",
)

SCRAPES = Metric(
    "scrapes",
    Kind.COUNTER,
    Unit.NONE,
    "Times that the metrics were rendered.",
)

SCRAPE_DURATION = Metric(
    "scrape_duration",
    Kind.GAUGE,
    Unit.SECONDS,
    "Time that the previous rendering of the metrics took.",
)

BUILD_INFO = Metric(
    "build",
    Kind.INFO,
    Unit.NONE,
    "Version of agentmon in use.",
    (Label("version", "Version of agentmon.", 1),),
)

#: Every metric, in the order of exposition.
CATALOGUE: tuple[Metric, ...] = (
    *(metric for operation in OPERATIONS.values() for metric in operation.metrics),
    MODEL_TOKENS,
    ERROR_GROUP,
    ERROR_GROUP_FIRST_SEEN,
    ERROR_GROUP_LAST_SEEN,
    AGENT_INFO,
    DROPPED,
    SERIES,
    SCRAPES,
    SCRAPE_DURATION,
    ENDPOINT_REFUSED,
    CERTIFICATE_EXPIRY,
    BUILD_INFO,
)
