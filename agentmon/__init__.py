"""
agentmon: see how AI agents perform.

Mark agents, tools, model calls, workflows and their steps with decorators or context managers, and
call `configure`; see the README for the first steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentmon._runtime import (
    asgi_app,
    configure,
    endpoint,
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
from agentmon.instrument.call import Call, current, usage
from agentmon.instrument.carry import carry, carrying
from agentmon.instrument.operation import (
    Operation,
    agent,
    model_call,
    step,
    tool,
    workflow,
)

if TYPE_CHECKING:
    from agentmon.model.summary import OperationSummary, Summary

__all__ = [
    "AgentmonError",
    "Call",
    "CatalogueError",
    "ConfigError",
    "DeclarationError",
    "EndpointError",
    "Operation",
    "OperationSummary",
    "Summary",
    "__version__",
    "agent",
    "asgi_app",
    "carry",
    "carrying",
    "configure",
    "current",
    "endpoint",
    "model_call",
    "prometheus_collector",
    "shutdown",
    "statistics",
    "step",
    "tool",
    "usage",
    "workflow",
    "wsgi_app",
]


def __getattr__(name: str) -> object:
    """Load what only those need who look at `statistics`, when they do."""
    if name in ("OperationSummary", "Summary"):
        from agentmon.model import summary  # noqa: PLC0415  # see above

        return getattr(summary, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
