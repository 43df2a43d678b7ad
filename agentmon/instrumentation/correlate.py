"""
What a record of a log belongs to: the trace, the span and the call around it.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import CURRENT, IDLE, Call

__all__ = ["LogContext", "log_context", "present_ids"]


def log_context() -> dict[str, str]:
    """
    What a record of a log that is made now belongs to.

    Returns:
        ``trace_id`` and ``span_id`` in hexadecimal, ``agent``, ``workflow``, and ``operation``:
        kind and name of the innermost call, such as ``tool search``. What there is not is empty.
    """
    trace_id, span_id, _ = present_ids()
    agent = workflow = operation = ""
    frame = CURRENT.get()
    if frame is not None and frame is not IDLE and ACTIVE.mode is not OFF:
        agent, workflow = frame.scope.agent, frame.scope.workflow
        recorder = frame if not isinstance(frame, Call) else getattr(frame, "recorder", None)
        if recorder is not None:
            series = recorder.series
            operation = f"{series.metrics.kind} {series.labels[0]}"
    return {
        "trace_id": f"{trace_id:032x}" if trace_id else "",
        "span_id": f"{span_id:016x}" if span_id else "",
        "agent": agent,
        "workflow": workflow,
        "operation": operation,
    }


def present_ids() -> tuple[int, int, int]:
    """Ids of the trace and of the span that is current, and its W3C flags; zeros without one."""
    # Nobody has made a span current in a program that has not loaded this.
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return 0, 0, 0
    try:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return context.trace_id, context.span_id, int(context.trace_flags)
    except Exception:  # noqa: BLE001, S110  # a span of the host's provider, which may raise anything
        pass
    return 0, 0, 0


class LogContext(logging.Filter):
    """
    Puts on each record of a log what it belongs to; see `log_context` for the attributes.

    It lets every record through, and changes no attribute that a record has already. Add it to a
    handler, so that it sees the records of all loggers::

        handler = logging.StreamHandler()
        handler.addFilter(agentmon.LogContext())
        handler.setFormatter(logging.Formatter("%(message)s agent=%(agent)s trace=%(trace_id)s"))
    """

    def __init__(self) -> None:
        super().__init__()

    def filter(self, record: logging.LogRecord) -> bool:
        """Put it on the record."""
        known = record.__dict__
        for name, value in log_context().items():
            known.setdefault(name, value)
        return True
