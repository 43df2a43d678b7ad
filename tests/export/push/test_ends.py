"""However a short program ends, what it recorded has been pushed, or it is said why not."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

import agentmon
from agentmon.errors import ConfigError, PushError
from tests.export.push.exposed import run, samples
from tests.servers import otlp
from tests.servers.processes import free_port, pushgateway

#: Records three calls, and whatever comes after.
BEGIN = """
import os, signal, sys, threading
import agentmon

agentmon.configure(service="nightly", push=sys.argv[1], traces="none")
for _ in range(3):
    with agentmon.tool("dig"):
        pass

"""


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Every test begins and ends without configuration."""
    agentmon.shutdown()
    yield
    agentmon.shutdown()


def calls(path: Path) -> float | None:
    """How many calls the file has; None if it is not there."""
    if not path.exists():
        return None
    labels = {"tool": "dig", "service": "nightly", "outcome": "ok"}
    return samples(path.read_text())[("agentmon_tool_calls_total", frozenset(labels.items()))]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("raise KeyError", 1),
        ("sys.exit(7)", 7),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); os.kill(os.getpid(), 15)", 3),
        ("os.kill(os.getpid(), signal.SIGINT)", -2),
        ("threading.Thread(target=lambda: None).start()", 0),
        ("agentmon.shutdown(); agentmon.shutdown()", 0),
        ("agentmon.shutdown(); raise SystemExit", 0),
    ],
)
def test_what_was_recorded_is_pushed_however_a_program_ends(
    tmp_path: Path, end: str, status: int
) -> None:
    """A return, an exception, an exit, a signal with a handler: all three calls are there."""
    path = tmp_path / "a.prom"
    done = run(BEGIN + end, f"textfile={path}")
    assert done.returncode == status, done.stderr
    assert calls(path) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["a.prom"]


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)", "os._exit(0)"]
)
def test_what_ends_at_once_pushes_nothing(tmp_path: Path, end: str) -> None:
    """A kill, a signal without a handler and os._exit leave no time to push: nothing is there."""
    run(BEGIN + end, f"textfile={tmp_path / 'a.prom'}")
    assert list(tmp_path.iterdir()) == []


def test_what_was_pushed_before_a_kill_stays(tmp_path: Path) -> None:
    """A program that pushes by hand has that much, whatever becomes of it."""
    run(BEGIN + "agentmon.push(); os.kill(os.getpid(), 9)", f"textfile={tmp_path / 'a.prom'}")
    assert calls(tmp_path / "a.prom") == 3


FORKS = """
child = os.fork()
with agentmon.tool("dig"):
    pass
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_does_not_overwrite_what_its_parent_pushes(tmp_path: Path) -> None:
    """The parent's file has the parent's calls; the child says that it pushed nothing."""
    done = run(BEGIN + FORKS, f"textfile={tmp_path / 'a.prom'}")
    assert done.returncode == 0
    assert calls(tmp_path / "a.prom") == 4
    assert done.stderr.count("agentmon: nothing is pushed to textfile=") == 1
    assert done.stderr.endswith(
        ": this process was forked: it would overwrite the file of its parent\n"
    )


#: Pushes to a gateway, where each process has a group of its own.
GROUPS = BEGIN.replace(
    "push=sys.argv[1]", "push=agentmon.Pushgateway(sys.argv[1], grouping={'worker': '{pid}'})"
)


def grouped(url: str) -> dict[str, float]:
    """How many calls each group of a gateway has, by its worker."""
    with urlopen(f"{url}/metrics") as reply:
        found = samples(reply.read().decode(), "job", "instance")
    return {
        dict(labels)["worker"]: value
        for (name, labels), value in found.items()
        if name == "agentmon_tool_calls_total" and ("outcome", "ok") in labels
    }


@pytest.mark.servers
def test_a_forked_child_pushes_what_it_recorded_itself(tmp_path: Path) -> None:
    """Where the grouping tells processes apart, each has a group with its own calls."""
    with pushgateway(tmp_path) as url:
        done = run(GROUPS + FORKS + "print(os.getpid())", url)
        assert (done.returncode, done.stderr) == (0, "")
        first, second = done.stdout.split()
        assert sorted(grouped(url).items(), key=lambda item: item[1]) == [(first, 1), (second, 4)]


MULTIPROCESSING = """
import multiprocessing

