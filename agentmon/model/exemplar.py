"""
A call that stands for others of about its duration.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Exemplar"]


class Exemplar(NamedTuple):
    """
    A call whose trace can be looked at.

    Args:
        trace_id: Id of the trace.
        span_id: Id of the call's span.
        duration_ns: How long it took.
        at_ns: When it ended, in nanoseconds since 1970.
    """

    trace_id: int
    span_id: int
    duration_ns: int
    at_ns: int
