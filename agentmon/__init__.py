"""
agentmon: see how AI agents perform.

Mark agents, tools, model calls, workflows and their steps with decorators or context managers, and
call `configure`; see the README for the first steps.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from agentmon._runtime import (
    asgi_app,
    certificate,
    configure,
    endpoint,
    flush,
    health_check,
    prometheus_collector,
    push,
    remove_health_check,
    shutdown,
    statistics,
    watch_loop,
    wsgi_app,
)
from agentmon._version import __version__
from agentmon.errors import (
    AgentmonError,
    CatalogueError,
    ConfigError,
    DeclarationError,
    EndpointError,
    PushError,
)
from agentmon.instrumentation.adapters import instrument, uninstrument
from agentmon.instrumentation.call import Call, annotate, content, current, usage
from agentmon.instrumentation.carry import carry, carrying
from agentmon.instrumentation.components import Component, component
from agentmon.instrumentation.correlate import LogContext, log_context
from agentmon.instrumentation.evaluation import score
from agentmon.instrumentation.operation import (
    Operation,
    agent,
    dependency,
    handoff,
    model_call,
    step,
    tool,
    workflow,
)
from agentmon.instrumentation.propagate import inject, received
from agentmon.instrumentation.recovery import recovered

if TYPE_CHECKING:
    from agentmon.export.access import Access
    from agentmon.export.push.otlp import OTLPMetrics
    from agentmon.export.push.pushgateway import Pushgateway
    from agentmon.export.push.remote_write import RemoteWrite
    from agentmon.export.push.textfile import Textfile
    from agentmon.instrumentation.accepting import Accepting, accepting, handoff_confirmed
    from agentmon.instrumentation.capacity import capacity, limit
    from agentmon.instrumentation.escalation import Escalation, escalation, escalation_verdict
    from agentmon.instrumentation.facts import (
        authentication_failed,
        backed_up,
        capacity_limit,
        capacity_used,
        compliance_control,
        deployed,
        security_scanned,
    )
    from agentmon.instrumentation.feedback import consistency, evaluator, feedback
    from agentmon.instrumentation.queues import queue
    from agentmon.instrumentation.synchronise import Barrier, TaskGroup, gather, join
    from agentmon.instrumentation.task import Task, TaskOperation, business_event, rework, task
    from agentmon.instrumentation.users import Session, Turn, session
    from agentmon.model.summary import OperationSummary, Summary
    from agentmon.observe.loops import LoopWatch
    from agentmon.tracing.limits import Limits
    from agentmon.tracing.options import Traces

__all__ = [
    "Accepting",
    "Access",
    "AgentmonError",
    "Barrier",
    "Call",
    "CatalogueError",
    "Component",
    "ConfigError",
    "DeclarationError",
    "EndpointError",
    "Escalation",
    "Limits",
    "LogContext",
    "LoopWatch",
    "OTLPMetrics",
    "Operation",
    "OperationSummary",
    "PushError",
    "Pushgateway",
    "RemoteWrite",
    "Session",
    "Summary",
    "Task",
    "TaskGroup",
    "TaskOperation",
    "Textfile",
    "Traces",
    "Turn",
    "__version__",
    "accepting",
    "agent",
    "annotate",
    "asgi_app",
    "authentication_failed",
    "backed_up",
    "business_event",
    "capacity",
    "capacity_limit",
    "capacity_used",
    "carry",
    "carrying",
    "certificate",
    "compliance_control",
    "component",
    "configure",
    "consistency",
    "content",
    "current",
    "dependency",
    "deployed",
    "endpoint",
    "escalation",
    "escalation_verdict",
    "evaluator",
    "feedback",
    "flush",
    "gather",
    "handoff",
    "handoff_confirmed",
    "health_check",
    "inject",
    "instrument",
    "join",
    "limit",
    "log_context",
    "model_call",
    "prometheus_collector",
    "push",
    "queue",
    "received",
    "recovered",
    "remove_health_check",
    "rework",
    "score",
    "security_scanned",
    "session",
    "shutdown",
    "statistics",
    "step",
    "task",
    "tool",
    "uninstrument",
    "usage",
    "watch_loop",
    "workflow",
    "wsgi_app",
]


#: What few need, by the module that is loaded when somebody asks for it.
_LATE: Final = {
    "Accepting": "agentmon.instrumentation.accepting",
    "Access": "agentmon.export.access",
    "Barrier": "agentmon.instrumentation.synchronise",
    "Escalation": "agentmon.instrumentation.escalation",
    "Limits": "agentmon.tracing.limits",
    "LoopWatch": "agentmon.observe.loops",
    "OTLPMetrics": "agentmon.export.push.otlp",
    "OperationSummary": "agentmon.model.summary",
    "Pushgateway": "agentmon.export.push.pushgateway",
    "RemoteWrite": "agentmon.export.push.remote_write",
    "Session": "agentmon.instrumentation.users",
    "Summary": "agentmon.model.summary",
    "Task": "agentmon.instrumentation.task",
    "TaskGroup": "agentmon.instrumentation.synchronise",
    "TaskOperation": "agentmon.instrumentation.task",
    "Textfile": "agentmon.export.push.textfile",
    "Traces": "agentmon.tracing.options",
    "Turn": "agentmon.instrumentation.users",
    "accepting": "agentmon.instrumentation.accepting",
    "authentication_failed": "agentmon.instrumentation.facts",
    "backed_up": "agentmon.instrumentation.facts",
    "business_event": "agentmon.instrumentation.task",
    "capacity": "agentmon.instrumentation.capacity",
    "capacity_limit": "agentmon.instrumentation.facts",
    "capacity_used": "agentmon.instrumentation.facts",
    "compliance_control": "agentmon.instrumentation.facts",
    "consistency": "agentmon.instrumentation.feedback",
    "deployed": "agentmon.instrumentation.facts",
    "escalation": "agentmon.instrumentation.escalation",
    "escalation_verdict": "agentmon.instrumentation.escalation",
    "evaluator": "agentmon.instrumentation.feedback",
    "feedback": "agentmon.instrumentation.feedback",
    "gather": "agentmon.instrumentation.synchronise",
    "handoff_confirmed": "agentmon.instrumentation.accepting",
    "join": "agentmon.instrumentation.synchronise",
    "limit": "agentmon.instrumentation.capacity",
    "queue": "agentmon.instrumentation.queues",
    "rework": "agentmon.instrumentation.task",
    "security_scanned": "agentmon.instrumentation.facts",
    "session": "agentmon.instrumentation.users",
    "task": "agentmon.instrumentation.task",
}


def __getattr__(name: str) -> object:
    """Load what few need, when they do."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
