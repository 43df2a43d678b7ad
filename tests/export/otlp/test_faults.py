"""
From the end of a span to a collector that misbehaves: what ended was received, or is counted.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.export.otlp.pipeline import QUICK, Pipeline
from tests.servers import otlp
from tests.servers.otlp import Behaviour, Collector

PROTOCOLS = ("http", "grpc")


@pytest.fixture
def pipelines(collector: Collector) -> Iterator[Any]:
    """Makes pipelines to the collector."""
    made: list[Pipeline] = []

    def make(protocol: str, **options: Any) -> Pipeline:
        made.append(Pipeline(collector.address(protocol), **options))
        return made[-1]

    yield make
    collector.behave()
    collector.release()
    for each in made:
        each.worker.close(10)


def balance(pipeline: Pipeline, collector: Collector) -> None:
    """Every span that ended was received once or counted, and nothing else was."""
    received = [span.span_id for span in collector.spans()]
    assert len(set(received)) == len(received), "a span was received twice"
    rejected = sum(request.rejected for request in collector.kept())
    assert pipeline.dropped["span_rejected"] == rejected
    lost = sum(pipeline.dropped.values()) - rejected
    assert pipeline.ended == len(received) + lost, dict(pipeline.dropped)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_thousands_of_spans_arrive(collector: Collector, pipelines: Any, protocol: str) -> None:
    """Spans that several threads end arrive all, each once."""
    it = pipelines(protocol)
    threads = [threading.Thread(target=it.end, args=(2500,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert it.worker.flush(30)
    assert len({span.span_id for span in collector.spans()}) == 10_000
    assert not it.dropped


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_that_comes_back_gets_everything(
    collector: Collector, pipelines: Any, protocol: str
) -> None:
    """What the queue holds while a collector is away reaches it when it is there again."""
    it = pipelines(protocol)
    it.end(100)
    assert it.worker.flush(30)
    collector.die()
    it.end(5000)
    assert it.worker.flush(0.5) is False
    collector.start()
    collector.wait_for_spans(5100)
    assert not it.dropped
    balance(it, collector)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_that_stays_away_costs_counted_spans(
    collector: Collector, pipelines: Any, protocol: str
) -> None:
    """A full queue loses what ends from then on, the host waits for nothing, and all is counted."""
    collector.die()
    it = pipelines(protocol, size=1000, batch=100)
    it.end(20_000)
    assert it.dropped["span_queue_full"] >= 18_000
    it.worker.close(0.5)
    assert sum(it.dropped.values()) == it.ended == 20_000
    assert set(it.dropped) == {"span_queue_full", "span_export_failed"}


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [
        *((protocol, fault) for protocol in PROTOCOLS for fault in (otlp.hang(), otlp.reset())),
        ("http", otlp.status(503)),
        ("http", otlp.status(429, retry_after="1")),
        ("grpc", otlp.code("UNAVAILABLE")),
        ("grpc", otlp.code("RESOURCE_EXHAUSTED", retry_seconds=0.2)),
    ],
    ids=lambda value: (
        str(value) if isinstance(value, str) else f"{value.kind}-{value.status}-{value.code}"
    ),
)
def test_faults_that_pass_lose_nothing(
    collector: Collector, pipelines: Any, protocol: str, fault: Behaviour
) -> None:
    """After hanging, resetting and asking for time, everything arrives, once."""
    collector.behave(first=[fault, fault])
    it = pipelines(protocol, timeout_seconds=0.5)
    it.end(3000)
    collector.wait_for_spans(3000)
    it.worker.close(30)
    assert not it.dropped
    balance(it, collector)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "fault",
    [
        otlp.hang(),
        otlp.reset(),
        otlp.drip(0.05),
        otlp.status(503, retry_after="86400", code="UNAVAILABLE"),
        otlp.status(401, code="UNAUTHENTICATED"),
        otlp.garbage(),
        otlp.partial(3, "too old"),
        otlp.slow(0.02),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.rejected}-{len(fault.body)}",
)
def test_faults_that_stay_are_counted_and_end_in_time(
    collector: Collector, pipelines: Any, protocol: str, fault: Behaviour
) -> None:
    """Whatever a collector does, closing ends in time, no thread stays, and all is counted."""
    collector.behave(fault)
    before = set(threading.enumerate())
    it = pipelines(protocol, retry=replace(QUICK, give_up_seconds=1.0), timeout_seconds=0.4)
    it.end(2000)
    begun = time.monotonic()
    it.worker.close(1.5)
    assert time.monotonic() - begun < 30
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("agentmon")]
    balance(it, collector)


def run(collector: Collector, protocol: str, *options: str) -> tuple[list[Any], int]:
    """Run the program to its end; the accounts that its processes gave, and its status."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.export.otlp.pipeline", collector.address(protocol), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def received(collector: Collector) -> dict[int, int]:
    """How many spans came from each process, none of them twice."""
    ids = [span.span_id for span in collector.spans()]
    assert len(set(ids)) == len(ids)
    counts: dict[int, int] = {}
    for request in collector.kept():
        for resource in request.message.resource_spans:
            pid = resource.resource.attributes[0].value.int_value
            n = sum(len(scope.spans) for scope in resource.scope_spans)
            counts[pid] = counts.get(pid, 0) + n
    return counts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("leave", ["return", "raise", "exit", "term"])
def test_what_waits_at_the_end_is_sent(collector: Collector, protocol: str, leave: str) -> None:
    """However a process ends by itself, its last spans arrive."""
    (account,), status = run(collector, protocol, "--leave", leave)
    assert status == {"return": 0, "raise": 1, "exit": 3, "term": 0}[leave]
    assert account["dropped"] == {}
    assert received(collector) == {account["pid"]: account["ended"]}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["die", "hang"])
def test_a_dead_collector_does_not_hold_up_the_end(
    collector: Collector, protocol: str, fault: str
) -> None:
    """A process ends at its deadline, and counts what it could not send."""
    if fault == "die":
        collector.die()
    else:
        collector.behave(otlp.hang())
    (account,), status = run(collector, protocol, "--deadline", "1")
    assert status == 0
    assert sum(account["dropped"].values()) == account["ended"] == 2000
    assert account["took"] < 20


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_forked_children_export_their_own(collector: Collector, protocol: str) -> None:
    """Parent and children each send what they ended, none sends what another one ended."""
    accounts, status = run(collector, protocol, "--children", "4")
    assert status == 0
    assert len(accounts) == 5
    assert all(account["dropped"] == {} for account in accounts)
    assert received(collector) == {account["pid"]: account["ended"] for account in accounts}
    assert sorted(account["ended"] for account in accounts) == [1000] * 4 + [2040]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_child_that_is_killed_harms_nobody(collector: Collector, protocol: str) -> None:
    """A child killed in the middle loses what it had, its parent and siblings lose nothing."""
    accounts, status = run(collector, protocol, "--children", "3", "--kill-child")
    assert status == 0
    assert len(accounts) == 3
    counts = received(collector)
    for account in accounts:
        assert counts[account["pid"]] == account["ended"]
        assert account["dropped"] == {}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_process_that_is_killed_leaves_the_collector_in_order(
    collector: Collector, protocol: str
) -> None:
    """After a kill in the middle of sending, another process is served as ever."""
    collector.behave(otlp.slow(0.2))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.export.otlp.pipeline"),
            *(collector.address(protocol), "--spans", "5000"),
        ],
        stdout=subprocess.DEVNULL,
    )
    collector.wait_for_spans(1)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    collector.behave()
    collector.forget()
    (account,), _ = run(collector, protocol)
    assert received(collector)[account["pid"]] == account["ended"]
