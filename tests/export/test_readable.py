"""Light spans for exporters of OpenTelemetry's SDK."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from threading import Event
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceState

from agentmon.export.readable import Exporter, readable
from agentmon.tracing.span import Fixed, Library, LightSpan
from tests.export.otlp.test_spans import made


class Patient:
    def left(self) -> float | None:
        return None

    def pause(self, seconds: float) -> None:
        pass


class Counted:
    """An exporter and what is counted of it."""

    def __init__(self, exporter: Any) -> None:
        self.counted: Counter[str] = Counter()
        self.ship = Exporter(exporter, lambda: {"service.name": "desk"}, self._count)

    def _count(self, reason: str, n: int) -> None:
        self.counted[reason] += n

    def export(self, *spans: LightSpan) -> None:
        self.ship(list(spans), Patient())


def test_everything_of_a_span_can_be_read() -> None:
    """Name, ids, times, attributes, events, links, status and who made it are all there."""
    ended: list[LightSpan] = []
    span = LightSpan(
        "triage", SpanKind.CLIENT, Library("lib", "2", "https://s", (("k", 1),)), 5, 6, 7, 1, 10,
        ended.append,
    )  # fmt: skip
    span.fixed = Fixed({"a": 1, "b": "shared"})
    span.remote_parent = True
    span.trace_state = TraceState([("vendor", "x")])
    span.set_attribute("b", "own")
    span.add_event("seen", {"n": 1}, 15)
    span.add_link(SpanContext(8, 9, is_remote=True), {"why": "handoff"})
    span.set_status(StatusCode.ERROR, "no")
    span.dropped_attributes, span.dropped_events, span.dropped_links = 1, 2, 3
    span.end(20)
    got = readable(ended[0], Resource({"service.name": "desk"}))
    assert (got.name, got.kind, got.start_time, got.end_time) == ("triage", SpanKind.CLIENT, 10, 20)
    assert got.context == span.get_span_context()
    assert got.parent is not None
    assert (got.parent.trace_id, got.parent.span_id, got.parent.is_remote) == (5, 7, True)
    assert got.parent.trace_state == {"vendor": "x"}
    assert dict(got.attributes or {}) == {"a": 1, "b": "own"}
    assert [(e.name, e.timestamp, dict(e.attributes or {})) for e in got.events] == [
        ("seen", 15, {"n": 1})
    ]
    assert [(k.context.span_id, dict(k.attributes or {})) for k in got.links] == [
        (9, {"why": "handoff"})
    ]
    assert (got.status.status_code, got.status.description) == (StatusCode.ERROR, "no")
    assert (got.dropped_attributes, got.dropped_events, got.dropped_links) == (1, 2, 3)
    scope = got.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == ("lib", "2", "https://s")
    assert dict(scope.attributes or {}) == {"k": 1}
    assert got.resource.attributes == {"service.name": "desk"}


def test_the_shortest_span_can_be_read() -> None:
    """A root without anything has no parent, no attributes and no status."""
    got = readable(made(), Resource({}))
    assert got.parent is None
    assert not got.attributes
    assert not got.events
    assert not got.links
    assert got.status.status_code is StatusCode.UNSET
    assert json.loads(got.to_json())["name"] == "triage"


def test_any_exporter_gets_them() -> None:
    """Exporters that come with the SDK take them as their own."""
    memory = InMemorySpanExporter()
    it = Counted(memory)
    it.export(made(), made(span_id=3))
    console = StringIO()
    Counted(ConsoleSpanExporter(out=console)).export(made(name="on the console"))
    assert [span.context.span_id for span in memory.get_finished_spans()] == [2, 3]
    assert memory.get_finished_spans()[0].resource.attributes == {"service.name": "desk"}
    assert "on the console" in console.getvalue()
    assert not it.counted


class _Rude(SpanExporter):
    """Does whatever it is given to do."""

    def __init__(self, does: Any) -> None:
        self.does = does
        self.calls: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.does()  # type: ignore[no-any-return]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.calls.append("flush")
        return True

    def shutdown(self) -> None:
        self.calls.append("shutdown")


def test_what_an_exporter_fails_with_is_counted() -> None:
    """A batch that an exporter reports as failed is counted."""
    it = Counted(_Rude(lambda: SpanExportResult.FAILURE))
    it.export(made(), made())
    assert it.counted == {"span_export_failed": 2}


def test_an_exporter_that_says_nothing_has_succeeded() -> None:
    """An exporter that forgets to return a result has no complaint."""
    it = Counted(_Rude(lambda: None))
    it.export(made())
    assert not it.counted


def test_an_exporter_that_raises_is_counted_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What an exporter raises goes no further than to the log, once."""

    def fail() -> None:
        raise RuntimeError("no")

    it = Counted(_Rude(fail))
    for _ in range(3):
        it.export(made(), made())
    assert it.counted == {"span_export_failed": 6}
    assert [record.getMessage() for record in caplog.records] == [
        "agentmon: _Rude failed; said once"
    ]


def test_a_span_that_cannot_be_read_harms_no_other() -> None:
    """What somebody broke is counted, and the rest is exported."""
    memory = InMemorySpanExporter()
    it = Counted(memory)
    it.export(made(), made(attributes=5), made())
    assert it.counted == {"span_export_failed": 1}
    assert len(memory.get_finished_spans()) == 2


def test_exporting_makes_no_spans() -> None:
    """While an exporter works, instrumented libraries see that they shall make no spans."""
    seen: list[object] = []
    Counted(_Rude(lambda: seen.append(context.get_value("suppress_instrumentation")))).export(
        made()
    )
    assert seen == [True]


def test_an_exporter_is_flushed_and_shut_down_once() -> None:
    """At the end an exporter is told so, in the order that the SDK has."""
    exporter = _Rude(lambda: None)
    it = Counted(exporter)
    it.ship.close(5)
    it.ship.close(5)
    assert exporter.calls == ["flush", "shutdown"]


def test_an_exporter_that_does_not_end_holds_up_nobody() -> None:
    """Shutting down returns in its time, even if the exporter never does."""
    gate = Event()
    exporter = _Rude(lambda: None)
    exporter.shutdown = lambda: gate.wait(120)  # type: ignore[method-assign]
    it = Counted(exporter)
    begun = time.monotonic()
    it.ship.close(0.1)
    assert time.monotonic() - begun < 60
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "agentmon-shutdown":
            thread.join(30)
