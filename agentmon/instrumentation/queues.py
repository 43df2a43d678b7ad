"""
Queues that are watched: how deep they are, and how long items wait in them.
"""

from __future__ import annotations

import asyncio
import queue as threaded
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.levels import QueueLedger, attach
from agentmon.instrumentation.path import QUEUEING
from agentmon.instrumentation.waiting import Waiting
from agentmon.model.catalogue import coordination
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from agentmon.instrumentation.levels import Held

__all__ = ["queue", "same_kind"]

Q = TypeVar("Q")

_LEDGER: Final = "_agentmon_queue"


class _Watch:
    """What is known of one queue: its part of the ledger, and when its items came."""

    __slots__ = ("_came", "_held", "_ledger")

    def __init__(self, name: str, owner: object, capacity: int | None) -> None:
        self._held: Held
        self._ledger, self._held = attach(QueueLedger, name, owner, capacity)
        #: By the item's identity, which is its own while the queue holds it.
        self._came: dict[int, deque[int]] = {}

    def put(self, item: object) -> None:
        """An item came."""
        self._came.setdefault(id(item), deque()).append(ACTIVE.clock())
        self._ledger.change(self._held, 1)
        registry = ACTIVE.registry
        if registry is not None:
            registry.signals.add(coordination.QUEUE_PUT, self._ledger.labels)

    def got(self, item: object) -> None:
        """An item was taken; one that came unseen is not counted."""
        times = self._came.get(id(item))
        if not times:
            return
        came_ns = times.popleft()
        if not times:
            del self._came[id(item)]
        self._ledger.change(self._held, -1)
        registry = ACTIVE.registry
        if registry is not None:
            registry.signals.add(coordination.QUEUE_GOT, self._ledger.labels)
            registry.signals.observe(
                coordination.QUEUE_WAIT, self._ledger.labels, max(0, registry.clock() - came_ns)
            )


class _Hooks:
    """What the queues of the standard library call under their own lock."""

    def _put(self, item: Any) -> None:
        super()._put(item)  # type: ignore[misc]
        vars(self)[_LEDGER].put(item)

    def _get(self) -> Any:
        item = super()._get()  # type: ignore[misc]
        vars(self)[_LEDGER].got(item)
        return item


class _Threaded(_Hooks):
    """Of a queue for threads."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002  # as the original
        with Waiting(QUEUEING):
            super().put(item, block, timeout)  # type: ignore[misc]

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002  # likewise
        with Waiting(QUEUEING):
            return super().get(block, timeout)  # type: ignore[misc]


class _Async(_Hooks):
    """Of a queue for tasks."""

    async def put(self, item: Any) -> None:
        with Waiting(QUEUEING):
            await super().put(item)  # type: ignore[misc]

    async def get(self) -> Any:
        with Waiting(QUEUEING):
            return await super().get()  # type: ignore[misc]


class _Counted:
    """Around any other object with ``put`` and ``get``, which it passes for."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner = inner
        self._watch = _Watch(name, self, None)

    @property  # type: ignore[misc]  # so that isinstance() says what it would say of the queue
    def __class__(self) -> type:
        return type(self._inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, item: Any, *args: Any, **kwargs: Any) -> Any:
        # Before, or whoever takes it may be faster; taken back where it did not come to be.
        self._watch.put(item)
        try:
            with Waiting(QUEUEING):
                return self._inner.put(item, *args, **kwargs)
        except BaseException:
            self._watch.got(item)
            raise

    def put_nowait(self, item: Any) -> Any:
        self._watch.put(item)
        try:
            return self._inner.put_nowait(item)
        except BaseException:
            self._watch.got(item)
            raise

    def get(self, *args: Any, **kwargs: Any) -> Any:
        with Waiting(QUEUEING):
            item = self._inner.get(*args, **kwargs)
        self._watch.got(item)
        return item

    def get_nowait(self) -> Any:
        item = self._inner.get_nowait()
        self._watch.got(item)
        return item


_kinds: dict[tuple[type, type], type] = {}


def queue(watched: Q, /, *, name: str) -> Q:
    """
    Watch a queue: its depth, now, at its peak and averaged over time, and how long items wait.

    Args:
        watched: An `asyncio.Queue` or `queue.Queue`, of any of their kinds, which is changed and
            given back; or any other object with ``put`` and ``get`` in this process, such as
            `queue.SimpleQueue`, of which a proxy is given back.
        name: Name of the queue; queues of one name count together.

    Returns:
        The queue.

    Raises:
        DeclarationError: If it is no queue, is watched already or not empty, or the name cannot be
            used.
    """
    check_text("queue", "name", name, empty=False)
    hooks = (
        _Threaded
        if isinstance(watched, threaded.Queue)
        else _Async
        if isinstance(watched, asyncio.Queue)
        else None
    )
    if hooks is None:
        if not callable(getattr(watched, "put", None)) or not callable(
            getattr(watched, "get", None)
        ):
            raise DeclarationError(f"queue: got {watched!r}, allowed an object with put and get")
        proxy: Any = _Counted(watched, name)
        return proxy  # type: ignore[no-any-return]  # it passes for what it is around
    if _LEDGER in vars(watched):
        raise DeclarationError(f"queue: got {watched!r}, allowed one that is not watched yet")
    if not watched.empty():  # type: ignore[attr-defined]
        raise DeclarationError(f"queue: got {watched!r}, allowed one that is empty")
    size = watched.maxsize  # type: ignore[attr-defined]
    vars(watched)[_LEDGER] = _Watch(name, watched, size if size > 0 else None)
    watched.__class__ = same_kind(hooks, type(watched))
    return watched


def same_kind(hooks: type, of: type) -> type:
    """A class as it was, with our hooks; it goes by the same name."""
    kind = _kinds.get((hooks, of))
    if kind is None:
        kind = type(of.__name__, (hooks, of), {"__module__": of.__module__, "__doc__": of.__doc__})
        kind.__qualname__ = of.__qualname__
        _kinds[hooks, of] = kind
    return kind
