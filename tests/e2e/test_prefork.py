"""A real pre-fork server whose workers export what they do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmon
from tests.servers.otlp import Collector, collector

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 60


@pytest.fixture(params=["http", "grpc"])
def received(request: pytest.FixtureRequest) -> Iterator[tuple[Collector, str]]:
    """A collector, and its address by each protocol."""
    with collector() as one:
        agentmon.configure(service="client", traces=one.url)
        try:
            yield one, one.address(request.param)
        finally:
            agentmon.shutdown()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def gunicorn(received: tuple[Collector, str], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of gunicorn with 3 workers forked from a process that was configured."""
    port = _free_port()
    command = ["-m", "gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command, "tests.e2e.prefork_app:app"],
            cwd=ROOT,
            env={**os.environ, "COLLECTOR": received[1]},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    try:
        yield url, server.pid
    finally:
        server.terminate()
        server.wait(60)


def test_each_worker_exports_its_spans_once(
    received: tuple[Collector, str], gunicorn: tuple[str, int]
) -> None:
    """Every request is one trace over client and worker, whichever that was, and none is twice."""
    collected, _ = received
    url, pid = gunicorn
    workers = Counter()  # type: Counter[bytes]
    for n in range(REQUESTS):
        with agentmon.agent("client"):
            request = urllib.request.Request(f"{url}/{n}", headers=agentmon.inject())
            with urllib.request.urlopen(request, timeout=30) as response:
                workers[response.read().split()[0]] += 1
    assert agentmon.flush(30)
    os.kill(pid, signal.SIGTERM)  # graceful: workers end, and export what waits
    collected.wait_for_spans(3 * REQUESTS)
    spans = collected.spans()
    names = Counter(span.name for span in spans)
    assert names == dict.fromkeys(
        ("invoke_agent client", "invoke_agent answerer", "execute_tool measure"), REQUESTS
    )
    assert len({span.span_id for span in spans}) == 3 * REQUESTS
    per_trace = Counter(span.trace_id for span in spans)
    assert set(per_trace.values()) == {3}
    pids = {
        each.value.int_value
        for request in collected.kept()
        for whole in request.message.resource_spans
        for each in whole.resource.attributes
        if each.key == "process.pid"
    }
    assert pids == {os.getpid(), *(int(worker) for worker in workers)}
