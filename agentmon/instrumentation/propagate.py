"""
Context that travels between processes: in headers, message envelopes and the ``_meta`` of MCP.

What is written and read is up to OpenTelemetry's propagators: by default ``traceparent``,
``tracestate`` and ``baggage`` of the W3C.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from contextvars import Token
from typing import TYPE_CHECKING, Any, TypeVar

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT, Call, Frame, Idle, restore

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from agentmon.instrumentation.handoff import Passing
    from agentmon.instrumentation.path import Node
    from agentmon.instrumentation.span import OpenSpan
    from agentmon.record.declaration import Scope

__all__ = ["Arrival", "inject", "received", "stand_for"]

C = TypeVar("C", bound="MutableMapping[str, str]")

#: The entry of the baggage that says that a message hands work over: the handoff's span, as that of
#: an HTTP client may come in between; target and source; and what `Passing.papers` says.
_HANDOFF = "agentmon.handoff"
#: That of the task that a message belongs to: id, kind, agent and begin.
_TASK = "agentmon.task"
#: Loaded by programs that have tasks.
_TASKS = "agentmon.instrumentation.task"
_LONGEST = 64 * 1024


def inject(carrier: C | None = None) -> C | dict[str, str]:
    """
    Write the present context where it can travel with a message.

    Args:
        carrier: Headers of a request, the envelope of a message, or the ``_meta`` of an MCP
            request; by default a new dictionary.

    Returns:
        The carrier. Nothing is added where there is no context to pass on. What a propagator cannot
        write is left out, and counted in ``agentmon_dropped_total{reason="bad_context"}``.
    """
    target: Any = {} if carrier is None else carrier
    try:
        _inject(target)
    except Exception:  # noqa: BLE001  # a propagator of the host's, or what is no mapping
        _count_bad()
    return target  # type: ignore[no-any-return]  # the caller's own, or a dictionary


def _inject(carrier: Any) -> None:
    from opentelemetry import baggage, propagate  # noqa: PLC0415  # only programs that send need it

    said = _handing_over(CURRENT.get())
    context = None if said is None else baggage.set_baggage(_HANDOFF, said)
    task = sys.modules[_TASKS].departing() if _TASKS in sys.modules else None
    if task is not None:
        context = baggage.set_baggage(_TASK, task, context)
    propagate.inject(carrier, context)


def _handing_over(frame: Frame | None) -> str | None:
    """What the baggage says of the innermost call, if that is a handoff."""
    passing = frame.passing if isinstance(frame, Call) else None
    if not isinstance(frame, Call) or frame.kind != "handoff" or passing is None:
        return None
    passing.send()
    span = frame.span
    span_id = 0 if span is None else span.get_span_context().span_id
    return "\t".join((f"{span_id:016x}", *passing.edge, *passing.papers()))


class received:  # noqa: N801  # it is used as a function is
    """
    A block in which calls belong to what came with a message, by ``with`` or ``async with``.

    The other process's span is the parent of calls made within; where the present span was made for
    the same message, as instrumentation of web servers does, that stays the parent. If the message
    hands work over, agent calls made directly within are linked to the handoff. If it belongs to a
    task, so does what model calls within cost.

    Args:
        carrier: Headers of a request, the envelope of a message, or the ``_meta`` of an MCP
            request: a mapping, or pairs; names in any case, values as text or bytes. With None, or
            without context in it, nothing changes. What cannot be read is left out, and counted in
            ``agentmon_dropped_total{reason="bad_context"}``.
    """

    __slots__ = ("_before", "_carrier", "_frame", "_token", "_visit")

    def __init__(self, carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None) -> None:
        self._carrier = carrier

    @property
    def passing(self) -> Passing | None:
        """The handoff that came with the message, once the block was entered."""
        return None if self._frame is None else self._frame.passing

    def __enter__(self) -> None:
        from opentelemetry import context as otel_context  # noqa: PLC0415  # only receivers need it

        self._token: Token[Frame | None] | None = None
        self._frame: Arrival | None = None
        self._before = context = otel_context.get_current()
        try:
            context, self._frame = _extracted(self._carrier, context)
        except Exception:  # noqa: BLE001  # what a stranger sent, or a propagator of the host's
            _count_bad()
        if self._frame is not None:
            self._token = CURRENT.set(self._frame)
        context, self._visit = _visiting(context)
        if self._visit is not None:
            self._visit.__enter__()
        otel_context.attach(context)

    def __exit__(self, *_error: object) -> None:
        from opentelemetry import context as otel_context  # noqa: PLC0415  # likewise

        if self._visit is not None:
            self._visit.__exit__(None, None, None)
        if self._token is not None:
            restore(self._frame, self._token)
        otel_context.attach(self._before)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)


def _extracted(
    carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None, present: Context
) -> tuple[Context, Arrival | None]:
    """The present context with what came in a carrier, and the handoff that it belongs to."""
    from opentelemetry import baggage, propagate, trace  # noqa: PLC0415  # likewise

    items = getattr(carrier, "items", None)  # headers of the standard library are no mapping
    read: dict[str, str] = {}
    for name, value in carrier or () if items is None else items():
        text = _text(value)
        if text is not None and len(text) <= _LONGEST:
            key = (_text(name) or "").lower()
            # A header may come in several lines, which are one list.
            read[key] = f"{read[key]},{text}" if key in read else text
    context = propagate.extract(read, present)
    if context is present:
        return present, None
    said = baggage.get_baggage(_HANDOFF, context)
    if said is not None:  # of this message, and not of those that are sent because of it
        context = baggage.remove_baggage(_HANDOFF, context)
    remote = trace.get_current_span(context).get_span_context()
    around = trace.get_current_span(present)
    if _parent_id(around) == remote.span_id:
        context = trace.set_span_in_context(around, context)
    return context, _arrival(said, remote)


def _visiting(context: Context) -> tuple[Context, AbstractContextManager[None] | None]:
    """The context without what it says of a task, and a block of that task."""
    from opentelemetry import baggage  # noqa: PLC0415  # likewise

    said = baggage.get_baggage(_TASK, context)
    if said is None or ACTIVE.registry is None:
        return context, None
    from agentmon.instrumentation.task import arrived  # noqa: PLC0415  # only where there are tasks

    return baggage.remove_baggage(_TASK, context), arrived(said)


def _parent_id(span: Any) -> int | None:
    """Of which span it is a child, of light spans and of the SDK's."""
    if getattr(span, "light", False):
        return span.parent_id  # type: ignore[no-any-return]
    return getattr(getattr(span, "parent", None), "span_id", None)


