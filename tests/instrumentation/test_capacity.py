"""Limits that are watched."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import agentmon
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands, serve_by


@pytest.fixture(autouse=True)
def nothing_of_others() -> None:
    """What other tests watched is gone, even where a traceback still held it."""
    gc.collect()


@pytest.mark.drives(
    "agentmon_limit_in_use",
    "agentmon_limit_capacity",
    "agentmon_limit_waiting",
    "agentmon_limit_acquired_total",
    "agentmon_limit_wait_seconds",
)
def test_the_places_of_a_semaphore_are_scraped(endpoint: Endpoint, clock: Hands) -> None:
    """Of two places both are taken; a third waits 3 s and gets one, a fourth still waits."""
    serve_by(endpoint, clock)
    of_it = {"limit": "llm"}

    async def run() -> None:
        places = agentmon.limit(asyncio.Semaphore(2), name="llm")
        await places.acquire()
        await places.acquire()
        third = asyncio.ensure_future(places.acquire())
        fourth = asyncio.ensure_future(places.acquire())
        await asyncio.sleep(0)
        clock.pass_by(3)
        places.release()
        assert await third
        assert endpoint.value("agentmon_limit_in_use", **of_it) == 2
        assert endpoint.value("agentmon_limit_capacity", **of_it) == 2
        assert endpoint.value("agentmon_limit_waiting", **of_it) == 1
        fourth.cancel()
        await asyncio.gather(fourth, return_exceptions=True)

    asyncio.run(run())
    assert endpoint.value("agentmon_limit_acquired_total", result="acquired", **of_it) == 3
    assert endpoint.value("agentmon_limit_acquired_total", result="refused", **of_it) == 1
    waited = endpoint.value("agentmon_limit_wait_seconds_sum", **of_it)
    assert waited == pytest.approx(3, rel=0.01)


@pytest.mark.drives("agentmon_agent_capacity")
def test_the_capacity_of_an_agent_is_scraped(endpoint: Endpoint) -> None:
    """Declared before or after the start."""
    agentmon.capacity("early", 3)
    endpoint.start()
    agentmon.capacity("late", 4)
    assert endpoint.value("agentmon_agent_capacity", agent="early") == 3
    assert endpoint.value("agentmon_agent_capacity", agent="late") == 4


def test_a_semaphore_of_threads_is_watched_as_a_block_too(timed: Recorded) -> None:
    """``with`` takes a place and gives it back."""
    places = agentmon.limit(threading.BoundedSemaphore(1), name="db")
    with places:
        assert timed.value("agentmon_limit_in_use", limit="db") == 1
        assert not places.acquire(blocking=False)
    assert timed.value("agentmon_limit_in_use", limit="db") == 0
    assert timed.value("agentmon_limit_acquired_total", result="refused") == 1
    with pytest.raises(ValueError, match="released too many times"):
        places.release()
    assert isinstance(places, threading.BoundedSemaphore)


def test_waiting_for_a_place_is_queueing_on_the_path(timed: Recorded, clock: Hands) -> None:
    """Of the agent that waits."""

    async def run() -> None:
        places = agentmon.limit(asyncio.Semaphore(1), name="llm")
        await places.acquire()

        async def free() -> None:
            clock.pass_by(2)
            places.release()

        async with agentmon.workflow("job"), agentmon.agent("clerk"):
            freeing = asyncio.ensure_future(free())
            async with places:
                clock.pass_by(1)
            await freeing

    asyncio.run(run())
    sample = "agentmon_workflow_critical_path_seconds_total"
    assert timed.value(sample, agent="clerk", path_kind="queueing") == 2
    assert timed.value(sample, agent="clerk", path_kind="working") == 1


def test_the_threads_of_a_pool_are_watched(recorded: Recorded) -> None:
    """One works, one waits; results and exceptions are as before."""
    event = threading.Event()
    with agentmon.limit(ThreadPoolExecutor(1), name="crew") as pool:
        begun = threading.Event()

        def work() -> str:
            begun.set()
            event.wait()
            return "done"

        first, second = pool.submit(work), pool.submit(int, "x")
        third = pool.submit(int)
        begun.wait()
        assert third.cancel()
        assert recorded.value("agentmon_limit_in_use", limit="crew") == 1
        assert recorded.value("agentmon_limit_waiting", limit="crew") == 1
        assert recorded.value("agentmon_limit_capacity", limit="crew") == 1
        event.set()
        assert first.result() == "done"
        assert isinstance(second.exception(), ValueError)
    assert recorded.value("agentmon_limit_in_use", limit="crew") == 0
    assert recorded.value("agentmon_limit_waiting", limit="crew") == 0
    assert recorded.value("agentmon_limit_acquired_total", result="acquired") == 2
    assert recorded.value("agentmon_limit_acquired_total", result="refused") == 1


def test_a_pool_can_be_watched_and_carry_the_context(recorded: Recorded) -> None:
    """In either order."""
    for pool in (
        agentmon.carrying(agentmon.limit(ThreadPoolExecutor(1), name="pool")),
        agentmon.limit(agentmon.carrying(ThreadPoolExecutor(1)), name="pool"),
    ):
        with pool, agentmon.agent("clerk"):
            found = pool.submit(agentmon.current).result()
            assert found is not None
            assert found.labels["agent"] == "clerk"
    assert recorded.value("agentmon_limit_acquired_total", result="acquired") == 2


def test_a_limit_that_is_gone_takes_its_gauges_along(timed: Recorded) -> None:
    """Its counters stay."""
    places = agentmon.limit(threading.Semaphore(1), name="db")
    places.acquire()
    assert timed.value("agentmon_limit_in_use", limit="db") == 1
    del places
    gc.collect()
    assert timed.value("agentmon_limit_in_use", limit="db") is None
    assert timed.value("agentmon_limit_acquired_total", limit="db") == 1


def test_what_is_no_limit_is_refused() -> None:
    """As is one that is watched already."""
    pool = agentmon.limit(ThreadPoolExecutor(1), name="pool")
    places = agentmon.limit(threading.Semaphore(1), name="db")
    for wrong in (3, threading.Lock(), pool, places):
        with pytest.raises(agentmon.DeclarationError, match="limit"):
            agentmon.limit(wrong, name="db")
    for calls in (0, True, "3"):
        with pytest.raises(agentmon.DeclarationError, match="calls"):
            agentmon.capacity("clerk", calls)  # type: ignore[arg-type]
