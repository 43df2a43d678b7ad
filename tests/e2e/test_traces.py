"""Traces from decorated calls to a real collector, by HTTP and gRPC."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import agentmon
from tests.servers.otlp import Collector, collector

PROTOCOLS = ("http", "grpc")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=PROTOCOLS)
def received(request: pytest.FixtureRequest) -> Iterator[Collector]:
    """A collector that a configured process exports to, by each protocol."""
    with collector() as one:
        agentmon.configure(service="e2e", region="test", traces=one.address(request.param))
        try:
            yield one
        finally:
            agentmon.shutdown()


@agentmon.tool("leaf")
def leaf(n: int) -> int:
    """The end of a branch."""
    return n * n


@agentmon.agent("branch")
async def branch(n: int) -> int:
    """Work of an agent: tools, some of them in threads."""
    total = leaf(n)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as threads:
        carried = agentmon.carry(leaf)
        total += sum(
            await asyncio.gather(*(loop.run_in_executor(threads, carried, k) for k in range(3)))
        )
    await asyncio.sleep(0)
    return total


@agentmon.workflow("tree")
async def tree(width: int) -> int:
    """Many agents at once."""
    return sum(await asyncio.gather(*(branch(n) for n in range(width))))


def test_trace_of_thousands_of_spans_arrives_whole_and_in_shape(received: Collector) -> None:
    """A trace of 2501 spans, made by tasks and threads at once, arrives with every parent right."""
    asyncio.run(tree(500))
    assert agentmon.flush(30)
    spans = received.spans()
    names = Counter(span.name for span in spans)
    assert names == {
        "invoke_workflow tree": 1,
        "invoke_agent branch": 500,
        "execute_tool leaf": 2000,
    }
    assert len({span.trace_id for span in spans}) == 1
    assert len({span.span_id for span in spans}) == len(spans)
    by_id = {span.span_id: span for span in spans}
    (root,) = [span for span in spans if not span.parent_span_id]
    assert root.name == "invoke_workflow tree"
    children: Counter[bytes] = Counter()
    for span in spans:
        if span is root:
            continue
        parent = by_id[span.parent_span_id]
        children[parent.span_id] += 1
        expected = (
            "invoke_workflow tree" if span.name == "invoke_agent branch" else "invoke_agent branch"
        )
        assert parent.name == expected
        assert parent.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= parent.end_time_unix_nano
    assert sorted(set(children.values())) == [4, 500]


def test_resource_says_where_spans_come_from(received: Collector) -> None:
    """Service, region and process stand in the resource of what arrives."""
    leaf(1)
    assert agentmon.flush(30)
    (request,) = received.kept()
    (whole,) = request.message.resource_spans
    said = {each.key: each.value for each in whole.resource.attributes}
    assert said["service.name"].string_value == "e2e"
    assert said["cloud.region"].string_value == "test"
    assert said["process.pid"].int_value == os.getpid()
    assert said["telemetry.sdk.name"].string_value == "agentmon"


def test_spans_are_counted_as_the_metrics_count_calls(received: Collector) -> None:
    """As many spans arrive as calls are counted, failed ones with their exception."""

    @agentmon.tool("odd")
    def odd(n: int) -> None:
        if n % 2:
            raise ValueError(n)

    for n in range(10):
        try:
            odd(n)
        except ValueError:
            continue
    assert agentmon.flush(30)
    spans = [span for span in received.spans() if span.name == "execute_tool odd"]
    failed = [span for span in spans if span.status.code == 2]
    (found,) = [each for each in agentmon.statistics(kind="tool") if each.name == "odd"]
    assert (len(spans), len(failed)) == (found.summary.count, found.summary.outcomes["error"])
    assert all(span.events[0].name == "exception" for span in failed)


@pytest.mark.parametrize("library", ["httpx", "requests", "sqlite3"])
def test_spans_of_instrumented_libraries_nest_under_calls(library: str, tmp_path: Path) -> None:
    """A library that OpenTelemetry instruments makes its span below the tool that uses it."""
    program = tmp_path / "program.py"
    program.write_text(
        """
import sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import agentmon

agentmon.configure(service="libraries", traces=sys.argv[1])
library = sys.argv[2]
seen = []

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.headers.get("traceparent"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *a): pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"

if library == "httpx":
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    HTTPXClientInstrumentor().instrument()
    import httpx
    use = lambda: httpx.get(url)
elif library == "requests":
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    RequestsInstrumentor().instrument()
    import requests
    use = lambda: requests.get(url, timeout=10)
else:
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
    SQLite3Instrumentor().instrument()
    import sqlite3
    def use():
        connection = sqlite3.connect(":memory:")
        connection.cursor().execute("SELECT 1")
        connection.close()

@agentmon.tool("user")
def tool(): use()

@agentmon.agent("caller")
def agent(): tool()

agent()
assert agentmon.flush(20)
print(seen[0] if seen else "")
"""
    )
    with collector() as one:
        done = subprocess.run(
            [sys.executable, str(program), one.url, library],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        spans = {span.name: span for span in one.spans()}
    tool, agent = spans["execute_tool user"], spans["invoke_agent caller"]
    (theirs,) = [span for name, span in spans.items() if not name.startswith(("execute", "invoke"))]
    assert theirs.parent_span_id == tool.span_id
    assert tool.parent_span_id == agent.span_id
    assert len({span.trace_id for span in spans.values()}) == 1
    if library != "sqlite3":  # and it passed the ids of its span on
        expected = f"00-{theirs.trace_id.hex()}-{theirs.span_id.hex()}-"
        assert done.stdout.startswith(expected)


def test_exporting_by_an_instrumented_library_makes_no_spans(tmp_path: Path) -> None:
    """With `requests` instrumented, our own exporting by it makes no spans of its own."""
    program = tmp_path / "program.py"
    program.write_text(
        """
import sys
import agentmon
from opentelemetry.instrumentation.requests import RequestsInstrumentor

agentmon.configure(traces=sys.argv[1])
RequestsInstrumentor().instrument()

@agentmon.tool("t")
def tool(): pass

for _ in range(5):
    tool()
    assert agentmon.flush(20)
"""
    )
    with collector() as one:
        subprocess.run([sys.executable, str(program), one.url], check=True, timeout=120, cwd=ROOT)
        assert Counter(span.name for span in one.spans()) == {"execute_tool t": 5}


def test_records_of_instrumented_logging_carry_the_ids_of_the_call(tmp_path: Path) -> None:
    """OpenTelemetry's instrumentation of logging finds the ids of the call that logs."""
    program = tmp_path / "program.py"
    program.write_text(
        """
import logging, sys
import agentmon
from opentelemetry.instrumentation.logging import LoggingInstrumentor

agentmon.configure(service="svc", traces=sys.argv[1])
LoggingInstrumentor().instrument(inject_trace_context=True)
kept = []
handler = logging.Handler()
handler.emit = kept.append
logging.getLogger().addHandler(handler)

@agentmon.tool("t")
def tool():
    logging.getLogger("mine").warning("said within")

tool()
assert agentmon.flush(20)
(record,) = kept
print(record.otelTraceID, record.otelSpanID, record.otelServiceName)
"""
    )
    with collector() as one:
        done = subprocess.run(
            [sys.executable, str(program), one.url],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        (span,) = one.spans()
    assert done.stdout.split() == [span.trace_id.hex(), span.span_id.hex(), "svc"]
