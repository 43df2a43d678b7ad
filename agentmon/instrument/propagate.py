"""
Context that travels between processes: in headers, message envelopes and the ``_meta`` of MCP.

What is written and read is up to OpenTelemetry's propagators: by default ``traceparent``,
``tracestate`` and ``baggage`` of the W3C.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, TypeVar

from agentmon.instrument.active import ACTIVE
from agentmon.instrument.call import CURRENT, Call, Frame, Idle, restore

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from agentmon.instrument.span import OpenSpan
    from agentmon.record.declaration import Scope

__all__ = ["inject", "received"]

C = TypeVar("C", bound="MutableMapping[str, str]")

#: The entry of the baggage that says that a message hands work over: target and source.
_HANDOFF = "agentmon.handoff"
_LONGEST = 64 * 1024


def inject(carrier: C | None = None) -> C | dict[str, str]:
    """
    Write the present context where it can travel with a message.

    Args:
        carrier: Headers of a request, the envelope of a message, or the ``_meta`` of an MCP
            request; by default a new dictionary.

    Returns:
        The carrier. Nothing is added where there is no context to pass on.
    """
    from opentelemetry import baggage, propagate  # noqa: PLC0415  # only programs that send need it

    target: Any = {} if carrier is None else carrier
    context: Context | None = None
    frame = CURRENT.get()
    names = _handing_over(frame)
    if names is not None:
        context = baggage.set_baggage(_HANDOFF, "\t".join(names))
    propagate.inject(target, context)
    return target  # type: ignore[no-any-return]  # the caller's own, or a dictionary


def _handing_over(frame: Frame | None) -> tuple[str, ...] | None:
    """Target and source, if the innermost call is a handoff."""
    if frame is None or ACTIVE.registry is None:
        return None
    if isinstance(frame, Call):
        return tuple(frame.labels.values()) if frame.kind == "handoff" else None
    return frame.series.labels if frame.declaration.kind == "handoff" else None


class received:  # noqa: N801  # it is used as a function is
    """
    A block in which calls belong to what came with a message, by ``with`` or ``async with``.

    The other process's span is the parent of calls made within. If the message hands work over,
    agent calls made directly within are linked to the handoff.

    Args:
        carrier: Headers of a request, the envelope of a message, or the ``_meta`` of an MCP
            request: a mapping, or pairs; names in any case, values as text or bytes. None is as
            good as nothing. What cannot be read is left out, and counted in
            ``agentmon_dropped_total{reason="bad_context"}``.
    """

    __slots__ = ("_before", "_carrier", "_frame", "_token")

    def __init__(self, carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None) -> None:
        self._carrier = carrier

    def __enter__(self) -> None:
        from opentelemetry import context as otel_context  # noqa: PLC0415  # only receivers need it

        self._token: Token[Frame | None] | None = None
        self._before = otel_context.get_current()
        context = self._before
        try:
            context = _extracted(self._carrier)
        except Exception:  # noqa: BLE001  # what a stranger sent, or a propagator of the host's
            _count_bad()
        self._frame = _arrival(context)
        if self._frame is not None:
            self._token = CURRENT.set(self._frame)
        otel_context.attach(context)

    def __exit__(self, *_error: object) -> None:
        from opentelemetry import context as otel_context  # noqa: PLC0415  # likewise

        if self._token is not None:
            restore(self._frame, self._token)
        otel_context.attach(self._before)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)


def _extracted(carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None) -> Context:
    from opentelemetry import propagate  # noqa: PLC0415  # likewise

    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier or ()
    read: dict[str, str] = {}
    for name, value in pairs:
        text = _text(value)
        if text is not None and len(text) <= _LONGEST:
            key = (_text(name) or "").lower()
            # A header may come in several lines, which are one list.
            read[key] = f"{read[key]},{text}" if key in read else text
    return propagate.extract(read)


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


class _Arrival(Idle):
    """Stands for a handoff that another process measures."""

    __slots__ = ("_names", "_scope", "span")

    def __init__(self, names: tuple[str, ...], scope: Scope, span: OpenSpan) -> None:
        self._names = names
        self._scope = scope
        self.span = span
        self.parent = None

    @property
    def scope(self) -> Scope:
        return self._scope

    @property
    def kind(self) -> str:
        return "handoff"

    @property
    def labels(self) -> dict[str, str]:
        return dict(zip(("target", "source"), self._names, strict=True))


def _arrival(context: Context) -> _Arrival | None:
    """The handoff that a context says it belongs to."""
    from opentelemetry import baggage, trace  # noqa: PLC0415  # likewise

    said = baggage.get_baggage(_HANDOFF, context)
    span = trace.get_current_span(context)
    registry = ACTIVE.registry
    if not isinstance(said, str) or registry is None or not span.get_span_context().is_remote:
        return None
    from agentmon.instrument.owned import Unsampled  # noqa: PLC0415  # likewise

    target, _, source = said.partition("\t")
    around = CURRENT.get()
    scope = registry.root if around is None else around.scope
    return _Arrival((target, source), scope, Unsampled(span))
