"""Start the real servers on loopback, let them scrape, ask them, and stop them whatever happens."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.servers.programs import BY_KEY, find

SCRAPERS = ("prometheus2", "prometheus3", "victoriametrics")
JOB = "agentmon"
START_SECONDS = 60.0

# Everything asked is on loopback, which a proxy that the machine uses must not see.
_open = build_opener(ProxyHandler({})).open


def missing(message: str) -> None:
    """End the test: in CI what is missing is a failure, on a laptop a skip that names it."""
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def required(key: str) -> Path:
    """The program called *key* (`tests.servers.programs`); ends the test where it is missing."""
    found = find(key)
    if found is None:
        missing(f"{key} is missing: run `make servers`, or name it by {BY_KEY[key].variable}")
        raise AssertionError
    return found.path


@dataclass(frozen=True)
class Sample:
    """One series of an answer, with its points as (epoch seconds, value)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def value(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True)
class Scraper:
    """
    A running server that scrapes its targets every second and answers PromQL.

    Args:
        key: Which of `SCRAPERS` it is.
        url: Where it listens.
        targets: What it scrapes.
    """

    key: str
    url: str
    targets: Sequence[str]

    def instant(self, query: str, *, at: float | None = None) -> list[Sample]:
        """The series of *query* at one moment, now unless told (epoch seconds)."""
        # VictoriaMetrics rounds a moment that is not told down to a whole second.
        moment = time.time() if at is None else at
        return self._ask("query", {"query": query, "time": f"{moment:.3f}"})

    def range(self, query: str, *, start: float, end: float, step_s: float = 1.0) -> list[Sample]:
        """The series of *query* from *start* to *end* (epoch seconds)."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        return self._ask("query_range", {"query": query, **span})

    def value(self, query: str) -> float:
        """The value of the only series of *query* now; NaN if there is none."""
        samples = self.instant(query)
        assert len(samples) <= 1, f"{query} has {len(samples)} series"
        return samples[0].value if samples else math.nan

    def wait_for_scrape(self, *, since: float | None = None, timeout_s: float = 30.0) -> None:
        """
        Wait until every target was scraped by a scrape that began after *since*, now unless told.

        What a target counted before *since* is in the answers from here on.
        """
        began = time.time() if since is None else since

        def scraped() -> bool:
            up = self.instant(f'timestamp(up{{job="{JOB}"}}) and up{{job="{JOB}"}} == 1')
            return sum(sample.value > began for sample in up) == len(self.targets)

        wait_until(scraped, timeout_s=timeout_s, what=f"{self.key} to scrape {self.targets}")

    def _ask(self, path: str, parameters: Mapping[str, str]) -> list[Sample]:
        if self.key == "victoriametrics":
            # It shows a new series only seconds after its first sample, unless told to hurry.
            _open(f"{self.url}/internal/force_flush", timeout=10).close()
        url = f"{self.url}/api/v1/{path}?{urlencode(parameters)}"
        try:
            with _open(url, timeout=10) as reply:
                answer: dict[str, Any] = json.load(reply)
        except HTTPError as error:
            message = f"{self.key} refuses {parameters['query']!r}: {error.read().decode()}"
            raise AssertionError(message) from error
        return [
            Sample(
                series["metric"],
                [
                    (float(at), float(value))
                    for at, value in series.get("values", [series.get("value")])
                ],
            )
            for series in answer["data"]["result"]
        ]


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Poll until *condition* holds; fail the test by naming *what* did not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.05)


@contextmanager
def scraper(
    key: str,
    targets: Sequence[str],
    folder: Path,
    *,
    path: str = "/metrics",
    jobs: Sequence[Mapping[str, Any]] = (),
    more: Sequence[str] = (),
) -> Iterator[Scraper]:
    """
    A server that scrapes *targets* (``host:port``) until the block ends.

    Args:
        key: One of `SCRAPERS`.
        folder: For its configuration, data and log.
        path: Where the targets serve their metrics.
        jobs: Further scrape configurations; files that they name are looked for in *folder*.
        more: Further arguments of its command line.
    """
    program = required(key)
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "scrape.yaml"
    # JSON is YAML, and needs no library to write.
    configuration.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                "scrape_configs": [
                    {
                        "job_name": JOB,
                        "metrics_path": path,
                        "static_configs": [{"targets": list(targets)}],
                    },
                    *jobs,
                ],
            }
        )
    )

    def command(port: int) -> list[str]:
        arguments = _victoriametrics if key == "victoriametrics" else _prometheus
        return [str(program), *arguments(configuration, folder / "data", port), *more]

    with _serving(command, folder / "log") as url:
        yield Scraper(key, url, targets)


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """A Pushgateway that runs until the block ends, with its log in *folder*; yields its URL."""
    program = required("pushgateway")
    folder.mkdir(parents=True, exist_ok=True)

    def command(port: int) -> list[str]:
        return [str(program), f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]

    with _serving(command, folder / "log") as url:
        yield url


@contextmanager
def node_exporter(folder: Path, log: Path) -> Iterator[str]:
    """A node exporter that shows the text files of *folder* alone; yields its URL."""
    program = required("node_exporter")

    def command(port: int) -> list[str]:
        return [
            str(program),
            f"--web.listen-address=127.0.0.1:{port}",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder}",
            "--web.disable-exporter-metrics",
            "--log.level=warn",
        ]

    with _serving(command, log, ready="/") as url:
        yield url


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A Redis that keeps nothing, with its log in *folder*; yields its port."""
    program = required("redis")
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen(
            [program, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: _listens(port), timeout_s=START_SECONDS, what="Redis to listen")
        yield port
    finally:
        _stop(process)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True


def _prometheus(configuration: Path, data: Path, port: int) -> list[str]:
    return [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def _victoriametrics(configuration: Path, data: Path, port: int) -> list[str]:
    return [
        f"-promscrape.config={configuration}",
        f"-storageDataPath={data}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=1d",
        # Answer with what was scraped last, not with what was known half a minute ago.
        "-search.latencyOffset=0s",
        "-search.disableCache",
        "-memory.allowedBytes=256MB",
        "-loggerLevel=WARN",
    ]


@contextmanager
def _serving(
    command: Callable[[int], list[str]], log: Path, *, ready: str = "/-/ready"
) -> Iterator[str]:
    """Run a server on a free port until the block ends; yields its URL once it is ready."""
    process, url = _started(command, log, ready)
    try:
        yield url
    finally:
        _stop(process)


def _started(
    command: Callable[[int], list[str]], log: Path, ready: str
) -> tuple[subprocess.Popen[bytes], str]:
    """Start it; if another process took the port in between, try the next one."""
    for _ in range(3):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if _ready(f"{url}{ready}"):
                    return process, url
                time.sleep(0.05)
        except BaseException:
            _stop(process)
            raise
        if process.poll() is None:
            _stop(process)
            break
    message = f"{Path(command(0)[0]).name} did not start:\n{log.read_text(errors='replace')}"
    raise AssertionError(message)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(url: str) -> bool:
    try:
        with _open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
