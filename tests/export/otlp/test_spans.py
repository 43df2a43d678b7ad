"""Ended spans as OTLP's bytes, compared with what OpenTelemetry's SDK makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanContext, SpanKind, TraceState

from agentmon.export.otlp import common, spans
from agentmon.export.readable import readable
from agentmon.tracing.span import Fixed, Library, LightSpan
from tests.export.otlp.strategies import light_spans

RESOURCE = Resource({"service.name": "desk", "host.cpus": 2})
RESOURCE_BYTES = common.resource(RESOURCE.attributes)


def made(**changes: Any) -> LightSpan:
    """An ended span, changed."""
    span = LightSpan(
        "triage", SpanKind.INTERNAL, Library("agentmon", "1"), 7 << 64 | 1, 2, 0, 1, 10, print
    )
    span.ended_ns = 20
    for name, value in changes.items():
        setattr(span, name, value)
    return span


def parsed(given: Sequence[LightSpan]) -> ExportTraceServiceRequest:
    """Our bytes, read."""
    requests, failed = spans.encode(given, RESOURCE_BYTES)
    assert failed == 0
    assert [request.items for request in requests] == [len(given)]
    return ExportTraceServiceRequest.FromString(requests[0].body)


def expected(given: Sequence[LightSpan]) -> ExportTraceServiceRequest:
    """What the SDK makes of the same spans."""
    request = encode_spans([readable(span, RESOURCE) for span in given])
    # The SDK leaves out the trace state of what is linked; OTLP has a field for it.
    by_id: dict[bytes, LightSpan] = {span.span_id.to_bytes(8, "big"): span for span in given}
    for scope in request.resource_spans[0].scope_spans:
        for span in scope.spans:
            for link, ours in zip(span.links, by_id[span.span_id].links or (), strict=True):
                link.trace_state = ours.context.trace_state.to_header()
    return request


def only(request: ExportTraceServiceRequest) -> ProtoSpan:
    """The only span of a request."""
    return request.resource_spans[0].scope_spans[0].spans[0]


@given(
    st.lists(light_spans(), min_size=1, max_size=4, unique_by=lambda span: span.span_id),
)
def test_spans_are_what_the_sdk_makes_of_them(given: list[LightSpan]) -> None:
    """Any spans parse to exactly what the SDK's encoder gives for the same spans."""
    assert parsed(given).SerializeToString(deterministic=True) == expected(given).SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("remote", [False, True])
def test_flags_say_whether_the_parent_is_remote(remote: bool) -> None:
    """A reader learns that the place of the parent is known, and whether it is elsewhere."""
    span = only(parsed([made(parent_id=9, remote_parent=remote)]))
    assert span.flags == (0x300 if remote else 0x100)
    assert span.parent_span_id == (9).to_bytes(8, "big")


def test_what_a_span_sets_itself_wins_over_what_is_shared() -> None:
    """An attribute of the operation that the span sets again stands there once, with its value."""
    fixed = Fixed({"a": 1, "b": "shared"})
    first = only(parsed([made(fixed=fixed)]))
    second = only(parsed([made(fixed=fixed, attributes={"b": "own", "c": 2.5})]))
    assert {a.key: a.value.string_value or a.value.int_value for a in first.attributes} == {
        "a": 1,
        "b": "shared",
    }
    assert [a.key for a in second.attributes] == ["a", "b", "c"]
    assert second.attributes[1].value.string_value == "own"


def test_spans_are_grouped_by_library() -> None:
    """Spans of equal libraries stand in one group, also when the objects are not the same."""
    one, same, other = Library("a", "1"), Library("a", "1"), Library("a", "1", "https://schema")
    request = parsed([made(library=each) for each in (one, other, same, one)])
    assert len(request.resource_spans) == 1
    groups = [
        (g.scope.name, g.schema_url, len(g.spans)) for g in request.resource_spans[0].scope_spans
    ]
    assert groups == [("a", "", 3), ("a", "https://schema", 1)]


def test_the_trace_state_of_what_is_linked_is_kept() -> None:
    """A link carries the trace state that it was given."""
    span = made()
    span.ended_ns = 0
    span.add_link(SpanContext(1, 2, is_remote=True, trace_state=TraceState([("k", "v")])))
    span.ended_ns = 20
    assert only(parsed([span])).links[0].trace_state == "k=v"


def test_large_batches_are_cut() -> None:
    """Spans that are too large for one request are sent in several, each once and in order."""
    given = [made(span_id=n + 1, attributes={"prompt": "x" * 100_000}) for n in range(100)]
    requests, failed = spans.encode(given, RESOURCE_BYTES)
    assert failed == 0
    assert len(requests) == 4
    assert sum(request.items for request in requests) == 100
    assert max(len(request.body) for request in requests) < common.MOST_BYTES + 2000
    ids = [
        span.span_id
        for request in requests
        for span in ExportTraceServiceRequest.FromString(request.body)
        .resource_spans[0]
        .scope_spans[0]
        .spans
    ]
    assert ids == [(n + 1).to_bytes(8, "big") for n in range(100)]


def test_one_span_that_is_too_large_goes_alone() -> None:
    """A span larger than a request should be is not lost, and delays no other."""
    given = [made(), made(attributes={"prompt": "x" * (common.MOST_BYTES + 1)}), made()]
    requests, _ = spans.encode(given, RESOURCE_BYTES)
    assert [request.items for request in requests] == [1, 1, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"begun_ns": -1},
        {"begun_ns": 1.5},
        {"ended_ns": 1 << 64},
        {"name": 5},
        {"kind": "client"},
        {"span_id": 1 << 64},
        {"trace_state": "no trace state"},
    ],
    ids=str,
)
def test_a_span_that_cannot_be_written_harms_no_other(changes: dict[str, Any]) -> None:
    """What somebody broke is counted, and the rest of the batch is sent."""
    requests, failed = spans.encode([made(), made(**changes), made()], RESOURCE_BYTES)
    assert failed == 1
    assert [request.items for request in requests] == [2]


def test_text_that_is_no_unicode_can_be_read() -> None:
    """Halves of characters are written as their escapes, wherever text stands."""
    span = only(parsed([made(name="n\udc80", attributes={"k\udc80": "v\udc80"})]))
    assert span.name == "n\\udc80"
    assert span.attributes[0].key == "k\\udc80"
    assert span.attributes[0].value.string_value == "v\\udc80"


def test_no_spans_make_no_request() -> None:
    """Nothing is sent for nothing."""
    assert spans.encode([], RESOURCE_BYTES) == ([], 0)


class _Late(dict[str, Any]):
    """Attributes that another thread adds to while they are read for the first time."""

    reads = 0

    def items(self) -> Any:
        self.reads += 1
        if self.reads == 1:
            raise RuntimeError("dictionary changed size during iteration")
        return super().items()


def test_an_attribute_set_at_the_last_moment_loses_no_span() -> None:
    """A thread that sets an attribute just when the span is written does not make it fail."""
    assert len(only(parsed([made(attributes=_Late(a=1))])).attributes) == 1


def test_the_names_that_are_kept_are_bounded() -> None:
    """A host that makes up names of spans does not make the memory grow."""
    for n in range(5000):
        spans.encode([made(name=f"made up {n}")], RESOURCE_BYTES)
    assert max(map(len, spans._names)) <= 4096
