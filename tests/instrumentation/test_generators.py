"""Decorated generators: the protocol is kept, and the call is current inside only."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace

import agentmon
from agentmon.instrumentation.call import CURRENT
from agentmon.testing import ManualClock, Recorded, capture
from tests.instrumentation.recording import Spans, outcomes, recording


def test_duration_covers_the_body_to_its_end() -> None:
    """A generator is measured from its first step until it is exhausted."""
    clock = ManualClock()

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        for n in range(3):
            clock.advance(1)
            yield n

    with capture(clock) as recorded:
        assert list(stream()) == [0, 1, 2]
        (call,) = recorded.calls()
    assert (call.outcome, call.seconds) == ("ok", 3.0)


def test_sent_values_and_return_value_are_kept(recorded: Recorded) -> None:
    """What is sent reaches the generator, and what it returns reaches ``yield from``."""
    thing = object()

    @agentmon.agent("g")
    def echo() -> Generator[Any, Any, Any]:
        got = []
        for _ in range(2):
            got.append((yield len(got)))
        return got

    def outer() -> Generator[Any, Any, Any]:
        return (yield from echo())

    it = outer()
    assert next(it) == 0
    assert it.send(42) == 1
    with pytest.raises(StopIteration) as stop:
        it.send(thing)
    assert stop.value.value[0] == 42
    assert stop.value.value[1] is thing
    assert outcomes(recorded) == {"ok": 1}


def test_thrown_exception_can_be_handled_inside(recorded: Recorded) -> None:
    """An exception thrown in arrives as the same object, and may be handled there."""
    error = ValueError("in")

    @agentmon.agent("g")
    def handles() -> Generator[Any, Any, Any]:
        try:
            yield 1
        except ValueError as caught:
            yield caught
        yield 3

    it = handles()
    next(it)
    assert it.throw(error) is error
    assert list(it) == [3]
    assert error.__context__ is None
    assert outcomes(recorded) == {"ok": 1}


def test_thrown_exception_passes_out_unchanged(recorded: Recorded) -> None:
    """An exception that the generator does not handle comes back as the same object."""
    error = ValueError("in")

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield 1

    it = stream()
    next(it)
    with pytest.raises(ValueError, match="in") as caught:
        it.throw(error)
    assert caught.value is error
    assert error.__context__ is None
    assert outcomes(recorded) == {"error": 1}


def test_thrown_exception_is_not_kept_alive(recorded: Recorded) -> None:
    """An exception thrown through a generator needs no collector to die."""

    class Thrown(Exception):
        pass

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield 1

    def throw() -> weakref.ref[Thrown]:
        it = stream()
        next(it)
        try:
            it.throw(Thrown())
        except Thrown as error:
            return weakref.ref(error)
        raise AssertionError

    gc.disable()
    try:
        assert throw()() is None
    finally:
        gc.enable()
    assert outcomes(recorded) == {"error": 1}


def test_throwing_stop_iteration_is_as_without(recorded: Recorded) -> None:
    """StopIteration thrown in becomes a RuntimeError with it as the cause, as in any generator."""
    stop = StopIteration(5)

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield 1

    it = stream()
    next(it)
    with pytest.raises(RuntimeError, match="generator raised StopIteration") as caught:
        it.throw(stop)
    assert caught.value.__cause__ is stop
    assert outcomes(recorded) == {"error": 1}


def test_close_runs_the_cleanup_and_is_cancelled(recorded: Recorded) -> None:
    """Closing a generator runs its cleanup and ends the call as cancelled."""
    cleaned = []

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        try:
            yield 1
        finally:
            cleaned.append(agentmon.current() is not None)

    it = stream()
    next(it)
    it.close()  # type: ignore[attr-defined]
    assert cleaned == [True]
    assert outcomes(recorded) == {"cancelled": 1}


def test_close_error_of_the_cleanup_passes(recorded: Recorded) -> None:
    """An exception raised by the cleanup comes out of close() with its own context only."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("cleanup")

    it = stream()
    next(it)
    with pytest.raises(ValueError, match="cleanup") as caught:
        it.close()  # type: ignore[attr-defined]
    assert isinstance(caught.value.__context__, GeneratorExit)
    assert caught.value.__context__.__context__ is None
    assert outcomes(recorded) == {"error": 1}


