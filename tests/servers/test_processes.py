"""The real servers scrape, answer and stop."""

from __future__ import annotations

import math
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.servers import processes
from tests.servers.processes import Scraper, required, wait_until


class _Counted(BaseHTTPRequestHandler):
    """Serves one counter."""

    count = 0

    def do_GET(self) -> None:
        body = f"# TYPE visits counter\nvisits_total {type(self).count}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _target() -> Iterator[tuple[str, type[_Counted]]]:
    handler = type("Handler", (_Counted,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


def test_counts_are_read_back_exactly(scrape: Callable[[Sequence[str]], Scraper]) -> None:
    """What a target counted before a scrape is what the server answers after it."""
    with _target() as (address, counted), _target() as (other, _):
        began = time.time()
        server = scrape([address, other])
        counted.count = 41
        server.wait_for_scrape()
        assert server.value(f'visits_total{{instance="{address}"}}') == 41
        counted.count = 42
        server.wait_for_scrape()
        assert server.value("sum(visits_total)") == 42
        (series,) = server.range("sum(visits_total)", start=began, end=time.time())
        assert series.points[-1][1] in {41, 42}
        assert math.isnan(server.value("no_such_series"))


def test_bad_query_names_the_query(scrape: Callable[[Sequence[str]], Scraper]) -> None:
    """A query that the server refuses fails with the query and the server's words."""
    server = scrape([])
    with pytest.raises(AssertionError, match=r"refuses 'sum\(' *'?:"):
        server.instant("sum(")


@pytest.mark.servers
@pytest.mark.parametrize("key", processes.SCRAPERS)
def test_server_stops_when_the_test_fails(key: str, tmp_path: Path) -> None:
    """A failing block stops the server, and its port is free again."""
    with pytest.raises(ZeroDivisionError), processes.scraper(key, [], tmp_path) as server:
        raise ZeroDivisionError
    port = int(server.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.servers
def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A server that ends at once fails the test with the end of its log."""
    broken = tmp_path / "data"
    broken.write_text("in the way of the folder")
    with (
        pytest.raises(AssertionError, match=r"(?s)did not start:\n.*data"),
        processes.scraper("prometheus3", [], tmp_path),
    ):
        pass


@pytest.mark.servers
@pytest.mark.parametrize("key", ["promtool2", "promtool3", "amtool"])
def test_tools_run(key: str) -> None:
    """The tools that check rules and routes run on this machine."""
    assert subprocess.run([required(key), "--version"], check=False).returncode == 0


# Both are caught, or else a skip in the wrong place would pass for a skipped test.
_ENDED = (pytest.skip.Exception, pytest.fail.Exception)


def test_missing_program_is_a_skip_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside CI a missing program skips the test, naming it and the command that brings it."""
    _hide_programs(monkeypatch)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(_ENDED, match="prometheus3 is missing: run `make servers`") as ended:
        required("prometheus3")
    assert ended.type is pytest.skip.Exception


def test_missing_program_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a missing program fails the test."""
    _hide_programs(monkeypatch)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(_ENDED, match="amtool is missing") as ended:
        required("amtool")
    assert ended.type is pytest.fail.Exception


def _hide_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "find", lambda _: None)


def test_waiting_in_vain_fails_by_name() -> None:
    """A condition that never holds fails the test, naming what was waited for."""
    with pytest.raises(AssertionError, match="in vain for rain"):
        wait_until(lambda: False, timeout_s=0.01, what="rain")
