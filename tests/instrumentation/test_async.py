"""Decorated coroutines and async generators on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import sys
import warnings
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from opentelemetry import trace

import agentmon
from agentmon.instrumentation.call import CURRENT
from agentmon.testing import ManualClock, Recorded, capture
from tests.instrumentation.recording import Spans, errors, outcomes


def test_duration_covers_the_awaited_body() -> None:
    """A coroutine is measured until it returns, not until it is made."""
    clock = ManualClock()

    @agentmon.agent("a")
    async def work() -> None:
        clock.advance(2)
        await asyncio.sleep(0)
        clock.advance(3)

    with capture(clock) as recorded:
        asyncio.run(work())
        (call,) = recorded.calls()
    assert (call.outcome, call.seconds) == ("ok", 5.0)


def test_duration_covers_an_async_generator_to_its_end() -> None:
    """An async generator is measured from its first step until it is exhausted."""
    clock = ManualClock()

    @agentmon.agent("a")
    async def stream() -> AsyncIterator[int]:
        for n in range(3):
            await asyncio.sleep(0)
            clock.advance(1)
            yield n

    async def main() -> list[int]:
        return [n async for n in stream()]

    with capture(clock) as recorded:
        assert asyncio.run(main()) == [0, 1, 2]
        (call,) = recorded.calls()
    assert (call.outcome, call.seconds) == ("ok", 3.0)


def test_cancelled_task_is_cancelled_never_ok(recorded: Recorded) -> None:
    """A task cancelled while it awaits ends its calls as cancelled, and no error is counted."""

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        assert recorded.value("agentmon_agent_in_flight") == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert outcomes(recorded) == {"cancelled": 1}
    assert errors(recorded) == 0
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_wait_for_times_out_around_it(recorded: Recorded) -> None:
    """Under wait_for the inner call is cancelled and the call around it a timeout."""

    @agentmon.tool("t")
    async def slow() -> None:
        await asyncio.Event().wait()

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.wait_for(slow(), 0.001)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(work())
    assert outcomes(recorded, "tool") == {"cancelled": 1}
    assert outcomes(recorded) == {"timeout": 1}
    assert errors(recorded) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
def test_asyncio_timeout_around_it(recorded: Recorded) -> None:
    """Under asyncio.timeout the inner call is cancelled and the call around it a timeout."""

    @agentmon.tool("t")
    async def slow() -> None:
        await asyncio.Event().wait()

    @agentmon.agent("a")
    async def work() -> None:
        async with asyncio.timeout(0.001):
            await slow()

    with pytest.raises(TimeoutError):
        asyncio.run(work())
    assert outcomes(recorded, "tool") == {"cancelled": 1}
    assert outcomes(recorded) == {"timeout": 1}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with Python 3.11")
def test_task_group_cancels_siblings(recorded: Recorded) -> None:
    """In a TaskGroup the one that fails is an error, its siblings are cancelled, the agent errs."""

    @agentmon.tool("waits")
    async def waits() -> None:
        await asyncio.Event().wait()

    @agentmon.tool("fails")
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    @agentmon.agent("a")
    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())

    with pytest.raises(ExceptionGroup):  # noqa: F821  # from Python 3.11 on
        asyncio.run(work())
    assert outcomes(recorded, "tool", tool="waits", agent="a") == {"cancelled": 1}
    assert outcomes(recorded, "tool", tool="fails", agent="a") == {"error": 1}
    assert outcomes(recorded) == {"error": 1}
    assert errors(recorded, error_type="ExceptionGroup") == 1


def test_unawaited_coroutine_is_no_call(recorded: Recorded) -> None:
    """A coroutine that is dropped leaves no count, and only Python's warning with its own name."""

    @agentmon.agent("a")
    async def work() -> None: ...

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
        gc.collect()
    assert len(caught) == 1
    assert issubclass(caught[0].category, RuntimeWarning)
    assert "work' was never awaited" in str(caught[0].message)
    assert outcomes(recorded) == {}


def test_closed_unawaited_coroutine_is_silent(recorded: Recorded) -> None:
    """A coroutine closed before it was awaited leaves neither count nor warning."""

    @agentmon.agent("a")
    async def work() -> None: ...

    work().close()
    assert outcomes(recorded) == {}


def test_coroutine_closed_half_way_is_cancelled(recorded: Recorded) -> None:
    """A coroutine closed while it awaits ends as cancelled."""

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.sleep(0)

    coroutine = work()
    coroutine.send(None)
    coroutine.close()
    assert outcomes(recorded) == {"cancelled": 1}
    assert CURRENT.get() is None