def _text(value: object) -> str | None:
    """Text that came as such, as bytes, or as a list of one or the other."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return ",".join(text for text in map(_text, value) if text)
    return None


def _count_bad() -> None:
    if ACTIVE.registry is not None:
        ACTIVE.registry.drop("bad_context", 1)


class Arrival(Idle):
    """Stands for a handoff that came with a message."""

    __slots__ = ("_scope", "node", "passing", "span")

    passing: Passing

    def __init__(
        self, passing: Passing, scope: Scope, node: Node | None, span: OpenSpan | None
    ) -> None:
        self.passing = passing
        self.node = node
        self._scope = scope
        self.span = span
        self.parent = None

    @property
    def scope(self) -> Scope:
        """The names around the block, whose calls are followed."""
        return self._scope

    @property
    def kind(self) -> str:
        """As of the handoff itself."""
        return "handoff"

    @property
    def labels(self) -> dict[str, str]:
        """Likewise."""
        return dict(zip(("target", "source"), self.passing.edge, strict=True))


def _arrival(said: object, remote: SpanContext) -> Arrival | None:
    """The handoff that the baggage of a message speaks of."""
    if not isinstance(said, str) or ACTIVE.coordination is None:
        return None
    from opentelemetry.trace import NonRecordingSpan, SpanContext  # noqa: PLC0415  # likewise

    from agentmon.instrumentation.owned import Unsampled  # noqa: PLC0415  # likewise

    span_id, *rest = said.split("\t")
    target, source, *papers = *rest, "", ""
    try:
        number = int(span_id, 16)
        passing = ACTIVE.coordination.handoffs.arrive((target, source), papers)
    except ValueError:
        _count_bad()
        return None
    if not remote.is_remote:  # without spans, there are only the papers
        return stand_for(passing)
    handoff = SpanContext(remote.trace_id, number, is_remote=True, trace_flags=remote.trace_flags)
    return stand_for(passing, Unsampled(NonRecordingSpan(handoff)))


def stand_for(passing: Passing, span: OpenSpan | None = None) -> Arrival | None:
    """What stands for a handoff within a block of whoever takes it."""
    registry, around = ACTIVE.registry, CURRENT.get()
    if registry is None:
        return None
    scope = registry.root if around is None else around.scope
    node = around.node if isinstance(around, Call) else None
    return Arrival(passing, scope.watched, node, span)