def test_generator_that_returns_when_closed_is_cancelled(recorded: Recorded) -> None:
    """A generator that answers close() by returning was left all the same."""

    @agentmon.agent("g")
    def stream() -> Generator[int, None, str]:
        try:
            yield 1
        except GeneratorExit:
            return "closed"
        return "done"

    def raw() -> Generator[int, None, str]:
        try:
            yield 1
        except GeneratorExit:
            return "closed"
        return "done"

    results = []
    for fn in (stream, raw):
        it = fn()
        next(it)
        results.append(it.close())  # the value from Python 3.13 on
    assert results[0] == results[1]
    assert outcomes(recorded) == {"cancelled": 1}


def test_generator_that_refuses_to_close_is_told_so(recorded: Recorded) -> None:
    """A generator that yields when closed raises the RuntimeError that Python has for it."""

    @agentmon.agent("g")
    def stubborn() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    it = stubborn()
    next(it)
    with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
        it.close()  # type: ignore[attr-defined]


def test_abandoned_generator_ends_when_collected(recorded: Recorded) -> None:
    """A generator that is dropped half way ends its call as cancelled, with nothing in flight."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield from range(10)

    for _ in stream():
        break
    gc.collect()
    assert outcomes(recorded) == {"cancelled": 1}
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_generator_never_started_is_no_call(recorded: Recorded) -> None:
    """A generator that is made and never stepped leaves nothing."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield 1

    stream()
    assert outcomes(recorded) == {}
    assert not recorded.value("agentmon_agent_in_flight")


def test_error_inside_ends_as_error(recorded: Recorded) -> None:
    """An exception of the body passes out and is counted."""
    error = KeyError("x")

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        yield 1
        raise error

    with pytest.raises(KeyError) as caught:
        list(stream())
    assert caught.value is error
    assert outcomes(recorded) == {"error": 1}


def test_not_current_in_the_caller_between_yields(traced: Recorded, spans: Spans) -> None:
    """Between steps neither the call nor its span is current in the caller; inside they are."""
    inside = []

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        for n in range(2):
            call = agentmon.current()
            inside.append((call.labels["agent"] if call else None, trace.get_current_span()))
            yield n

    for _ in stream():
        assert agentmon.current() is None
        assert not trace.get_current_span().get_span_context().is_valid
    (ended,) = spans.ended()
    assert [name for name, _ in inside] == ["g", "g"]
    assert {s.get_span_context().span_id for _, s in inside} == {ended.context.span_id}


def test_block_open_across_yields_stays_inside(recorded: Recorded) -> None:
    """A with block that spans yields is current inside the generator, and never in its caller."""
    seen: list[str | None] = []

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        with agentmon.agent("inner"):
            for n in range(3):
                call = agentmon.current()
                seen.append(call.labels["agent"] if call else None)
                yield n
        call = agentmon.current()
        seen.append(call.labels["agent"] if call else None)

    with agentmon.workflow("w") as around:
        for _ in stream():
            assert agentmon.current() is around
        assert agentmon.current() is around
    assert seen == ["inner", "inner", "inner", "g"]
    assert outcomes(recorded, agent="inner") == outcomes(recorded, agent="g") == {"ok": 1}


