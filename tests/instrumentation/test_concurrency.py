"""Counts are exact with any number of threads, tasks and readers at once."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.call import CURRENT
from agentmon.testing import Recorded
from tests.instrumentation.recording import errors, outcomes

_THREADS = 8
_ROUNDS = 300


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads are switched as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def _together(*work: Callable[[], object]) -> None:
    failed: list[BaseException] = []

    def run(do: Callable[[], object]) -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001  # raised below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(do,)) for do in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.usefixtures("switching")
def test_every_call_is_counted_once(recorded: Recorded) -> None:  # noqa: C901  # many at once
    """Eight threads and an event loop, read all the while, leave exact counts for each outcome."""

    @agentmon.tool("t")
    def use(n: int) -> int:
        if n % 10 == 0:
            raise ValueError
        if n % 10 == 1:
            raise TimeoutError
        return n

    @agentmon.agent("sync")
    def work(n: int) -> int:
        try:
            return use(n)
        except ValueError:
            return -1

    @agentmon.agent("async")
    async def work_async(n: int) -> int:
        await asyncio.sleep(0)
        if n % 10 == 0:
            raise ValueError
        return n

    @agentmon.agent("stream")
    def stream(n: int) -> Iterator[int]:
        yield n
        yield n

    def in_thread() -> None:
        for n in range(_ROUNDS):
            with suppress(TimeoutError):
                work(n)
            for _ in stream(n):
                if n % 10 == 0:
                    break
        assert CURRENT.get() is None

    async def in_tasks() -> None:
        results = await asyncio.gather(
            *(work_async(n) for n in range(_ROUNDS)), return_exceptions=True
        )
        assert sum(isinstance(r, ValueError) for r in results) == _ROUNDS // 10

    stop = threading.Event()
    highest: list[float] = [0]

    def read() -> None:
        while not stop.is_set():
            ended = recorded.value("agentmon_agent_calls_total") or 0
            assert ended >= highest[-1]
            highest.append(ended)

    def all_work() -> None:
        try:
            _together(*[in_thread] * _THREADS, lambda: asyncio.run(in_tasks()))
        finally:
            stop.set()

    _together(all_work, read)
    tenth = _THREADS * _ROUNDS // 10
    assert outcomes(recorded, "tool", agent="sync") == {
        "ok": 8 * tenth,
        "error": tenth,
        "timeout": tenth,
    }
    assert outcomes(recorded, agent="sync") == {"ok": 9 * tenth, "timeout": tenth}
    assert outcomes(recorded, agent="stream") == {"ok": 9 * tenth, "cancelled": tenth}
    assert outcomes(recorded, agent="async") == {"ok": _ROUNDS * 9 // 10, "error": _ROUNDS // 10}
    assert errors(recorded, "tool", error_type="ValueError") == tenth
    for kind in ("agent", "tool"):
        assert recorded.value(f"agentmon_{kind}_in_flight") == 0
        assert recorded.value(f"agentmon_{kind}_oldest_in_flight_seconds") == 0


@pytest.mark.usefixtures("switching")
def test_in_flight_counts_what_runs(recorded: Recorded) -> None:
    """While calls run in many threads, in_flight says how many, and how old the oldest is."""
    inside = threading.Barrier(_THREADS + 1, timeout=30)
    leave = threading.Event()

    @agentmon.agent("a")
    def work() -> None:
        inside.wait()
        leave.wait(30)

    seen: list[Any] = []

    def watch() -> None:
        inside.wait()
        seen.append(recorded.value("agentmon_agent_in_flight"))
        seen.append((recorded.value("agentmon_agent_oldest_in_flight_seconds") or 0) > 0)
        leave.set()

    _together(*[work] * _THREADS, watch)
    assert seen == [_THREADS, True]
    assert recorded.value("agentmon_agent_in_flight") == 0


@pytest.mark.usefixtures("switching")
def test_names_from_arguments_in_many_threads(recorded: Recorded) -> None:
    """Names computed in many threads at once are counted each exactly."""

    @agentmon.agent(named_by=lambda n: f"a{n % 7}")
    def work(n: int) -> int:
        return n

    def in_thread() -> None:
        for n in range(210):
            assert work(n) == n

    _together(*[in_thread] * _THREADS)
    for n in range(7):
        assert outcomes(recorded, agent=f"a{n}") == {"ok": 30 * _THREADS}


def test_alarms_that_raise_anywhere_leave_nothing_behind() -> None:
    """After hundreds of exceptions from a signal handler, no call is current or in flight."""

    class Alarm(Exception):
        pass

    working = False

    def ring(_number: int, _frame: object) -> None:
        nonlocal working
        if working:
            working = False
            raise Alarm

    @agentmon.agent("inner")
    def inner() -> None:
        """Do nothing."""

    @agentmon.agent("outer")
    def outer() -> None:
        inner()

    before = signal.signal(signal.SIGALRM, ring)
    agentmon.configure(traces="none")
    rings = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while rings < 300:
            try:
                working = True
                while True:
                    outer()
            except Alarm:
                rings += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert agentmon.current() is None
        assert [each.in_flight for each in agentmon.statistics()] == [0, 0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        agentmon.shutdown()
