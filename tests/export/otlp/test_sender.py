"""What is tried how often, and what is counted, against a real collector."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agentmon.export.otlp import common, spans
from agentmon.export.otlp.destination import destination
from agentmon.export.otlp.sender import Retry, Sender, transport
from tests.export.otlp.test_spans import made
from tests.servers import otlp
from tests.servers.otlp import Collector

PROTOCOLS = ("http", "grpc")
QUICK = Retry(first_seconds=0.01, most_seconds=0.05, give_up_seconds=20.0)


class Waiting:
    """Patience that keeps account of the pauses it was asked for, and makes them short."""

    def __init__(self, left: float | None = None, longest: float = 0.05) -> None:
        self.pauses: list[float] = []
        self._until = None if left is None else time.monotonic() + left
        self._longest = longest

    def left(self) -> float | None:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        time.sleep(min(seconds, self._longest))


class Sending:
    """A sender to a collector, and what it counts."""

    def __init__(
        self,
        collector: Collector,
        protocol: str = "http",
        retry: Retry = QUICK,
        timeout: float = 20,
    ) -> None:
        where = destination("traces", {}, url=collector.address(protocol), timeout_seconds=timeout)
        self.counted: Counter[str] = Counter()
        self.sender = Sender(transport(where, "traces"), where, self._count, retry=retry)

    def _count(self, reason: str, n: int) -> None:
        self.counted[reason] += n

    def send(self, n: int = 1, patience: Any = None) -> Waiting:
        patience = patience or Waiting()
        (request,), _ = spans.encode([made(span_id=i + 1) for i in range(n)], common.resource({}))
        self.sender.send(request.body, request.items, patience)
        return patience


@pytest.fixture
def sending(collector: Collector) -> Any:
    """Makes senders to the collector."""
    made_: list[Sending] = []

    def make(*args: Any, **kwargs: Any) -> Sending:
        made_.append(Sending(collector, *args, **kwargs))
        return made_[-1]

    yield make
    for one in made_:
        one.sender.close()


Make = Callable[..., Sending]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_fails_for_now_is_tried_again(
    collector: Collector, sending: Make, protocol: str
) -> None:
    """A batch that a collector could not take at first is taken once, and nothing is lost."""
    later = otlp.status(503) if protocol == "http" else otlp.code("UNAVAILABLE")
    collector.behave(first=[later, otlp.reset(), later])
    it = sending(protocol)
    it.send(5)
    assert len(collector.spans()) == 5
    assert not it.counted


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_refused_is_counted_and_not_tried_again(
    collector: Collector, sending: Make, protocol: str
) -> None:
    """A final refusal costs one attempt, and each span of the batch is counted."""
    refusal = otlp.status(401) if protocol == "http" else otlp.code("UNAUTHENTICATED")
    collector.behave(refusal)
    it = sending(protocol)
    it.send(5)
    assert it.counted == {"span_export_failed": 5}
    assert len(collector.requests) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_rejected_is_counted(collector: Collector, sending: Make, protocol: str) -> None:
    """Spans that a collector took and threw away are counted as rejected, and not sent again."""
    collector.behave(otlp.partial(2, "too old"))
    it = sending(protocol)
    it.send(5)
    assert it.counted == {"span_rejected": 2}
    assert len(collector.requests) == 1


def test_no_more_is_rejected_than_was_sent(collector: Collector, sending: Make) -> None:
    """A collector that lies about what it rejected cannot make more lost than there was."""
    collector.behave(otlp.partial(1 << 40))
    it = sending()
    it.send(5)
    assert it.counted == {"span_rejected": 5}


def test_it_is_given_up_in_time(collector: Collector, sending: Make) -> None:
    """After the time to give up the batch is counted, and the next one is tried anew."""
    collector.behave(otlp.status(503))
    it = sending(retry=replace(QUICK, give_up_seconds=0.3))
    it.send(5)
    assert it.counted == {"span_export_failed": 5}
    assert len(collector.requests) > 2
    collector.behave()
    it.send(3)
    assert it.counted == {"span_export_failed": 5}
    assert len(collector.spans()) == 3


def test_pauses_grow_and_are_drawn(collector: Collector, sending: Make) -> None:
    """The most that is waited doubles up to its bound, and how much of it is left to chance."""
    collector.behave(first=[otlp.status(503)] * 12)
    it = sending(retry=Retry(first_seconds=1.0, most_seconds=8.0, give_up_seconds=100.0))
    pauses = it.send(1, Waiting(longest=0)).pauses
    assert len(pauses) == 12
    assert all(0 <= p <= most for p, most in zip(pauses, [1, 2, 4, *[8] * 9], strict=True))
    assert len(set(pauses)) == 12
    assert max(pauses) > 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_is_given_the_time_it_asks_for(
    collector: Collector, sending: Make, protocol: str
) -> None:
    """After a delay that a collector named there is no attempt before it is over."""
    later = (
        otlp.status(429, retry_after="1")
        if protocol == "http"
        else otlp.code("RESOURCE_EXHAUSTED", retry_seconds=1.0)
    )
    collector.behave(first=[later])
    it = sending(protocol)
    begun = time.monotonic()
    patience = it.send(5)  # whose pauses end early, as when somebody is in a hurry
    assert time.monotonic() - begun > 0.9
    assert sum(pause > 0.5 for pause in patience.pauses) > 2
    assert len(collector.spans()) == 5


def test_an_endless_delay_ends(collector: Collector, sending: Make) -> None:
    """A collector that asks for a day gets no more than the time to give up."""
    collector.behave(otlp.status(503, retry_after="86400"))
    it = sending(retry=replace(QUICK, give_up_seconds=0.3))
    it.send(5)
    assert it.counted == {"span_export_failed": 5}
    assert len(collector.requests) == 1


def test_a_delay_of_nothing_is_no_loop(collector: Collector, sending: Make) -> None:
    """A collector that asks for attempts at once gets the usual pauses."""
    collector.behave(first=[otlp.status(503, retry_after="0")] * 3)
    it = sending(retry=Retry(first_seconds=1.0))
    assert sum(it.send(1, Waiting(longest=0)).pauses) > 0.05


def test_at_the_end_a_dead_collector_costs_little(collector: Collector, sending: Make) -> None:
    """While the process waits for its end, three attempts fail, and the rest is counted at once."""
    collector.behave(otlp.status(503))
    it = sending()
    patience = Waiting(left=60.0)
    for _ in range(10):
        it.send(5, patience)
    assert it.counted == {"span_export_failed": 50}
    assert len(collector.requests) == 3


def test_at_the_end_what_was_down_has_one_more_chance(collector: Collector, sending: Make) -> None:
    """A collector that was down for long is tried once more at the end, for it may be back."""
    collector.behave(otlp.status(503))
    it = sending(retry=replace(QUICK, give_up_seconds=0.3))
    it.send(1)
    before = len(collector.requests)
    it.send(5, Waiting(left=60.0))
    assert it.counted == {"span_export_failed": 6}
    assert len(collector.requests) == before + 1
    it = sending(retry=replace(QUICK, give_up_seconds=0.3))
    it.send(1)
    collector.behave()
    it.send(5, Waiting(left=60.0))
    assert len(collector.spans()) == 5


def test_no_time_left_is_no_attempt(sending: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline a batch is counted without being tried."""
    it = sending()
    attempts: list[object] = []
    monkeypatch.setattr(it.sender._way, "send", lambda *a: attempts.append(a))
    it.send(5, Waiting(left=0.0))
    assert it.counted == {"span_export_failed": 5}
    assert attempts == []


