"""Failures from a decorated call to a collector, a log, the metrics and the status."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.request import urlopen

import pytest

import agentmon
from tests.servers.otlp import Collector, collector, status

SECRET = "sk-ant-api03-Zk3vQ9xT2mLr8sWn4bYc7dFg1hJp5uKe"  # noqa: S105  # nobody's


@pytest.fixture(params=["http", "grpc"])
def received(request: pytest.FixtureRequest) -> Iterator[Collector]:
    """A collector that a configured process exports to, by each protocol."""
    with collector() as one:
        agentmon.configure(service="e2e", serve="127.0.0.1:0", traces=one.address(request.param))
        try:
            yield one
        finally:
            agentmon.shutdown()


@agentmon.tool("search")
def search() -> None:
    """A tool that fails."""
    raise LookupError(f"no such customer, password={SECRET}")


@agentmon.agent("desk")
def desk() -> None:
    """An agent that fails because its tool does."""
    search()


def attributes(record: Any) -> dict[str, Any]:
    """The attributes of a record."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in record.attributes
    }


def test_a_failure_is_found_everywhere_by_its_trace_and_group(
    received: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Log line, record, span, metric and status of one failure have its trace and group."""
    with suppress(LookupError):
        desk()
    assert agentmon.flush(30)
    spans = {each.name: each for each in received.spans()}
    records = received.logs()
    assert [each.event_name for each in records] == ["gen_ai.execute_tool.exception", "exception"]
    lines: list[Any] = [each for each in caplog.records if each.name == "agentmon.failures"]
    for record, line, name in zip(
        records, lines, ("execute_tool search", "invoke_agent desk"), strict=True
    ):
        span, given = spans[name], attributes(record)
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
        assert (line.trace_id, line.span_id) == (span.trace_id.hex(), span.span_id.hex())
        assert given["agentmon.error.group"] == line.error_group
        assert given["exception.type"] == line.error_type == "LookupError"
        assert "password=[redacted" in given["exception.message"]
        assert record.time_unix_nano == span.end_time_unix_nano
    url = agentmon.endpoint()
    found = json.loads(urlopen(f"{url}/api/status").read())["error_groups"]
    assert {each["group"] for each in found} == {lines[0].error_group}
    assert {each["trace_id"] for each in found} == {lines[0].trace_id}
    metrics = urlopen(f"{url}/metrics").read().decode()
    assert (
        f'agentmon_error_group_failures_total{{service="e2e",error_group="{lines[0].error_group}"'
        in (metrics)
    )


def test_no_secret_leaves_with_a_record(received: Collector) -> None:
    """A key in the message of an exception is in no request for log records."""
    with suppress(LookupError):
        desk()
    assert agentmon.flush(30)
    assert received.logs()
    for request in received.kept("logs"):
        assert SECRET.encode() not in request.message.SerializeToString()


def test_scores_arrive_with_the_span_that_they_judge(received: Collector) -> None:
    """A score given after the call has ended is found at its span."""
    with agentmon.agent("desk") as call:
        pass
    agentmon.score("helpful", 1.0, label="thumbs up", call=call)
    assert agentmon.flush(30)
    (span,), (record,) = received.spans(), received.logs()
    assert record.event_name == "gen_ai.evaluation.result"
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert attributes(record) == {
        "gen_ai.evaluation.name": "helpful",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "thumbs up",
    }


def test_failures_need_not_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With failure_logs=False failures are in metrics and groups, not in logs; scores go still."""
    with collector() as one:
        agentmon.configure(traces=one.url, failure_logs=False)
        try:
            with suppress(LookupError):
                desk()
            agentmon.score("helpful", 1)
            assert agentmon.flush(30)
        finally:
            agentmon.shutdown()
        assert [each.event_name for each in one.logs()] == ["gen_ai.evaluation.result"]
    assert [each for each in caplog.records if each.name == "agentmon.failures"] == []


def test_spans_go_where_log_records_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """A collector that knows spans only gets them, and logs are told of once."""
    with collector() as one, collector() as deaf:
        deaf.behave(status(404))
        os.environ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] = f"{deaf.url}/v1/logs"
        os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{one.url}/v1/traces"
        try:
            agentmon.configure(traces="otlp")
            for _ in range(3):
                with suppress(LookupError):
                    desk()
                assert agentmon.flush(30)
        finally:
            agentmon.shutdown()
            del os.environ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]
            del os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        assert len(one.spans()) == 6
        assert len(deaf.requests) == 1
    warnings = [each for each in caplog.records if each.name == "agentmon"]
    assert [each.levelno for each in warnings if "log records" in each.getMessage()] == [
        logging.WARNING
    ]


def test_failures_are_logged_in_a_forked_child() -> None:
    """A child that fails logs and exports by itself, from the first failure on."""
    program = """
import os, sys, agentmon
agentmon.configure(traces=sys.argv[1])

@agentmon.agent("desk")
def desk():
    raise ValueError

def fail():
    try: desk()
    except ValueError: pass

for _ in range(9): fail()
pid = os.fork()
if not pid:
    fail()
    os._exit(0 if agentmon.flush(30) else 1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert agentmon.flush(30)
sys.exit(code)
"""
    with collector() as one:
        subprocess.run([sys.executable, "-c", program, one.url], check=True, timeout=120)
        by_process = [
            sum(len(scope.log_records) for scope in request.message.resource_logs[0].scope_logs)
            for request in one.kept("logs")
        ]
    assert sorted(by_process) == [1, 5] or sum(by_process) == 6
