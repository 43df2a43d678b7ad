"""
What all signals of OTLP have in common, as bytes: values, attributes, resource and scope.

No message object is built: an attribute is a handful of lengths around its key and its value.

Source: opentelemetry-proto 1.x, common.proto and resource.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agentmon.export.wire import data, double, key, text, varint, varint_field
from agentmon.tracing.span import Library

__all__ = [
    "HEADS",
    "MOST_BYTES",
    "Request",
    "any_value",
    "attributes",
    "head",
    "key_value",
    "resource",
    "scope",
]

#: A request is cut here, because a collector takes 4 MiB by gRPC unless told otherwise.
MOST_BYTES: Final = 3 * 1024 * 1024

#: Containers within containers; deeper ones are written as text, for readers of protobuf give up
#: at a hundred levels and would refuse the whole request.
_DEEPEST: Final = 16
_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1

#: What `head` has made, by key. Instrumentation uses few keys again and again; a host that makes up
#: new ones all the time empties it from time to time.
HEADS: dict[str, bytes] = {}
_MOST_HEADS: Final = 4096
_LONGEST_HEAD: Final = 256

_TRUE: Final = varint_field(2, 1)
_FALSE: Final = varint_field(2, 0)


class Request(NamedTuple):
    """
    What is sent at once.

    Args:
        body: An ``Export...ServiceRequest``.
        items: How many spans, records or points are in it.
    """

    body: bytes
    items: int


def any_value(value: object) -> bytes:
    """
    An AnyValue.

    Args:
        value: None, text, bytes, a bool, a number, or a sequence or mapping of such; anything else
            is written as its text, and so is a whole number of more than 64 bits.

    Guarantees:
        It never raises.
    """
    return _any_value(value, _DEEPEST)


def _any_value(value: Any, deeper: int) -> bytes:  # noqa: PLR0911  # one for each kind of value
    if isinstance(value, str):
        return text(1, value)
    if value is None:
        return b""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        if _LOWEST <= value <= _HIGHEST:
            return varint_field(3, value)
        return text(1, _text(value))
    if isinstance(value, float):
        return double(4, value)
    if isinstance(value, bytes | bytearray):
        return data(7, bytes(value))
    try:
        if deeper and isinstance(value, Mapping):
            return data(
                6,
                b"".join([data(1, _key_value(_text(k), v, deeper - 1)) for k, v in value.items()]),
            )
        if deeper and isinstance(value, Sequence):
            return data(5, b"".join([data(1, _any_value(each, deeper - 1)) for each in value]))
    except Exception:  # noqa: BLE001, S110  # a container of the host, which may do anything
        pass
    return text(1, _text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # an object of the host; or a number of too many digits
        return f"<{type(value).__name__}>"


def key_value(name: str, value: object) -> bytes:
    """A KeyValue."""
    return _key_value(name, value, _DEEPEST)


def _key_value(name: str, value: object, deeper: int) -> bytes:
    encoded = _any_value(value, deeper)
    return head(name) + varint(len(encoded)) + encoded


def head(name: str) -> bytes:
    """A KeyValue up to the length of its value."""
    known = HEADS.get(name)
    if known is None:
        known = text(1, name) + key(2, 2)
        if len(known) <= _LONGEST_HEAD:
            if len(HEADS) >= _MOST_HEADS:
                HEADS.clear()
            HEADS[name] = known
    return known


def attributes(number: int, given: Iterable[tuple[str, object]]) -> bytes:
    """
    Attributes as a repeated field of the message that has them.

    Args:
        number: Number of that field.
        given: Keys and values, such as the items of a mapping.
    """
    return b"".join([data(number, key_value(name, value)) for name, value in given])


def resource(given: Mapping[str, object]) -> bytes:
    """A Resource with these attributes."""
    return attributes(1, given.items())


def scope(library: Library) -> bytes:
    """
    An InstrumentationScope.

    The schema's URL is not in it: that belongs to what holds the scope.
    """
    return (
        (text(1, library.name) if library.name else b"")
        + (text(2, library.version) if library.version else b"")
        + attributes(3, library.attributes)
    )
