"""
Places where parallel work comes together: gather, task groups, barriers, joins of threads.

Results, exceptions and cancellation are those of the originals.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Final

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.path import SYNCHRONISING
from agentmon.instrumentation.waiting import Waiting, followed
from agentmon.model.catalogue import coordination
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from agentmon.instrumentation.path import Node

__all__ = ["Barrier", "gather", "join"]

_OK: Final = "ok"
_LATE: Final = "late"
_FAILED: Final = "failed"


def _record(name: str, arrivals: list[int], result: str) -> None:
    """Record that parties came together, or were to."""
    registry = ACTIVE.registry
    if registry is None:
        return
    registry.signals.add(coordination.SYNCHRONIZATIONS, (name, result))
    if not arrivals:
        return
    last_ns = max(arrivals)
    registry.signals.observe(coordination.SYNCHRONIZATION_SKEW, (name,), last_ns - min(arrivals))
    for arrived_ns in arrivals:
        registry.signals.observe(coordination.SYNCHRONIZATION_WAIT, (name,), last_ns - arrived_ns)


def _limit_ns(what: str, name: object, timeout: object) -> int | None:
    """The name checked, and the timeout in nanoseconds."""
    check_text(what, "name", name, empty=False)
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise DeclarationError(f"{what}: timeout: got {timeout!r}, allowed seconds of 0 or more")
    return round(timeout * 1e9)


class Parties:
    """
    Tasks that are to come together.

    Args:
        name: Of the place.
        limit_ns: Those that take longer are late.
        waits: Whether whoever sets them off waits for them from then on.
    """

    __slots__ = ("_arrivals", "_begun_ns", "_failed", "_limit_ns", "_name", "_node", "_open")

    def __init__(self, name: str, limit_ns: int | None, *, waits: bool = True) -> None:
        self._name = name
        self._limit_ns = limit_ns
        self._begun_ns = ACTIVE.clock()
        self._node: Node | None = followed() if waits else None
        self._arrivals: list[int] = []
        self._failed = False
        self._open = 1  # whoever sets them off, until that is done

    def add(self, task: asyncio.Future[Any]) -> None:
        """One more, which may have come already."""
        self._open += 1
        if task.done():
            self._arrived(task)
        else:
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Future[Any]) -> None:
        self._arrivals.append(ACTIVE.clock())
        # Only a look: that an exception was never retrieved stays the event loop's to say.
        failed = task.cancelled() or getattr(task, "_exception", None) is not None
        self._failed = self._failed or failed
        self.complete()

    def complete(self) -> None:
        """There will be no more, or one came: record once all are there."""
        self._open -= 1
        if self._open:
            return
        self.waited()
        late = self._limit_ns is not None and any(
            each - self._begun_ns > self._limit_ns for each in self._arrivals
        )
        _record(self._name, self._arrivals, _FAILED if self._failed else _LATE if late else _OK)

    def waited(self, _outer: object = None) -> None:
        """Whoever waits for them goes on: all are there, or one has failed."""
        node, self._node = self._node, None
        if node is not None:
            node.wait(SYNCHRONISING, self._begun_ns, ACTIVE.clock())


def gather(
    *aws: Awaitable[Any],
    name: str = "gather",
    timeout: float | None = None,
    return_exceptions: bool = False,
) -> asyncio.Future[Any]:
    """
    `asyncio.gather`, and a measurement of how its parts come together.

    Args:
        aws: What is to run at once.
        name: Name of the place where it comes together.
        timeout: Seconds; where a part takes longer, the result is late. Nothing is stopped.
        return_exceptions: As of `asyncio.gather`.

    Returns:
        What `asyncio.gather` returns.

    Raises:
        DeclarationError: If the name or the timeout cannot be used.
    """
    parties = Parties(name, _limit_ns("gather", name, timeout))
    outer: asyncio.Future[Any] = asyncio.gather(*aws, return_exceptions=return_exceptions)
    for child in {id(each): each for each in getattr(outer, "_children", ())}.values():
        parties.add(child)
    parties.complete()
    outer.add_done_callback(parties.waited)
    return outer


if hasattr(asyncio, "TaskGroup"):

    class TaskGroup(asyncio.TaskGroup):  # type: ignore[name-defined,misc]  # 3.10 has none
        """
        `asyncio.TaskGroup`, and a measurement of how its tasks come together.

        From Python 3.11 on.

        Args:
            name: Name of the place where they come together.
            timeout: Seconds; where a task takes longer, the result is late. Nothing is stopped.

        Raises:
            DeclarationError: If an argument cannot be used.
        """

        def __init__(self, name: str = "task_group", *, timeout: float | None = None) -> None:
            super().__init__()
            self._agentmon_named = (name, _limit_ns("TaskGroup", name, timeout))

        async def __aenter__(self) -> TaskGroup:  # noqa: PYI034  # typing has no Self yet
            self._agentmon = Parties(*self._agentmon_named, waits=False)
            await super().__aenter__()
            return self

        def create_task(self, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
            """As of `asyncio.TaskGroup`."""
            task: asyncio.Task[Any] = super().create_task(*args, **kwargs)
            self._agentmon.add(task)
            return task

        async def __aexit__(self, *error: object) -> None:
            try:
                with Waiting(SYNCHRONISING):
                    await super().__aexit__(*error)
            finally:
                self._agentmon.complete()

    __all__ += ["TaskGroup"]


class Barrier(threading.Barrier):
    """
    `threading.Barrier`, and a measurement of how its parties come together.

    Args:
        parties: How many threads have to come.
        action: Called by one of them once all are there.
        timeout: Seconds; by default of `wait`.
        name: Name of the place.

    Raises:
        DeclarationError: If the name cannot be used.
    """

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        name: str = "barrier",
    ) -> None:
        check_text("Barrier", "name", name, empty=False)
        super().__init__(parties, self._all_there, timeout)
        self._agentmon_name = name
        self._agentmon_action = action
        self._agentmon_arrivals: list[int] = []

    def wait(self, timeout: float | None = None) -> int:
        """
        As of `threading.Barrier`.

        Args:
            timeout: Seconds; by default that of the barrier.

        Returns:
            A number of the thread, from 0 on.
        """
        begun_ns = ACTIVE.clock()
        arrivals = self._agentmon_arrivals
        arrivals.append(begun_ns)
        limit = self._timeout if timeout is None else timeout  # type: ignore[attr-defined]
        try:
            with Waiting(SYNCHRONISING):
                return super().wait(timeout)
        except threading.BrokenBarrierError:
            with self._cond:  # type: ignore[attr-defined]
                came = arrivals[:]
                arrivals.clear()
            if came:  # whoever sees it first speaks for all
                late = limit is not None and ACTIVE.clock() - begun_ns >= limit * 1e9
                _record(self._agentmon_name, came, _LATE if late else _FAILED)
            raise

    def _all_there(self) -> None:
        """Called by the last thread to come, while the others wait."""
        here, self._agentmon_arrivals[: self.parties] = (
            self._agentmon_arrivals[: self.parties],
            [],
        )
        if self._agentmon_action is not None:
            try:
                self._agentmon_action()
            except BaseException:
                _record(self._agentmon_name, here, _FAILED)
                raise
        _record(self._agentmon_name, here, _OK)


def join(
    parties: Iterable[threading.Thread | Future[Any]],
    *,
    name: str = "join",
    timeout: float | None = None,
) -> bool:
    """
    Wait for threads, or for futures of an executor, and measure how they come together.

    A thread counts as arrived when it is found to have ended: of several, those that ended while
    another was waited for arrive with that one. What futures raise is not raised here.

    Args:
        parties: Threads that were started, or futures.
        name: Name of the place where they come together.
        timeout: Seconds, for all of them together; by default as long as it takes.

    Returns:
        Whether all of them ended in time.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    limit_ns = _limit_ns("join", name, timeout)
    every = list(parties)
    for party in every:
        if not isinstance(party, threading.Thread | Future):
            raise DeclarationError(f"join: got {party!r}, allowed threads and futures")
    begun_ns = ACTIVE.clock()
    arrivals: list[int] = []
    ended: dict[int, int] = {}
    for party in every:
        if isinstance(party, Future):
            party.add_done_callback(lambda each: ended.setdefault(id(each), ACTIVE.clock()))
    failed = False
    with Waiting(SYNCHRONISING):
        for party in every:
            left = None
            if limit_ns is not None:
                left = max(0.0, (limit_ns - (ACTIVE.clock() - begun_ns)) / 1e9)
            if isinstance(party, threading.Thread):
                party.join(left)
                if not party.is_alive():
                    arrivals.append(ACTIVE.clock())
                continue
            try:
                failed = party.exception(left) is not None or failed
            except CancelledError:
                failed = True
            except FutureTimeoutError:
                continue
            arrivals.append(ended.get(id(party)) or ACTIVE.clock())
    here = len(arrivals) == len(every)
    _record(name, arrivals, _FAILED if failed else _OK if here else _LATE)
    return here
