"""
The light span: all of OpenTelemetry's interface, and nothing done before somebody asks for it.

A span is a bag of what it was given. It is handed over when it ends, and turned into bytes or into
a span of OpenTelemetry's SDK off the path of the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, NamedTuple

from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from agentmon.tracing.limits import DEFAULT, Limits, clean, held
from agentmon.tracing.stacktrace import stacktrace

__all__ = ["SAMPLED", "Event", "Fixed", "Library", "LightSpan", "LinkTo"]

SAMPLED: Final = 1

_ENDING = Lock()
_NO_STATE = TraceState()


class Library(NamedTuple):
    """Who made a span; OpenTelemetry calls it the instrumentation scope."""

    name: str
    version: str = ""
    schema_url: str = ""
    attributes: tuple[tuple[str, Any], ...] = ()


class Event(NamedTuple):
    """Something that happened while a span was open."""

    name: str
    at_ns: int
    attributes: dict[str, Any] | None
    dropped_attributes: int


class LinkTo(NamedTuple):
    """Another span that has to do with this one."""

    context: SpanContext
    attributes: dict[str, Any] | None
    dropped_attributes: int


class Fixed:
    """
    Attributes that all spans of one operation have in common.

    Args:
        attributes: The attributes; never changed.

    Attributes:
        encoded: A place for an encoder to keep what it made of them.
    """

    __slots__ = ("attributes", "encoded")

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.attributes = attributes
        self.encoded: bytes | None = None


class LightSpan(Span):
    """
    A span that is recorded.

    Guarantees:
        - What is set after its end changes nothing.
        - It is handed over once, by whoever ends it first.
        - Attributes set by several threads at once may exceed the limit by one for each thread.

    Args:
        name: Its name.
        kind: Its kind.
        library: Who made it.
        trace_id: Id of the trace, 128 bits.
        span_id: Its id, 64 bits.
        parent_id: Id of its parent, or 0.
        flags: W3C trace flags; bit 0 says that it is sampled.
        begun_ns: When it began, in nanoseconds since 1970.
        sink: Takes it when it has ended.
    """

    # Only what differs from these is set on a span: most spans need few of them.
    #: When it ended, in nanoseconds since 1970; 0 while it is open.
    ended_ns: int = 0
    #: Attributes shared with other spans; those of the same name in `attributes` win.
    fixed: Fixed | None = None
    attributes: dict[str, Any] | None = None
    dropped_attributes: int = 0
    events: list[Event] | None = None
    dropped_events: int = 0
    links: list[LinkTo] | None = None
    dropped_links: int = 0
    #: Unset, ok or error, as its number in OTLP: 0, 1 or 2.
    status: int = 0
    description: str = ""
    #: W3C trace state of the trace, if it has one.
    trace_state: TraceState | None = None
    #: Whether its parent is in another process.
    remote_parent: bool = False
    limits: Limits = DEFAULT
    #: What leaving it as a block does with an exception.
    exit_records: bool = True
    exit_sets_status: bool = True
    #: Tells it from the spans of others, faster than ``isinstance`` of an abstract class does.
    light: Final = True
    _context: SpanContext | None = None

    def __init__(  # noqa: PLR0917  # by position is faster, and there is one for each span
        self,
        name: str,
        kind: SpanKind,
        library: Library,
        trace_id: int,
        span_id: int,
        parent_id: int,
        flags: int,
        begun_ns: int,
        sink: Callable[[LightSpan], object],
    ) -> None:
        self.name = name
        self.kind = kind
        self.library = library
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.flags = flags
        self.begun_ns = begun_ns
        self.sink = sink

    def get_span_context(self) -> SpanContext:
        """Its ids, flags and trace state, as others pass them on."""
        context = self._context
        if context is None:
            context = self._context = SpanContext(
                self.trace_id,
                self.span_id,
                is_remote=False,
                trace_flags=TraceFlags(self.flags),
                trace_state=self.trace_state or _NO_STATE,
            )
        return context

    def is_recording(self) -> bool:
        """Whether it is still open."""
        return not self.ended_ns

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute; anything but text, bytes, numbers and collections of them as text."""
        if self.ended_ns:
            return
        if not key or type(key) is not str:
            self.dropped_attributes += 1
            return
        kept = self.attributes
        if kept is None:
            kept = self.attributes = {}
        limits = self.limits
        if value.__class__ is not int and value.__class__ is not bool:
            value = clean(value, limits.attribute_length)
        if key in kept:
            kept.pop(key, None)  # so that it is the newest
        elif limits.attributes is not None and len(kept) >= limits.attributes:
            self.dropped_attributes += 1
            try:
                del kept[next(iter(kept))]
            except StopIteration:  # there is room for none
                return
            except (KeyError, RuntimeError):  # another thread is setting one too
                pass
        kept[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Add an event, at *timestamp* in nanoseconds since 1970, or now."""
        if self.ended_ns:
            return
        limits = self.limits
        kept, dropped = held(attributes, limits.event_attributes, limits.attribute_length)
        events = self.events
        if events is None:
            events = self.events = []
        if limits.events is not None and len(events) >= limits.events:
            self.dropped_events += 1
            if limits.events == 0:
                return
            del events[0]
        at_ns = time.time_ns() if timestamp is None else timestamp
        events.append(Event(name, at_ns, kept, dropped))

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Link another span; nothing happens if that has neither id, trace state nor attributes."""
        if self.ended_ns or not (context.is_valid or attributes or context.trace_state):
            return
        limits = self.limits
        kept, dropped = held(attributes, limits.link_attributes, limits.attribute_length)
        links = self.links
        if links is None:
            links = self.links = []
        if limits.links is not None and len(links) >= limits.links:
            self.dropped_links += 1
            if limits.links == 0:
                return
            del links[0]
        links.append(LinkTo(context, kept, dropped))

    def update_name(self, name: str) -> None:
        """Give it another name."""
        if not self.ended_ns:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set its status. Ok is final; unset changes nothing."""
        if self.ended_ns or self.status == StatusCode.OK.value:
            return
        code = status.status_code if isinstance(status, Status) else status
        if code is StatusCode.UNSET:
            return
        if isinstance(status, Status):
            description = status.description
        self.status = code.value
        self.description = (description or "") if code is StatusCode.ERROR else ""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002  # as the interface has it
    ) -> None:
        """Add an event that describes an exception: type, message and stack trace."""
        if self.ended_ns:
            return
        given = attributes or {}
        described = {"exception.type": _type_name(type(exception))}
        if "exception.message" not in given:
            described["exception.message"] = clean(exception, None) or ""
        if "exception.stacktrace" not in given:  # which takes time
            described["exception.stacktrace"] = stacktrace(exception)
        described["exception.escaped"] = str(escaped)
        self.add_event("exception", {**described, **given}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End it, at *end_time* in nanoseconds since 1970, or now; and hand it over."""
        with _ENDING:
            if self.ended_ns:
                return
            self.ended_ns = time.time_ns() if end_time is None else end_time
        self.sink(self)

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """End it; an exception is recorded and makes its status an error."""
        if error is not None and not self.ended_ns:
            if self.exit_records:
                self.record_exception(error, escaped=True)
            if self.exit_sets_status:
                self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {clean(error, None)}")
        self.end()


def _type_name(cls: type[BaseException]) -> str:
    module = cls.__module__
    return cls.__qualname__ if module in ("", "builtins") else f"{module}.{cls.__qualname__}"
