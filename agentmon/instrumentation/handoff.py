"""
The lives of handoffs: begun, accepted, and ended in one of four ways.

Who counts what, so that the sums over all processes are right, is decided in
``docs/decisions/0016-who-counts-handoffs.md``.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from secrets import token_hex
from threading import RLock
from typing import TYPE_CHECKING, Final

from agentmon.instrumentation.luggage import unpacked
from agentmon.model.catalogue import coordination
from agentmon.model.declared import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmon.instrumentation.call import Call
    from agentmon.instrumentation.luggage import Luggage
    from agentmon.record.registry import Registry

__all__ = ["MOST_REMEMBERED", "Handoffs", "Passing"]

#: Handoffs of a process that are found by their id, the oldest are forgotten first.
MOST_REMEMBERED: Final = 10_000

_CONFIRMED: Final = "c"

#: What strangers send is kept only as far as we could have sent it.
_LONGEST_PACKED: Final = 2000

_BEGUN: Final = 0
_ACCEPTED: Final = 1
_ENDED: Final = 2

_COMPLETED: Final = "completed"
_FAILED: Final = "failed"
_REJECTED: Final = "rejected"
_LOST: Final = "lost"


class Passing:
    """
    One handoff, in the process that begins it or in the one that it comes to.

    Guarantees:
        It is accepted once and ends once: whatever is said of it afterwards changes nothing.

    Args:
        handoffs: Takes what is recorded.
        edge: Target and source.
        handoff_id: The same in all processes.
        begun_ns: When it began, on the clock of this process.
        timeout_ns: It is lost unless it is accepted within this time; None where it never is.
    """

    __slots__ = (
        "_handoffs",
        "begun_ns",
        "confirmed",
        "edge",
        "epoch_ns",
        "foreign",
        "held",
        "id",
        "luggage",
        "sent",
        "state",
        "timeout_ns",
    )

    def __init__(
        self,
        handoffs: Handoffs,
        edge: tuple[str, str],
        handoff_id: str,
        begun_ns: int,
        timeout_ns: int | None,
    ) -> None:
        self._handoffs = handoffs
        self.edge = edge
        self.id = handoff_id
        self.begun_ns = begun_ns
        #: The same on the clock that hosts share.
        self.epoch_ns = 0
        self.timeout_ns = timeout_ns
        #: Whether it began in another process.
        self.foreign = False
        #: Whether its context was written into a message: then it may be accepted elsewhere.
        self.sent = False
        #: Whether whoever takes it says so to this process: then this one can tell what is lost.
        self.confirmed = False
        #: Whether a block is open that ends it.
        self.held = False
        self.state = _BEGUN
        self.luggage: Luggage | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state == _ENDED

    @property
    def late(self) -> bool:
        """Whether the time is over in which it could be accepted."""
        return self._late(self._handoffs.clock())

    def _late(self, now_ns: int) -> bool:
        return self.timeout_ns is not None and now_ns - self.begun_ns > self.timeout_ns

    def pack(self, luggage: Luggage) -> None:
        """Take note of the context that is handed over."""
        self.luggage = luggage
        self._handoffs.count_size(self.edge, luggage.size)

    def send(self) -> None:
        """Take note that it goes out with a message."""
        self.sent = True
        self._handoffs.remember(self)

    def papers(self) -> tuple[str, ...]:
        """What a message says of it besides target and source."""
        return (
            self.id,
            str(self.epoch_ns),
            "" if self.timeout_ns is None else str(self.timeout_ns),
            _CONFIRMED if self.confirmed else "",
            "" if self.luggage is None else self.luggage.packed(),
        )

    def accept(self, at_ns: int) -> bool:
        """
        Take note that the target has it, unless it has ended or was too late.

        Args:
            at_ns: When.

        Returns:
            Whether this was what accepted it.
        """
        with self._handoffs.lock:
            if self.state != _BEGUN:
                return False
            if self._late(at_ns):
                self._lose()
                return False
            self.state = _ACCEPTED
        self._handoffs.count_accepted(self.edge, max(0, at_ns - self.begun_ns))
        return True

    def reject(self) -> None:
        """Take note that the target does not take it."""
        self._end(_REJECTED)

    def answered(self, *, failed: bool) -> None:
        """Take note that the agent is done that accepted it; elsewhere, that is its end."""
        if self.foreign and not self.held:
            self.done(failed=failed)

    def left(self, *, failed: bool) -> None:
        """
        Take note that the block in which it began was left.

        What was accepted here ends with it. What was not may be accepted later, here by whoever got
        the call, or elsewhere by whoever got the message.
        """
        if self.held:
            return
        if self.state == _ACCEPTED or (failed and not self.sent):
            self.done(failed=failed)
        if self.sent and not self.confirmed:
            self._handoffs.forget(self)

    def done(self, *, failed: bool) -> None:
        """Take note that the work that was handed over is done."""
        self._end(_FAILED if failed else _COMPLETED)

    def confirm(self) -> None:
        """Take note that another process has it, and counts what becomes of it."""
        with self._handoffs.lock:
            self.state = _ENDED
        self._handoffs.forget(self)

    def expire(self, now_ns: int) -> None:
        """Take it for lost, if nobody accepted it in time, and this process can tell."""
        if self.foreign or (self.sent and not self.confirmed):
            return
        with self._handoffs.lock:
            if self.state == _BEGUN and self._late(now_ns):
                self._lose()

    def _lose(self) -> None:
        if self.foreign and self.confirmed:  # whoever began it has counted it
            self.state = _ENDED
            return
        self._end(_LOST)

    def _end(self, result: str) -> None:
        with self._handoffs.lock:
            if self.state == _ENDED:
                return
            self.state = _ENDED
        self._handoffs.count_ended(self.edge, result)
        if not self.foreign:
            self._handoffs.forget(self)

    def kept(self, measure: str, share: float) -> None:
        """Take note of the share of the context that the target has."""
        self._handoffs.count_kept(self.edge, measure, share)


class Handoffs:
    """
    The handoffs of a process that somebody may yet say something of.

    Guarantees:
        Memory is bounded: at most `MOST_REMEMBERED` are found by their id; one beyond that is
        forgotten, is not taken for lost here, and counts in
        ``agentmon_dropped_total{reason="handoff_bound"}`` if it was begun here.

    Args:
        registry: Takes what is recorded.
    """

    def __init__(self, registry: Registry) -> None:
        self.lock = RLock()
        self.clock = registry.clock
        self._registry = registry
        self._signals = registry.signals
        self._known: OrderedDict[str, Passing] = OrderedDict()
        registry.looks.append(self._expire)

    def begin(self, call: Call, begun_ns: int) -> Passing:
        """A handoff that begins here, by a call."""
        recorder = call.recorder
        target, source = recorder.series.labels
        edge = (target, source)
        timeout_ns = recorder.declaration.timeout_ns
        passing = Passing(self, edge, token_hex(8), begun_ns, timeout_ns)
        passing.epoch_ns = time.time_ns()
        self._signals.add(coordination.HANDOFF_BEGUN, edge)
        outer = call.parent
        while outer is not None and outer.passing is None:
            outer = outer.parent
        if outer is not None and outer.passing is not None and source:
            self._signals.add(
                coordination.HANDOFF_BOUNCED, edge, int(outer.passing.edge == (source, target))
            )
        if timeout_ns is not None:
            self.remember(passing)
        return passing

    def arrive(self, edge: tuple[str, str], papers: Sequence[str]) -> Passing:
        """
        A handoff that came with a message, which may have begun in this very process.

        Args:
            edge: Target and source.
            papers: What `Passing.papers` said of it; blanks where the sender is an older one.

        Raises:
            ValueError: If what is said makes no sense.
        """
        handoff_id, epoch, timeout, said, packed = (*papers, "", "", "", "", "")[:5]
        if max(map(len, (*edge, handoff_id, epoch, timeout))) > LONGEST_NAME:
            raise ValueError("too long")
        if len(packed) > _LONGEST_PACKED or not "".join(edge).isprintable():
            raise ValueError("not what we write")
        begun_ns = self.clock() - max(0, time.time_ns() - int(epoch) if epoch else 0)
        with self.lock:
            passing = self._known.get(handoff_id) if handoff_id else None
            if passing is None:
                timeout_ns = int(timeout) if timeout else None
                passing = Passing(self, edge, handoff_id, begun_ns, timeout_ns)
                passing.foreign = True
                passing.confirmed = said == _CONFIRMED
                passing.luggage = unpacked(packed) if packed else None
                if handoff_id:
                    self.remember(passing)
        return passing

    def remember(self, passing: Passing) -> None:
        """Let it be found by its id."""
        with self.lock:
            self._known[passing.id] = passing
            if len(self._known) <= MOST_REMEMBERED:
                return
            oldest = self._known.popitem(last=False)[1]
        if not (oldest.foreign or oldest.sent or oldest.over):
            self._registry.drop("handoff_bound", 1)

    def forget(self, passing: Passing) -> None:
        """Nothing more is expected of it."""
        with self.lock:
            # One that was sent may come back to this process.
            if not passing.sent:
                self._known.pop(passing.id, None)

    def confirm(self, handoff_id: str) -> bool:
        """Take note that another process has a handoff of this one; False where it is unknown."""
        with self.lock:
            passing = self._known.get(handoff_id)
        if passing is None or passing.foreign:
            return False
        passing.confirm()
        return True

    def _expire(self) -> None:
        now_ns = self.clock()
        with self.lock:
            known = list(self._known.values())
        for passing in known:
            passing.expire(now_ns)

    # ------------------------------------------------------------------ counting

    def count_size(self, edge: tuple[str, str], size: int) -> None:
        """Count the size of a context."""
        self._signals.add(coordination.HANDOFF_CONTEXT_SIZE, edge, size)

    def count_accepted(self, edge: tuple[str, str], waited_ns: int) -> None:
        """Count that one was accepted."""
        self._signals.add(coordination.HANDOFF_ACCEPTED, edge)
        self._signals.observe(coordination.HANDOFF_LATENCY, edge, waited_ns)

    def count_ended(self, edge: tuple[str, str], result: str) -> None:
        """Count that one ended."""
        self._signals.add(coordination.HANDOFF_ENDED, (*edge, result))

    def count_kept(self, edge: tuple[str, str], measure: str, share: float) -> None:
        """Record what share of a context was kept."""
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if not number or not math.isfinite(share) or not 0 <= share <= 1:
            self._registry.drop("invalid_value", 1)
            return
        self._signals.observe(coordination.HANDOFF_CONTEXT_KEPT, (*edge, measure), share)
