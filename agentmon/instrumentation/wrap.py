"""
Wrappers around callables, one for each kind of function.

A wrapper is a plain closure of the same kind as what it wraps. While only metrics are recorded, the
wrappers of plain and async functions do by hand what `begin` and `finish` do, because they are what
runs most; everything else goes through those two.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import types
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import nullcontext
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import (
    CURRENT,
    IDLE,
    Call,
    Standing,
    begin,
    end_call,
    enter_cell,
    finish,
    restore,
)
from agentmon.instrumentation.site import Site
from agentmon.model.outcome import ERROR
from agentmon.record.limits import FULL
from agentmon.record.shared.form import LONGEST

if TYPE_CHECKING:
    from agentmon.instrumentation.metering import Meter

__all__ = ["wrap"]

_UNMETERED = nullcontext()


def wrap(site: Site, target: Any) -> Any:
    """
    Measure the calls of a callable.

    Args:
        site: What its calls are recorded as.
        target: A function, coroutine function, generator function or async generator function, a
            method object of a class body (``staticmethod``, ``classmethod``, ``property``,
            ``cached_property``, ``partialmethod``), or any other callable object.

    Returns:
        The same kind of thing, with the metadata of the original.

    Raises:
        DeclarationError: If *target* is none of these.
    """
    if isinstance(target, staticmethod | classmethod):
        return type(target)(wrap(site, target.__func__))
    if isinstance(target, property):
        return target.getter(wrap(site, target.fget))
    if isinstance(target, functools.cached_property):
        measured = copy.copy(target)  # which knows by what name its class holds it
        measured.func = wrap(site, target.func)
        return measured
    if isinstance(target, functools.partialmethod):
        inner = wrap(site, target.func)
        return functools.partialmethod(inner, *target.args, **target.keywords)
    if not callable(target):
        raise DeclarationError(
            f"cannot measure {target!r}: got {type(target).__name__}, allowed a function, a "
            "method, a class with __call__, or another callable"
        )
    return _dressed(_wrapper(site, target), target)


def _wrapper(site: Site, target: Callable[..., Any]) -> Callable[..., Any]:
    inner = target
    while isinstance(inner, functools.partial):
        inner = inner.func
    for shape in (inner, type(inner).__call__):
        if inspect.iscoroutinefunction(shape):
            return _wrap_coroutine_function(site, target)
        if inspect.isasyncgenfunction(shape):
            return _wrap_async_generator_function(site, target)
        if inspect.isgeneratorfunction(shape):
            wrapper = _wrap_generator_function(site, target)
            awaitable = getattr(shape, "__code__", None)
            if awaitable is not None and awaitable.co_flags & inspect.CO_ITERABLE_COROUTINE:
                return types.coroutine(wrapper)
            return wrapper
    return _wrap_function(site, target)


def _dressed(wrapper: Callable[..., Any], target: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the metadata of what it wraps."""
    described = inspect.isroutine(target)
    functools.update_wrapper(wrapper, target, updated=("__dict__",) if described else ())
    if not hasattr(target, "__name__"):
        wrapper.__name__ = wrapper.__qualname__ = _name_of(target)
    # What functools.lru_cache offers beside the call itself.
    for extra in ("cache_info", "cache_clear", "cache_parameters"):
        if hasattr(target, extra):
            setattr(wrapper, extra, getattr(target, extra))
    return wrapper


def _name_of(target: Any) -> str:
    while isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__name__", type(target).__name__)


def _wrap_function(site: Site, fn: Callable[..., Any]) -> Callable[..., Any]:
    active = ACTIVE
    get, set_, reset = CURRENT.get, CURRENT.set, CURRENT.reset
    clock = perf_counter_ns  # the only clock there is while the mode is METRICS

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        parent = get()
        recorder = site.fast.get(None if parent is None else parent.scope)
        if recorder is None:
            if active.mode is OFF:
                return fn(*args, **kwargs)
            seen = site.seen or (parent is not None and parent.scope.watching)
            block = active.plain_block if seen else active.block
            with block(site if site.naming is None else site.named(args, kwargs)):
                if active.metering is not None:
                    return active.metering.call(site.declaration.kind, fn, args, kwargs)
                if active.content is not None and site.declaration.kind == "tool":
                    return active.content.observe(fn, args, kwargs)
                return fn(*args, **kwargs)
        live = recorder.live
        key = None
        try:  # of everything: what a signal handler raises in between must leave nothing behind
            token = set_(recorder)
            key = id(token)  # the call's own while the token is held
            live[key] = begun_ns = clock()
            result = fn(*args, **kwargs) if kwargs else fn(*args)  # the latter is faster
            ended_ns = clock()
            reset(token)
            del live[key]
            if ended_ns >= recorder.until_ns:
                enter_cell(recorder, ended_ns)
            plain = recorder.plain
            if plain is not None:
                plain.append(ended_ns - begun_ns)
                if len(plain) >= FULL:
                    recorder.relieve()
            else:  # as `Recorder.keep` does
                journal = recorder.journal
                duration_ns = ended_ns - begun_ns
                if duration_ns > LONGEST:  # noqa: PLR1730  # min() would be a call
                    duration_ns = LONGEST
                try:
                    journal.slots[next(journal.take)] = recorder.tag + duration_ns
                except (StopIteration, ValueError):
                    recorder.spill(duration_ns)
        except BaseException as error:
            if key in live:
                try:
                    finish(recorder, key, clock(), error)
                except RecursionError:  # the stack is full: no room to call anything of ours
                    if (begun := live.pop(key, None)) is not None:
                        recorder.details.append((begun, clock(), ERROR, "RecursionError", 0, None))
            set_(parent)
            raise
        return result

    return wrapper


