"""Processes that share their counts, from configure() to what is scraped."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

import agentmon
from agentmon import _runtime
from agentmon.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _off() -> Iterator[None]:
    """Recording ends with the test."""
    yield
    agentmon.shutdown()


@agentmon.tool("measure")
def measure(x: int) -> int:
    """What the processes call."""
    if x < 0:
        raise ValueError(x)
    return x


def scraped(url: str, sample: str) -> dict[tuple[str, ...], float]:
    """The samples of a name that are not 0, by label values."""
    with urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    return {
        tuple(each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == sample and each.value
    }


def forked(work: Callable[[], object]) -> int:
    """Run something in a child that is forked; returns its status."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        finally:  # if it raised
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def endpoint() -> str:
    """Where this process serves."""
    address = agentmon.endpoint()
    assert address is not None
    return address


def test_forked_children_count_in_what_their_parent_serves(tmp_path: Path) -> None:
    """Calls of a parent and of its children, one of which is killed, are scraped together."""
    agentmon.configure(shared=tmp_path, serve="127.0.0.1:0", traces="none")
    measure(1)

    def work() -> None:
        for n in range(10):
            measure(n)
        with pytest.raises(ValueError, match="-1"):
            measure(-1)

    def die() -> None:
        work()
        os.kill(os.getpid(), signal.SIGKILL)

    assert forked(work) == 0
    assert forked(die) == signal.SIGKILL
    calls = scraped(endpoint(), "agentmon_tool_calls_total")
    assert calls == {("measure", "", "ok"): 21, ("measure", "", "error"): 2}
    errors = scraped(endpoint(), "agentmon_tool_errors_total")
    assert errors == {("measure", "", "ValueError"): 2}


def test_a_call_in_flight_at_the_fork_is_not_the_childs(tmp_path: Path) -> None:
    """A call that the parent began counts once, though it ends in the child as well."""
    agentmon.configure(shared=tmp_path, serve="127.0.0.1:0", traces="none")
    measure(1)
    pids = []

    @agentmon.tool("forks")
    def forks() -> int:
        pids.append(os.fork())
        return pids[0]

    if not forks():
        try:
            for _ in range(5000):  # more than a journal holds
                measure(1)
        finally:
            os._exit(0)
    os.waitpid(pids[0], 0)
    calls = scraped(endpoint(), "agentmon_tool_calls_total")
    assert calls == {("measure", "", "ok"): 5001, ("forks", "", "ok"): 1}


def _spawned(path: str, n: int) -> None:
    agentmon.configure(shared=path, traces="none")
    for x in range(n):
        measure(x)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_of_multiprocessing_count_together(tmp_path: Path, method: str) -> None:
    """However they are started, their calls are in the statistics of whoever asks."""
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=_spawned, args=(str(tmp_path), n)) for n in (3, 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    agentmon.configure(shared=tmp_path, traces="none")
    measure(1)
    (operation,) = agentmon.statistics()
    assert (operation.name, operation.summary.count) == ("measure", 8)


def test_who_shares_takes_over_an_address_when_it_is_free(tmp_path: Path) -> None:
    """Where another process serves, one waits, and serves when that one has ended."""
    code = (
        "import agentmon, sys; agentmon.configure(shared=sys.argv[1], serve='127.0.0.1:0', "
        "traces='none'); agentmon.tool('theirs')(lambda x: x)(1); "
        "print(agentmon.endpoint(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as other:
        assert other.stdout is not None
        url = other.stdout.readline().strip()
        agentmon.configure(shared=tmp_path, serve=url.removeprefix("http://"), traces="none")
        measure(1)
        assert agentmon.endpoint() is None
        names = {labels[0] for labels in scraped(url, "agentmon_tool_calls_total")}
        assert names == {"theirs", "measure"}
        other.kill()
    until = time.monotonic() + 30
    while agentmon.endpoint() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert agentmon.endpoint() == url
    names = {labels[0] for labels in scraped(url, "agentmon_tool_calls_total")}
    assert names == {"theirs", "measure"}


def test_a_folder_that_cannot_be_written_leaves_the_process_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The process goes on with its own counts, says so in the log, and counts it."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "agentmon"):
        agentmon.configure(shared=tmp_path / "file" / "x", serve="127.0.0.1:0", traces="none")
    assert "counts are not shared" in caplog.text
    measure(1)
    assert scraped(endpoint(), "agentmon_tool_calls_total") == {("measure", "", "ok"): 1}
    assert scraped(endpoint(), "agentmon_dropped_total") == {("not_shared",): 1}


def test_other_buckets_in_one_folder_are_an_error(tmp_path: Path) -> None:
    """Whoever would count otherwise is told at once, and may configure again."""
    agentmon.configure(shared=tmp_path, traces="none")
    agentmon.shutdown()
    with pytest.raises(ConfigError, match="other histograms"):
        agentmon.configure(shared=tmp_path, buckets=(1.0, 2.0), traces="none")
    agentmon.configure(shared=tmp_path, traces="none")


def test_the_variable_turns_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AGENTMON_SHARED_DIR says the same as the argument."""
    monkeypatch.setenv("AGENTMON_SHARED_DIR", str(tmp_path / "shared"))
    agentmon.configure(traces="none")
    assert list((tmp_path / "shared").glob("process-*.words"))


def test_counts_stay_after_shutdown(tmp_path: Path) -> None:
    """What a process recorded is there for the next one, and its gauges are not."""
    agentmon.configure(shared=tmp_path, traces="none")
    measure(1)
    agentmon.shutdown()
    agentmon.configure(shared=tmp_path, traces="none")
    measure(1)
    assert [each.summary.count for each in agentmon.statistics()] == [2]


def test_scrapes_of_all_processes_are_counted_together(tmp_path: Path) -> None:
    """Whoever answers, the number of scrapes goes on."""
    for n in range(3):
        agentmon.configure(shared=tmp_path, serve="127.0.0.1:0", traces="none")
        assert scraped(endpoint(), "agentmon_scrapes_total") == ({(): float(n)} if n else {})
        agentmon.shutdown()


def test_who_shares_nothing_loads_nothing_of_it() -> None:
    """The modules that share are loaded where processes share only."""
    code = (
        "import agentmon, sys; agentmon.configure(traces='none'); "
        "print([m for m in sys.modules if m.startswith('agentmon.record.shared.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['agentmon.record.shared.form']"


def test_the_status_page_shows_all_processes(tmp_path: Path) -> None:
    """Its data hold the calls of every process."""
    agentmon.configure(shared=tmp_path, serve="127.0.0.1:0", traces="none")
    assert forked(lambda: [measure(n) for n in range(4)]) == 0
    import json

    with urlopen(f"{endpoint()}/api/status") as answer:
        status: dict[str, Any] = json.load(answer)
    assert [(each["name"], each["life"]["count"]) for each in status["operations"]] == [
        ("measure", 4)
    ]
    assert _runtime._runtime.member is not None
