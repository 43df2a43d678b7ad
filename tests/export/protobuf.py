"""Prometheus' protobuf messages, from a description of them: what reads them back in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32  # type: ignore[attr-defined]

__all__ = ["families"]

_TYPES = {
    "string": 9, "double": 1, "uint64": 4, "uint32": 13, "sint32": 17, "sint64": 18, "enum": 14,
    "int64": 3, "int32": 5,
}  # fmt: skip
_OPTIONAL, _REPEATED = 1, 3
#: Messages and their fields, as in metrics.proto of prometheus/client_model.
_MESSAGES: dict[str, list[tuple[int, str, str, bool]]] = {
    "LabelPair": [(1, "name", "string", False), (2, "value", "string", False)],
    "Timestamp": [(1, "seconds", "int64", False), (2, "nanos", "int32", False)],
    "Exemplar": [
        (1, "label", "LabelPair", True),
        (2, "value", "double", False),
        (3, "timestamp", "Timestamp", False),
    ],
    "Gauge": [(1, "value", "double", False)],
    "Counter": [(1, "value", "double", False), (2, "exemplar", "Exemplar", False)],
    "Bucket": [
        (1, "cumulative_count", "uint64", False),
        (2, "upper_bound", "double", False),
        (3, "exemplar", "Exemplar", False),
    ],
    "BucketSpan": [(1, "offset", "sint32", False), (2, "length", "uint32", False)],
    "Histogram": [
        (1, "sample_count", "uint64", False),
        (2, "sample_sum", "double", False),
        (3, "bucket", "Bucket", True),
        (5, "schema", "sint32", False),
        (6, "zero_threshold", "double", False),
        (7, "zero_count", "uint64", False),
        (12, "positive_span", "BucketSpan", True),
        (13, "positive_delta", "sint64", True),
        (16, "exemplars", "Exemplar", True),
    ],
    "Metric": [
        (1, "label", "LabelPair", True),
        (2, "gauge", "Gauge", False),
        (3, "counter", "Counter", False),
        (7, "histogram", "Histogram", False),
    ],
    "MetricFamily": [
        (1, "name", "string", False),
        (2, "help", "string", False),
        (3, "type", "int32", False),
        (4, "metric", "Metric", True),
    ],
}


def _made() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="metrics.proto", package="tests", syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind, repeated in fields:
            added = message.field.add(name=field, number=number)
            added.label = _REPEATED if repeated else _OPTIONAL
            if kind in _TYPES:
                added.type = _TYPES[kind]
            else:
                added.type = 11
                added.type_name = f".tests.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tests.MetricFamily"))


_FAMILY = _made()


def families(body: bytes) -> Iterator[Any]:
    """The families of an answer, each with its length before it."""
    at = 0
    while at < len(body):
        length, at = _DecodeVarint32(body, at)
        family = _FAMILY()
        family.ParseFromString(body[at : at + length])
        yield family
        at += length
    assert at == len(body)
