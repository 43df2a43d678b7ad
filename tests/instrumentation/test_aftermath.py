"""Causes of failures: which began with themselves, and which another brought about."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.aftermath import MARK
from agentmon.testing import ManualClock, Recorded
from tests.driven import Endpoint
from tests.instrumentation.recording import recording


@agentmon.tool("search")
def search(error: BaseException) -> None:
    """A tool that fails."""
    raise error


def causes(recorded: Recorded, kind: str | None = None) -> dict[str, int]:
    """How many failures had which cause."""
    of_it = {} if kind is None else {"kind": kind}
    found = {
        cause: recorded.value("agentmon_failures_total", cause=cause, **of_it)
        for cause in ("primary", "cascade")
    }
    return {cause: int(n) for cause, n in found.items() if n}


def failing(do: Callable[[], Any]) -> None:
    """Run what raises."""
    with pytest.raises(Exception):  # noqa: B017, PT011  # which one is not the point
        do()


@pytest.mark.drives("agentmon_failures_total")
def test_failures_are_scraped_by_kind_agent_and_cause(endpoint: Endpoint) -> None:
    """A tool's failure that passes its agent and the workflow is primary once, then cascades."""
    endpoint.start()

    @agentmon.workflow("order")
    def order() -> None:
        with agentmon.agent("clerk"):
            search(KeyError("x"))

    failing(order)
    assert endpoint.samples("agentmon_failures_total") == {
        ("tool", "clerk", "primary"): 1,
        ("agent", "clerk", "cascade"): 1,
        ("workflow", "", "cascade"): 1,
    }


def test_an_exception_raised_from_anothers_is_a_cascade(recorded: Recorded) -> None:
    """It is so with a cause, without one while handling, and where the cause is hidden."""

    @agentmon.agent("clerk")
    def clerk(way: str) -> None:
        try:
            search(KeyError("x"))
        except KeyError as error:
            if way == "from":
                raise RuntimeError from error
            if way == "none":
                raise RuntimeError from None
            raise RuntimeError  # noqa: B904  # that is the case

    for way in ("from", "none", "bare"):
        failing(lambda way=way: clerk(way))  # type: ignore[misc]
    assert causes(recorded, "tool") == {"primary": 3}
    assert causes(recorded, "agent") == {"cascade": 3}


def test_an_exception_can_be_raised_from_one_of_before(recorded: Recorded) -> None:
    """What a program names as the cause is one, also if it failed before the call began."""
    before = KeyError("x")
    failing(lambda: search(before))

    @agentmon.agent("clerk")
    def clerk() -> None:
        raise RuntimeError from before

    failing(clerk)
    assert causes(recorded, "agent") == {"cascade": 1}


def test_a_failure_that_was_handled_causes_no_later_one(recorded: Recorded) -> None:
    """An agent that catches a tool's failure and then fails by itself is primary."""

    @agentmon.agent("clerk")
    def clerk() -> None:
        failing(lambda: search(KeyError("x")))
        raise RuntimeError

    failing(clerk)
    assert causes(recorded) == {"primary": 2}


def test_a_retry_while_the_first_failure_is_handled_is_a_failure_of_its_own(
    recorded: Recorded,
) -> None:
    """What is being handled around a call did not cause it, though Python notes it as context."""

    def twice() -> None:
        try:
            search(KeyError("x"))
        except KeyError:
            search(ValueError("y"))

    failing(twice)
    assert causes(recorded) == {"primary": 2}


def test_a_call_that_succeeds_in_spite_of_a_failure_is_none(recorded: Recorded) -> None:
    """An agent that gets by without its tool does not fail."""
    with agentmon.agent("clerk"):
        failing(lambda: search(KeyError("x")))
    assert causes(recorded) == {"primary": 1}


def test_blocks_and_handles_take_part(recorded: Recorded) -> None:
    """A failure of a block or handle passes to what is around, by the same exception."""
    error = ValueError("x")

    def run() -> None:
        with agentmon.agent("clerk"):
            step = agentmon.step("read").begin()
            step.end(error=error)
            raise error

    failing(run)
    assert causes(recorded, "step") == {"primary": 1}
    assert causes(recorded, "agent") == {"cascade": 1}


def test_outcomes_that_are_no_failures_have_no_cause(recorded: Recorded) -> None:
    """What is cancelled or interrupted is not counted, and marks nothing."""
    with pytest.raises(KeyboardInterrupt), agentmon.agent("clerk"):
        search(KeyboardInterrupt())
    with pytest.raises(asyncio.CancelledError), agentmon.agent("clerk"):
        search(asyncio.CancelledError())
    assert causes(recorded) == {}


