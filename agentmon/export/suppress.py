"""
Instrumentation turned off around our own exporting, which is nobody's request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context

__all__ = ["suppressed"]

# What instrumentation asks for: older releases for a plain name, newer ones for keys that
# OpenTelemetry makes, and does not document.
_KEYS = (
    "suppress_instrumentation",
    *(
        key
        for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
        if isinstance(key := getattr(context, name, None), str)
    ),
)


@contextmanager
def suppressed() -> Iterator[None]:
    """A block in which instrumented libraries make no spans."""
    quiet = context.get_current()
    for key in _KEYS:
        quiet = context.set_value(key, True, quiet)  # noqa: FBT003  # as the interface has it
    token = context.attach(quiet)
    try:
        yield
    finally:
        context.detach(token)
