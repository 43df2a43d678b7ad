"""
What stands at some level: how deep queues are, how much of a limit is taken.

One ledger for all objects of a name. It outlives registries: what is in a queue is there whether it
is recorded or not.
"""

from __future__ import annotations

import weakref
from collections import deque
from threading import RLock
from typing import TYPE_CHECKING, Final, TypeVar

from agentmon.instrumentation.active import ACTIVE
from agentmon.model.catalogue import coordination

if TYPE_CHECKING:
    from agentmon.model.metric import Metric
    from agentmon.record.registry import Registry

__all__ = ["Held", "Ledger", "LimitLedger", "QueueLedger", "attach"]

#: The peak is that of so many slots of so long, the present one included.
_SLOTS: Final = 10
_SLOT_NS: Final = 30 * 10**9

#: Names; what is declared beyond shares one ledger.
_MOST: Final = 1000
_OTHER: Final = "other"


class Held:
    """
    The part of a ledger that one object has.

    When the object is gone, so is its part.
    """

    __slots__ = ("__weakref__", "capacity", "level", "ref", "waiting")

    def __init__(self, owner: object, capacity: int | None, gone: deque[Held]) -> None:
        self.capacity = capacity
        self.level = 0
        self.waiting = 0
        # A finaliser must not wait for a lock: it only leaves word.
        self.ref = weakref.ref(owner, lambda _ref: gone.append(self))


class Ledger:
    """
    Levels of all objects of one name.

    Guarantees:
        - It keeps no object alive, and forgets what an object had when that is gone; when none is
          left, its gauges go too.
        - The lock is held for a few additions only, and nothing else is locked within.

    Args:
        name: The label.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.labels = (name,)
        self.lock = RLock()
        self.level = 0
        self.waiting = 0
        self._parts: set[Held] = set()
        self._gone: deque[Held] = deque()
        self._shown: set[Metric] = set()

    def attach(self, owner: object, capacity: int | None) -> Held:
        """Take one more object in; it must be one that can be referred to weakly."""
        held = Held(owner, capacity, self._gone)
        with self.lock:
            self._parts.add(held)
        return held

    def sweep(self) -> None:
        """Forget what objects had that are gone."""
        while self._gone:
            held = self._gone.popleft()
            with self.lock:
                self._parts.discard(held)
            self.change(held, -held.level)
            self.wait(held, -held.waiting)

    def change(self, held: Held, by: int) -> None:
        """Move the level of one object."""
        with self.lock:
            held.level += by
            self.level += by

    def wait(self, held: Held, by: int) -> None:
        """One more waits, or one less."""
        with self.lock:
            held.waiting += by
            self.waiting += by

    @property
    def alive(self) -> bool:
        """Whether any object is left."""
        return bool(self._parts)

    def capacity(self) -> int | None:
        """How much all have room for; None where one has no bound."""
        with self.lock:
            total = 0
            for held in self._parts:
                if held.capacity is None:
                    return None
                total += held.capacity
        return total

    def restart(self) -> None:
        """Another registry is in force from now on: what is gone by now was never there for it."""
        self.sweep()
        self._shown.clear()

    def show(self, registry: Registry) -> None:
        """Set the gauges."""
        self.sweep()
        gauges = self.gauges() if self.alive else {}
        for metric in self._shown - set(gauges):
            registry.signals.forget(metric, self.labels)
        for metric, value in gauges.items():
            registry.signals.set(metric, self.labels, value)
        self._shown = set(gauges)

    def gauges(self) -> dict[Metric, int]:
        """What the gauges say now."""
        raise NotImplementedError


class QueueLedger(Ledger):
    """The levels of queues: their depths."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._since_ns = ACTIVE.clock()
        self._passed = 0
        self._peaks: deque[tuple[int, int]] = deque(maxlen=_SLOTS)

    def restart(self) -> None:
        """Count from now on."""
        super().restart()
        with self.lock:
            self._since_ns = ACTIVE.clock()
            self._passed = 0
            self._peaks.clear()

    def change(self, held: Held, by: int) -> None:
        """Move the depth of one queue, and count the time up to now."""
        with self.lock:
            self._pass()
            self._peak()
            super().change(held, by)
            self._peak()

    def _pass(self) -> int:
        now_ns = ACTIVE.clock()
        self._passed += self.level * max(0, now_ns - self._since_ns)
        self._since_ns = now_ns
        return now_ns

    def _peak(self) -> None:
        slot = self._since_ns // _SLOT_NS
        if self._peaks and self._peaks[-1][0] == slot:
            self._peaks[-1] = (slot, max(self._peaks[-1][1], self.level))
        else:
            self._peaks.append((slot, self.level))

    def show(self, registry: Registry) -> None:
        """Set the gauges, and count the time that items have spent there."""
        super().show(registry)
        with self.lock:
            self._pass()
            passed, self._passed = self._passed, 0
        registry.signals.add(coordination.QUEUE_DEPTH_TIME, self.labels, passed)

    def gauges(self) -> dict[Metric, int]:
        """Depth, peak, and how many there is room for."""
        with self.lock:
            slot = self._pass() // _SLOT_NS
            # What was there when a slot began was there in it.
            if not self._peaks or self._peaks[-1][0] < slot:
                self._peaks.append((slot, self.level))
            recent = [depth for each, depth in self._peaks if each > slot - _SLOTS]
            found = {
                coordination.QUEUE_DEPTH: self.level,
                coordination.QUEUE_DEPTH_PEAK: max(recent),
            }
        capacity = self.capacity()
        if capacity is not None:
            found[coordination.QUEUE_CAPACITY] = capacity
        return found


class LimitLedger(Ledger):
    """The levels of limits: places taken."""

    def gauges(self) -> dict[Metric, int]:
        """Places taken, places that there are, and who waits for one."""
        with self.lock:
            found = {
                coordination.LIMIT_IN_USE: self.level,
                coordination.LIMIT_WAITING: self.waiting,
            }
        capacity = self.capacity()
        if capacity is not None:
            found[coordination.LIMIT_CAPACITY] = capacity
        return found


L = TypeVar("L", bound=Ledger)

_ledgers: dict[tuple[type[Ledger], str], Ledger] = {}


def attach(kind: type[L], name: str, owner: object, capacity: int | None) -> tuple[L, Held]:
    """
    Take an object into the ledger of its name.

    Args:
        kind: Which kind of ledger.
        name: The name.
        owner: The object; it must be one that can be referred to weakly.
        capacity: How much it has room for, if that has a bound.

    Returns:
        The ledger, and the part of it that the object has.
    """
    with ACTIVE.lock:
        if (kind, name) not in _ledgers and len(_ledgers) >= _MOST:
            name = _OTHER
        found = _ledgers.get((kind, name))
        if found is None:
            found = _ledgers[kind, name] = kind(name)
        assert isinstance(found, kind)  # noqa: S101
        return found, found.attach(owner, capacity)


def _follow(registry: Registry) -> None:
    """Show all in this registry from now on."""
    for each in list(_ledgers.values()):
        each.restart()
    registry.looks.append(lambda: _show(registry))


def _show(registry: Registry) -> None:
    for key, each in list(_ledgers.items()):
        each.show(registry)
        if not each.alive:
            with ACTIVE.lock:
                if not each.alive and _ledgers.get(key) is each:
                    del _ledgers[key]


ACTIVE.followers.append(_follow)
if ACTIVE.registry is not None:
    _follow(ACTIVE.registry)
