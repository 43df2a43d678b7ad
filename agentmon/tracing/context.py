"""
OpenTelemetry's present context, by the shortest way to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import Span

__all__ = ["SPAN_KEY", "attach", "present", "within"]

#: The key that OpenTelemetry's API keeps the current span under.
SPAN_KEY: Final[str] = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))

present: Callable[[], Context] = otel_context.get_current
attach: Callable[[Context], object] = otel_context.attach

# Each of the API's functions calls a method that calls that of a context variable. Where the parts
# are what they have been since the API's first version, the variable is asked itself: three of
# these calls are made for each span, and they are a tenth of its cost.
_runtime: Any = getattr(otel_context, "_RUNTIME_CONTEXT", None)
if type(_runtime) is ContextVarsRuntimeContext and hasattr(_runtime, "_current_context"):
    _variable = _runtime._current_context  # noqa: SLF001  # see above
    present, attach = _variable.get, _variable.set


def within(span: Span, around: Context) -> Context:
    """The context *around* with *span* as its current one."""
    inner = Context(around)
    dict.__setitem__(inner, SPAN_KEY, span)  # OpenTelemetry's own way copies it twice
    return inner
