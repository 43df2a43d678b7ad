"""configure(traces=...): spans that agentmon exports, from start to end of the process."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmon
from tests.servers.otlp import code, collector, hang


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    yield
    agentmon.shutdown()


@agentmon.agent("worker")
def work() -> None:
    """Something to be measured."""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, in which OpenTelemetry is as new."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_any_exporter_gets_readable_spans() -> None:
    """An exporter of the SDK gets spans with name, kind, attributes and resource."""
    exporter = InMemorySpanExporter()
    agentmon.configure(service="svc", traces=exporter)
    work()
    assert agentmon.flush()
    (span,) = exporter.get_finished_spans()
    assert span.name == "invoke_agent worker"
    assert span.attributes is not None
    assert span.attributes["gen_ai.agent.name"] == "worker"
    assert span.resource.attributes["service.name"] == "svc"


class _Processor(SpanProcessor):
    """Remembers what it was called with, and where."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.ended: list[ReadableSpan] = []
        self.threads: set[int] = set()
        self.shut = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started.append((span.name, span.is_recording()))
        span.set_attribute("by", "processor")

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)
        self.threads.add(threading.get_ident())

    def shutdown(self) -> None:
        self.shut += 1


@pytest.mark.parametrize("form", ["decorated", "block", "library"])
def test_processor_sees_starts_and_ends_there_and_then(form: str) -> None:
    """A processor is called at start and end, in the host's thread, and may set attributes."""
    processor = _Processor()
    agentmon.configure(traces=processor)
    if form == "decorated":
        work()
    elif form == "block":
        with agentmon.agent("worker"):
            pass
    else:
        trace.get_tracer("library").start_span("invoke_agent worker").end()
    assert processor.started == [("invoke_agent worker", True)]
    (span,) = processor.ended
    assert span.attributes is not None
    assert span.attributes["by"] == "processor"
    assert processor.threads == {threading.get_ident()}
    agentmon.shutdown()
    assert processor.shut == 1


