"""
Limits that are watched: semaphores, pools of threads, and how many calls agents can take.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.levels import LimitLedger, attach
from agentmon.instrumentation.path import QUEUEING
from agentmon.instrumentation.queues import same_kind
from agentmon.instrumentation.waiting import followed
from agentmon.model.catalogue import coordination
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentmon.instrumentation.levels import Held
    from agentmon.record.registry import Registry

__all__ = ["capacity", "limit"]

T = TypeVar("T")

_WATCH: Final = "_agentmon_limit"
_ACQUIRED: Final = "acquired"
_REFUSED: Final = "refused"

_MOST_AGENTS: Final = 1000


class _Watch:
    """What is known of one limit: its part of the ledger."""

    __slots__ = ("_held", "_ledger")

    def __init__(self, name: str, owner: object, places: int) -> None:
        self._held: Held
        self._ledger, self._held = attach(LimitLedger, name, owner, places)

    def wait(self, by: int) -> None:
        """One more waits for a place, or one less."""
        self._ledger.wait(self._held, by)

    def take(self, waited_ns: int) -> None:
        """A place was given."""
        self._ledger.change(self._held, 1)
        self._count(_ACQUIRED)
        if ACTIVE.registry is not None:
            labels = self._ledger.labels
            ACTIVE.registry.signals.observe(coordination.LIMIT_WAIT, labels, max(0, waited_ns))

    def refuse(self) -> None:
        """A place was not given."""
        self._count(_REFUSED)

    def give_back(self, n: int = 1) -> None:
        """Places are free again; of those that were taken unseen nothing is known."""
        self._ledger.change(self._held, -min(n, self._held.level))

    def _count(self, result: str) -> None:
        if ACTIVE.registry is not None:
            labels = (self._ledger.name, result)
            ACTIVE.registry.signals.add(coordination.LIMIT_ACQUIRED, labels)

    @contextmanager
    def asking(self) -> Iterator[list[bool]]:
        """A block in which somebody asks for a place, and notes whether it was given."""
        given: list[bool] = []
        node, begun_ns = followed(), ACTIVE.clock()
        self.wait(1)
        try:
            yield given
        finally:
            self.wait(-1)
            ended_ns = ACTIVE.clock()
            if given and given[0]:
                self.take(ended_ns - begun_ns)
            else:
                self.refuse()
            if node is not None:
                node.wait(QUEUEING, begun_ns, ended_ns)


class _Semaphore:
    """Of a semaphore for threads."""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002  # as the original
        with vars(self)[_WATCH].asking() as given:
            got: bool = super().acquire(blocking, timeout)  # type: ignore[misc]
            given.append(got)
        return got

    __enter__ = acquire

    def release(self, n: int = 1) -> None:
        super().release(n)  # type: ignore[misc]
        vars(self)[_WATCH].give_back(n)


class _AsyncSemaphore:
    """Of a semaphore for tasks."""

    async def acquire(self) -> bool:
        with vars(self)[_WATCH].asking() as given:
            got: bool = await super().acquire()  # type: ignore[misc]
            given.append(got)
        return got

    def release(self) -> None:
        super().release()  # type: ignore[misc]
        vars(self)[_WATCH].give_back()


def limit(watched: T, /, *, name: str) -> T:
    """
    Watch what only so many can have at once: how many do, how many wait, and how long.

    Args:
        watched: A semaphore of `threading` or `asyncio`, bounded or not, of which no place is taken
            yet; or a `concurrent.futures.ThreadPoolExecutor`. It is changed.
        name: Name of the limit; those of one name count together.

    Returns:
        The same object.

    Raises:
        DeclarationError: If it is something else, is watched already, or the name cannot be used.
    """
    check_text("limit", "name", name, empty=False)
    if isinstance(watched, ThreadPoolExecutor):
        if _WATCH in vars(watched):
            raise DeclarationError(f"limit: got {watched!r}, allowed one that is not watched yet")
        places = watched._max_workers  # noqa: SLF001  # it says so nowhere else
        vars(watched)[_WATCH] = watch = _Watch(name, watched, places)
        _watch_pool(watched, watch)
        return watched
    for kind, hooks in (
        (threading.Semaphore, _Semaphore),
        (asyncio.Semaphore, _AsyncSemaphore),
    ):
        if isinstance(watched, kind):
            if _WATCH in vars(watched):
                break
            vars(watched)[_WATCH] = _Watch(name, watched, watched._value)  # noqa: SLF001  # likewise
            watched.__class__ = same_kind(hooks, type(watched))
            return watched
    raise DeclarationError(
        f"limit: got {watched!r}, allowed a semaphore or ThreadPoolExecutor that is not watched yet"
    )


def _watch_pool(pool: Executor, watch: _Watch) -> None:
    submit: Callable[..., Any] = pool.submit

    @functools.wraps(submit)
    def submit_watched(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        node, begun_ns = followed(), ACTIVE.clock()

        def run(*args: Any, **kwargs: Any) -> Any:
            begins_ns = ACTIVE.clock()
            watch.wait(-1)
            watch.take(begins_ns - begun_ns)
            if node is not None:
                node.wait(QUEUEING, begun_ns, begins_ns)
            try:
                return fn(*args, **kwargs)
            finally:
                watch.give_back()

        watch.wait(1)
        try:
            future: Future[Any] = submit(run, *args, **kwargs)
        except BaseException:
            watch.wait(-1)
            watch.refuse()
            raise
        future.add_done_callback(refused)
        return future

    def refused(future: Future[Any]) -> None:
        if future.cancelled():  # before it ran, or it could not be
            watch.wait(-1)
            watch.refuse()

    pool.submit = submit_watched  # type: ignore[method-assign]


#: Calls that agents can take at once, as declared.
_declared: dict[str, int] = {}


def capacity(agent: str, calls: int, /) -> None:
    """
    Say how many calls of an agent can be in flight at once.

    Args:
        agent: Name of the agent.
        calls: How many, as declared or as a load test has shown.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    check_text("capacity", "agent", agent, empty=False)
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
        raise DeclarationError(f"capacity: calls: got {calls!r}, allowed a whole number above 0")
    if agent in _declared or len(_declared) < _MOST_AGENTS:
        _declared[agent] = calls
    if ACTIVE.registry is not None:
        ACTIVE.registry.signals.set(coordination.AGENT_CAPACITY, (agent,), calls)


def _follow(registry: Registry) -> None:
    for agent, calls in list(_declared.items()):
        registry.signals.set(coordination.AGENT_CAPACITY, (agent,), calls)


ACTIVE.followers.append(_follow)
