"""Real servers with eight workers that share their counts, some of them killed under load."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.record.shared.sharers import merged, numbers
from tests.servers.processes import scraper

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 8
CLIENTS = 6
REQUESTS = 150  # of each client
KILLS = 5

SERVERS = {
    "gunicorn": ("gunicorn", "--workers", str(WORKERS), "--bind", "127.0.0.1:{port}", "{app}:wsgi"),
    "gunicorn preloaded": (
        *("gunicorn", "--preload", "--workers", str(WORKERS)),
        *("--bind", "127.0.0.1:{port}", "{app}:wsgi"),
    ),
    "uvicorn": (
        *("uvicorn", "--workers", str(WORKERS), "--port", "{port}", "--log-level", "warning"),
        "{app}:asgi",
    ),
}


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def serving(server: str, folder: Path, log: Path) -> Iterator[int]:
    """Run a server until the block ends; gives its port."""
    port = _free_port()
    command = [each.format(port=port, app="tests.e2e.shared_app") for each in SERVERS[server]]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={
                **os.environ,
                "AGENTMON_SHARED_DIR": str(folder),
                "DEATHS": str(log.with_name("deaths")),
            },
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + 90
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            if _ask(port, "/begin") == 200:
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


def _ask(port: int, path: str) -> int:
    """The status of the answer; 0 if there was none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def _load(port: int) -> Counter[tuple[str, int]]:
    """What was asked and answered by several clients at once, while workers are killed."""
    asked: Counter[tuple[str, int]] = Counter()
    lock = threading.Lock()

    def client(number: int) -> None:
        for n in range(REQUESTS):
            path = "/fail" if n % 10 == number else f"/{number}"
            if n % 30 == 7 and number < KILLS:
                path = "/die"
            status = _ask(port, path)
            with lock:
                asked[path if path in ("/die", "/fail") else "/ok", status] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return asked


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(600)
@pytest.mark.parametrize("server", list(SERVERS))
def test_every_count_of_eight_workers_is_exact(server: str, tmp_path: Path) -> None:
    """
    Prometheus has each call of each worker once, those of killed workers included.

    A worker answers one request at a time, and dies within one. Others that it had accepted were
    not begun: they are not answered, and not counted.
    """
    with serving(server, tmp_path / "shared", tmp_path / "log") as port:
        asked = _load(port)
        died = (tmp_path / "deaths").stat().st_size
        assert KILLS < died <= asked["/die", 0]
        with scraper("prometheus3", [f"127.0.0.1:{port}"], tmp_path / "scraper") as prometheus:
            prometheus.wait_for_scrape()
            found = {
                (each.labels["__name__"], each.labels.get("outcome")): each.value
                for each in prometheus.instant(
                    '{__name__=~"agentmon_(agent|tool)_.*_(total|count)",agent="answerer"}'
                )
            }
    calls, tools = "agentmon_agent_calls_total", "agentmon_tool_calls_total"
    ok, failed = asked["/ok", 200] + 1, asked["/fail", 500]  # with the one that found it there
    assert (found[calls, "ok"], found[calls, "error"]) == (ok, failed)
    assert found[tools, "ok"] == ok + failed + died
    assert found["agentmon_agent_duration_seconds_count", "ok"] == ok
    assert found["agentmon_agent_errors_total", None] == failed


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_task_of_a_prefork_pool_of_celery_is_counted(tmp_path: Path) -> None:
    """The calls of all processes of the pool are read by whoever shares the folder."""
    (tmp_path / "broker").mkdir()
    environment = {
        **os.environ,
        "AGENTMON_SHARED_DIR": str(tmp_path / "shared"),
        "BROKER": str(tmp_path / "broker"),
        "PYTHONPATH": str(ROOT),
    }
    command = ("-m", "celery", "-A", "tests.e2e.shared_tasks")
    with (tmp_path / "log").open("wb") as out:
        worker = subprocess.Popen(
            [sys.executable, *command, "worker", "--pool", "prefork", "--concurrency", "3"],
            cwd=tmp_path,
            env=environment,
            stdout=out,
            stderr=out,
        )
        try:
            send = "from tests.e2e.shared_tasks import answer\nfor n in range(50): answer.delay(n)"
            subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=environment, check=True)
            reader = merged(tmp_path / "shared")
            until = time.monotonic() + 120
            calls: dict[str, int] = {}
            while sum(calls.values()) < 50 and time.monotonic() < until:
                time.sleep(0.1)
                calls = {
                    labels[-1]: n
                    for (sample, labels, *_), n in numbers(reader).items()
                    if sample == "agentmon_agent_calls_total"
                }
            assert calls == {"ok": 40, "error": 10}, (tmp_path / "log").read_text()
        finally:
            worker.terminate()
            worker.wait(30)