def _wrap_coroutine_function(  # noqa: C901, PLR0915  # what runs most is written out
    site: Site, fn: Callable[..., Any]
) -> Callable[..., Any]:
    active = ACTIVE
    get, set_, reset = CURRENT.get, CURRENT.set, CURRENT.reset
    clock = perf_counter_ns  # the only clock there is while the mode is METRICS

    async def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0912, PLR0915  # likewise
        parent = get()
        recorder = site.fast.get(None if parent is None else parent.scope)
        if recorder is None:
            if active.mode is OFF:
                return await fn(*args, **kwargs)
            seen = site.seen or (parent is not None and parent.scope.watching)
            block = active.plain_block if seen else active.block
            with block(site if site.naming is None else site.named(args, kwargs)):
                if active.metering is not None:
                    kind = site.declaration.kind
                    return await active.metering.call_async(kind, fn, args, kwargs)
                if active.content is not None and site.declaration.kind == "tool":
                    return await active.content.observe_async(fn, args, kwargs)
                return await fn(*args, **kwargs)
        live = recorder.live
        token = key = None
        try:  # of everything: what a signal handler raises in between must leave nothing behind
            token = set_(recorder)
            key = id(token)  # the call's own while the token is held
            live[key] = begun_ns = clock()
            result = await (fn(*args, **kwargs) if kwargs else fn(*args))
            ended_ns = clock()
            try:
                reset(token)
            except ValueError:  # driven by hand, and ended in another context than it began in
                restore(recorder, token)
            del live[key]
            if ended_ns >= recorder.until_ns:
                enter_cell(recorder, ended_ns)
            plain = recorder.plain
            if plain is not None:
                plain.append(ended_ns - begun_ns)
                if len(plain) >= FULL:
                    recorder.relieve()
            else:  # as `Recorder.keep` does
                journal = recorder.journal
                duration_ns = ended_ns - begun_ns
                if duration_ns > LONGEST:  # noqa: PLR1730  # min() would be a call
                    duration_ns = LONGEST
                try:
                    journal.slots[next(journal.take)] = recorder.tag + duration_ns
                except (StopIteration, ValueError):
                    recorder.spill(duration_ns)
        except BaseException as error:
            if key in live:
                try:
                    finish(recorder, key, clock(), error)
                except RecursionError:  # the stack is full: no room to call anything of ours
                    if (begun := live.pop(key, None)) is not None:
                        recorder.details.append((begun, clock(), ERROR, "RecursionError", 0, None))
            if token is None:
                set_(parent)
            else:
                restore(recorder, token)
            raise
        return result

    return wrapper


def _wrap_generator_function(site: Site, fn: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = fn(*args, **kwargs)
        if ACTIVE.mode is OFF:
            return (yield from generator)
        call = begin(site.named(args, kwargs), CURRENT.get())
        if ACTIVE.content is not None and call.kind == "tool":
            ACTIVE.content.arguments(call, fn, args, kwargs)
        standing = Standing(call)
        streaming = call.kind == "model_call"
        meter = _meter(call)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            # As `yield from` does, save that the call is current while the generator runs only.
            while True:
                try:
                    with standing, meter or _UNMETERED:
                        item = generator.send(sent) if thrown is None else generator.throw(thrown)
                except StopIteration as stop:
                    result = stop.value
                    break
                thrown = None
                if streaming:
                    call.first_output()
                    streaming = False
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001  # the generator decides
                    thrown = error
            left = thrown if isinstance(thrown, GeneratorExit) else None
            end_call(call, ACTIVE.clock(), left)
        except BaseException as error:
            end_call(call, ACTIVE.clock(), error)
            raise
        finally:
            thrown = left = None  # an exception that holds this frame is not held by it
        return result

    return wrapper


def _wrap_async_generator_function(site: Site, fn: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = fn(*args, **kwargs)
        call = IDLE if ACTIVE.mode is OFF else begin(site.named(args, kwargs), CURRENT.get())
        if ACTIVE.content is not None and call.kind == "tool":
            ACTIVE.content.arguments(call, fn, args, kwargs)
        standing = Standing(call)
        streaming = call.kind == "model_call"
        meter = _meter(call)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            while True:
                try:
                    with standing:
                        if thrown is None:
                            step = _asend(generator, sent)
                        else:
                            step = generator.athrow(thrown)
                        item = await (step if meter is None else meter.awaiting(step))
                except StopAsyncIteration:
                    break
                thrown = None
                if streaming:
                    call.first_output()
                    streaming = False
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001  # the generator decides
                    thrown = error
            left = thrown if isinstance(thrown, GeneratorExit) else None
            end_call(call, ACTIVE.clock(), left)
        except BaseException as error:
            end_call(call, ACTIVE.clock(), error)
            raise
        finally:
            thrown = left = None  # an exception that holds this frame is not held by it

    return wrapper


def _meter(call: Call) -> Meter | None:
    """What takes the steps of a generator, if that is asked for."""
    metering = ACTIVE.metering
    return None if metering is None or call is IDLE else metering.meter_of_steps(call)


def _asend(generator: AsyncGenerator[Any, Any], sent: Any) -> Any:
    """
    The next step, without telling the event loop of the inner generator.

    The loop closes the generators that it knows of when it shuts down. It knows the outer one,
    which closes the inner; were both known, they would be closed at once and collide.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(sent)
    finally:
        sys.set_asyncgen_hooks(*hooks)