class _Raising(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("start")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("end")


def test_processor_that_raises_is_counted_and_harms_nobody() -> None:
    """The call goes on, other places get the span, and both errors are counted."""
    exporter = InMemorySpanExporter()
    agentmon.configure(traces=[_Raising(), exporter], serve="0")
    work()
    assert agentmon.flush()
    assert len(exporter.get_finished_spans()) == 1
    with urllib.request.urlopen(f"{agentmon.endpoint()}/metrics") as response:
        assert b'agentmon_dropped_total{reason="span_error"} 2' in response.read()


def test_several_places_get_every_span() -> None:
    """Each place gets each span, and one that fails does not keep it from the others."""
    exporter = InMemorySpanExporter()
    with collector() as good, collector() as bad:
        bad.behave(code("INVALID_ARGUMENT"))
        agentmon.configure(traces=[good.url, bad.grpc_url, exporter])
        for _ in range(3):
            work()
        assert agentmon.flush(20)
        assert len(good.spans()) == 3
    assert len(exporter.get_finished_spans()) == 3


def test_provider_of_the_host_is_never_replaced() -> None:
    """Where the program has a provider, asking for export is an error that says what to do."""
    done = run(
        """
import agentmon
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
mine = TracerProvider()
trace.set_tracer_provider(mine)
try:
    agentmon.configure(traces="http://127.0.0.1:1")
except agentmon.ConfigError as error:
    print(error)
assert trace.get_tracer_provider() is mine
agentmon.configure()
"""
    )
    assert done.stderr == ""
    assert done.stdout.startswith("traces: got a place to export spans to, but the program has set")


def test_tracers_made_before_configure_work_after_it() -> None:
    """A library that took its tracer early makes recorded spans once agentmon is configured."""
    done = run(
        """
from opentelemetry import trace
tracer = trace.get_tracer("early")
import agentmon
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
agentmon.configure(traces=exporter)
with tracer.start_as_current_span("theirs"), agentmon.agent("ours"):
    pass
agentmon.flush()
print(*sorted(span.name for span in exporter.get_finished_spans()), sep="|")
"""
    )
    assert (done.stdout, done.stderr) == ("invoke_agent ours|theirs\n", "")


def test_after_shutdown_spans_record_nothing_and_can_be_configured_again() -> None:
    """The provider stays; it is silent after shutdown(), and speaks again after configure()."""
    first, second = InMemorySpanExporter(), InMemorySpanExporter()
    agentmon.configure(traces=first)
    work()
    agentmon.shutdown()
    span = trace.get_tracer("library").start_span("silent")
    assert not span.is_recording()
    work()
    agentmon.configure(traces=second)
    work()
    agentmon.flush()
    assert len(first.get_finished_spans()) == 1
    assert len(second.get_finished_spans()) == 1


def test_no_thread_is_left_after_shutdown() -> None:
    """Exporting has a thread of its own, which ends with shutdown()."""
    before = set(threading.enumerate())
    with collector() as one:
        mine = set(threading.enumerate())
        agentmon.configure(traces=one.url)
        work()
        assert set(threading.enumerate()) - mine
        agentmon.shutdown()
        assert not [each for each in set(threading.enumerate()) - before if "agentmon" in each.name]


def test_mode_is_said_in_the_status_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The status says ``owned``, and the log where spans go, without secrets."""
    with collector() as one, caplog.at_level(logging.INFO, "agentmon"):
        address = one.url.replace("http://", "http://me:secret@")
        agentmon.configure(traces=address, serve="0")
        with urllib.request.urlopen(f"{agentmon.endpoint()}/api/status") as response:
            assert json.load(response)["spans"] == "owned"
    assert f"spans: to {one.url}/v1/traces" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1", None, True])
@pytest.mark.parametrize("function", [agentmon.flush, agentmon.shutdown])
def test_time_that_is_none_is_refused(function: Any, timeout: Any) -> None:
    """A timeout that is no number of 0 or more is an error that says so."""
    with pytest.raises(ValueError, match=r"timeout: got .* allowed a number of seconds"):
        function(timeout)


def test_flush_without_anything_to_flush_is_done() -> None:
    """Before configure(), and with nothing exported, there is nothing to wait for."""
    assert agentmon.flush()
    agentmon.configure(traces="none")
    assert agentmon.flush(0)


def test_flush_says_when_time_is_up() -> None:
    """A collector that hangs makes flush() return False in time, and shutdown() end in time."""
    with collector() as one:
        one.behave(hang())
        agentmon.configure(traces=one.url)
        work()
        assert not agentmon.flush(0.2)
        agentmon.shutdown(0.2)
        one.release()


def test_exit_of_the_interpreter_exports_what_waits() -> None:
    """A program that just ends has exported its spans."""
    with collector() as one:
        done = run(
            "import sys, agentmon; agentmon.configure(traces=sys.argv[1])\n"
            "with agentmon.agent('last'): pass",
            one.url,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert [span.name for span in one.spans()] == ["invoke_agent last"]


def test_unsampled_traces_with_errors_arrive() -> None:
    """With ratio 0 and keep_errors, what fails arrives and what does not stays away."""

    @agentmon.tool("t")
    def tool(fail: bool) -> None:
        if fail:
            raise ValueError

    exporter = InMemorySpanExporter()
    agentmon.configure(traces=agentmon.Traces(exporter, ratio=0.0, keep_errors=True))
    for fail in (False, True):
        with agentmon.agent("a"):
            try:
                tool(fail)
            except ValueError:
                continue
    assert agentmon.flush()
    names = [span.name for span in exporter.get_finished_spans()]
    assert names == ["execute_tool t", "invoke_agent a"]
    (found,) = agentmon.statistics(kind="tool")
    assert found.summary.count == 2