def test_failures_cross_threads_by_their_futures(recorded: Recorded) -> None:
    """A tool that fails in a thread is the cause of the agent that asks for its result."""
    with ThreadPoolExecutor(1) as pool:

        def run() -> None:
            with agentmon.agent("clerk"):
                pool.submit(agentmon.carry(search), KeyError("x")).result()

        failing(run)
    assert causes(recorded, "tool") == {"primary": 1}
    assert causes(recorded, "agent") == {"cascade": 1}


def test_gather_brings_one_failure_and_counts_all(recorded: Recorded) -> None:
    """Of three tasks two fail: two are primary, and the agent that gathers them is a cascade."""

    @agentmon.tool("slow")
    async def slow(n: int) -> int:
        await asyncio.sleep(0)
        if n:
            raise ValueError(n)
        return n

    async def run() -> None:
        async with agentmon.agent("clerk"):
            answers = await asyncio.gather(*map(slow, range(3)), return_exceptions=True)
            raise next(each for each in answers if isinstance(each, ValueError))

    failing(lambda: asyncio.run(run()))
    assert causes(recorded, "tool") == {"primary": 2}
    assert causes(recorded, "agent") == {"cascade": 1}


def test_a_group_is_caused_by_its_members(recorded: Recorded) -> None:
    """A task group that raises what its tasks raised is a cascade."""
    group = pytest.importorskip("builtins").__dict__.get("ExceptionGroup")
    if group is None:
        pytest.skip("Python 3.10 has no groups")

    def run() -> None:
        with agentmon.agent("clerk"):
            error = KeyError("x")
            failing(lambda: search(error))
            raise group("both", [ValueError("new"), group("in", [error])])

    failing(run)
    assert causes(recorded, "agent") == {"cascade": 1}


def test_a_timeout_around_a_cancelled_call_is_primary(recorded: Recorded) -> None:
    """What wait_for cancels did not fail; its caller did."""

    @agentmon.tool("hangs")
    async def hangs() -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        async with agentmon.agent("clerk"):
            await asyncio.wait_for(hangs(), 0)

    failing(lambda: asyncio.run(run()))
    assert causes(recorded) == {"primary": 1}


def test_a_mark_goes_along_with_a_pickled_exception(recorded: Recorded) -> None:
    """A failure of another process, that comes as its exception, is the cause here."""
    error = ValueError("x")
    failing(lambda: search(error))
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own

    def run() -> None:
        with agentmon.agent("clerk"):
            raise arrived

    failing(run)
    assert causes(recorded, "agent") == {"cascade": 1}


class Frozen(Exception):
    """An exception that lets nobody set anything."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Odd(Exception):
    """An exception that says nonsense of itself."""

    response = property(lambda self: 1 / 0)


@pytest.mark.parametrize("kind", [Frozen, Odd, ValueError])
def test_any_exception_passes_and_is_counted(recorded: Recorded, kind: type[Exception]) -> None:
    """The exception itself comes out of both calls, and both are counted."""
    error = kind()
    with pytest.raises(type(error)) as raised, agentmon.agent("clerk"):
        search(error)
    assert raised.value is error
    assert causes(recorded) == {"primary": 1, "cascade": 1}


def test_chains_that_bite_their_tail_end(recorded: Recorded) -> None:
    """Two exceptions that are each other's cause are looked at once each."""
    one, other = ValueError("x"), KeyError("y")
    one.__cause__, other.__cause__ = other, one
    failing(lambda: search(one))
    assert causes(recorded) == {"primary": 1}


def test_nonsense_in_the_place_of_the_mark_is_no_cause(recorded: Recorded) -> None:
    """What somebody else put there says nothing."""
    error = ValueError("x")
    setattr(error, MARK, "nonsense")
    failing(lambda: search(error))
    assert causes(recorded) == {"primary": 1}


def test_a_late_call_that_returned_is_primary() -> None:
    """A call that returns after its time is a failure that nothing else caused."""
    clock = ManualClock()
    with recording(clock=clock) as recorded:
        with agentmon.agent("clerk", timeout=1):
            clock.advance(2)
        assert causes(recorded) == {"primary": 1}


def test_a_late_function_is_counted_when_it_is_folded(recorded: Recorded) -> None:
    """Functions on the fast path are told from when they are looked at; none is lost."""

    @agentmon.tool("slow", timeout=1e-9)
    def slow() -> None:
        pass

    for _ in range(5):
        slow()
    recorded.value("agentmon_tool_calls_total")
    assert causes(recorded) == {"primary": 5}


def test_every_failure_is_counted_once_with_many_threads(recorded: Recorded) -> None:
    """Of 8 threads with 200 failures each that pass an agent, all are counted as what they are."""

    def work() -> None:
        for _ in range(200):
            failing(run)

    @agentmon.agent("clerk")
    def run() -> None:
        search(KeyError("x"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert causes(recorded) == {"primary": 1600, "cascade": 1600}
