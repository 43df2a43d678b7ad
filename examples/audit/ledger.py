"""
A second, independent count of every call, for tests to compare agentmon's with.

It stands outside: it replaces the instrumented functions by ones that call them and note what the
caller sees. It reads nothing from agentmon and takes no time.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, contextmanager
from functools import wraps
from typing import Any

from examples.audit import planner, reader, tools, writer
from examples.audit.analysers import complexity, copies, docstrings, imports, licence
from examples.audit.failures import NeedsHuman
from examples.audit.model import LocalModel
from examples.audit.reviewer import Reviewer
from examples.audit.senior import SeniorDesk

__all__ = ["Ledger"]

#: Where the function is found, its attribute there, and the kind and name it is recorded under.
INSTRUMENTED: tuple[tuple[Any, str, str, str], ...] = (
    (planner, "choose", "agent", "planner"),
    (reader, "read", "agent", "reader"),
    (complexity, "measure", "agent", "complexity"),
    (docstrings, "measure", "agent", "docstrings"),
    (imports, "analyse", "agent", "imports"),
    (licence, "analyse", "agent", "licence"),
    (copies, "analyse", "agent", "copies"),
    (writer, "describe", "agent", "writer"),
    (Reviewer, "check", "agent", "reviewer"),
    (Reviewer, "compare", "agent", "reviewer"),
    (SeniorDesk, "decide", "agent", "senior"),
    (LocalModel, "chat", "model_call", "chat"),
    (LocalModel, "embed", "model_call", "embeddings"),
    *((tools, name, "tool", name) for name in tools.__all__),
)


class Ledger:
    """Calls by kind, name and outcome."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[Ledger]:
        """Count the calls that begin within the block."""
        from examples.audit.workflow import Audit  # which imports this module

        steps = ("plan", "read", "analyse", "review", "rework", "escalate", "report")
        watched = [
            *INSTRUMENTED,
            (Audit, "run", "workflow", "audit"),
            *((Audit, name, "step", name) for name in steps),
        ]
        originals = [(owner, name, getattr(owner, name)) for owner, name, _, _ in watched]
        for (owner, name, original), (_, _, *key) in zip(originals, watched, strict=True):
            setattr(owner, name, self._counted(original, *key))
        try:
            yield self
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _note(self, kind: str, name: str, error: BaseException | None) -> None:
        with self._lock:
            self.calls[kind, name, _outcome(error)] += 1

    @contextmanager
    def _noting(self, kind: str, name: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._note(kind, name, error)
            raise
        self._note(kind, name, None)

    def _counted(self, function: Callable[..., Any], kind: str, name: str) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(function):

            @wraps(function)
            async def counted_stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                with self._noting(kind, name):
                    async with aclosing(function(*args, **kwargs)) as items:
                        async for item in items:
                            yield item

            return counted_stream
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def counted_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                with self._noting(kind, name):
                    return (yield from function(*args, **kwargs))

            return counted_generator
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def counted_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._noting(kind, name):
                    return await function(*args, **kwargs)

            return counted_coroutine

        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self._noting(kind, name):
                return function(*args, **kwargs)

        return counted


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return "cancelled"
    if isinstance(error, (NeedsHuman, KeyboardInterrupt)):
        return "interrupted"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "timeout"
    return "error"
