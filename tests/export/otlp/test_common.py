"""Values, attributes, resource and scope as OTLP's bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import (
    _encode_instrumentation_scope,
    _encode_key_value,
    _encode_resource,
    _encode_value,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.sdk.resources import Resource as SDKResource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as SDKScope

from agentmon.export.otlp import common
from agentmon.tracing.span import Library
from tests.export.otlp.strategies import ATTRIBUTES, KEYS, VALUES


@given(VALUES)
def test_a_value_is_what_the_sdk_makes_of_it(value: Any) -> None:
    """Text, bytes, numbers and collections of them parse to what the SDK's encoder gives."""
    parsed = AnyValue.FromString(common.any_value(value))
    assert parsed.SerializeToString() == _encode_value(value).SerializeToString()


@given(KEYS, VALUES)
def test_a_pair_is_what_the_sdk_makes_of_it(key: str, value: Any) -> None:
    """A key and its value parse to what the SDK's encoder gives, however often they come."""
    for _ in range(2):
        parsed = KeyValue.FromString(common.key_value(key, value))
        assert parsed.SerializeToString() == _encode_key_value(key, value).SerializeToString()


@given(ATTRIBUTES)
def test_a_resource_is_what_the_sdk_makes_of_it(attributes: dict[str, Any]) -> None:
    """A resource parses to what the SDK's encoder gives."""
    parsed = Resource.FromString(common.resource(attributes))
    expected = Resource(attributes=[_encode_key_value(k, v) for k, v in attributes.items()])
    assert parsed.SerializeToString() == expected.SerializeToString()


def test_a_resource_of_the_sdk() -> None:
    """The attributes of a resource of the SDK give that resource."""
    given = SDKResource({"service.name": "desk", "process.pid": 7})
    parsed = Resource.FromString(common.resource(given.attributes))
    assert parsed == _encode_resource(given)


@given(st.text(), st.text(), ATTRIBUTES)
def test_a_scope_is_what_the_sdk_makes_of_it(
    name: str, version: str, attributes: dict[str, Any]
) -> None:
    """A library parses to the scope that the SDK's encoder gives."""
    library = Library(name, version, "https://schema", tuple(attributes.items()))
    parsed = InstrumentationScope.FromString(common.scope(library))
    expected = _encode_instrumentation_scope(SDKScope(name, version, "https://schema"))
    expected.attributes.extend(_encode_key_value(k, v) for k, v in attributes.items())
    assert parsed.SerializeToString() == expected.SerializeToString()


class _Rude:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 << 63, AnyValue(string_value=str(1 << 63))),
        (-(1 << 63) - 1, AnyValue(string_value=str(-(1 << 63) - 1))),
        (10**5000, AnyValue(string_value="<int>")),
        ("a\udc80", AnyValue(string_value="a\\udc80")),
        (1j, AnyValue(string_value="1j")),
        (_Rude(), AnyValue(string_value="<_Rude>")),
        (bytearray(b"x"), AnyValue(bytes_value=b"x")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_encoder_can_write_is_written_as_text(value: object, expected: AnyValue) -> None:
    """Numbers beyond 64 bits, lone surrogates and foreign objects become text; nothing raises."""
    assert AnyValue.FromString(common.any_value(value)) == expected


def test_deep_containers_can_be_read() -> None:
    """A container within very many others is written as text, so that readers do not give up."""
    value: object = "core"
    for n in range(500):
        value = {"k": value} if n % 2 else [value]
    parsed = AnyValue.FromString(common.any_value(value))
    levels = 0
    while parsed.WhichOneof("value") != "string_value":
        levels += 1
        array = parsed.WhichOneof("value") == "array_value"
        parsed = parsed.array_value.values[0] if array else parsed.kvlist_value.values[0].value
    assert levels == 16
    assert "core" in parsed.string_value


def test_a_container_that_contains_itself_ends() -> None:
    """A list within itself is written to some depth."""
    endless: list[object] = []
    endless.append(endless)
    AnyValue.FromString(common.any_value(endless))


def test_the_keys_that_are_kept_are_bounded() -> None:
    """A host that makes up keys does not make the memory grow."""
    for n in range(10_000):
        common.key_value(f"made.up.{n}", n)
        common.key_value(f"{'long' * 100}.{n}", n)
    assert len(common.HEADS) <= 4096
    assert max(map(len, common.HEADS)) < 256