def test_what_goes_well_is_not_said(sending: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Batches that are accepted leave no line in the log."""
    it = sending()
    with caplog.at_level(logging.INFO, "agentmon"):
        it.send(5)
        it.send(5)
    assert caplog.records == []


def test_trouble_is_said_once(
    collector: Collector, sending: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """However many attempts fail, one line says so and one says that it works again."""
    it = sending(retry=replace(QUICK, give_up_seconds=0.2))
    with caplog.at_level(logging.INFO, "agentmon"):
        for _ in range(3):
            collector.behave(otlp.status(503))
            it.send(5)
            it.send(5)
            collector.behave()
            it.send(5)
    where = f"{collector.url}/v1/traces (HTTP)"
    said = "status 503 (Service Unavailable)"
    assert [record.getMessage() for record in caplog.records] == [
        f"agentmon: spans cannot be sent to {where}, and are tried again: {said}",
        f"agentmon: spans are sent to {where} again: 10 were lost",
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_a_refusal_and_a_rejection_are_said_once(
    collector: Collector, sending: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Batches that are refused or partly rejected make one line for each kind."""
    it = sending()
    with caplog.at_level(logging.INFO, "agentmon"):
        for behaviour in (otlp.status(413), otlp.partial(2, "too old %s\n")):
            collector.behave(behaviour)
            for _ in range(3):
                it.send(5)
    where = f"{collector.url}/v1/traces (HTTP)"
    assert [record.getMessage() for record in caplog.records] == [
        f"agentmon: spans are refused by {where}: status 413 (Request Entity Too Large)",
        f"agentmon: spans are rejected in part by {where}: 2 of 5, too old %s",
    ]


def test_a_log_that_raises_harms_nothing(
    collector: Collector, sending: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter of the host that raises does not reach the sender."""

    def rude(record: logging.LogRecord) -> bool:
        raise RuntimeError

    logger = logging.getLogger("agentmon")
    monkeypatch.setattr(logger, "filters", [rude])
    collector.behave(otlp.status(401))
    it = sending()
    it.send(5)
    assert it.counted == {"span_export_failed": 5}
