"""
Ended spans as the bytes of a request to a collector.

Most of a span is the same as that of the one before: its name, its kind, the attributes of its
operation. What repeats is encoded once; the rest is put together without any message object.

Source: opentelemetry-proto 1.x, trace.proto and trace_service.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.trace import SpanContext, TraceState

from agentmon.export.otlp.common import (
    HEADS,
    MOST_BYTES,
    Request,
    attributes,
    head,
    key_value,
    scope,
)
from agentmon.export.wire import data, key, text, varint, varint_field
from agentmon.tracing.span import Event, Fixed, Library, LightSpan, LinkTo

__all__ = ["encode"]

# Key and length of each id, before the id.
_ROOT: Final = struct.Struct(">HQQHQ").pack
_CHILD: Final = struct.Struct(">HQQHQHQ").pack
_TRACE_ID: Final = 0x0A10
_SPAN_ID: Final = 0x1208
_PARENT_ID: Final = 0x2208
_TIMES: Final = struct.Struct("<BQBQ").pack
_BEGUN: Final = 0x39
_ENDED: Final = 0x41
_WORD: Final = (1 << 64) - 1

_ATTRIBUTE: Final = 9
#: Key and length of an attribute of a span, by its length.
_SHORT: Final = [key(_ATTRIBUTE, 2) + varint(n) for n in range(512)]
#: Lengths of an AnyValue of text, and of that text, by the length of the text.
_TEXT: Final = [varint(n + 2) + b"\x0a" + varint(n) for n in range(126)]
#: The same of a whole number of one byte, with that number.
_NUMBER: Final = [b"\x02\x18" + varint(n) for n in range(128)]
_YES: Final = b"\x02\x10\x01"
_NO: Final = b"\x02\x10\x00"
_DOUBLE: Final = struct.Struct("<BBd").pack

#: Name and kind, by the kind's number. Bounded as the keys of attributes are.
_names: tuple[dict[str, bytes], ...] = ({}, {}, {}, {}, {})
_MOST_NAMES: Final = 4096
_LONGEST_NAME: Final = 256

#: OTLP counts kinds from 1, the API from 0; likewise an unset status is none, but the SDK says so.
_STATUS_UNSET: Final = b"\x7a\x00"
_STATUS: Final = (_STATUS_UNSET, b"\x7a\x02\x18\x01", b"\x7a\x02\x18\x02")

#: Whether the parent, or what is linked, is in another process.
_HERE: Final = 0x100
_ELSEWHERE: Final = 0x300
_SPAN_FLAGS: Final = {
    remote: key(16, 5) + struct.pack("<I", flags)
    for remote, flags in ((False, _HERE), (True, _ELSEWHERE))
}
_LINK_FLAGS: Final = {
    remote: key(6, 5) + struct.pack("<I", flags)
    for remote, flags in ((False, _HERE), (True, _ELSEWHERE))
}


def encode(spans: Iterable[LightSpan], resource: bytes) -> tuple[list[Request], int]:
    """
    Ended spans as requests, one unless they are large.

    Args:
        spans: The spans.
        resource: The resource that made them, encoded.

    Returns:
        The requests, each of at most `MOST_BYTES` unless one span alone is larger; and how many
        spans could not be encoded, for instance because they began before 1970.

    Guarantees:
        It never raises.
    """
    whose = data(1, resource)
    requests: list[Request] = []
    failed = size = count = 0
    # By identity, as comparing libraries for each span is dear. Those that are equal are joined
    # when the request is closed.
    groups: dict[int, tuple[Library, list[bytes]]] = {}
    last: Library | None = None
    pieces: list[bytes] = []
    for span in spans:
        try:
            body = _span(span)
        except RuntimeError:  # a thread was late: it set an attribute just now, and is done with it
            try:
                body = _span(span)
            except Exception:  # noqa: BLE001
                failed += 1
                continue
        except Exception:  # noqa: BLE001  # somebody gave a span what is no name, time or id
            failed += 1
            continue
        if size and size + len(body) > MOST_BYTES:
            requests.append(Request(_request(whose, groups.values()), count))
            groups, last, size, count = {}, None, 0, 0
        library = span.library
        if library is not last:
            last = library
            pieces = groups.setdefault(id(library), (library, []))[1]
        pieces += b"\x12", varint(len(body)), body
        size += len(body) + 8
        count += 1
    if count:
        requests.append(Request(_request(whose, groups.values()), count))
    return requests, failed


def _request(whose: bytes, groups: Iterable[tuple[Library, list[bytes]]]) -> bytes:
    joined: dict[tuple[bytes, bytes], list[bytes]] = {}
    for library, pieces in groups:
        url = text(3, library.schema_url) if library.schema_url else b""
        joined.setdefault((data(1, scope(library)), url), []).extend(pieces)
    scopes = [data(2, b"".join([who, *pieces, schema])) for (who, schema), pieces in joined.items()]
    return data(1, whose + b"".join(scopes))


def _span(span: LightSpan) -> bytes:
    trace_id = span.trace_id
    if span.parent_id:
        ids = _CHILD(
            _TRACE_ID,
            trace_id >> 64,
            trace_id & _WORD,
            _SPAN_ID,
            span.span_id,
            _PARENT_ID,
            span.parent_id,
        )
    else:
        ids = _ROOT(_TRACE_ID, trace_id >> 64, trace_id & _WORD, _SPAN_ID, span.span_id)
    kind = span.kind._value_  # `value` is a slow property before Python 3.12
    pieces = [
        ids,
        _names[kind].get(span.name) or _name(span.name, kind),
        _TIMES(_BEGUN, span.begun_ns, _ENDED, span.ended_ns),
        _SPAN_FLAGS[span.remote_parent],
    ]
    fixed = span.fixed
    own = span.attributes
    if fixed is not None:
        if own and not own.keys().isdisjoint(fixed.attributes):
            own = {**fixed.attributes, **own}
        else:
            pieces.append(fixed.encoded or _fixed(fixed))
    if own:
        _attributes(own, pieces)
    if span.description:
        pieces.append(data(15, text(2, span.description) + varint_field(3, span.status)))
    else:
        pieces.append(_STATUS[span.status])
    if span.events:
        pieces += [data(11, _event(event)) for event in span.events]
    if span.links:
        pieces += [data(13, _link(link)) for link in span.links]
    if span.trace_state:
        pieces.append(_state(span.trace_state))
    if span.dropped_attributes or span.dropped_events or span.dropped_links:
        pieces.append(varint_field(10, span.dropped_attributes))
        pieces.append(varint_field(12, span.dropped_events))
        pieces.append(varint_field(14, span.dropped_links))
    return b"".join(pieces)


def _attributes(given: Mapping[str, Any], pieces: list[bytes]) -> None:
    """`attributes` of a span, with a short way for the values that most attributes have."""
    short, known = _SHORT, HEADS.get
    for name, value in given.items():
        before = known(name) or head(name)
        cls = value.__class__
        if cls is str:
            try:
                encoded = value.encode()
            except UnicodeEncodeError:
                encoded = value.encode(errors="backslashreplace")
            size = len(encoded)
            if size < 126:  # noqa: PLR2004  # its lengths are of one byte
                pieces += short[len(before) + 2 + size + 1], before, _TEXT[size], encoded
                continue
        elif cls is int:
            if 0 <= value < 128:  # noqa: PLR2004
                pieces += short[len(before) + 3], before, _NUMBER[value]
                continue
        elif cls is float:
            pieces += short[len(before) + 10], before, _DOUBLE(9, 0x21, value)
            continue
        elif cls is bool:
            pieces += short[len(before) + 3], before, _YES if value else _NO
            continue
        pieces.append(data(_ATTRIBUTE, key_value(name, value)))


def _fixed(fixed: Fixed) -> bytes:
    fixed.encoded = encoded = attributes(_ATTRIBUTE, fixed.attributes.items())
    return encoded


def _name(name: str, kind: int) -> bytes:
    encoded = (text(5, name) if name else b"") + varint_field(6, kind + 1)
    if len(encoded) <= _LONGEST_NAME:
        names = _names[kind]
        if len(names) >= _MOST_NAMES:
            names.clear()
        names[name] = encoded
    return encoded


def _event(event: Event) -> bytes:
    parts = [b"\x09", struct.pack("<Q", event.at_ns), text(2, event.name)]
    if event.attributes:
        parts.append(attributes(3, event.attributes.items()))
    if event.dropped_attributes:
        parts.append(varint_field(4, event.dropped_attributes))
    return b"".join(parts)


def _link(link: LinkTo) -> bytes:
    context: SpanContext = link.context
    parts = [
        _ROOT(
            _TRACE_ID,
            context.trace_id >> 64,
            context.trace_id & _WORD,
            _SPAN_ID,
            context.span_id,
        ),
        _LINK_FLAGS[context.is_remote],
    ]
    if context.trace_state:
        parts.append(_state(context.trace_state))
    if link.attributes:
        parts.append(attributes(4, link.attributes.items()))
    if link.dropped_attributes:
        parts.append(varint_field(5, link.dropped_attributes))
    return b"".join(parts)


def _state(state: TraceState) -> bytes:
    """The trace state: of a span and of a link it is the same field."""
    return text(3, state.to_header())
