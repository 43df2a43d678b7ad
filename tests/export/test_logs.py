"""Log records on their way to real collectors, by HTTP and gRPC."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentmon.export.logs import LogExport
from agentmon.export.otlp.destination import destination
from agentmon.tracing.log import LogRecord
from agentmon.tracing.span import Library
from tests.servers.otlp import Collector, collector, partial, status

PROTOCOLS = ("http", "grpc")
RECORD = LogRecord("exception", 10, 13, "WARN", "it failed", {"a": 1}, 7, 2, 1, Library("a", "1"))


@pytest.fixture
def receiver() -> Iterator[Collector]:
    """A collector."""
    with collector() as one:
        yield one


@contextmanager
def exporting(
    *urls: str, delay_s: float = 0.05, give_up_s: float = 5.0
) -> Iterator[tuple[LogExport, Counter[str]]]:
    """Exports to collectors, and what was lost."""
    lost: Counter[str] = Counter()
    lock = threading.Lock()

    def count(reason: str, n: int) -> None:
        with lock:
            lost[reason] += n

    to = [destination("logs", {}, url=url) for url in urls]
    export = LogExport(
        to, lambda: {"process.pid": os.getpid()}, count, delay_s=delay_s, give_up_s=give_up_s
    )
    export.start()
    try:
        yield export, lost
    finally:
        export.close(5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_arrive(receiver: Collector, protocol: str) -> None:
    """Every record arrives once, with the resource of the process."""
    with exporting(receiver.address(protocol)) as (export, lost):
        for n in range(1000):
            export.sink(RECORD._replace(body=str(n)))
        assert export.flush(30)
        assert [each.body.string_value for each in receiver.logs()] == [str(n) for n in range(1000)]
        assert lost == {}
    request = receiver.kept("logs")[0]
    (attribute,) = request.message.resource_logs[0].resource.attributes
    assert attribute.value.int_value == os.getpid()


def test_records_go_to_each_collector(receiver: Collector) -> None:
    """Several collectors get every record each."""
    with collector() as other, exporting(receiver.url, other.grpc_url) as (export, _):
        export.sink(RECORD)
        assert export.flush(30)
        assert (len(receiver.logs()), len(other.logs())) == (1, 1)


def test_what_waits_is_sent_at_the_end(receiver: Collector) -> None:
    """Closing sends what waits."""
    with exporting(receiver.url, delay_s=60) as (export, _):
        export.sink(RECORD)
    assert len(receiver.logs()) == 1


def test_more_than_may_wait_is_counted() -> None:
    """What finds no room is counted, and nobody waits; so is what is left at the end."""
    with exporting("http://127.0.0.1:1", delay_s=60) as (export, lost):
        for worker in export._workers:  # nobody takes anything meanwhile
            worker.close(0)
        for _ in range(2048 + 10):
            export.sink(RECORD)
    assert lost["log_queue_full"] == 10


def test_what_cannot_be_sent_is_counted() -> None:
    """Records for a collector that is not there are counted."""
    with exporting("http://127.0.0.1:1") as (export, lost):
        export.sink(RECORD)
        export.sink(RECORD)
        export.close(2)
    assert lost == {"log_export_failed": 2}


def test_what_a_collector_rejects_is_counted(receiver: Collector) -> None:
    """Records that were sent and rejected are counted as such."""
    receiver.behave(partial(2, "no room"))
    with exporting(receiver.url) as (export, lost):
        for _ in range(3):
            export.sink(RECORD)
        assert export.flush(30)
        assert lost == {"log_rejected": 2}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("number", [404, 501])
def test_a_collector_that_takes_no_logs_is_left_alone(
    receiver: Collector, protocol: str, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One that knows spans only is told of once, and then not asked for ten minutes."""
    receiver.behave(status(number, code="UNIMPLEMENTED"))
    with exporting(receiver.address(protocol)) as (export, lost):
        for _ in range(3):
            export.sink(RECORD)
            assert export.flush(30)
        assert len(receiver.requests) == 1
        assert lost == {"log_export_failed": 3}
    (warning,) = [each for each in caplog.records if each.name == "agentmon"]
    assert warning.levelno == logging.WARNING
    assert warning.getMessage().startswith("agentmon: log records are refused by")


def test_another_refusal_is_no_reason_to_leave_it_alone(receiver: Collector) -> None:
    """After a batch that a collector could not read, the next is sent to it."""
    receiver.behave(first=[status(400)])
    with exporting(receiver.url) as (export, lost):
        for _ in range(2):
            export.sink(RECORD)
            assert export.flush(30)
        assert len(receiver.logs()) == 1
        assert lost == {"log_export_failed": 1}


def test_a_child_sends_its_own(receiver: Collector) -> None:
    """A forked child sends what it has itself, and nothing of what waited in its parent."""
    with exporting(receiver.url, delay_s=60) as (export, _):
        export.sink(RECORD._replace(body="parent"))
        pid = os.fork()
        if not pid:
            code = 1
            try:
                export.abandon()
                export.sink(RECORD._replace(body="child"))
                code = 0 if export.flush(30) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert [each.body.string_value for each in receiver.logs()] == ["child"]
        assert export.flush(30)
        assert {each.body.string_value for each in receiver.logs()} == {"child", "parent"}
    pids = {
        request.message.resource_logs[0].resource.attributes[0].value.int_value
        for request in receiver.kept("logs")
    }
    assert pids == {os.getpid(), pid}