def test_coroutine_driven_by_hand_across_contexts(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine begun in one context and ended in another ends well, and harms neither."""

    @agentmon.agent("a")
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    asyncio.run(work())  # the first call of all takes the slow path
    one, two = contextvars.copy_context(), contextvars.copy_context()
    with caplog.at_level(logging.DEBUG):
        coroutine = work()
        one.run(coroutine.send, None)
        with pytest.raises(StopIteration) as stop:
            two.run(coroutine.send, None)
    assert stop.value.value == 5
    assert two.run(CURRENT.get) is None
    assert CURRENT.get() is None
    assert not [r for r in caplog.records if r.name != "asyncio"]
    assert outcomes(recorded) == {"ok": 2}


def test_coroutine_that_goes_on_in_a_copy_of_its_context(recorded: Recorded) -> None:
    """In a copy of its context, where it is current too, a coroutine leaves nothing current."""

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.sleep(0)

    for _ in range(2):  # the first call of all takes the slow path
        begun = contextvars.copy_context()
        coroutine = work()
        begun.run(coroutine.send, None)
        copied = begun.copy()
        with pytest.raises(StopIteration):
            copied.run(coroutine.send, None)
        assert copied.run(CURRENT.get) is None
    assert outcomes(recorded) == {"ok": 2}


def test_failing_coroutine_driven_across_contexts(recorded: Recorded) -> None:
    """The same with an exception: it passes unchanged."""
    error = ValueError("x")

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.sleep(0)
        raise error

    coroutine = work()
    contextvars.copy_context().run(coroutine.send, None)
    with pytest.raises(ValueError, match="x") as caught:
        contextvars.copy_context().run(coroutine.send, None)
    assert caught.value is error
    assert error.__context__ is None
    assert outcomes(recorded) == {"error": 1}


def test_gather_children_are_in_one_trace(traced: Recorded, spans: Spans) -> None:
    """Children run by gather are in the agent's trace, as its children, under its label."""

    @agentmon.tool("t")
    async def use() -> None:
        await asyncio.sleep(0)

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.gather(use(), use(), use())

    asyncio.run(work())
    agent = spans.named("invoke_agent a")
    tools = [span for span in spans.ended() if span.name == "execute_tool t"]
    assert len(tools) == 3
    assert {t.parent.span_id for t in tools} == {agent.context.span_id}
    assert {t.context.trace_id for t in tools} == {agent.context.trace_id}
    assert outcomes(traced, "tool", agent="a") == {"ok": 3}


def test_tasks_do_not_see_each_other(recorded: Recorded) -> None:
    """Fifty agents in tasks at once each find their own call current, between all awaits."""
    operation = agentmon.tool("t")

    async def one(name: str) -> None:
        async with agentmon.agent(name):
            for _ in range(3):
                await asyncio.sleep(0)
                async with operation as call:
                    await asyncio.sleep(0)
                    assert agentmon.current() is call
                    assert call.labels["agent"] == name

    async def main() -> None:
        await asyncio.gather(*(one(f"a{n}") for n in range(50)))

    asyncio.run(main())
    assert outcomes(recorded) == {"ok": 50}
    for n in range(50):
        assert outcomes(recorded, "tool", agent=f"a{n}") == {"ok": 3}


# ------------------------------------------------------------------ async generators


def test_async_generator_protocol_is_kept(recorded: Recorded) -> None:
    """An async generator gets what asend and athrow give it, as the very objects."""
    error, thing = ValueError("in"), object()

    @agentmon.agent("a")
    async def echo() -> AsyncGenerator[Any, Any]:
        got = yield "first"
        try:
            await asyncio.sleep(0)
            yield got
        except ValueError as caught:
            yield caught

    async def main() -> None:
        it = echo()
        assert await it.__anext__() == "first"
        assert await it.asend(thing) is thing
        assert await it.athrow(error) is error
        with pytest.raises(StopAsyncIteration):
            await it.__anext__()

    asyncio.run(main())
    assert error.__context__ is None
    assert outcomes(recorded) == {"ok": 1}


def test_async_generator_error_passes_unchanged(recorded: Recorded) -> None:
    """An exception thrown into an async generator and not handled comes out as the same object."""
    error = ValueError("in")

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        yield 1

    async def main() -> None:
        it = stream()
        await it.__anext__()
        with pytest.raises(ValueError, match="in") as caught:
            await it.athrow(error)
        assert caught.value is error

    asyncio.run(main())
    assert error.__context__ is None
    assert outcomes(recorded) == {"error": 1}


def test_async_generator_that_answers_by_returning(recorded: Recorded) -> None:
    """One that returns when closed was left all the same; one that handles an error was not."""

    @agentmon.agent("g")
    async def stream() -> AsyncGenerator[int, None]:
        with contextlib.suppress(GeneratorExit, ValueError):
            yield 1

    async def main() -> None:
        left = stream()
        await anext(left)
        await left.aclose()
        handled = stream()
        await anext(handled)
        with pytest.raises(StopAsyncIteration):
            await handled.athrow(ValueError)

    asyncio.run(main())
    assert outcomes(recorded) == {"cancelled": 1, "ok": 1}


def test_aclose_awaits_the_cleanup(recorded: Recorded) -> None:
    """aclose() awaits the cleanup of an async generator and ends the call as cancelled."""
    cleaned = []

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(agentmon.current() is not None)

    async def main() -> None:
        it = stream()
        await it.__anext__()
        await it.aclose()

    asyncio.run(main())
    assert cleaned == [True]
    assert outcomes(recorded) == {"cancelled": 1}


def test_async_generator_that_refuses_to_close_is_told_so(recorded: Recorded) -> None:
    """An async generator that yields when closed raises the RuntimeError that Python has for it."""

    @agentmon.agent("a")
    async def stubborn() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def main() -> None:
        it = stubborn()
        await it.__anext__()
        with pytest.raises(RuntimeError, match="async generator ignored GeneratorExit"):
            await it.aclose()

    asyncio.run(main())


def test_async_generator_is_not_current_between_steps(traced: Recorded, spans: Spans) -> None:
    """Between steps nothing of an async generator is current in its caller, blocks included."""
    inside = []

    @agentmon.agent("a")
    async def stream() -> AsyncIterator[int]:
        async with agentmon.tool("t"):
            for n in range(3):
                await asyncio.sleep(0)
                inside.append(agentmon.current().kind)  # type: ignore[union-attr]
                yield n
        inside.append(agentmon.current().kind)  # type: ignore[union-attr]

    async def main() -> None:
        async for _ in stream():
            assert agentmon.current() is None
            assert not trace.get_current_span().get_span_context().is_valid
        assert agentmon.current() is None

    asyncio.run(main())
    assert inside == ["tool", "tool", "tool", "agent"]
    agent = spans.named("invoke_agent a")
    assert spans.named("execute_tool t").parent.span_id == agent.context.span_id


def test_async_generator_left_early_is_closed_quietly(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Left early, an async generator is closed by the loop without a word, and is cancelled."""
    cleaned = []

    @agentmon.tool("t")
    async def inner() -> AsyncGenerator[int, None]:
        try:
            for n in range(10):
                await asyncio.sleep(0)
                yield n
        finally:
            await asyncio.sleep(0)
            cleaned.append("inner")

    @agentmon.agent("a")
    async def outer() -> AsyncGenerator[int, None]:
        try:
            async for n in inner():
                yield n
        finally:
            await asyncio.sleep(0)
            cleaned.append("outer")

    async def main() -> None:
        async for _ in outer():
            break
        await asyncio.sleep(0.01)

    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        with caplog.at_level(logging.DEBUG):
            asyncio.run(main())
        gc.collect()
    finally:
        sys.unraisablehook = hook
    assert not unraisable
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []
    assert sorted(cleaned) == ["inner", "outer"]
    assert outcomes(recorded) == {"cancelled": 1}
    assert outcomes(recorded, "tool") == {"cancelled": 1}
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_loop_shutdown_closes_what_is_left(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Async generators still referenced when the loop shuts down are closed without a word."""
    cleaned = []
    kept = []

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    async def main() -> None:
        for _ in range(3):
            it = stream()
            kept.append(it)
            await it.__anext__()

    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        with caplog.at_level(logging.INFO):
            asyncio.run(main())
    finally:
        sys.unraisablehook = hook
    assert not unraisable
    assert not caplog.records
    assert cleaned == [1, 1, 1]
    assert outcomes(recorded) == {"cancelled": 3}


def test_loop_shutdown_cancels_what_is_waiting(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """A task still inside an async generator at the end of the loop is cancelled without a word."""

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.Event().wait()

    async def consume() -> None:
        async for _ in stream():
            pass

    async def main() -> None:
        asyncio.create_task(consume()).add_done_callback(lambda _: None)
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert not caplog.records
    assert outcomes(recorded) == {"cancelled": 1}


def test_cancelled_during_athrow(recorded: Recorded) -> None:
    """A task cancelled while an async generator handles what was thrown in ends as cancelled."""

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except ValueError:
            await asyncio.Event().wait()

    async def main() -> None:
        it = stream()
        await it.__anext__()
        task = asyncio.ensure_future(it.athrow(ValueError()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(StopAsyncIteration):
            await it.__anext__()

    asyncio.run(main())
    assert outcomes(recorded) == {"cancelled": 1}
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_steps_of_different_tasks(recorded: Recorded) -> None:
    """An async generator stepped by another task each time stays whole."""
    seen = []

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        with agentmon.tool("t"):
            for n in range(3):
                seen.append(agentmon.current().kind)  # type: ignore[union-attr]
                await asyncio.sleep(0)
                yield n

    async def main() -> None:
        it = stream()
        got = [await asyncio.ensure_future(it.__anext__()) for _ in range(3)]
        assert got == [0, 1, 2]
        with pytest.raises(StopAsyncIteration):
            await asyncio.ensure_future(it.__anext__())
        assert agentmon.current() is None

    asyncio.run(main())
    assert seen == ["tool"] * 3
    assert outcomes(recorded) == outcomes(recorded, "tool") == {"ok": 1}


def test_async_generator_hooks_are_left_as_they_were(recorded: Recorded) -> None:
    """The hooks of the event loop are in place after each step, for the user's own generators."""

    @agentmon.agent("a")
    async def stream() -> AsyncGenerator[int, None]:
        yield 1

    async def main() -> None:
        before = sys.get_asyncgen_hooks()
        async for _ in stream():
            assert sys.get_asyncgen_hooks() == before
        assert sys.get_asyncgen_hooks() == before
        assert before.firstiter is not None

    asyncio.run(main())
