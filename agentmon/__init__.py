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
    configure,
    endpoint,
    flush,
    prometheus_collector,
    shutdown,
    statistics,
    wsgi_app,
)
from agentmon._version import __version__
from agentmon.errors import (
    AgentmonError,
    CatalogueError,
    ConfigError,
    DeclarationError,
    EndpointError,
)
from agentmon.instrument.call import Call, annotate, current, usage
from agentmon.instrument.carry import carry, carrying
from agentmon.instrument.operation import (
    Operation,
    agent,
    handoff,
    model_call,
    step,
    tool,
    workflow,
)
from agentmon.instrument.propagate import inject, received

if TYPE_CHECKING:
    from agentmon.export.access import Access
    from agentmon.model.summary import OperationSummary, Summary
    from agentmon.tracing.limits import Limits
    from agentmon.tracing.options import Traces

__all__ = [
    "Access",
    "AgentmonError",
    "Call",
    "CatalogueError",
    "ConfigError",
    "DeclarationError",
    "EndpointError",
    "Limits",
    "Operation",
    "OperationSummary",
    "Summary",
    "Traces",
    "__version__",
    "agent",
    "annotate",
    "asgi_app",
    "carry",
    "carrying",
    "configure",
    "current",
    "endpoint",
    "flush",
    "handoff",
    "inject",
    "model_call",
    "prometheus_collector",
    "received",
    "shutdown",
    "statistics",
    "step",
    "tool",
    "usage",
    "workflow",
    "wsgi_app",
]


#: What few need, by the module that is loaded when somebody asks for it.
_LATE: Final = {
    "Access": "agentmon.export.access",
    "Limits": "agentmon.tracing.limits",
    "OperationSummary": "agentmon.model.summary",
    "Summary": "agentmon.model.summary",
    "Traces": "agentmon.tracing.options",
}


def __getattr__(name: str) -> object:
    """Load what few need, when they do."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
