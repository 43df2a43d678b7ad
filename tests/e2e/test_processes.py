"""Agents in several processes, joined in one trace."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import agentmon
from tests.servers.otlp import Collector, collector

ROOT = Path(__file__).resolve().parents[2]
REMOTE = Path(__file__).with_name("remote_agent.py")


@pytest.fixture
def received() -> Iterator[Collector]:
    """A collector that this process and those it starts export to."""
    with collector() as one:
        agentmon.configure(service="local", traces=one.url)
        try:
            yield one
        finally:
            agentmon.shutdown()


@pytest.fixture
def remote(received: Collector) -> Iterator[Any]:
    """Starts the remote agent, by http or stdio."""
    started: list[subprocess.Popen[str]] = []

    def start(way: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(REMOTE), received.url, way],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def by_name(received: Collector) -> dict[str, Span]:
    """The spans that arrived, each of which has a name of its own."""
    assert agentmon.flush(20)
    spans = received.spans()
    found = {span.name: span for span in spans}
    assert len(found) == len(spans)
    return found


def assert_one_trace(spans: dict[str, Span]) -> None:
    """Writer, handoff, reviewer and tool are one chain in one trace, and the reviewer is linked."""
    writer, handoff = spans["invoke_agent writer"], spans["handoff reviewer"]
    reviewer, tool = spans["invoke_agent reviewer"], spans["execute_tool measure"]
    assert len({span.trace_id for span in spans.values()}) == 1
    assert handoff.parent_span_id == writer.span_id
    assert reviewer.parent_span_id == handoff.span_id
    assert tool.parent_span_id == reviewer.span_id
    assert [link.span_id for link in reviewer.links] == [handoff.span_id]
    assert reviewer.flags & 0x300 == 0x300  # its parent is elsewhere
    assert tool.flags & 0x300 == 0x100  # and this one's is not


def test_trace_goes_through_http(received: Collector, remote: Any) -> None:
    """A handoff by HTTP request is one trace over both processes."""
    port = int(remote("http").stdout.readline())
    with agentmon.agent("writer"), agentmon.handoff("reviewer"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/", b"text", headers=agentmon.inject()
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.read() == b"4"
    assert_one_trace(by_name(received))


def test_baggage_goes_through_http(received: Collector, remote: Any) -> None:
    """Baggage of the program, and of a handoff, arrives in the other process."""
    port = int(remote("http").stdout.readline())
    token = otel_context.attach(baggage.set_baggage("conversation", "Zoë's, 7=8"))
    with agentmon.agent("writer"), agentmon.handoff("reviewer"):
        headers = agentmon.inject()
    otel_context.detach(token)
    assert requests.post(f"http://127.0.0.1:{port}/", "text", headers=headers, timeout=30).ok
    reviewer = by_name(received)["invoke_agent reviewer"]
    said = {each.key: each.value.string_value for each in reviewer.attributes}
    assert said["gen_ai.conversation.id"] == "Zoë's, 7=8"


def test_handoff_goes_through_an_instrumented_client(received: Collector, remote: Any) -> None:
    """The span of an instrumented client is the parent, and the link goes to the handoff."""
    port = int(remote("http").stdout.readline())
    RequestsInstrumentor().instrument()
    try:
        with agentmon.agent("writer"), agentmon.handoff("reviewer"):
            address = f"http://127.0.0.1:{port}/"
            answer = requests.post(address, "text", headers=agentmon.inject(), timeout=30)
    finally:
        RequestsInstrumentor().uninstrument()
    assert answer.text == "4"
    spans = by_name(received)
    reviewer, handoff, client = (
        spans[name] for name in ("invoke_agent reviewer", "handoff reviewer", "POST")
    )
    assert client.parent_span_id == handoff.span_id
    assert reviewer.parent_span_id == client.span_id
    assert [link.span_id for link in reviewer.links] == [handoff.span_id]
    assert len({span.trace_id for span in spans.values()}) == 1


def test_trace_goes_through_the_meta_of_mcp(received: Collector, remote: Any) -> None:
    """A handoff by JSON-RPC with ``_meta``, as MCP has it, is one trace over both processes."""
    process = remote("stdio")
    with agentmon.agent("writer"), agentmon.handoff("reviewer"):
        params = {"name": "review", "arguments": {"text": "text"}, "_meta": agentmon.inject({})}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"] == 4
    assert_one_trace(by_name(received))


def _worker(url: str, messages: Any, done: Any) -> None:
    """A process of its own that takes one message from a queue."""
    agentmon.configure(service="worker", traces=url)
    envelope = messages.get(timeout=60)
    tool = agentmon.tool("measure")
    with agentmon.received(envelope["headers"]), agentmon.agent("reviewer"), tool:
        length = len(envelope["body"])
    agentmon.shutdown()
    done.put(length)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_trace_goes_through_a_queue(received: Collector, method: str) -> None:
    """A handoff by the envelope of a message is one trace over both processes, however started."""
    context = multiprocessing.get_context(method)
    messages, done = context.Queue(), context.Queue()
    worker = context.Process(target=_worker, args=(received.url, messages, done))
    if method == "fork":
        agentmon.shutdown()  # the child sets itself up, as it does when it is spawned
    worker.start()
    if method == "fork":
        agentmon.configure(service="local", traces=received.url)
    with agentmon.agent("writer"), agentmon.handoff("reviewer"):
        messages.put({"headers": agentmon.inject(), "body": "text"})
        assert done.get(timeout=60) == 4
    worker.join(30)
    assert worker.exitcode == 0
    assert_one_trace(by_name(received))


def test_forked_children_export_what_is_theirs(received: Collector) -> None:
    """A child forked within a call exports its own spans, once, as children of that call."""
    with agentmon.agent("writer") as call:
        children = []
        for n in range(4):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    with agentmon.tool(f"child {n}"):
                        pass
                    status = 0 if agentmon.flush(20) else 2
                finally:
                    os._exit(status)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
        trace_id = call.trace_id
    spans = by_name(received)
    assert set(spans) == {"invoke_agent writer", *(f"execute_tool child {n}" for n in range(4))}
    assert {span.trace_id.hex() for span in spans.values()} == {trace_id}
    parents = {span.parent_span_id for name, span in spans.items() if "child" in name}
    assert parents == {spans["invoke_agent writer"].span_id}
    assert len({span.span_id for span in spans.values()}) == 5
