"""Decorated callables of every kind behave as the originals do, and are measured."""

from __future__ import annotations

import abc
import asyncio
import functools
import inspect
import multiprocessing
import pickle
import pydoc
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.instrumentation.call import CURRENT
from agentmon.testing import Recorded
from tests.instrumentation.recording import errors, outcomes


@agentmon.agent("importable")
def importable(a: int, b: str = "x", *rest: int, key: bool = False, **more: Any) -> str:
    """Say what came in."""
    return f"{a}{b}{rest}{key}{more}"


@agentmon.agent("importable_async")
async def importable_async(a: int) -> int:
    """Give it back."""
    return a


def _undecorated(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn.__wrapped__  # type: ignore[attr-defined,no-any-return]


def test_plain_function_returns_the_very_object(recorded: Recorded) -> None:
    """A decorated function returns the object that the original returned, not a copy."""
    thing = object()

    @agentmon.agent("a")
    def give(x: object, *, y: object = None) -> tuple[object, object]:
        return x, y

    assert give(thing)[0] is thing
    assert give(None, y=thing)[1] is thing
    assert outcomes(recorded, agent="a") == {"ok": 2}


def test_async_function_returns_the_very_object(recorded: Recorded) -> None:
    """A decorated coroutine function returns the object that the original returned."""
    thing = object()

    @agentmon.agent("a")
    async def give(x: object, *, y: object = None) -> tuple[object, object]:
        await asyncio.sleep(0)
        return x, y

    async def main() -> None:
        assert (await give(thing))[0] is thing
        assert (await give(None, y=thing))[1] is thing

    asyncio.run(main())
    assert outcomes(recorded, agent="a") == {"ok": 2}


def test_signature_and_metadata_are_the_originals() -> None:
    """Signature, name, docstring, module, annotations and __wrapped__ are those of the original."""
    original = _undecorated(importable)
    assert inspect.signature(importable) == inspect.signature(original)
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        assert getattr(importable, attribute) == getattr(original, attribute)
    assert inspect.unwrap(importable) is original
    text = pydoc.render_doc(importable, renderer=pydoc.plaintext)
    assert "Say what came in." in text
    assert "a: 'int', b: 'str' = 'x', *rest: 'int'" in " ".join(text.split())


def test_kind_of_function_is_the_originals() -> None:
    """The inspect module tells the same kind of function as for the original."""

    def plain() -> None: ...
    async def coroutine() -> None: ...
    def generator() -> Any:
        yield

    async def async_generator() -> Any:
        yield

    checks = (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    )
    for fn in (plain, coroutine, generator, async_generator):
        decorated = agentmon.tool("t")(fn)
        assert [check(decorated) for check in checks] == [check(fn) for check in checks]


@pytest.mark.parametrize("fn", [importable, importable_async])
def test_pickles_by_reference(fn: Callable[..., Any]) -> None:
    """Pickling a decorated function of a module and reading it back gives the same function."""
    assert pickle.loads(pickle.dumps(fn)) is fn  # noqa: S301  # made right here


@pytest.mark.slow
def test_runs_in_a_spawned_process() -> None:
    """A decorated function can be sent to a spawned process by its name."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(importable, (1,)) == importable(1)


def test_methods_of_every_kind(recorded: Recorded) -> None:
    """Bound, static and class methods and properties are measured in either order of decorators."""

    class Agent:
        base = 10

        @agentmon.agent("bound")
        def bound(self, x: int) -> int:
            return self.base + x

        @agentmon.agent("static_outer")
        @staticmethod
        def static_outer(x: int) -> int:
            return x

        @staticmethod
        @agentmon.agent("static_inner")
        def static_inner(x: int) -> int:
            return x

        @agentmon.agent("class_outer")
        @classmethod
        def class_outer(cls, x: int) -> int:
            return cls.base + x

        @classmethod
        @agentmon.agent("class_inner")
        def class_inner(cls, x: int) -> int:
            return cls.base + x

        @agentmon.agent("prop_outer")
        @property
        def prop_outer(self) -> int:
            """What it is."""
            return self.base

        @property
        @agentmon.agent("prop_inner")
        def prop_inner(self) -> int:
            return self.base

        @prop_outer.setter
        def prop_outer(self, value: int) -> None:
            self.base = value

        partial = agentmon.agent("partial")(functools.partialmethod(bound, 5))

    agent = Agent()
    assert agent.bound(1) == 11
    assert Agent.bound(agent, 1) == 11
    for method in (Agent.static_outer, agent.static_outer, agent.static_inner):
        assert method(3) == 3
    for method in (Agent.class_outer, agent.class_outer, agent.class_inner):
        assert method(3) == 13
    assert agent.prop_outer == agent.prop_inner == 10
    agent.prop_outer = 20
    assert agent.prop_outer == 20
    assert Agent.prop_outer.__doc__ == "What it is."
    assert agent.partial() == 25
    assert isinstance(vars(Agent)["static_outer"], staticmethod)
    assert isinstance(vars(Agent)["class_outer"], classmethod)
    assert {
        n: outcomes(recorded, agent=n)["ok"] for n in ("bound", "static_outer", "static_inner")
    } == {
        "bound": 3,
        "static_outer": 2,
        "static_inner": 1,
    }
    assert {n: outcomes(recorded, agent=n)["ok"] for n in ("class_outer", "class_inner")} == {
        "class_outer": 2,
        "class_inner": 1,
    }
    assert {
        n: outcomes(recorded, agent=n)["ok"] for n in ("prop_outer", "prop_inner", "partial")
    } == {
        "prop_outer": 2,
        "prop_inner": 1,
        "partial": 1,
    }


def test_property_keeps_its_class(recorded: Recorded) -> None:
    """A decorated property of a subclass of property stays of that subclass."""

    class Special(property):
        pass

    class Agent:
        special = agentmon.agent("a")(Special(lambda _self: 7))

    assert type(vars(Agent)["special"]) is Special
    assert Agent().special == 7
    assert outcomes(recorded, agent="a") == {"ok": 1}


def test_cached_property_is_computed_and_measured_once(recorded: Recorded) -> None:
    """A decorated cached_property computes once, in either order of decorators."""

    class Agent:
        @agentmon.agent("outer")
        @functools.cached_property
        def outer(self) -> object:
            return object()

        @functools.cached_property
        @agentmon.agent("inner")
        def inner(self) -> object:
            return object()

    agent = Agent()
    assert agent.outer is agent.outer
    assert agent.inner is agent.inner
    assert outcomes(recorded, agent="outer") == outcomes(recorded, agent="inner") == {"ok": 1}


def test_cached_property_of_a_decorated_class(recorded: Recorded) -> None:
    """A cached_property named by methods=(...) still knows the name that its class holds it by."""

    @agentmon.agent("a", methods=("value",))
    class Agent:
        @functools.cached_property
        def value(self) -> object:
            return object()

    agent = Agent()
    assert agent.value is agent.value
    assert outcomes(recorded, agent="a", operation="value") == {"ok": 1}


def test_lru_cache_outside_measures_misses_only(recorded: Recorded) -> None:
    """Under lru_cache only the calls that reach the function are measured."""

    @functools.lru_cache
    @agentmon.agent("a")
    def double(x: int) -> int:
        return 2 * x

    assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert double.cache_info().hits == 1
    assert outcomes(recorded, agent="a") == {"ok": 2}


def test_lru_cache_inside_keeps_its_door(recorded: Recorded) -> None:
    """Above lru_cache every call is measured, and cache_info and cache_clear still work."""

    @agentmon.agent("a")
    @functools.lru_cache
    def double(x: int) -> int:
        return 2 * x

    assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert double.cache_info().hits == 1
    double.cache_clear()
    assert double.cache_info().currsize == 0
    assert outcomes(recorded, agent="a") == {"ok": 3}


def test_singledispatch_above_and_below(recorded: Recorded) -> None:
    """A function of singledispatch can be decorated, and so can its implementations."""

    @agentmon.agent("generic")
    @functools.singledispatch
    def show(x: object) -> str:
        return "object"

    @show.register
    @agentmon.tool("for_int")
    def _(x: int) -> str:
        return "int"

    assert show("x") == "object"
    assert show(1) == "int"
    assert show.dispatch(int)(1) == "int"
    assert outcomes(recorded, agent="generic") == {"ok": 2}
    assert outcomes(recorded, "tool", tool="for_int") == {"ok": 2}


def test_decorators_stack_in_any_order(recorded: Recorded) -> None:
    """Several operations on one function each count each call, under the names around them."""

    @agentmon.workflow("w")
    @agentmon.step("s")
    @agentmon.agent("a")
    @agentmon.tool("t")
    @agentmon.model_call("chat", model="m")
    def work() -> int:
        return 1

    assert work() == 1
    assert outcomes(recorded, "workflow", workflow="w") == {"ok": 1}
    assert outcomes(recorded, "step", step="s", workflow="w") == {"ok": 1}
    assert outcomes(recorded, "agent", agent="a") == {"ok": 1}
    assert outcomes(recorded, "tool", tool="t", agent="a") == {"ok": 1}
    assert outcomes(recorded, "model_call", model="m", agent="a") == {"ok": 1}


def test_functools_wraps_above_it(recorded: Recorded) -> None:
    """Another decorator above it sees and calls it as any function."""

    def shouting(fn: Callable[[str], str]) -> Callable[[str], str]:
        @functools.wraps(fn)
        def wrapper(x: str) -> str:
            return fn(x).upper()

        return wrapper

    @shouting
    @agentmon.agent("a")
    def say(x: str) -> str:
        """Say it."""
        return x

    assert say("hi") == "HI"
    assert say.__name__ == "say"
    assert list(inspect.signature(say).parameters) == ["x"]
    assert outcomes(recorded, agent="a") == {"ok": 1}


def test_partials_are_measured(recorded: Recorded) -> None:
    """A functools.partial is measured and keeps its signature."""

    def add(a: int, b: int) -> int:
        return a + b

    add_two = agentmon.agent(functools.partial(add, 2))
    assert add_two(3) == 5
    assert list(inspect.signature(add_two).parameters) == ["b"]
    assert sum(outcomes(recorded).values()) == 1


class _Answering:
    async def __call__(self, x: int) -> int:
        await asyncio.sleep(0)
        return x


class _Streaming:
    async def __call__(self, x: int) -> Any:
        yield x


class _Plain:
    def __call__(self, x: int) -> int:
        return x

    def method(self, x: int) -> int:
        return x


def test_callable_objects_keep_their_kind(recorded: Recorded) -> None:
    """Objects with a sync, async or generating __call__ are measured as what they are."""
    plain = agentmon.agent("plain")(_Plain())
    answering = agentmon.agent("answering")(_Answering())
    streaming = agentmon.agent("streaming")(_Streaming())
    assert plain(1) == 1
    assert inspect.iscoroutinefunction(answering)
    assert inspect.isasyncgenfunction(streaming)

    async def main() -> None:
        assert await answering(2) == 2
        assert [x async for x in streaming(3)] == [3]

    asyncio.run(main())
    for name in ("plain", "answering", "streaming"):
        assert outcomes(recorded, agent=name) == {"ok": 1}


def test_partial_of_an_async_callable_object_is_awaited(recorded: Recorded) -> None:
    """A partial of an object with an async __call__ is measured until it has been awaited."""
    answering = agentmon.agent("a")(functools.partial(_Answering(), 2))
    assert inspect.iscoroutinefunction(answering)

    async def main() -> None:
        waiting = answering()
        assert outcomes(recorded, agent="a") == {}
        assert await waiting == 2

    asyncio.run(main())
    assert outcomes(recorded, agent="a") == {"ok": 1}


def test_bound_methods_and_builtins_are_measured(recorded: Recorded) -> None:
    """A bound method and a builtin can be decorated where they are used."""
    assert agentmon.tool("m")(_Plain().method)(4) == 4
    assert agentmon.tool("len")(len)([1, 2]) == 2
    assert outcomes(recorded, "tool") == {"ok": 2}


def test_mocks_can_be_decorated(recorded: Recorded) -> None:
    """A Mock, which has every attribute there is, is measured as any callable."""
    mock = Mock(return_value=5)
    assert agentmon.tool("t")(mock)(1) == 5
    mock.assert_called_once_with(1)
    assert outcomes(recorded, "tool", tool="t") == {"ok": 1}


def test_types_coroutine_stays_awaitable(recorded: Recorded) -> None:
    """A generator made awaitable by types.coroutine can still be awaited."""

    @agentmon.agent("a")
    @types.coroutine
    def old_style() -> Any:
        yield
        return 5

    async def main() -> Any:
        return await old_style()

    assert asyncio.run(main()) == 5
    assert outcomes(recorded, agent="a") == {"ok": 1}


def test_class_is_measured_by_its_call(recorded: Recorded) -> None:
    """A decorated class stays itself, and calls of its instances are measured."""

    @agentmon.agent("a")
    class Agent:
        def __call__(self, x: int) -> int:
            return x

    assert isinstance(Agent, type)
    assert Agent()(3) == 3
    assert outcomes(recorded, agent="a", operation="invoke") == {"ok": 1}


def test_class_is_measured_by_named_methods(recorded: Recorded) -> None:
    """Of a decorated class the methods named are measured, inherited ones too."""

    class Base:
        def run(self) -> str:
            return "run"

    @agentmon.agent("a", methods=("run", "stream", "make"))
    class Agent(Base):
        def stream(self) -> Any:
            yield 1

        @classmethod
        def make(cls) -> Agent:
            return cls()

    assert Agent.make().run() == "run"
    assert list(Agent().stream()) == [1]
    Base().run()
    for method in ("run", "stream", "make"):
        assert outcomes(recorded, agent="a", operation=method) == {"ok": 1}


@pytest.mark.parametrize("methods", [(), ("missing",)])
def test_class_without_the_method_is_refused(methods: tuple[str, ...]) -> None:
    """A class that lacks the method to be measured raises at decoration and stays as it was."""

    class Agent:
        pass

    with pytest.raises(DeclarationError, match="no method"):
        agentmon.agent("a", methods=methods)(Agent)
    assert not callable(Agent())


@pytest.mark.parametrize("methods", ["run", (1,)])
def test_methods_must_be_names(methods: Any) -> None:
    """A methods argument that is no collection of names raises at decoration."""
    with pytest.raises(DeclarationError, match=r"methods: got .*allowed"):
        agentmon.agent("a", methods=methods)


@pytest.mark.parametrize("thing", [5, None, functools.singledispatchmethod(print), [1]])
def test_what_cannot_be_called_is_refused(thing: Any) -> None:
    """Decorating what is not callable raises and says what was got and what is allowed."""
    with pytest.raises(DeclarationError, match=r"cannot measure .*got .*allowed"):
        agentmon.agent("a")(thing)


def test_abstract_methods_stay_abstract() -> None:
    """A decorated abstract method or property keeps its class from being instantiated."""

    class Agent(abc.ABC):
        @agentmon.agent("a")
        @abc.abstractmethod
        def run(self) -> None: ...

        @agentmon.agent("b")
        @property
        @abc.abstractmethod
        def value(self) -> int: ...

    assert Agent.__abstractmethods__ == {"run", "value"}


def _own_frames(error: BaseException) -> list[str]:
    return [
        frame.name
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == __file__
    ]


def test_exceptions_pass_unchanged(recorded: Recorded) -> None:
    """Identity, frames, cause, context and notes of an exception are as without the decorator."""
    cause, before, error = KeyError("cause"), LookupError("before"), ValueError("it")

    def deepest() -> None:
        error.__notes__ = ["a note"]  # type: ignore[attr-defined]  # from Python 3.11 on
        try:
            raise before
        except LookupError:
            raise error from cause

    @agentmon.agent("a")
    def fails() -> None:
        deepest()

    def caller() -> None:
        fails()

    with pytest.raises(ValueError, match="it") as caught:
        caller()
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is before
    assert error.__notes__ == ["a note"]  # type: ignore[attr-defined]
    assert _own_frames(error)[-3:] == ["caller", "fails", "deepest"]
    assert outcomes(recorded, agent="a") == {"error": 1}


def test_exceptions_pass_unchanged_through_async(recorded: Recorded) -> None:
    """An exception of a coroutine keeps its identity, frames and absence of a context."""
    error = ValueError("it")

    @agentmon.agent("a")
    async def fails() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(ValueError, match="it") as caught:
        asyncio.run(fails())
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None
    assert _own_frames(error)[-1] == "fails"
    assert outcomes(recorded, agent="a") == {"error": 1}


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


def test_arguments_are_never_looked_at(recorded: Recorded) -> None:
    """Arguments and results whose text, truth, hash and comparison raise do not matter."""
    hostile = _Hostile()

    @agentmon.agent("a")
    def give(x: object, *, y: object) -> object:
        return y

    @agentmon.agent("g")
    def stream(x: object) -> Any:
        yield x
        return x

    assert give(hostile, y=hostile) is hostile
    assert next(stream(hostile)) is hostile
    assert outcomes(recorded, agent="a") == {"ok": 1}


class _HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_exception_without_text_passes(recorded: Recorded) -> None:
    """An exception whose text cannot be made passes unchanged and is counted."""
    error = _HostileError()

    @agentmon.agent("a")
    def fails() -> None:
        raise error

    with pytest.raises(_HostileError) as caught:
        fails()
    assert caught.value is error
    assert outcomes(recorded, agent="a") == {"error": 1}


def test_recursion_counts_every_level(recorded: Recorded) -> None:
    """A decorated function that calls itself 500 deep counts 500 calls, all in flight at once."""
    seen: list[float | None] = []

    @agentmon.agent("a")
    def count(n: int) -> int:
        if n == 1:
            seen.append(recorded.value("agentmon_agent_in_flight", agent="a"))
            return 1
        return 1 + count(n - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert count(500) == 500
    finally:
        sys.setrecursionlimit(limit)
    assert seen == [500]
    assert outcomes(recorded, agent="a") == {"ok": 500}
    assert recorded.value("agentmon_agent_in_flight", agent="a") == 0


@pytest.mark.parametrize("extra", range(8))
def test_endless_recursion_leaves_nothing_in_flight(recorded: Recorded, extra: int) -> None:
    """After a stack that ran full no call is left in flight, whichever frame was the last one."""

    @agentmon.agent("a")
    def endless() -> None:
        endless()

    def start(depth: int) -> None:  # so that each frame of ours is the last one for some depth
        if depth:
            start(depth - 1)
        else:
            endless()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        with pytest.raises(RecursionError):
            start(extra)
    finally:
        sys.setrecursionlimit(limit)
    assert recorded.value("agentmon_agent_in_flight", agent="a") == 0
    assert CURRENT.get() is None
    assert set(outcomes(recorded, agent="a")) == {"error"}


def test_reentrant_through_another_operation(recorded: Recorded) -> None:
    """Two decorated functions that call each other are counted each on their own."""

    @agentmon.agent("even")
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    @agentmon.agent("odd")
    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    assert even(10)
    assert outcomes(recorded, agent="even") == {"ok": 6}
    assert outcomes(recorded, agent="odd") == {"ok": 5}


def test_decorated_next_that_stops_is_ok(recorded: Recorded) -> None:
    """An iterator whose decorated __next__ ends has not failed."""

    class Countdown:
        def __init__(self) -> None:
            self.left = 2

        def __iter__(self) -> Countdown:
            return self

        @agentmon.tool("next")
        def __next__(self) -> int:
            if not self.left:
                raise StopIteration
            self.left -= 1
            return self.left

    assert list(Countdown()) == [1, 0]
    assert outcomes(recorded, "tool", tool="next") == {"ok": 3}
    assert errors(recorded, "tool") == 0
