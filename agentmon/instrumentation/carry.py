"""
Taking the context along into threads.

Tasks of asyncio inherit it by themselves; threads and executors do not.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["carry", "carrying"]

#: Kinds of function whose body runs after the call.
_LATER = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound="Executor")


def carry(fn: Callable[P, R]) -> Callable[P, R]:
    """
    Bind a function to the present context, so that calls within it belong to the present call.

    Args:
        fn: To be run elsewhere, for instance as the target of a thread.

    Returns:
        A function that runs *fn* in a copy of the context in which `carry` was called. It may be
        called many times and by many threads at once.

    Raises:
        DeclarationError: If *fn* cannot be called, or is a coroutine function or a generator
            function: their bodies run in the context of whoever awaits or iterates them.
    """
    if not callable(fn):
        raise DeclarationError(f"carry: got {fn!r}, allowed a function")
    if any(check(fn) for check in _LATER):
        raise DeclarationError(
            f"carry: got {fn!r}, allowed a plain function: the body of a coroutine or generator "
            "runs in the context of whoever awaits or iterates it"
        )
    context = copy_context()

    @functools.wraps(fn)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(_run, fn, *args, **kwargs)

    return carried


def carrying(executor: E) -> E:
    """
    Make an executor of threads run each function in the context of whoever submitted it.

    Works with ``submit``, ``map`` and ``loop.run_in_executor``.

    Args:
        executor: Usually a `concurrent.futures.ThreadPoolExecutor`.

    Returns:
        The same executor.

    Raises:
        DeclarationError: If it is no executor, or runs functions in other processes, which a
            context cannot reach.
    """
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  # costly, rarely needed

    if isinstance(executor, ProcessPoolExecutor):
        raise DeclarationError(
            "carrying: got a ProcessPoolExecutor, allowed an executor of threads: a context "
            "cannot be sent to another process"
        )
    if not callable(getattr(executor, "submit", None)):
        raise DeclarationError(f"carrying: got {executor!r}, allowed an executor of threads")
    submit: Callable[..., Any] = executor.submit

    def submit_carried(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return submit(copy_context().run, _run, fn, *args, **kwargs)

    executor.submit = submit_carried  # type: ignore[method-assign]
    return executor


def _run(fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
    """Run a function for the agent that is current, wherever that is measured."""
    metering = ACTIVE.metering
    if metering is None:
        return fn(*args, **kwargs)
    result: R = metering.call("", fn, args, kwargs)
    return result
