"""Context managers, handles, and what is current."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.instrumentation.call import CURRENT, IDLE, Call
from agentmon.testing import ManualClock, Recorded, capture
from tests.instrumentation.recording import errors, outcomes, recording


def _dropped(recorded: Recorded, reason: str) -> int:
    return int(recorded.value("agentmon_dropped_total", reason=reason) or 0)


def _run_in_thread(do: Any) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001  # raised again below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def test_block_gives_the_current_call(recorded: Recorded) -> None:
    """A with block gives its call, which is current within and not after."""
    with agentmon.agent("a", operation="plan") as call:
        assert agentmon.current() is call
        assert call.kind == "agent"
        assert call.labels == {"agent": "a", "operation": "plan"}
    assert agentmon.current() is None
    assert outcomes(recorded) == {"ok": 1}


def test_async_block(recorded: Recorded) -> None:
    """Async with does the same, also around awaits, and lets exceptions through."""
    error = ValueError()

    async def main() -> None:
        async with agentmon.agent("a") as call:
            await asyncio.sleep(0)
            assert agentmon.current() is call
        async with agentmon.agent("b"):
            raise error

    with pytest.raises(ValueError) as caught:  # noqa: PT011  # its identity is asserted
        asyncio.run(main())
    assert caught.value is error
    assert outcomes(recorded, agent="a") == {"ok": 1}
    assert outcomes(recorded, agent="b") == {"error": 1}


def test_labels_come_from_the_innermost_around(recorded: Recorded) -> None:
    """Tools and models take the innermost agent, steps the innermost workflow."""

    @agentmon.tool("t")
    def use() -> None:
        with agentmon.model_call("chat", model="m", provider="p"):
            pass

    with agentmon.workflow("w"), agentmon.agent("outer"), agentmon.step("s"):
        use()
        with agentmon.agent("inner"):
            use()
        use()
    assert outcomes(recorded, "tool", agent="outer") == {"ok": 2}
    assert outcomes(recorded, "tool", agent="inner") == {"ok": 1}
    assert outcomes(recorded, "model_call", agent="outer", provider="p") == {"ok": 2}
    assert outcomes(recorded, "model_call", agent="inner") == {"ok": 1}
    assert outcomes(recorded, "step", step="s", workflow="w") == {"ok": 1}


def test_outside_any_agent_the_label_is_empty(recorded: Recorded) -> None:
    """A tool used outside any agent has an empty agent label."""
    with agentmon.tool("t"):
        pass
    assert outcomes(recorded, "tool", agent="") == {"ok": 1}


def test_one_operation_entered_within_itself(recorded: Recorded) -> None:
    """One Operation can be entered again within its own block; each block ends its own call."""
    operation = agentmon.agent("a")
    with operation as outer:
        with operation as inner:
            assert agentmon.current() is inner
        assert agentmon.current() is outer
        assert recorded.value("agentmon_agent_in_flight") == 1
    assert outcomes(recorded) == {"ok": 2}
    assert _dropped(recorded, "ended_twice") == 0


def test_one_operation_in_many_threads(recorded: Recorded) -> None:
    """One Operation entered by eight threads at once ends each thread's own call."""
    operation = agentmon.tool("t")
    barrier = threading.Barrier(8)

    def work(name: str) -> None:
        with agentmon.agent(name):
            barrier.wait()
            for _ in range(50):
                with operation as call:
                    assert agentmon.current() is call
                    assert call.labels["agent"] == name
        assert agentmon.current() is None

    failed: list[BaseException] = []

    def run(name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(f"a{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for n in range(8):
        assert outcomes(recorded, "tool", agent=f"a{n}") == {"ok": 50}
    assert _dropped(recorded, "ended_twice") == 0


def test_blocks_of_interleaved_generators(recorded: Recorded) -> None:
    """Blocks of undecorated generators left in the order of entry leave nothing current."""

    def body(name: str) -> Iterator[int]:
        with agentmon.agent(name):
            yield 1

    first, second = body("a"), body("b")
    next(first)
    next(second)
    assert list(first) == []
    assert agentmon.current().labels["agent"] == "b"  # type: ignore[union-attr]
    assert list(second) == []
    assert agentmon.current() is None
    assert outcomes(recorded) == {"ok": 2}


def test_block_left_open_inside_a_function_is_not_current_after_it(recorded: Recorded) -> None:
    """A generator's block left open within a decorated function is not current after it."""
    kept = []

    def stream() -> Iterator[int]:
        with agentmon.agent("inner"):
            yield 1

    @agentmon.agent("outer")
    def work() -> None:
        it = stream()
        next(it)
        kept.append(it)

    work()
    assert agentmon.current() is None
    kept.clear()
    gc.collect()
    assert agentmon.current() is None
    assert outcomes(recorded, agent="outer") == {"ok": 1}
    assert outcomes(recorded, agent="inner") == {"cancelled": 1}


def test_block_left_in_another_context(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """A block entered in one context and left in another ends its call without a word."""
    operation = agentmon.agent("a")
    entered = contextvars.copy_context()
    with caplog.at_level(logging.DEBUG):
        entered.run(operation.__enter__)
        contextvars.copy_context().run(operation.__exit__, None, None, None)
    assert not caplog.records
    assert outcomes(recorded) == {"ok": 1}
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_block_entered_before_recording_takes_no_other_call() -> None:
    """Leaving a block entered before recording began ends no other thread's call."""
    operation = agentmon.agent("a")
    operation.__enter__()
    with recording() as recorded:
        entered, leave = threading.Event(), threading.Event()
        stayed = []

        def other() -> None:
            with operation as call:
                entered.set()
                leave.wait(10)
                stayed.append(agentmon.current() is call)
            stayed.append(agentmon.current() is None)

        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
        operation.__exit__(None, None, None)
        assert recorded.value("agentmon_agent_in_flight") == 1
        leave.set()
        thread.join()
        assert stayed == [True, True]
        assert outcomes(recorded) == {"ok": 1}


def test_usage_adds_up(recorded: Recorded) -> None:
    """Tokens noted several times add up, by type."""
    with agentmon.agent("a"), agentmon.model_call("chat", model="m", provider="p") as call:
        call.usage(input_tokens=10, output_tokens=2)
        call.usage(input_tokens=5, cached_tokens=4)
    totals = {
        t: recorded.value("agentmon_model_tokens_total", token_type=t, agent="a")
        for t in ("input", "output", "cached")
    }
    assert totals == {"input": 15, "output": 2, "cached": 4}


@pytest.mark.parametrize("bad", [-1, 1.5, "7", None, True])
def test_invalid_usage_is_dropped_and_counted(recorded: Recorded, bad: Any) -> None:
    """A number of tokens that is none is counted as dropped; the others are kept."""
    with agentmon.model_call("chat", model="m") as call:
        call.usage(input_tokens=bad, output_tokens=3)
    assert recorded.value("agentmon_model_tokens_total", token_type="input") is None  # noqa: S106
    assert recorded.value("agentmon_model_tokens_total", token_type="output") == 3  # noqa: S106
    assert _dropped(recorded, "invalid_usage") == 1


def test_more_cached_tokens_than_input_are_dropped(recorded: Recorded) -> None:
    """A cached part that exceeds the input it comes with is dropped; the input is kept."""
    with agentmon.model_call("chat", model="m") as call:
        call.usage(input_tokens=5, cached_tokens=6)
        call.usage(input_tokens=5, cached_tokens=5)
    assert recorded.value("agentmon_model_tokens_total", token_type="input") == 10  # noqa: S106
    assert recorded.value("agentmon_model_tokens_total", token_type="cached") == 5  # noqa: S106
    assert _dropped(recorded, "invalid_usage") == 1


def test_cached_tokens_may_be_noted_after_the_input(recorded: Recorded) -> None:
    """The cached part may come by itself: of which input, cannot be told."""
    with agentmon.model_call("chat", model="m") as call:
        call.usage(input_tokens=5)
        call.usage(cached_tokens=4)
    assert recorded.value("agentmon_model_tokens_total", token_type="cached") == 4  # noqa: S106
    assert _dropped(recorded, "invalid_usage") == 0


def test_usage_outside_a_model_call_is_counted(recorded: Recorded) -> None:
    """Tokens reported on an agent are not kept, and that is counted."""
    with agentmon.agent("a") as call:
        call.usage(input_tokens=5)
    assert _dropped(recorded, "outside_model_call") == 1
    assert recorded.value("agentmon_model_tokens_total") is None


def test_usage_through_current_in_a_decorated_function(recorded: Recorded) -> None:
    """A decorated model call notes its tokens through current()."""

    @agentmon.model_call("chat", model="m")
    def ask() -> None:
        call = agentmon.current()
        assert call is not None
        assert call.kind == "model_call"
        call.usage(input_tokens=7)

    ask()
    ask()
    ask()
    assert recorded.value("agentmon_model_tokens_total", token_type="input") == 21  # noqa: S106


def test_usage_of_the_current_call(recorded: Recorded) -> None:
    """agentmon.usage() notes tokens on the model call around it, and on no other."""

    @agentmon.model_call("chat", model="m")
    def ask() -> None:
        agentmon.usage(input_tokens=7, output_tokens=2)

    ask()
    agentmon.usage(input_tokens=100)
    assert recorded.value("agentmon_model_tokens_total", token_type="input") == 7  # noqa: S106
    assert recorded.value("agentmon_model_tokens_total", token_type="output") == 2  # noqa: S106


def test_usage_does_nothing_while_recording_is_off() -> None:
    """agentmon.usage() in a model call of an unconfigured process is harmless."""

    @agentmon.model_call("chat", model="m")
    def ask() -> str:
        agentmon.usage(input_tokens=7)
        return "answer"

    assert ask() == "answer"


# ------------------------------------------------------------------ handles


def test_handle_ends_in_another_thread() -> None:
    """A call begun here may be ended by another thread, and lasts until then."""
    clock = ManualClock()
    with capture(clock) as recorded:
        call = agentmon.agent("a").begin()
        assert agentmon.current() is None
        clock.advance(4)
        _run_in_thread(call.end)
        (ended,) = recorded.calls()
    assert (ended.outcome, ended.seconds) == ("ok", 4.0)


def test_handle_ends_once(recorded: Recorded) -> None:
    """The first end decides; later ones change nothing and are counted."""
    call = agentmon.agent("a").begin()
    call.end(error=ValueError())
    call.end()
    call.end(outcome="cancelled")
    assert outcomes(recorded) == {"error": 1}
    assert _dropped(recorded, "ended_twice") == 2


def test_handle_ended_by_many_threads_at_once(recorded: Recorded) -> None:
    """Eight threads that end one call at once end it once."""
    calls = [agentmon.agent("a").begin() for _ in range(100)]
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for call in calls:
            call.end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes(recorded) == {"ok": 100}
    assert _dropped(recorded, "ended_twice") == 700


@pytest.mark.parametrize("outcome", ["ok", "error", "timeout", "cancelled", "interrupted"])
def test_handle_takes_an_outcome(recorded: Recorded, outcome: str) -> None:
    """An outcome that is given wins over what the error means."""
    agentmon.agent("a").begin().end(outcome=outcome, error=KeyError())
    assert outcomes(recorded) == {outcome: 1}
    assert errors(recorded) == (outcome in ("error", "timeout"))


@pytest.mark.parametrize("outcome", ["fine", "", "OK"])
def test_invalid_outcome_is_refused_and_the_call_goes_on(recorded: Recorded, outcome: str) -> None:
    """An outcome that is none raises ValueError, and the call can still be ended."""
    call = agentmon.agent("a").begin()
    with pytest.raises(ValueError, match=r"outcome: got .*allowed ok, error"):
        call.end(outcome=outcome)
    assert recorded.value("agentmon_agent_in_flight") == 1
    call.end()
    assert outcomes(recorded) == {"ok": 1}


def test_handle_within_another(recorded: Recorded) -> None:
    """parent= gives the names around a call, instead of what is current."""
    parent = agentmon.agent("parent").begin()
    with agentmon.agent("around"):
        agentmon.tool("t").begin(parent=parent).end()
        agentmon.tool("t").begin().end()
    parent.end()
    assert outcomes(recorded, "tool", agent="parent") == {"ok": 1}
    assert outcomes(recorded, "tool", agent="around") == {"ok": 1}


def test_handle_is_current_within_active(recorded: Recorded) -> None:
    """active() makes a call current for a block, here and in other threads, without ending it."""
    call = agentmon.agent("a").begin()

    def elsewhere() -> None:
        with call.active() as active:
            assert active is call
            assert agentmon.current() is call
            with call.active(), agentmon.tool("t"):
                pass
            assert agentmon.current() is call
        assert agentmon.current() is None

    _run_in_thread(elsewhere)
    elsewhere()
    with pytest.raises(KeyError), call.active():
        raise KeyError
    assert recorded.value("agentmon_agent_in_flight") == 1
    call.end()
    assert outcomes(recorded, "tool", agent="a") == {"ok": 2}
    assert outcomes(recorded) == {"ok": 1}


def test_ending_the_block_within_counts_once(recorded: Recorded) -> None:
    """A call ended within its own block keeps that outcome; the block leaves nothing current."""
    with agentmon.agent("a") as call:
        call.end(outcome="interrupted")
        with agentmon.tool("t"):
            pass
    assert agentmon.current() is None
    assert outcomes(recorded) == {"interrupted": 1}
    assert outcomes(recorded, "tool", agent="a") == {"ok": 1}


def test_nothing_is_current_before_recording() -> None:
    """Before configure() blocks and handles take everything that is right, and do nothing."""
    with agentmon.model_call("chat") as call:
        assert call is IDLE
        assert agentmon.current() is None
        call.usage(input_tokens=1)
        assert (call.kind, call.labels, call.trace_id) == ("", {}, None)
    handle = agentmon.agent("a").begin(parent=call)
    with handle.active() as active:
        assert active is handle
    with pytest.raises(ValueError, match="allowed ok"):
        handle.end(outcome="nonsense")
    handle.end(outcome="error")
    assert CURRENT.get() is None


# ------------------------------------------------------------------ lifetimes


def test_background_task_keeps_the_label_of_its_agent(recorded: Recorded) -> None:
    """A task started within an agent stays the agent's after the agent has ended."""

    async def background(go: asyncio.Event) -> None:
        await go.wait()
        with agentmon.tool("t"):
            pass

    @agentmon.agent("a")
    async def work(go: asyncio.Event) -> asyncio.Task[None]:
        return asyncio.create_task(background(go))

    async def main() -> None:
        go = asyncio.Event()
        task = await work(go)
        assert outcomes(recorded) == {"ok": 1}
        go.set()
        await task

    asyncio.run(main())
    assert outcomes(recorded, "tool", agent="a") == {"ok": 1}


def test_chain_of_tasks_keeps_no_ancestors(recorded: Recorded) -> None:
    """Tasks that start tasks do not keep the calls of all their ancestors alive."""

    async def link(left: int) -> None:
        async with agentmon.agent("a"):
            if left:
                newest[:] = [asyncio.create_task(link(left - 1))]
            else:
                gc.collect()
                # By type, as asking an object for its class may raise: a proxy of what is gone.
                alive.append(sum(issubclass(type(o), Call) for o in gc.get_objects()))
                last.set()

    alive: list[int] = []
    newest: list[asyncio.Task[None]] = []

    async def main() -> None:
        nonlocal last
        last = asyncio.Event()
        await asyncio.create_task(link(100))
        await last.wait()
        await newest[0]

    last: asyncio.Event
    asyncio.run(main())
    assert outcomes(recorded) == {"ok": 101}
    assert alive[0] < 20


def test_a_parent_that_is_no_call_is_refused(recorded: Recorded) -> None:
    """begin() says at once that its parent is no call, and begins nothing."""
    with pytest.raises(DeclarationError, match="allowed a Call or None"):
        agentmon.agent("a").begin(parent="b")  # type: ignore[arg-type]
    assert recorded.value("agentmon_agent_in_flight") is None


def test_an_error_that_is_no_exception_is_refused(recorded: Recorded) -> None:
    """end() says at once that its error is no exception, and the call goes on."""
    call = agentmon.agent("a").begin()
    with pytest.raises(ValueError, match="allowed an exception"):
        call.end(error="boom")  # type: ignore[arg-type]
    assert recorded.value("agentmon_agent_in_flight") == 1
    call.end()


def test_a_late_consumer_is_no_timeout_and_late_cancellation_no_error_type() -> None:
    """Leaving a stream late is a cancellation; a call cancelled late is a timeout of no type."""
    clock = ManualClock()

    @agentmon.agent("stream", timeout=1)
    def stream() -> Iterator[int]:
        yield 1

    with capture(clock) as recorded:
        items = stream()
        next(items)
        clock.advance(2)
        items.close()  # type: ignore[attr-defined]
        call = agentmon.agent("waited for", timeout=1).begin()
        clock.advance(2)
        call.end(error=asyncio.CancelledError())
        found = [(each.outcome, each.error_type) for each in recorded.calls()]
    assert found == [("cancelled", None), ("timeout", None)]