def work(push):
    with agentmon.tool("dig"):
        pass
    if push:
        agentmon.push()

for push in (False, True):
    process = multiprocessing.get_context("fork").Process(target=work, args=(push,))
    process.start()
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.servers
def test_children_of_multiprocessing_push_when_they_are_told_to(tmp_path: Path) -> None:
    """They end without the end of an interpreter: what they push is what they push by hand."""
    with pushgateway(tmp_path) as url:
        done = run(GROUPS + MULTIPROCESSING, url)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(grouped(url).values()) == [1, 3]


def test_processes_are_told_apart_by_their_resource_in_otlp() -> None:
    """By OTLP a forked child pushes as another instance of the service."""
    with otlp.collector() as collector:
        done = run(BEGIN + FORKS, f"otlp={collector.address('http')}")
        assert (done.returncode, done.stderr) == (0, "")
        found = {}
        for request in collector.kept("metrics"):
            (of,) = request.message.resource_metrics
            whose = {each.key: each.value.string_value for each in of.resource.attributes}
            assert whose["service.name"] == "nightly"
            for metric in of.scope_metrics[0].metrics:
                if metric.name == "agentmon_tool_calls_total":
                    total = sum(point.as_int for point in metric.sum.data_points)
                    found[whose["service.instance.id"]] = total
        assert sorted(found.values()) == [1, 4]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_no_thread_is_needed_that_is_not_there_already(protocol: str) -> None:
    """The last push comes through where the interpreter starts no more threads, as from 3.12 on."""
    program = """
    import atexit

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    atexit.register(lambda: setattr(threading.Thread, "start", refuse))
    """
    with otlp.collector() as collector:
        done = run(
            textwrap.dedent(BEGIN) + textwrap.dedent(program), f"otlp={collector.address(protocol)}"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert len(collector.kept("metrics")) == 1


@pytest.mark.servers
def test_a_job_by_variables_alone(tmp_path: Path) -> None:
    """AGENTMON_PUSH is enough: the gateway has the group of the service, and when it was pushed."""
    program = BEGIN.replace("push=sys.argv[1], ", "")
    with pushgateway(tmp_path) as url:
        done = run(program, AGENTMON_PUSH=f"pushgateway={url}, textfile={tmp_path}/a.prom")
        assert (done.returncode, done.stderr) == (0, "")
        with urlopen(f"{url}/api/v1/metrics") as reply:
            (group,) = json.load(reply)["data"]
        with urlopen(f"{url}/metrics") as reply:
            text = reply.read().decode()
    assert group["labels"] == {"job": "nightly"}
    assert group["agentmon_tool_calls_total"]["type"] == "COUNTER"
    assert calls(tmp_path / "a.prom") == 3
    pushed = samples(text, "job", "instance")
    gone = {"agentmon_tool_oldest_in_flight_seconds"}
    assert {key: value for key, value in pushed.items() if key[0] not in gone} == {
        key: value
        for key, value in samples((tmp_path / "a.prom").read_text()).items()
        if key[0] not in gone
    }
    assert 'push_time_seconds{instance="",job="nightly"}' in text


@pytest.mark.parametrize("way", ["pushgateway", "remote-write", "otlp"])
def test_a_server_that_is_not_there_holds_nothing_up(way: str) -> None:
    """The program ends as it would have, soon, and the log says once what was lost."""
    url = f"http://127.0.0.1:{free_port()}"
    done = run(BEGIN + "sys.exit(7)", f"{way}={url}", seconds=30)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"agentmon: metrics cannot be pushed to {way}={url}")
    assert done.stderr.endswith("Connection refused\n")


def test_a_server_that_hangs_holds_nothing_up_beyond_the_deadline(tmp_path: Path) -> None:
    """A server that takes the connection and never answers costs the deadline, and no more."""
    import socket
    import time

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"pushgateway=http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        done = run(BEGIN + "agentmon.shutdown(0.5)", url, seconds=60)
        assert time.monotonic() - begun < 30
    assert done.returncode == 0
    assert done.stderr.startswith(f"agentmon: metrics cannot be pushed to {url}: no answer within")
    assert done.stderr.count("\n") == 1


