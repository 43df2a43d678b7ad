"""
Log records on the logger provider that the host has set, through OpenTelemetry's API.

That API is experimental: where it is not as it is known here, nothing is said there.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from agentmon.tracing.log import LogRecord

__all__ = ["to_host"]

#: What is there as long as the host has set no provider.
_NONE_SET: Final = ("ProxyLoggerProvider", "NoOpLoggerProvider")


def to_host(record: LogRecord) -> None:
    """
    Say it there, if the host has set a provider.

    A failure is left out where a handler of the host takes what standard logging says of it to the
    same provider already.
    """
    api: Any = sys.modules.get("opentelemetry._logs")
    if api is None:  # then nobody has set one
        return
    provider = api.get_logger_provider()
    if type(provider).__name__ in _NONE_SET:
        return
    if not record.event.startswith("gen_ai.evaluation.") and _is_bridged():
        return
    from opentelemetry import trace  # noqa: PLC0415  # only programs with such a provider need it

    span = trace.NonRecordingSpan(
        trace.SpanContext(
            record.trace_id,
            record.span_id,
            is_remote=False,
            trace_flags=trace.TraceFlags(record.flags),
        )
    )
    library = record.library
    # By keyword: versions that do not know all of these raise at once, and have done nothing.
    provider.get_logger(library.name, library.version).emit(
        timestamp=record.at_ns,
        observed_timestamp=record.at_ns,
        context=trace.set_span_in_context(span),
        severity_number=api.SeverityNumber(record.severity),
        severity_text=record.severity_text,
        body=record.body or None,
        attributes=dict(record.attributes),
        event_name=record.event,
    )


def _is_bridged() -> bool:
    """Whether what is said of failures reaches OpenTelemetry through standard logging."""
    logger: logging.Logger | None = logging.getLogger("agentmon.failures")
    while logger is not None:
        for handler in logger.handlers:
            kind = type(handler)
            if kind.__name__ == "LoggingHandler" and kind.__module__.startswith("opentelemetry."):
                return True
        logger = logger.parent if logger.propagate else None
    return False
