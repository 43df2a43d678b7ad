"""What records of the host's own logs belong to."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace

import agentmon
from agentmon.testing import Recorded
from tests.instrumentation.recording import Spans, recording

NOTHING = {"trace_id": "", "span_id": "", "agent": "", "workflow": "", "operation": ""}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[logging.Logger]:
    """A logger of the host's, whose handler adds what its records belong to."""
    context = agentmon.LogContext()
    caplog.handler.addFilter(context)
    logger = logging.getLogger("host")
    with caplog.at_level(logging.INFO, "host"):
        yield logger
    caplog.handler.removeFilter(context)


def known(caplog: pytest.LogCaptureFixture, n: int = -1) -> dict[str, str]:
    """What a record was given."""
    record = caplog.records[n]
    return {name: getattr(record, name) for name in NOTHING}


def test_records_have_names_and_ids(
    recorded: Recorded, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Within calls a record has the names around it, and the ids where there are spans."""

    @agentmon.tool("search")
    def search() -> None:
        log.info("searching")

    with agentmon.workflow("night"), agentmon.agent("desk"):
        search()
        log.info("done")
    inner, outer = known(caplog, 0), known(caplog, 1)
    assert (inner["agent"], inner["workflow"]) == ("desk", "night")
    assert (inner["operation"], outer["operation"]) == ("tool search", "agent desk")
    assert inner["trace_id"] == outer["trace_id"]
    assert len(inner["trace_id"]) in (0, 32)
    if inner["trace_id"]:
        assert len(inner["span_id"]) == len(outer["span_id"]) == 16
        assert inner["span_id"] != outer["span_id"]


@pytest.mark.parametrize("mode", ["spans", "owned"])
def test_ids_are_those_of_the_span(
    mode: str, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """The ids are those of OpenTelemetry's current span, whoever made it."""
    with recording(mode), agentmon.agent("desk") as call:
        log.info("x")
        context = trace.get_current_span().get_span_context()
    assert known(caplog)["trace_id"] == call.trace_id == f"{context.trace_id:032x}"
    assert known(caplog)["span_id"] == f"{context.span_id:016x}"


def test_spans_of_the_host_count_without_any_call(
    spans: Spans, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Outside calls, and while nothing is recorded, a span of the host's gives its ids."""
    with spans.tracer.start_as_current_span("theirs") as span:
        log.info("x")
        assert agentmon.log_context()["span_id"] == f"{span.get_span_context().span_id:016x}"
    given = known(caplog)
    assert given["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert (given["agent"], given["operation"]) == ("", "")


def test_outside_everything_is_empty(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """A record that belongs to nothing has all attributes, empty: formats never fail."""
    log.info("x")
    assert known(caplog) == agentmon.log_context() == NOTHING


def test_what_a_record_has_already_stays(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Attributes that the host gave a record are not changed."""
    with recording("owned"), agentmon.agent("desk"):
        log.info("x", extra={"trace_id": "mine"})
    assert known(caplog)["trace_id"] == "mine"
    assert known(caplog)["agent"] == "desk"


def test_records_of_a_call_that_outlives_recording_are_empty(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Once recording is off, calls that are still open give no names."""
    handle = agentmon.agent("desk")
    with recording("metrics"):
        call = handle.begin()
        active = call.active()
        active.__enter__()
    log.info("x")
    active.__exit__(None, None, None)
    assert known(caplog) == NOTHING


def test_a_span_that_raises_is_no_reason_to_lose_a_record(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the host's span raises, the record goes without ids."""

    class Bad(trace.NonRecordingSpan):
        def get_span_context(self) -> trace.SpanContext:
            raise RuntimeError

    with trace.use_span(Bad(trace.INVALID_SPAN_CONTEXT)):
        log.info("x")
    assert known(caplog) == NOTHING


def test_every_record_passes() -> None:
    """As a filter it lets everything through."""
    record = logging.makeLogRecord({})
    assert agentmon.LogContext().filter(record)


def test_lines_of_json_can_be_correlated() -> None:
    """A program that logs lines of JSON finds all attributes in each line."""
    program = """
import json, logging, agentmon

class JSON(logging.Formatter):
    def format(self, record):
        return json.dumps({"message": record.getMessage(), "trace_id": record.trace_id,
                           "agent": record.agent, "operation": record.operation})

handler = logging.StreamHandler()
handler.addFilter(agentmon.LogContext())
handler.setFormatter(JSON())
logging.basicConfig(level=logging.INFO, handlers=[handler])
agentmon.configure()

@agentmon.agent("desk")
def desk():
    logging.getLogger("app").info("hello")

desk()
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert {"message": "hello", "trace_id": "", "agent": "desk", "operation": "agent desk"} in lines
