"""What agents use of processor and memory, as it is scraped."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from tests.driven import Endpoint

CPU = "agentmon_agent_cpu_seconds_total"
#: How far what is attributed may be off.
TOLERANCE = 0.05


class Spent:
    """What each agent truly used: the thread's own clock around nothing but its work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def work(self, agent: str, seconds: float) -> None:
        """Use so much CPU time of this thread for an agent."""
        begun = now = time.thread_time()
        while now < begun + seconds:
            sum(range(200))
            now = time.thread_time()
        with self._lock:
            self.seconds[agent] = self.seconds.get(agent, 0.0) + now - begun


@pytest.fixture
def spent() -> Spent:
    """What is truly used."""
    return Spent()


def check(endpoint: Endpoint, share: str, truth: dict[str, float]) -> None:
    """Compare what is scraped with the truth."""
    found = {agent: value for (agent,), value in endpoint.samples(CPU, share=share).items()}
    assert found.keys() == truth.keys()
    for agent, seconds in truth.items():
        assert found[agent] == pytest.approx(seconds, rel=TOLERANCE)


@pytest.mark.drives(CPU)
def test_nested_agents_split_their_time(endpoint: Endpoint, spent: Spent) -> None:
    """An agent's own time is without that of the agents within it, and its total is with it."""

    @agentmon.agent("inner")
    def inner() -> None:
        spent.work("inner", 0.2)

    @agentmon.tool
    def look_up() -> None:
        spent.work("outer", 0.1)

    @agentmon.agent("outer")
    def outer() -> None:
        spent.work("outer", 0.05)
        look_up()
        inner()
        inner()
        spent.work("outer", 0.05)

    endpoint.start(agent_cpu=True)
    outer()
    truth = spent.seconds
    check(endpoint, "self", truth)
    check(endpoint, "total", {"inner": truth["inner"], "outer": sum(truth.values())})


def test_interleaved_coroutines_split_their_time(endpoint: Endpoint, spent: Spent) -> None:
    """Of agents that take turns in one loop, each has the time of its own steps."""

    def agent(name: str, slice_s: float) -> Any:
        @agentmon.agent(name)
        async def run() -> None:
            for _ in range(20):
                spent.work(name, slice_s)
                await asyncio.sleep(0)

        return run()

    async def main() -> None:
        await asyncio.gather(agent("a", 0.015), agent("b", 0.005), agent("c", 0.010))

    endpoint.start(agent_cpu=True)
    asyncio.run(main())
    check(endpoint, "self", spent.seconds)
    check(endpoint, "total", spent.seconds)


def test_agents_in_tasks_of_an_agent_are_within_it(endpoint: Endpoint, spent: Spent) -> None:
    """What others do in tasks of an agent is in its total, and what tools do in its own time."""

    @agentmon.agent("inner")
    async def inner() -> None:
        for _ in range(5):
            spent.work("inner", 0.02)
            await asyncio.sleep(0)

    @agentmon.tool
    async def look_up() -> None:
        await asyncio.sleep(0)
        spent.work("outer", 0.1)

    @agentmon.agent("outer")
    async def outer() -> None:
        await asyncio.gather(inner(), inner(), look_up(), look_up())

    endpoint.start(agent_cpu=True)
    asyncio.run(outer())
    truth = spent.seconds
    check(endpoint, "self", truth)
    check(endpoint, "total", {"inner": truth["inner"], "outer": sum(truth.values())})


