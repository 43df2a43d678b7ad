"""Errors within a task that success follows: by retry, by another agent, by a fallback."""

from __future__ import annotations

import asyncio

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.testing import Recorded
from tests.driven import Endpoint


@agentmon.tool("search")
def search(*, fail: bool = False) -> None:
    """A tool that fails when told."""
    if fail:
        raise KeyError


@agentmon.tool("guess")
def guess() -> None:
    """Another tool."""


def fails(agent: str = "clerk") -> None:
    """The tool fails within an agent, which fails of it."""
    with pytest.raises(KeyError), agentmon.agent(agent):
        search(fail=True)


def recoveries(recorded: Recorded) -> dict[str, int]:
    """How many errors were made up for, by which way."""
    found = {
        way: recorded.value("agentmon_recoveries_total", way=way)
        for way in ("retry", "other_agent", "fallback")
    }
    return {way: int(n) for way, n in found.items() if n}


def errors(recorded: Recorded) -> float | None:
    """How many errors began within tasks."""
    return recorded.value("agentmon_task_errors_total")


@pytest.mark.drives("agentmon_task_errors_total", "agentmon_recoveries_total")
def test_errors_and_recoveries_are_scraped_by_task(endpoint: Endpoint) -> None:
    """Of two errors, each of which passes an agent, one is made up for by a retry."""
    endpoint.start()
    with agentmon.task("answer_ticket"):
        fails()
        with agentmon.agent("clerk"):
            search()
    with agentmon.task("answer_ticket"):
        fails()
    assert endpoint.value("agentmon_task_errors_total", task="answer_ticket") == 2
    assert endpoint.samples("agentmon_recoveries_total") == {("answer_ticket", "retry"): 1}


def test_two_attempts_that_fail_and_one_that_succeeds_are_two_recoveries(
    recorded: Recorded,
) -> None:
    """Each error is followed by success, and each counts."""
    with agentmon.task("answer"):
        for _ in range(2):
            with pytest.raises(KeyError):
                search(fail=True)
        search()
        search()
    assert errors(recorded) == 2
    assert recoveries(recorded) == {"retry": 2}


def test_another_agent_that_succeeds_makes_up_for_the_first(recorded: Recorded) -> None:
    """The first agent fails; that another does the work is a recovery by it."""
    with agentmon.task("answer"):
        fails("clerk")
        with agentmon.agent("senior"):
            pass
    assert errors(recorded) == 1
    assert recoveries(recorded) == {"other_agent": 1}


def test_another_entry_point_of_the_same_agent_is_no_other_agent(recorded: Recorded) -> None:
    """That an agent did something else well makes up for nothing."""
    with agentmon.task("answer"):
        fails("clerk")
        with agentmon.agent("clerk", operation="greet"):
            pass
    assert recoveries(recorded) == {}


def test_another_tool_of_the_same_agent_is_a_fallback(recorded: Recorded) -> None:
    """An agent whose tool fails, and that uses another, falls back."""
    with agentmon.task("answer"), agentmon.agent("clerk"):
        with pytest.raises(KeyError):
            search(fail=True)
        guess()
    assert recoveries(recorded) == {"fallback": 1}


def test_what_began_before_the_error_makes_up_for_nothing(recorded: Recorded) -> None:
    """An agent around the error, or a tool that was running, did not follow it."""
    with agentmon.task("answer"), agentmon.agent("senior"), agentmon.agent("clerk"):
        running = agentmon.tool("guess").begin(), agentmon.tool("search").begin()
        with pytest.raises(KeyError):
            search(fail=True)
        for each in running:
            each.end()
    assert recoveries(recorded) == {}


def test_a_tool_of_another_agent_is_no_fallback(recorded: Recorded) -> None:
    """What another agent's tool does has nothing to do with it."""
    with agentmon.task("answer"):
        with pytest.raises(KeyError), agentmon.agent("clerk"):
            search(fail=True)
        senior = agentmon.agent("senior").begin()
        with senior.active():
            guess()
        senior.end(outcome="error")
    assert recoveries(recorded) == {}
    assert errors(recorded) == 2


def test_a_program_can_say_that_it_made_up_for_an_error(recorded: Recorded) -> None:
    """A default in the place of an answer is a fallback; without an error it is nothing."""
    agentmon.recovered()
    with agentmon.task("answer"):
        agentmon.recovered()
        with pytest.raises(KeyError):
            search(fail=True)
        agentmon.recovered()
        agentmon.recovered()
    assert recoveries(recorded) == {"fallback": 1}


def test_success_in_another_task_makes_up_for_nothing(recorded: Recorded) -> None:
    """An error and a success in two tasks that run at once stay apart."""

    async def one() -> None:
        with agentmon.task("one"):
            with pytest.raises(KeyError):
                search(fail=True)
            await asyncio.sleep(0)

    async def two() -> None:
        with agentmon.task("two"):
            await asyncio.sleep(0)
            search()

    async def both() -> None:
        await asyncio.gather(one(), two())

    asyncio.run(both())
    assert recoveries(recorded) == {}


def test_tasks_of_asyncio_belong_to_the_work_that_began_them(recorded: Recorded) -> None:
    """A retry in a child of the task's own counts."""

    async def again() -> None:
        search()

    async def run() -> None:
        with agentmon.task("answer"):
            with pytest.raises(KeyError):
                search(fail=True)
            await asyncio.create_task(again())

    asyncio.run(run())
    assert recoveries(recorded) == {"retry": 1}


def test_outside_any_task_nothing_is_counted(recorded: Recorded) -> None:
    """An error without a task is a failure, and neither a task's error nor to be made up for."""
    with pytest.raises(KeyError):
        search(fail=True)
    search()
    assert errors(recorded) is None
    assert recoveries(recorded) == {}


def test_calls_take_the_fast_path_again_once_nothing_waits(recorded: Recorded) -> None:
    """While an error waits every call is looked at; after success, or the task's end, none is."""
    with agentmon.task("answer"):
        with pytest.raises(KeyError):
            search(fail=True)
        assert ACTIVE.heeded == 1
        search()
        assert ACTIVE.heeded == 0
        with pytest.raises(KeyError):
            search(fail=True)
    assert ACTIVE.heeded == 0


def test_a_task_keeps_a_bounded_number_of_errors(recorded: Recorded) -> None:
    """Of 150 errors the last hundred are made up for; all are counted."""
    with agentmon.task("answer"):
        for _ in range(150):
            with pytest.raises(KeyError):
                search(fail=True)
        search()
    assert errors(recorded) == 150
    assert recoveries(recorded) == {"retry": 100}
