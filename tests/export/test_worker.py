"""The thread that drains: batches, flushing, closing, forking."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest

from agentmon.export.worker import Patience, Worker
from agentmon.tracing.queue import Queue

#: Newer Pythons warn of any fork beside threads, which is what is tested.
FORKS = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Shipped:
    """A ship that keeps what it gets."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered: SimpleQueue[bool] = SimpleQueue()
        self.gate = Event()
        self.gate.set()
        self.aborted = self.abandoned = 0
        self.closed: list[float] = []
        self.does: Callable[[Patience], object] = lambda _: None

    def __call__(self, batch: list[int], patience: Patience) -> None:
        self.entered.put(item=True)
        self.gate.wait(60)
        self.does(patience)
        self.batches.append(batch)

    def abort(self) -> None:
        self.aborted += 1
        self.gate.set()

    def abandon(self) -> None:
        self.abandoned += 1

    def close(self, seconds: float) -> None:
        self.closed.append(seconds)

    @property
    def items(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


class Line:
    """A queue, a ship and a worker between them."""

    def __init__(self, **options: Any) -> None:
        self.full = self.dropped = 0
        self.queue: Queue[int] = Queue(1000, self._full)
        self.ship = Shipped()
        options = {"batch": 10, "delay_seconds": 3600.0, **options}
        self.worker: Worker[int] = Worker(self.queue, self.ship, self._dropped, **options)
        self.queue.wake = self.worker.wake

    def _full(self) -> None:
        self.full += 1

    def _dropped(self, n: int) -> None:
        self.dropped += n

    def put(self, n: int, first: int = 0) -> None:
        for item in range(first, first + n):
            self.queue.put(item)

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def line() -> Iterator[Line]:
    """One that is started, and waits for an hour unless it is asked."""
    one = Line()
    one.worker.start()
    yield one
    one.ship.gate.set()
    one.worker.close(10)


def test_there_is_no_thread_before_the_start_and_after_the_end() -> None:
    """A worker has one daemon thread while it works, and none otherwise."""
    before = set(threading.enumerate())
    one = Line()
    assert set(threading.enumerate()) == before
    one.worker.start()
    one.worker.start()
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    assert thread.name == "agentmon-export"
    one.worker.close(10)
    assert set(threading.enumerate()) == before


def test_what_waits_is_shipped_after_the_delay() -> None:
    """Fewer items than a batch wait for the delay, and are shipped together."""
    one = Line(delay_seconds=0.05)
    one.put(3)
    one.worker.start()
    one.wait(lambda: one.ship.items == [0, 1, 2])
    assert len(one.ship.batches) == 1
    one.worker.close(10)


def test_waking_ships_at_once(line: Line) -> None:
    """Whoever wakes the worker does not wait for the delay."""
    line.put(3)
    line.worker.wake()
    line.wait(lambda: line.ship.items == [0, 1, 2])


def test_a_queue_that_fills_up_wakes(line: Line) -> None:
    """A quarter of the room taken is reason enough not to wait for the delay."""
    line.put(300)
    line.wait(lambda: len(line.ship.items) == 300)


def test_batches_have_a_size_and_keep_the_order(line: Line) -> None:
    """What waited longest goes first, in batches no larger than asked for."""
    line.put(95)
    assert line.worker.flush(30)
    assert [len(batch) for batch in line.ship.batches] == [10] * 9 + [5]
    assert line.ship.items == list(range(95))


def test_a_flush_has_shipped_what_was_there(line: Line) -> None:
    """When a flush returns, everything put before has been shipped."""
    for n in range(50):
        line.put(7, first=n * 7)
        assert line.worker.flush(30)
        assert len(line.ship.items) == (n + 1) * 7


def test_flushes_by_several_threads_all_return(line: Line) -> None:
    """Each of several flushes at once is answered."""
    answers: list[bool] = []

    def flush(n: int) -> None:
        line.put(5, first=n * 5)
        answers.append(line.worker.flush(30))

    threads = [Thread(target=flush, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert sorted(line.ship.items) == list(range(40))


def test_a_flush_that_takes_too_long_says_so(line: Line) -> None:
    """A flush returns at its deadline, and what was being shipped goes on."""
    line.ship.gate.clear()
    line.put(5)
    assert line.worker.flush(0.05) is False
    line.ship.gate.set()
    assert line.worker.flush(30) is True
    assert line.ship.items == list(range(5))


def test_a_flush_ends_a_pause(line: Line) -> None:
    """Shipping that pauses before it tries again does so at once for somebody who waits."""
    paused: list[float] = []

    def ship(patience: Patience) -> None:
        begun = time.monotonic()
        patience.pause(60)
        paused.append(time.monotonic() - begun)

    line.ship.does = ship
    line.put(1)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    assert line.worker.flush(30)
    assert paused[0] < 30


def test_a_full_queue_ends_no_pause(line: Line) -> None:
    """A queue that fills up does not make shipping hurry: that would be the wrong moment."""
    paused: list[float] = []

    def ship(patience: Patience) -> None:
        begun = time.monotonic()
        patience.pause(0.3)
        paused.append(time.monotonic() - begun)

    line.ship.does = ship
    line.put(1)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    line.worker.wake()
    line.wait(lambda: bool(paused))
    assert paused[0] >= 0.29


def test_closing_ships_what_waits(line: Line) -> None:
    """All that waits is shipped before the end, and nothing is dropped."""
    line.put(500)
    line.worker.close(30)
    assert line.ship.items == list(range(500))
    assert line.dropped == 0
    assert len(line.ship.closed) == 1


def test_what_comes_while_it_ships_is_shipped_at_the_end(line: Line) -> None:
    """What is put during a batch, before closing, is shipped and not left over."""
    line.ship.gate.clear()
    line.put(5)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    line.put(100, first=5)
    closing = Thread(target=line.worker.close, args=(60,))
    closing.start()
    line.wait(lambda: line.worker.left() is not None)
    line.ship.gate.set()
    closing.join()
    assert line.ship.items == list(range(105))
    assert line.dropped == 0


def test_closing_twice_changes_nothing(line: Line) -> None:
    """The second end is none."""
    line.put(5)
    line.worker.close(30)
    line.worker.close(30)
    assert line.ship.items == list(range(5))
    assert len(line.ship.closed) == 1


def test_at_the_deadline_the_rest_is_dropped_and_counted(line: Line) -> None:
    """What could not be shipped in time is counted; what is being shipped is cut off."""
    line.ship.gate.clear()
    line.put(500)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    line.worker.close(0.1)
    assert line.ship.aborted == 1
    assert len(line.ship.items) + line.dropped == 500
    assert len(line.ship.items) == 10
    assert line.queue.waiting() == 0


def test_there_is_no_end_in_sight_until_there_is(line: Line) -> None:
    """Shipping has all the time there is, and from the moment of closing what is left of it."""
    seen: list[float | None] = []
    line.ship.does = lambda patience: seen.append(patience.left())
    line.put(1)
    line.worker.flush(30)
    line.put(1)
    line.worker.close(30)
    assert seen[0] is None
    assert seen[1] is not None
    assert 0 < seen[1] <= 30


def test_a_pause_ends_when_closing_begins(line: Line) -> None:
    """Closing does not wait for a pause."""
    left: list[float | None] = []

    def ship(patience: Patience) -> None:
        patience.pause(120)
        left.append(patience.left())

    line.ship.does = ship
    line.put(1)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    line.worker.close(60)
    assert left[0] is not None
    assert left[0] > 30
    assert line.dropped == 0


def test_a_ship_that_raises_loses_its_batch_only(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch whose shipping raised is counted, said once, and the next one is shipped."""

    def rude(_: Patience) -> None:
        if len(line.ship.batches) + line.dropped // 10 < 3:
            raise RuntimeError("no")

    line.ship.does = rude
    line.put(50)
    assert line.worker.flush(30)
    assert line.dropped == 30
    assert line.ship.items == list(range(30, 50))
    assert [record.getMessage() for record in caplog.records] == [
        "agentmon: shipping failed; said once"
    ]


def test_a_worker_that_never_started_drops_what_waits() -> None:
    """Without a thread nothing is shipped, and the end counts what was put."""
    one = Line()
    one.put(5)
    assert one.worker.flush(1) is False
    one.worker.close(1)
    assert one.dropped == 5


def test_a_host_that_can_start_no_thread_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no thread can be had, that is said, and nothing raises."""

    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = Line()
    monkeypatch.setattr(Thread, "start", refuse)
    one.worker.start()
    one.put(5)
    one.worker.close(1)
    assert one.dropped == 5
    assert "no thread can be started" in caplog.text


def test_nothing_is_lost_under_load() -> None:
    """With threads that put while it ships, each item is shipped once or counted."""
    one = Line(delay_seconds=0.001)
    one.worker.start()
    threads = [Thread(target=one.put, args=(5000, n * 5000)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.worker.close(60)
    assert len(set(one.ship.items)) == len(one.ship.items)
    assert len(one.ship.items) + one.full + one.dropped == 20_000
    assert one.dropped == 0


def test_waking_is_safe_within_a_signal_handler(line: Line) -> None:
    """A handler that puts and wakes cannot deadlock with what it interrupts."""
    previous = signal.signal(signal.SIGALRM, lambda *_: line.put(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        for _ in range(200):
            line.worker.wake()
            line.worker.flush(30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert line.worker.flush(30)


@FORKS
def test_a_forked_child_begins_anew(line: Line) -> None:
    """A child ships what it puts, and nothing of what waited in its parent at that moment."""
    line.put(7)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            line.ship.batches.clear()
            line.worker.abandon()
            line.put(3, first=100)
            flushed = line.worker.flush(20)
            said = f"{flushed} {line.ship.items} {line.ship.abandoned} {line.dropped}"
            line.worker.close(5)
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as child:
        assert child.read() == "True [100, 101, 102] 1 0"
    os.waitpid(pid, 0)
    assert line.worker.flush(30)
    assert line.ship.items == list(range(7))


@FORKS
def test_a_child_forked_while_its_parent_ships_is_free(line: Line) -> None:
    """A fork in the middle of a batch leaves the child no lock that nobody will release."""
    line.ship.gate.clear()
    line.put(10)
    line.worker.wake()
    line.ship.entered.get(timeout=30)
    pid = os.fork()
    if pid == 0:
        line.ship.gate = Event()
        line.ship.gate.set()
        line.worker.abandon()
        line.put(3)
        os._exit(0 if line.worker.flush(20) else 1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    line.ship.gate.set()
    assert line.worker.flush(30)
    assert line.ship.items == list(range(10))