def test_threads_split_their_time(endpoint: Endpoint, spent: Spent) -> None:
    """Agents in several threads at once have each what its own thread used."""

    @agentmon.agent("a")
    def first() -> None:
        spent.work("a", 0.3)

    @agentmon.agent("b")
    def second() -> None:
        spent.work("b", 0.1)

    endpoint.start(agent_cpu=True)
    threads = [threading.Thread(target=each) for each in (first, second, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    check(endpoint, "self", spent.seconds)


def test_what_is_carried_to_threads_counts(endpoint: Endpoint, spent: Spent) -> None:
    """Functions that an agent has others run in threads, with its context, use its time."""

    @agentmon.tool
    def look_up() -> None:
        spent.work("a", 0.1)

    @agentmon.agent("a")
    def run() -> None:
        with agentmon.carrying(ThreadPoolExecutor(2)) as pool:
            for future in [pool.submit(spent.work, "a", 0.1), pool.submit(look_up)]:
                future.result()
        thread = threading.Thread(target=agentmon.carry(look_up))
        thread.start()
        thread.join()

    @agentmon.agent("b")
    async def run_async() -> None:
        await asyncio.to_thread(spent_by_b)

    @agentmon.step
    def spent_by_b() -> None:
        spent.work("b", 0.1)

    endpoint.start(agent_cpu=True)
    run()
    asyncio.run(run_async())
    check(endpoint, "self", spent.seconds)


def test_generators_use_time_while_they_run(endpoint: Endpoint, spent: Spent) -> None:
    """A generator has the time of its steps, and its consumer all other."""

    @agentmon.agent("source")
    def source() -> Iterator[int]:
        for n in range(5):
            spent.work("source", 0.02)
            yield n

    @agentmon.agent("async source")
    async def async_source() -> AsyncIterator[int]:
        for n in range(5):
            await asyncio.sleep(0)
            spent.work("async source", 0.02)
            yield n

    @agentmon.agent("sink")
    async def sink() -> None:
        for _ in source():
            spent.work("sink", 0.01)
        async for _ in async_source():
            spent.work("sink", 0.01)

    endpoint.start(agent_cpu=True)
    asyncio.run(sink())
    check(endpoint, "self", spent.seconds)


def test_blocks_use_time(endpoint: Endpoint, spent: Spent) -> None:
    """A block of an agent has its time in plain code, and over the steps of an agent around it."""

    @agentmon.agent("around")
    async def around(other: asyncio.Event) -> None:
        spent.work("around", 0.05)
        with agentmon.agent("block"):
            spent.work("block", 0.05)
            other.set()
            await asyncio.sleep(0)
            spent.work("block", 0.05)
        spent.work("around", 0.05)

    @agentmon.agent("other")
    async def other(begin: asyncio.Event) -> None:
        await begin.wait()
        spent.work("other", 0.1)

    async def main() -> None:
        event = asyncio.Event()
        await asyncio.gather(around(event), other(event))

    endpoint.start(agent_cpu=True)
    with agentmon.agent("plain"):
        spent.work("plain", 0.1)
    asyncio.run(main())
    check(endpoint, "self", spent.seconds)


def test_a_block_that_cannot_be_measured_has_no_time(endpoint: Endpoint, spent: Spent) -> None:
    """A block in a coroutine that nobody measures takes no time from others, and has none."""

    @agentmon.agent("other")
    async def other() -> None:
        spent.work("other", 0.1)

    async def main() -> None:
        with agentmon.agent("block"):
            await asyncio.gather(other())

    endpoint.start(agent_cpu=True)
    asyncio.run(main())
    check(endpoint, "self", spent.seconds)


def test_a_recursive_agent_has_its_total_once(endpoint: Endpoint, spent: Spent) -> None:
    """An agent within itself does not count twice."""

    @agentmon.agent("a")
    def run(depth: int) -> None:
        spent.work("a", 0.1)
        if depth:
            run(depth - 1)

    endpoint.start(agent_cpu=True)
    run(2)
    check(endpoint, "self", spent.seconds)
    check(endpoint, "total", spent.seconds)


def test_a_long_call_shows_before_it_ends(endpoint: Endpoint, spent: Spent) -> None:
    """What an agent used in its steps up to now can be seen while it goes on."""
    seen: list[float | None] = []

    @agentmon.agent("a")
    async def run() -> None:
        spent.work("a", 0.3)
        await asyncio.sleep(0)
        seen.append(endpoint.value(CPU, share="self"))

    endpoint.start(agent_cpu=True)
    asyncio.run(run())
    assert seen[0] == pytest.approx(spent.seconds["a"], rel=TOLERANCE)


def test_what_is_awaited_is_untouched(endpoint: Endpoint) -> None:
    """Results, exceptions and cancellations of coroutines pass through their steps."""

    @agentmon.agent("a")
    async def run(how: str) -> str:
        if how == "raise":
            raise KeyError(how)
        try:
            await asyncio.sleep(3600 if how == "wait" else 0)
        except asyncio.CancelledError:
            if how == "wait":
                return "cancelled"
            raise
        return how

    async def main() -> None:
        assert await run("return") == "return"
        with pytest.raises(KeyError):
            await run("raise")
        waiting = asyncio.ensure_future(run("wait"))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await waiting == "cancelled"

    endpoint.start(agent_cpu=True)
    asyncio.run(main())
    calls = endpoint.samples("agentmon_agent_calls_total", agent="a", operation="invoke")
    assert calls["ok",] == 2
    assert calls["error",] == 1


@pytest.mark.drives("agentmon_task_cpu_seconds_total")
def test_tasks_are_told_of_the_time_of_their_agents(endpoint: Endpoint, spent: Spent) -> None:
    """The CPU time of agents within a task is that of the task."""

    @agentmon.agent("a")
    def run() -> None:
        spent.work("a", 0.2)

    endpoint.start(agent_cpu=True)
    with agentmon.task("answer") as task:
        run()
        task.complete()
    found = endpoint.value("agentmon_task_cpu_seconds_total")
    assert found == pytest.approx(spent.seconds["a"], rel=TOLERANCE)


def test_nothing_is_measured_unless_asked_for(endpoint: Endpoint) -> None:
    """By default no call leaves the fast path, and agents have no CPU time."""

    @agentmon.agent("a")
    def run() -> None:
        pass

    endpoint.start()
    run()
    assert ACTIVE.metering is None
    assert endpoint.value(CPU) is None


# ---------------------------------------------------------------------- memory

MEMORY = "agentmon_agent_allocated_bytes_total"


@pytest.mark.drives(MEMORY)
def test_memory_that_agents_keep(endpoint: Endpoint) -> None:
    """What an agent allocates and keeps is counted, and what it frees is not."""
    kept: list[bytes] = []

    @agentmon.agent("keeper")
    def keep() -> None:
        kept.append(bytes(10_000_000))

    @agentmon.agent("spender")
    def spend() -> int:
        return len(bytes(10_000_000))

    endpoint.start(agent_memory=1)
    for _ in range(3):
        keep()
        spend()
    assert endpoint.value(MEMORY, agent="keeper") == pytest.approx(30_000_000, rel=TOLERANCE)
    assert (endpoint.value(MEMORY, agent="spender") or 0) < 100_000
    assert not tracemalloc.is_tracing()


def test_memory_is_scaled_to_all_calls(endpoint: Endpoint) -> None:
    """Where one in ten calls is measured, it stands for ten."""
    kept: list[bytes] = []

    @agentmon.agent("keeper")
    def keep() -> None:
        kept.append(bytes(1_000_000))

    endpoint.start(agent_memory=10)
    for _ in range(40):
        keep()
    assert endpoint.value(MEMORY, agent="keeper") == pytest.approx(40_000_000, rel=TOLERANCE)


def test_memory_of_coroutines_is_that_of_their_steps(endpoint: Endpoint) -> None:
    """What others allocate between the steps of an agent is not its own."""
    kept: list[bytes] = []

    @agentmon.agent("keeper")
    async def keep() -> None:
        for _ in range(5):
            kept.append(bytes(1_000_000))
            await asyncio.sleep(0)

    async def others() -> None:
        for _ in range(5):
            kept.append(bytes(7_000_000))
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(keep(), others())

    endpoint.start(agent_memory=1)
    gc.collect()
    asyncio.run(main())
    assert endpoint.value(MEMORY, agent="keeper") == pytest.approx(5_000_000, rel=TOLERANCE)
    assert not tracemalloc.is_tracing()


def test_tracing_of_the_host_goes_on(endpoint: Endpoint) -> None:
    """Where the program traces its memory itself, that is used and not ended."""
    kept: list[bytes] = []

    @agentmon.agent("keeper")
    def keep() -> None:
        kept.append(bytes(1_000_000))

    tracemalloc.start()
    try:
        endpoint.start(agent_memory=1)
        keep()
        assert tracemalloc.is_tracing()
        assert endpoint.value(MEMORY) == pytest.approx(1_000_000, rel=TOLERANCE)
    finally:
        tracemalloc.stop()
