"""Places where parallel work comes together."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import agentmon
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands, serve_by

groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has no TaskGroup")


def results(recorded: Recorded, barrier: str) -> dict[str, int]:
    """How often what came of it, without zeros."""
    found = {
        each: recorded.value("agentmon_synchronizations_total", barrier=barrier, result=each)
        for each in ("ok", "late", "failed")
    }
    return {each: int(n) for each, n in found.items() if n}


async def work(clock: Hands, turns: int, error: Exception | None = None) -> int:
    """Take so many turns of a second."""
    for _ in range(turns):
        clock.pass_by(1)
        await asyncio.sleep(0)
    if error is not None:
        raise error
    return turns


@pytest.mark.drives(
    "agentmon_synchronizations_total",
    "agentmon_synchronization_skew_seconds",
    "agentmon_synchronization_wait_seconds",
    "agentmon_workflow_critical_path_seconds_total",
)
def test_how_parallel_work_comes_together_is_scraped(endpoint: Endpoint, clock: Hands) -> None:
    """Of three tasks the first is there 2 s before the last, the second 1 s."""
    serve_by(endpoint, clock)

    async def three() -> list[Any]:
        events = [asyncio.Event() for _ in range(3)]
        async with agentmon.workflow("job"):
            gathered = agentmon.gather(*(each.wait() for each in events), name="analyses")
            for event in events:
                clock.pass_by(1)
                event.set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            return await gathered

    assert asyncio.run(three()) == [True] * 3
    of_it = {"barrier": "analyses"}
    assert endpoint.value("agentmon_synchronizations_total", result="ok", **of_it) == 1
    skew = endpoint.value("agentmon_synchronization_skew_seconds_sum", **of_it)
    assert skew == pytest.approx(2, rel=0.01)
    assert endpoint.value("agentmon_synchronization_wait_seconds_count", **of_it) == 3
    waited = endpoint.value("agentmon_synchronization_wait_seconds_sum", **of_it)
    assert waited == pytest.approx(3, rel=0.01)
    sample = "agentmon_workflow_critical_path_seconds_total"
    assert endpoint.samples(sample, workflow="job") == {("", "synchronising"): 3}


def test_gather_raises_what_a_part_raises(timed: Recorded, clock: Hands) -> None:
    """And has failed."""

    async def run() -> None:
        with pytest.raises(KeyError):
            await agentmon.gather(work(clock, 1), work(clock, 2, KeyError("x")))

    asyncio.run(run())
    assert results(timed, "gather") == {"failed": 1}


def test_gather_gives_exceptions_back_where_asked(timed: Recorded, clock: Hands) -> None:
    """As the original does."""
    error = KeyError("x")

    async def run() -> list[Any]:
        return await agentmon.gather(
            work(clock, 1), work(clock, 1, error), name="two", return_exceptions=True
        )

    assert asyncio.run(run()) == [1, error]
    assert results(timed, "two") == {"failed": 1}


def test_parts_that_take_too_long_are_late(timed: Recorded, clock: Hands) -> None:
    """They are not stopped."""

    async def run() -> list[Any]:
        return await agentmon.gather(work(clock, 5), work(clock, 1), timeout=2)

    assert asyncio.run(run()) == [5, 1]
    assert results(timed, "gather") == {"late": 1}


def test_cancelling_a_gather_cancels_its_parts(timed: Recorded, clock: Hands) -> None:
    """As the original does."""
    seen: list[str] = []

    async def stay() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def run() -> None:
        gathered = agentmon.gather(stay(), stay())
        await asyncio.sleep(0)
        gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered

    asyncio.run(run())
    assert seen == ["cancelled"] * 2
    assert results(timed, "gather") == {"failed": 1}


def test_a_gather_of_nothing_is_empty(timed: Recorded) -> None:
    """As the original is."""

    async def run() -> list[Any]:
        return await agentmon.gather()

    assert asyncio.run(run()) == []


@groups
def test_a_task_group_is_measured(timed: Recorded, clock: Hands) -> None:
    """Its tasks have their results."""

    async def run() -> int:
        async with agentmon.TaskGroup("crew") as crew:
            first, second = crew.create_task(work(clock, 1)), crew.create_task(work(clock, 2))
        return first.result() + second.result()

    assert asyncio.run(run()) == 3
    assert results(timed, "crew") == {"ok": 1}
    assert timed.value("agentmon_synchronization_wait_seconds_count", barrier="crew") == 2


@groups
def test_a_task_group_raises_what_its_tasks_raise(timed: Recorded, clock: Hands) -> None:
    """As a group, and has failed."""

    async def run() -> None:
        async with agentmon.TaskGroup("crew") as crew:
            crew.create_task(work(clock, 1, KeyError("x")))
            crew.create_task(work(clock, 9))

    with pytest.raises(BaseException) as caught:  # noqa: PT011  # a class that 3.10 does not have
        asyncio.run(run())
    assert [type(each) for each in caught.value.exceptions] == [KeyError]  # type: ignore[attr-defined]
    assert results(timed, "crew") == {"failed": 1}


def test_a_barrier_measures_each_time_that_all_came(recorded: Recorded) -> None:
    """Three threads meet twice."""
    barrier = agentmon.Barrier(3, name="meeting")
    numbers: list[int] = []

    def meet() -> None:
        numbers.extend(barrier.wait() for _ in range(2))

    threads = [threading.Thread(target=meet) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [0, 0, 1, 1, 2, 2]
    assert results(recorded, "meeting") == {"ok": 2}
    assert recorded.value("agentmon_synchronization_wait_seconds_count", barrier="meeting") == 6


def test_a_barrier_that_not_all_reach_in_time_is_late_once(recorded: Recorded) -> None:
    """Whoever waits there is told by the exception of the original."""
    barrier = agentmon.Barrier(3, name="meeting")

    def meet() -> None:
        with pytest.raises(threading.BrokenBarrierError):
            barrier.wait(0.01)

    thread = threading.Thread(target=meet)
    thread.start()
    meet()
    thread.join()
    assert results(recorded, "meeting") in ({"late": 1}, {"late": 2})


def test_a_barrier_that_is_broken_off_has_failed(recorded: Recorded) -> None:
    """Its action raised."""

    def action() -> None:
        raise KeyError("x")

    barrier = agentmon.Barrier(1, action, name="meeting")
    with pytest.raises(KeyError):
        barrier.wait()
    assert results(recorded, "meeting") == {"failed": 1}


def test_threads_and_futures_are_joined(recorded: Recorded) -> None:
    """What futures raise is theirs."""
    with ThreadPoolExecutor(2) as pool:
        good, bad = pool.submit(int, "1"), pool.submit(int, "x")
        thread = threading.Thread(target=int)
        thread.start()
        assert agentmon.join([thread, good], name="good")
        assert agentmon.join([bad], name="bad")
    assert results(recorded, "good") == {"ok": 1}
    assert results(recorded, "bad") == {"failed": 1}
    assert isinstance(bad.exception(), ValueError)


def test_a_thread_that_does_not_come_in_time_is_late(recorded: Recorded) -> None:
    """It goes on."""
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    assert not agentmon.join([thread], timeout=0.01)
    event.set()
    thread.join()
    assert results(recorded, "join") == {"late": 1}


def test_what_cannot_be_joined_is_refused() -> None:
    """As are names and timeouts that are none."""
    with pytest.raises(agentmon.DeclarationError, match="threads and futures"):
        agentmon.join([3])  # type: ignore[list-item]
    with pytest.raises(agentmon.DeclarationError, match="timeout"):
        agentmon.join([], timeout=-1)
    with pytest.raises(agentmon.DeclarationError, match="name"):
        agentmon.Barrier(2, name="")


def test_while_recording_is_off_the_originals_are_left() -> None:
    """Nothing but results."""

    async def run() -> list[Any]:
        return await agentmon.gather(asyncio.sleep(0, "a"), asyncio.sleep(0, "b"))

    assert asyncio.run(run()) == ["a", "b"]
    assert agentmon.Barrier(1).wait() == 0
