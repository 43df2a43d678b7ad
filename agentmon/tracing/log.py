"""
Something that happened, on its way to a collector as a record of a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from agentmon.tracing.span import Library

__all__ = ["INFO", "WARN", "LogRecord"]

#: Severities, as OpenTelemetry numbers them.
INFO: Final = 9
WARN: Final = 13


class LogRecord(NamedTuple):
    """
    One record, complete when it is made.

    Args:
        event: What kind of thing happened; empty where it has no name.
        at_ns: When it did, in nanoseconds since 1970.
        severity: As OpenTelemetry numbers it, or 0.
        severity_text: The same in words.
        body: What a person reads.
        attributes: What a program reads.
        trace_id: Id of the trace that it belongs to, or 0.
        span_id: Id of the span that it belongs to, or 0.
        flags: W3C trace flags of that span.
        library: Who says so.
    """

    event: str
    at_ns: int
    severity: int
    severity_text: str
    body: str
    attributes: Mapping[str, Any]
    trace_id: int
    span_id: int
    flags: int
    library: Library
