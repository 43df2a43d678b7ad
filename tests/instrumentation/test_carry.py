"""Taking the context along into threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.testing import Recorded
from tests.instrumentation.recording import outcomes


@agentmon.tool("t")
def _use(n: int) -> int:
    """Use it."""
    return n


def _in_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def test_carried_function_belongs_to_where_it_was_bound(recorded: Recorded) -> None:
    """A carried function belongs to the call around carry(), wherever and how often it runs."""
    with agentmon.agent("a"):
        carried = agentmon.carry(_use)
    with agentmon.agent("b"):
        assert carried(1) == 1
        _in_thread(lambda: carried(2))
        _use(3)
    assert outcomes(recorded, "tool", agent="a") == {"ok": 2}
    assert outcomes(recorded, "tool", agent="b") == {"ok": 1}


def test_carried_function_runs_in_many_threads_at_once(recorded: Recorded) -> None:
    """A carried function may run in several threads at the same moment."""
    barrier = threading.Barrier(4, timeout=10)

    def meet() -> None:
        _use(barrier.wait())

    with agentmon.agent("a"):
        carried = agentmon.carry(meet)
    threads = [threading.Thread(target=carried) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes(recorded, "tool", agent="a") == {"ok": 4}


def test_carried_function_looks_like_the_original() -> None:
    """A carried function has the metadata of the original, and lets its exceptions through."""
    carried = agentmon.carry(_use)
    assert (carried.__name__, carried.__doc__) == (_use.__name__, _use.__doc__)

    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        agentmon.carry(fails)()


def test_executor_carries_the_context_of_each_submitter(recorded: Recorded) -> None:
    """submit, map and run_in_executor of a carrying executor run in the submitter's context."""
    executor = ThreadPoolExecutor(2)
    assert agentmon.carrying(executor) is executor

    async def through_loop() -> None:
        with agentmon.agent("c"):
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(executor, _use, 9) == 9

    with executor:
        with agentmon.agent("a"):
            future = executor.submit(_use, n=1)
        with agentmon.agent("b"):
            assert list(executor.map(_use, range(4), timeout=10)) == [0, 1, 2, 3]
        asyncio.run(through_loop())
        assert future.result() == 1
    assert outcomes(recorded, "tool", agent="a") == {"ok": 1}
    assert outcomes(recorded, "tool", agent="b") == {"ok": 4}
    assert outcomes(recorded, "tool", agent="c") == {"ok": 1}


def test_executor_of_processes_is_refused() -> None:
    """An executor of processes cannot carry a context, which is said at once."""
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(DeclarationError, match="carrying: got a ProcessPoolExecutor, allowed"),
    ):
        agentmon.carrying(executor)


@pytest.mark.parametrize("other", [3, None, "executor"])
def test_what_is_no_function_or_executor_is_refused(other: Any) -> None:
    """What cannot be called cannot be carried, and what takes no work cannot carry it."""
    with pytest.raises(DeclarationError, match=f"^carry: got {other!r}, allowed a function"):
        agentmon.carry(other)
    with pytest.raises(DeclarationError, match=f"^carrying: got {other!r}, allowed an executor"):
        agentmon.carrying(other)


async def _coroutine() -> None:
    """Run when it is awaited."""


def _generator() -> Iterator[int]:
    yield 1


async def _async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("later", [_coroutine, _generator, _async_generator])
def test_what_runs_later_cannot_be_carried(later: Callable[..., object]) -> None:
    """A function whose body runs after the call is refused, as its context would not be carried."""
    with pytest.raises(DeclarationError, match="allowed a plain function"):
        agentmon.carry(later)
