"""The primitives of protobuf, against the library that everybody reads it with."""

from __future__ import annotations

from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]
from google.protobuf.internal.wire_format import ZigZagEncode
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import (
    BytesValue,
    DoubleValue,
    Int64Value,
    StringValue,
    UInt64Value,
)
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentmon.export import wire


@given(st.integers(0, (1 << 64) - 1))
def test_whole_numbers(n: int) -> None:
    """A whole number of up to 64 bits is read as it was written."""
    assert UInt64Value.FromString(wire.varint_field(1, n)).value == n


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_negative_numbers(n: int) -> None:
    """A negative number is its complement of 64 bits, as int64 has it, and short as sint64."""
    assert Int64Value.FromString(wire.varint_field(1, n)).value == n
    assert wire.zigzag(n) == ZigZagEncode(n)


@given(st.integers(0, (1 << 64) - 1))
def test_fixed_numbers(n: int) -> None:
    """A time in nanoseconds has always eight bytes."""
    assert Span.FromString(wire.fixed64(7, n)).start_time_unix_nano == n
    assert len(wire.fixed64(7, n)) == 9


@given(st.floats())
def test_fractions(x: float) -> None:
    """A float is read to the bit, NaN and infinities too."""
    assert repr(DoubleValue.FromString(wire.double(1, x)).value) == repr(x)


@given(st.binary(max_size=300))
def test_bytes(value: bytes) -> None:
    """Bytes are read as they were written."""
    assert BytesValue.FromString(wire.data(1, value)).value == value


@given(st.text(max_size=300))
def test_text(value: str) -> None:
    """Text is read as it was written."""
    assert StringValue.FromString(wire.text(1, value)).value == value


@given(st.text(st.characters(categories=["Cs", "L"]), max_size=20))
def test_text_with_halves_of_characters(value: str) -> None:
    """Text that is no Unicode can be read all the same, with escapes in it."""
    got = StringValue.FromString(wire.text(1, value)).value
    assert got == value.encode(errors="backslashreplace").decode()


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=200), max_size=5))
def test_messages_within_messages(given_: dict[str, str]) -> None:
    """A message put into another is read there."""
    encoded = b"".join(
        wire.data(1, wire.text(1, key) + wire.data(2, wire.text(3, value)))
        for key, value in given_.items()
    )
    expected = Struct(fields={key: Value(string_value=value) for key, value in given_.items()})
    assert Struct.FromString(encoded) == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_packed_signed_numbers(values: list[int]) -> None:
    """Signed numbers packed into one field are those of protobuf's own encoder."""
    body = b"".join(_VarintBytes(ZigZagEncode(value)) for value in values)
    expected = BytesValue(value=body).SerializeToString() or b"\x0a\x00"
    assert wire.packed_signed(1, values) == expected