def test_block_open_across_yields_parents_its_spans(traced: Recorded, spans: Spans) -> None:
    """Spans begun at any step are children of the block that is open there, the host's as well."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        with agentmon.tool("t"):
            for n in range(2):
                with spans.tracer.start_as_current_span(f"host {n}"):
                    pass
                yield n
        with spans.tracer.start_as_current_span("host after"):
            pass
        yield 2

    with spans.tracer.start_as_current_span("caller") as caller:
        for n in stream():
            assert trace.get_current_span() is caller
            with spans.tracer.start_as_current_span(f"between {n}"):
                pass
    tool = spans.named("execute_tool t")
    agent = spans.named("invoke_agent g")
    for n in range(2):
        assert spans.named(f"host {n}").parent.span_id == tool.context.span_id
    assert spans.named("host after").parent.span_id == agent.context.span_id
    for n in range(3):
        assert spans.named(f"between {n}").parent.span_id == caller.get_span_context().span_id
    assert tool.parent.span_id == agent.context.span_id


def test_steps_from_many_threads(traced: Recorded, spans: Spans) -> None:
    """A generator stepped by a different thread each time keeps what is current inside it."""
    seen = []

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        with agentmon.tool("t"):
            for n in range(3):
                seen.append(agentmon.current().kind)  # type: ignore[union-attr]
                yield n
        seen.append(agentmon.current().kind)  # type: ignore[union-attr]
        with spans.tracer.start_as_current_span("after"):
            pass

    it = stream()
    left = []

    def step() -> None:
        next(it, None)
        left.append((agentmon.current(), trace.get_current_span().get_span_context().is_valid))

    for _ in range(4):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert seen == ["tool", "tool", "tool", "agent"]
    assert left == [(None, False)] * 4
    assert outcomes(traced) == {"ok": 1}
    agent = spans.named("invoke_agent g")
    assert spans.named("after").parent.span_id == agent.context.span_id


def test_finalised_by_another_thread(recorded: Recorded) -> None:
    """A generator that another thread drops ends there, and leaves both threads clean."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        with agentmon.tool("t"):
            yield 1

    box = [stream()]
    next(box[0])
    left = []

    def drop() -> None:
        box.clear()
        gc.collect()
        left.append(CURRENT.get())

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    assert left == [None]
    assert CURRENT.get() is None
    assert outcomes(recorded) == {"cancelled": 1}
    assert outcomes(recorded, "tool", agent="g") == {"cancelled": 1}


def test_interleaved_generators_keep_apart(recorded: Recorded) -> None:
    """Two generators stepped in turns, left in the order they began, each know their own call."""
    seen: dict[str, list[str]] = {"a": [], "b": []}

    def body(name: str) -> Iterator[int]:
        for n in range(3):
            seen[name].append(agentmon.current().labels["agent"])  # type: ignore[union-attr]
            yield n

    first = agentmon.agent("a")(body)("a")
    second = agentmon.agent("b")(body)("b")
    for _ in range(3):
        next(first)
        next(second)
        assert agentmon.current() is None
    assert list(first) == list(second) == []
    assert seen == {"a": ["a"] * 3, "b": ["b"] * 3}
    assert outcomes(recorded, agent="a") == outcomes(recorded, agent="b") == {"ok": 1}


def test_nested_decorated_generators(recorded: Recorded) -> None:
    """A generator that delegates to a decorated one is its agent for the labels."""

    @agentmon.tool("t")
    def inner() -> Generator[int, int, int]:
        return (yield 1)

    @agentmon.agent("g")
    def outer() -> Generator[int, int, int]:
        return (yield from inner())

    it = outer()
    next(it)
    with pytest.raises(StopIteration) as stop:
        it.send(7)
    assert stop.value.value == 7
    assert outcomes(recorded, "tool", tool="t", agent="g") == {"ok": 1}


def test_generator_begun_before_recording_passes() -> None:
    """A generator whose first step came before recording is not recorded, and works on."""

    @agentmon.agent("g")
    def stream() -> Generator[int, int, int]:
        return (yield (yield 1))

    it = stream()
    next(it)
    with recording() as recorded:
        assert it.send(2) == 2
        with pytest.raises(StopIteration) as stop:
            it.send(3)
        assert stop.value.value == 3
        assert outcomes(recorded) == {}


def test_generator_that_outlives_recording_passes() -> None:
    """A generator that is still going when recording ends works on, and raises nothing."""

    @agentmon.agent("g")
    def stream() -> Iterator[int]:
        with agentmon.tool("t"):
            yield from range(3)

    with recording():
        it = stream()
        next(it)
    assert list(it) == [1, 2]