def test_a_hanging_place_leaves_time_for_the_others(tmp_path: Path) -> None:
    """While a collector hangs with spans and a gateway with metrics, the file is written."""
    import socket

    program = """
    import sys
    import agentmon

    silent, path = sys.argv[1:]
    agentmon.configure(
        service="nightly",
        traces=silent,
        push=[f"pushgateway={silent}", f"textfile={path}"],
        failure_logs=False,
    )
    for _ in range(3):
        with agentmon.tool("dig"):
            pass
    agentmon.shutdown(1.0)
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(program, url, str(tmp_path / "a.prom"), seconds=60)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "a.prom").read_text()
    assert calls(tmp_path / "a.prom") == 3
    (lost,) = (line for line in text.splitlines() if 'reason="span_export_failed"' in line)
    assert lost.endswith(" 3")


# ---------------------------------------------------------------------- by hand


def test_push_writes_what_is_recorded_now(tmp_path: Path) -> None:
    """Each push has the calls of that moment, and recording goes on."""
    path = tmp_path / "a.prom"
    agentmon.configure(service="nightly", push=agentmon.Textfile(path), traces="none")
    for n in (1, 2):
        with agentmon.tool("dig"):
            pass
        agentmon.push()
        assert calls(path) == n
    assert agentmon.flush()


def test_push_says_what_went_wrong(tmp_path: Path) -> None:
    """Where it failed it raises, and the next push has the loss in its metrics."""
    folder = tmp_path / "folder"
    path = folder / "a.prom"
    agentmon.configure(push=[f"textfile={path}", f"textfile={tmp_path}/b.prom"], traces="none")
    with pytest.raises(PushError, match=rf"^textfile={path}: No such file or directory$"):
        agentmon.push()
    assert not agentmon.flush()
    folder.mkdir()
    agentmon.push()
    key = ("agentmon_dropped_total", frozenset({("reason", "push_failed")}))
    assert samples(path.read_text())[key] == 2
    assert (tmp_path / "b.prom").exists()


def test_push_without_a_place_says_so() -> None:
    """Before configure(), and without a place to push to, it is a mistake."""
    with pytest.raises(ConfigError, match="nowhere to push to"):
        agentmon.push()
    agentmon.configure(traces="none")
    with pytest.raises(ConfigError, match="nowhere to push to"):
        agentmon.push()
    assert agentmon.flush()


@pytest.mark.parametrize("variable", ["AGENTMON_DISABLED", "OTEL_SDK_DISABLED"])
def test_push_does_nothing_where_the_environment_turns_it_off(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A program that pushes runs the same where agentmon, or OTLP, is turned off."""
    monkeypatch.setenv(variable, "true")
    agentmon.configure(push="otlp")
    agentmon.push()


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_time_that_is_none_is_refused(tmp_path: Path, timeout: float) -> None:
    """The time that a push may take is a number of seconds of 0 or more."""
    agentmon.configure(push=f"textfile={tmp_path}/a.prom", traces="none")
    with pytest.raises(ValueError, match="timeout: got"):
        agentmon.push(timeout)


def test_a_wrong_place_leaves_nothing_behind(tmp_path: Path) -> None:
    """What cannot be used is refused by configure(), and nothing is recorded."""
    with pytest.raises(ConfigError, match=r"^push: Pushgateway: url: got 'gw', allowed http://"):
        agentmon.configure(push="pushgateway=gw")
    with pytest.raises(ConfigError, match="nowhere to push to"):
        agentmon.push()
    agentmon.configure(push=f"textfile={tmp_path}/a.prom", traces="none")
    agentmon.configure(push=agentmon.Textfile(tmp_path / "a.prom"), traces="none")
    with pytest.raises(ConfigError, match="configured already"):
        agentmon.configure(push=agentmon.Textfile(tmp_path / "b.prom"), traces="none")


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """The options load neither HTTP nor TLS; importing agentmon loads none of this."""
    program = """
    import sys
    import agentmon
    assert not [name for name in sys.modules if name.startswith("agentmon.export")]
    agentmon.Pushgateway("http://h"), agentmon.RemoteWrite("http://h"), agentmon.Textfile("a.prom")
    assert not {"requests", "ssl", "socket", "urllib3", "grpc"} & set(sys.modules)
    agentmon.OTLPMetrics("http://h")
    assert not {"requests", "ssl", "urllib3", "grpc"} & set(sys.modules)
    """
    done = run(program)
    assert (done.returncode, done.stderr) == (0, "")
