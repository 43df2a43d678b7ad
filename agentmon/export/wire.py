"""
The primitives of protobuf's wire format: what each writer of messages puts together.

Source: Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

__all__ = [
    "data",
    "double",
    "fixed64",
    "key",
    "packed_signed",
    "text",
    "varint",
    "varint_field",
    "zigzag",
]

_DOUBLE = struct.Struct("<d").pack
_FIXED64 = struct.Struct("<Q").pack
_SMALL = [bytes((n,)) for n in range(128)]
_WORD = (1 << 64) - 1


def varint(n: int) -> bytes:
    """A whole number of 0 or more, 7 bits a byte; a negative one as its 64-bit complement."""
    if 0 <= n < 128:  # noqa: PLR2004  # what fits into one byte
        return _SMALL[n]
    n &= _WORD
    out = bytearray()
    while n > 127:  # noqa: PLR2004  # likewise
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def key(number: int, wire_type: int) -> bytes:
    """What stands before a value: 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32."""
    return varint(number << 3 | wire_type)


def varint_field(number: int, n: int) -> bytes:
    """A field of type int32, int64, uint32, uint64, bool or enum."""
    return key(number, 0) + varint(n)


def zigzag(n: int) -> int:
    """A signed number as sint32 and sint64 spell it, for `varint_field`."""
    return (n << 1) ^ (n >> 63)


def packed_signed(number: int, values: Iterable[int]) -> bytes:
    """A repeated field of type sint32 or sint64, all of it in one."""
    spelt = [(n << 1) ^ (n >> 63) for n in values]
    return data(number, b"".join([_SMALL[n] if n < 128 else varint(n) for n in spelt]))  # noqa: PLR2004  # as above


def fixed64(number: int, n: int) -> bytes:
    """A field of type fixed64, or of sfixed64 where the number is not negative."""
    return key(number, 1) + _FIXED64(n)


def double(number: int, value: float) -> bytes:
    """A field of type double."""
    return key(number, 1) + _DOUBLE(value)


def data(number: int, value: bytes) -> bytes:
    """A field of type bytes, or an encoded message."""
    return key(number, 2) + varint(len(value)) + value


def text(number: int, value: str) -> bytes:
    r"""A field of type string; a lone surrogate is written as its escape, such as ``\\udc80``."""
    return data(number, value.encode(errors="backslashreplace"))
