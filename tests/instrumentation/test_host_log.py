"""Log records on the logger provider of the host."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import _logs
from opentelemetry._logs import _internal
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import agentmon
from agentmon.instrumentation.host_log import to_host
from agentmon.tracing.log import LogRecord
from agentmon.tracing.span import Library

RECORD = LogRecord("exception", 10, 13, "WARN", "it failed", {"a": 1}, 7, 2, 1, Library("a", "1"))
SCORE = RECORD._replace(event="gen_ai.evaluation.result", severity=0, severity_text="", body="")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryLogRecordExporter]:
    """What a logger provider of the host gets."""
    got = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(got))
    monkeypatch.setattr(_internal, "_LOGGER_PROVIDER", provider)
    yield got
    provider.shutdown()


def test_records_reach_the_host_s_provider(exporter: InMemoryLogRecordExporter) -> None:
    """All of a record is handed on, with its trace and its library."""
    to_host(RECORD)
    (got,) = exporter.get_finished_logs()
    record = got.log_record
    assert (record.event_name, record.timestamp, record.body) == ("exception", 10, "it failed")
    assert (record.severity_number, record.severity_text) == (_logs.SeverityNumber.WARN, "WARN")
    assert dict(record.attributes or {}) == {"a": 1}
    assert (record.trace_id, record.span_id, int(record.trace_flags or 0)) == (7, 2, 1)
    assert (got.instrumentation_scope.name, got.instrumentation_scope.version) == ("a", "1")


def test_evaluations_reach_it_without_severity(exporter: InMemoryLogRecordExporter) -> None:
    """An event of the conventions has neither severity nor body."""
    to_host(SCORE)
    record = exporter.get_finished_logs()[0].log_record
    assert (record.severity_number, record.body) == (_logs.SeverityNumber.UNSPECIFIED, None)


def test_without_a_provider_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the host has set none, nothing is made and nothing raised."""
    monkeypatch.setattr(_internal, "_LOGGER_PROVIDER", None)
    to_host(RECORD)
    assert _internal._LOGGER_PROVIDER is None
    monkeypatch.delitem(__import__("sys").modules, "opentelemetry._logs")
    to_host(RECORD)


def test_failures_are_not_said_twice(exporter: InMemoryLogRecordExporter) -> None:
    """Where standard logging goes to OpenTelemetry too, failures go that way only."""

    class LoggingHandler(logging.NullHandler):
        pass

    LoggingHandler.__module__ = "opentelemetry.instrumentation.logging.handler"
    handler = LoggingHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        to_host(RECORD)
        to_host(SCORE)
        assert [each.log_record.event_name for each in exporter.get_finished_logs()] == [
            "gen_ai.evaluation.result"
        ]
        logging.getLogger("agentmon").propagate = False
        to_host(RECORD)
        assert len(exporter.get_finished_logs()) == 2
    finally:
        logging.getLogger("agentmon").propagate = True
        root.removeHandler(handler)


def test_configure_uses_the_host_s_provider(exporter: InMemoryLogRecordExporter) -> None:
    """Without any traces of ours, failures and scores go to the host's provider."""

    @agentmon.tool("search")
    def search() -> None:
        agentmon.score("found", 0)
        raise LookupError("password=hunter2")

    agentmon.configure()
    try:
        with suppress(LookupError):
            search()
    finally:
        agentmon.shutdown()
    score, failure = (each.log_record for each in exporter.get_finished_logs())
    assert score.event_name == "gen_ai.evaluation.result"
    given: dict[str, Any] = dict(failure.attributes or {})
    assert failure.event_name == "gen_ai.execute_tool.exception"
    assert given["exception.message"] == "password=[redacted secret]"


def test_traces_none_says_nothing(exporter: InMemoryLogRecordExporter) -> None:
    """Where traces are turned off, the host's provider gets nothing."""
    agentmon.configure(traces="none")
    try:
        with suppress(LookupError), agentmon.tool("t"):
            agentmon.score("found", 0)
            raise LookupError
    finally:
        agentmon.shutdown()
    assert exporter.get_finished_logs() == ()
