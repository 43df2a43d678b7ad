"""
The library itself: what it dropped, how large and how fast it is.
"""

from __future__ import annotations

from agentmon.model.catalogue.labels import REASON
from agentmon.model.metric import Kind, Label, Metric, Unit

__all__ = [
    "BUILD_INFO",
    "CERTIFICATE_EXPIRY",
    "DROPPED",
    "DROP_REASONS",
    "ENDPOINT_REFUSED",
    "METRICS",
    "REFUSAL_REASONS",
    "SCRAPES",
    "SCRAPE_DURATION",
    "SERIES",
    "SERIES_LIMIT",
]

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
    "outside_dependency": "A rate limit or a wait for a pool was reported on something that is no "
    "dependency.",
    "outside_model_call": "Tokens or a first output were reported on something that is no "
    "model call.",
    "aftermath_failed": "What follows from a failure could not be worked out: its cause, and the "
    "errors and outages of which it is part; the call itself was recorded.",
    "adapter_failed": "agentmon's part of an instrumented library failed; the library went on.",
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
    "task_bound": "There were as many open tasks as can be found by their id; the oldest is not "
    "found so any more.",
    "session_bound": "There were as many open sessions as there may be; the one that was quiet "
    "longest counts as abandoned.",
    "handoff_bound": "There were as many handoffs as are remembered; the oldest is not taken for "
    "lost any more.",
    "unknown_subject": "Feedback, a score or a flag for rework spoke of a task or trace that is "
    "not remembered; it was recorded without agent and kind of task.",
    "look_failed": "Something that is looked at when metrics are read raised; what it had stays.",
    "invalid_value": "A value was no number, not finite, or out of its range; it was not recorded.",
    "not_shared": "There was no room in the file that other processes read, or none could be made: "
    "what was recorded shows in its own process only until there is.",
    "not_read": "The file of another process could not be read, or was being written all the time; "
    "what it showed last stays.",
    "scrape_error": "Rendering an answer of the endpoint failed.",
}

DROPPED = Metric(
    "dropped",
    Kind.COUNTER,
    Unit.NONE,
    "Recordings that could not be kept as they came, by reason.",
    (REASON,),
    serves=("health_monitoring.operational_health.monitoring_health",),
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
    serves=("health_monitoring.operational_health.security_health",),
)

CERTIFICATE_EXPIRY = Metric(
    "endpoint_certificate_expiry_timestamp",
    Kind.GAUGE,
    Unit.SECONDS,
    "When the certificate of the endpoint ends, in seconds since 1970; only where it speaks TLS.",
    serves=("health_monitoring.operational_health.security_health",),
)

SERIES = Metric(
    "series",
    Kind.GAUGE,
    Unit.NONE,
    "Series held in memory: of operations, and of what else is recorded.",
    serves=("health_monitoring.operational_health.monitoring_health",),
)

SERIES_LIMIT = Metric(
    "series_limit",
    Kind.GAUGE,
    Unit.NONE,
    "Series that may be held in memory, as configure(max_series=...) says.",
    serves=("health_monitoring.operational_health.monitoring_health",),
    diagnostic="It is there for the alert on series that come near it.",
)

SCRAPES = Metric(
    "scrapes",
    Kind.COUNTER,
    Unit.NONE,
    "Times that the metrics were rendered.",
    serves=("health_monitoring.operational_health.monitoring_health",),
)

SCRAPE_DURATION = Metric(
    "scrape_duration",
    Kind.GAUGE,
    Unit.SECONDS,
    "Time that the previous rendering of the metrics took.",
    serves=("health_monitoring.operational_health.monitoring_health",),
)

BUILD_INFO = Metric(
    "build",
    Kind.INFO,
    Unit.NONE,
    "Version of agentmon in use.",
    (Label("version", "Version of agentmon.", 1),),
    serves=("health_monitoring.operational_health.monitoring_health",),
)

METRICS = (
    DROPPED,
    SERIES,
    SERIES_LIMIT,
    SCRAPES,
    SCRAPE_DURATION,
    ENDPOINT_REFUSED,
    CERTIFICATE_EXPIRY,
    BUILD_INFO,
)
