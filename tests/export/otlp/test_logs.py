"""Log records as OTLP's bytes, compared with what OpenTelemetry's SDK makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord as APIRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as ProtoRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)

from agentmon.export.otlp import common, logs
from agentmon.tracing.log import LogRecord
from agentmon.tracing.span import Library
from tests.export.otlp.strategies import ATTRIBUTES

RESOURCE = Resource({"service.name": "desk", "host.cpus": 2})
RESOURCE_BYTES = common.resource(RESOURCE.attributes)
USUAL = LogRecord(
    "exception", 10, 13, "WARN", "it failed", {"a": 1}, 7 << 64 | 1, 2, 1, Library("agentmon", "1")
)

_IDS = st.just((0, 0)) | st.tuples(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1))


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    """A record with anything in it."""
    trace_id, span_id = draw(_IDS)
    return LogRecord(
        draw(st.text(max_size=100)),
        draw(st.integers(0, (1 << 63) - 1)),
        draw(st.integers(0, 24)),
        draw(st.text(max_size=20)),
        draw(st.text(max_size=300)),
        draw(ATTRIBUTES),
        trace_id,
        span_id,
        draw(st.integers(0, 255)) if trace_id else 0,
        draw(
            st.sampled_from(
                [
                    Library("agentmon", "1"),
                    Library("agentmon", "1", "https://schema"),
                    Library("x", "", "", (("k", 1),)),
                ]
            )
        ),
    )


def parsed(given: Sequence[LogRecord]) -> ExportLogsServiceRequest:
    """Our bytes, read."""
    requests, failed = logs.encode(given, RESOURCE_BYTES)
    assert failed == 0
    assert [request.items for request in requests] == [len(given)]
    return ExportLogsServiceRequest.FromString(requests[0].body)


def readable(record: LogRecord) -> ReadableLogRecord:
    """The same as the SDK has it."""
    context = SpanContext(
        record.trace_id, record.span_id, is_remote=False, trace_flags=TraceFlags(record.flags)
    )
    library = record.library
    return ReadableLogRecord(
        log_record=APIRecord(
            timestamp=record.at_ns,
            observed_timestamp=record.at_ns,
            context=set_span_in_context(NonRecordingSpan(context)),
            severity_text=record.severity_text or None,
            severity_number=SeverityNumber(record.severity),
            body=record.body or None,
            attributes=record.attributes,
            event_name=record.event or None,
        ),
        resource=RESOURCE,
        instrumentation_scope=InstrumentationScope(
            library.name, library.version, library.schema_url, dict(library.attributes)
        ),
    )


def only(request: ExportLogsServiceRequest) -> ProtoRecord:
    """The only record of a request."""
    return request.resource_logs[0].scope_logs[0].log_records[0]


@given(st.lists(records(), min_size=1, max_size=4))
def test_records_are_what_the_sdk_makes_of_them(given: list[LogRecord]) -> None:
    """Any records parse to exactly what the SDK's encoder gives for the same records."""
    expected = encode_logs([readable(record) for record in given])
    for resource in expected.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                if not record.body.WhichOneof("value"):  # nothing said is written as nothing
                    record.ClearField("body")
    assert parsed(given).SerializeToString(deterministic=True) == expected.SerializeToString(
        deterministic=True
    )


def test_all_of_a_record_arrives() -> None:
    """Each part of a record is where a reader looks for it."""
    record = only(parsed([USUAL]))
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (10, 10)
    assert (record.severity_number, record.severity_text) == (13, "WARN")
    assert record.body.string_value == "it failed"
    assert [(each.key, each.value.int_value) for each in record.attributes] == [("a", 1)]
    assert record.trace_id == (7 << 64 | 1).to_bytes(16, "big")
    assert record.span_id == (2).to_bytes(8, "big")
    assert (record.flags, record.event_name) == (1, "exception")


def test_what_a_record_has_not_is_left_out() -> None:
    """A record without severity, body and trace has no such fields."""
    bare = USUAL._replace(severity=0, severity_text="", body="", trace_id=0, span_id=0, flags=0)
    record = only(parsed([bare]))
    assert not record.HasField("body")
    assert (record.trace_id, record.span_id, record.severity_number) == (b"", b"", 0)


def test_the_schema_is_that_of_the_scope() -> None:
    """The schema's URL stands beside the scope of its library."""
    request = parsed([USUAL._replace(library=Library("agentmon", "1", "https://schema"))])
    assert request.resource_logs[0].scope_logs[0].schema_url == "https://schema"


def test_records_of_one_library_are_together() -> None:
    """Libraries that are equal share a scope."""
    other = USUAL._replace(library=Library("other", "1"))
    same = USUAL._replace(library=Library("agentmon", "1"))
    scopes = parsed([USUAL, other, same]).resource_logs[0].scope_logs
    assert [(each.scope.name, len(each.log_records)) for each in scopes] == [
        ("agentmon", 2),
        ("other", 1),
    ]


@pytest.mark.parametrize("broken", [{"at_ns": "now"}, {"trace_id": -1}, {"attributes": None}])
def test_a_record_that_is_none_is_counted(broken: dict[str, Any]) -> None:
    """What cannot be encoded is counted, and the others go."""
    requests, failed = logs.encode([USUAL, USUAL._replace(**broken), USUAL], RESOURCE_BYTES)
    assert (failed, [request.items for request in requests]) == (1, [2])


def test_requests_are_cut_before_they_are_too_large() -> None:
    """Many large records are several requests, each small enough for gRPC."""
    large = USUAL._replace(body="x" * 1024 * 1024)
    requests, failed = logs.encode([large] * 7, RESOURCE_BYTES)
    assert failed == 0
    assert [request.items for request in requests] == [2, 2, 2, 1]
    assert all(len(request.body) < common.MOST_BYTES + 1000 for request in requests)
    read = [ExportLogsServiceRequest.FromString(request.body) for request in requests]
    assert sum(len(each.resource_logs[0].scope_logs[0].log_records) for each in read) == 7


def test_nothing_is_no_request() -> None:
    """Without records there is nothing to send."""
    assert logs.encode([], RESOURCE_BYTES) == ([], 0)
