"""
One background thread that takes what waits and ships it, in batches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import RLock, Thread, current_thread
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

__all__ = ["Patience", "Ship", "Source", "Worker"]

logger = logging.getLogger("agentmon")

T = TypeVar("T")

#: After the deadline of `Worker.close`, for a thread whose connection was cut to notice it.
_GRACE_SECONDS: Final = 1.0


class Source(Protocol[T]):
    """What is taken from: a bounded queue."""

    def take(self, most: int) -> list[T]:
        """The items that have waited longest, at most so many, and from then on no longer there."""
        ...

    def waiting(self) -> int:
        """How many wait."""
        ...


class Patience(Protocol):
    """How long shipping may take."""

    def left(self) -> float | None:
        """Seconds until it has to be given up; None while nobody waits for an end."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait so long, or until somebody is in a hurry."""
        ...


class Ship(Protocol[T]):
    """What ships a batch."""

    def __call__(self, batch: list[T], patience: Patience) -> None:
        """Ship a batch, and count what of it is lost. It does not raise."""
        ...

    def abort(self) -> None:
        """Make the shipping that another thread is at return soon."""
        ...

    def abandon(self) -> None:
        """In a forked child: use nothing that the parent uses."""
        ...

    def close(self, seconds: float) -> None:
        """Let go of everything, within so long; called once no batch will come."""
        ...


class _Asked:
    """Somebody who waits until all that waits now has been shipped."""

    def __init__(self) -> None:
        self.done: SimpleQueue[bool] = SimpleQueue()


_Call = Literal["wake", "close"] | _Asked


class Worker(Generic[T]):
    """
    Drains a source.

    Assumptions:
        ``SimpleQueue.put`` may be called at any moment, within a signal handler too: a promise of
        the standard library. Nothing that the host calls while it works takes another lock here.

    Guarantees:
        - One daemon thread between `start` and `close`, and none before or after, unless what ships
          hangs where it cannot be cut off, such as in the look-up of a name: then it ends later.
        - Every item that is taken is handed to *ship* once, or counted by *dropped*.
        - Nothing here raises into the host.

    Args:
        source: What is taken from.
        ship: What it is handed to, in the worker's thread.
        dropped: Told how many were dropped because there was no time left, or because shipping
            raised.
        batch: The most handed over at once.
        delay_seconds: The longest that an item waits for others to be shipped with.
        name: Of the thread.
    """

    def __init__(
        self,
        source: Source[T],
        ship: Ship[T],
        dropped: Callable[[int], object],
        *,
        batch: int = 512,
        delay_seconds: float = 1.0,
        name: str = "agentmon-export",
    ) -> None:
        self._source = source
        self._ship = ship
        self._dropped = dropped
        self._batch = batch
        self._delay_seconds = delay_seconds
        self._name = name
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = RLock()
        self._bell: SimpleQueue[_Call] = SimpleQueue()
        self._asked: list[_Asked] = []
        self._closing = False
        self._deadline: float | None = None
        self._thread: Thread | None = None
        self._said = False

    # ------------------------------------------------------------------ from the host

    def start(self) -> None:
        """Start the thread. Doing so again changes nothing."""
        with self._lock:
            if self._thread is not None or self._closing:
                return
            thread = Thread(target=self._run, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread can be had: what waits will be dropped and counted
                logger.warning("agentmon: no thread can be started, so nothing is exported")
                return
            self._thread = thread

    def wake(self) -> None:
        """Ship what waits now, without waiting for the delay. Costs the caller next to nothing."""
        if self._bell.empty():
            self._bell.put("wake")

    def flush(self, deadline_seconds: float) -> bool:
        """
        Ship all that waits now.

        Args:
            deadline_seconds: How long this may take.

        Returns:
            Whether all of it was shipped, or counted as lost, in time.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            return not self._source.waiting()
        if thread is current_thread():
            return False
        asked = _Asked()
        self._bell.put(asked)
        try:
            return asked.done.get(timeout=max(0.0, deadline_seconds))
        except Empty:
            return False

    def close(self, deadline_seconds: float) -> None:
        """
        Ship what waits and end; what is left at the deadline is dropped and counted.

        Doing so again changes nothing.

        Args:
            deadline_seconds: How long this may take.
        """
        with self._lock:
            if self._closing:
                return
            self._deadline = deadline = time.monotonic() + max(0.0, deadline_seconds)
            self._closing = True
            thread = self._thread
        self._bell.put("close")
        if thread is not None and thread is not current_thread():
            thread.join(max(0.0, deadline_seconds))
            if thread.is_alive():
                self._quietly(self._ship.abort)
                thread.join(_GRACE_SECONDS)
        self._drop_rest()
        self._quietly(self._ship.close, max(0.0, deadline - time.monotonic()))

    def abandon(self) -> None:
        """
        Begin anew in a forked child: a thread of its own, if the parent had one, and nothing waits.

        What waited in the parent at that moment is there still, and is shipped and counted there.
        """
        had_one = self._thread is not None and not self._closing
        self._begin_anew()
        while self._source.take(1024):
            pass
        self._quietly(self._ship.abandon)
        if had_one:
            self.start()

    # ------------------------------------------------------------------ Patience

    def left(self) -> float | None:
        """Seconds until what is being shipped has to be given up; None for no end."""
        deadline = self._deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Wait so long, or until somebody flushes or closes."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            closing = self.left()
            if closing is not None:
                left = min(left, closing)
            if left <= 0:
                return
            heard = self._hear(left)
            if heard == "close":
                return
            if isinstance(heard, _Asked):
                self._asked.append(heard)
                return

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            self._wait()
            asked, self._asked = self._asked, []
            last = self._closing  # and not after draining, when more may have come
            self._drain(all_of_it=bool(asked) or last)
            for each in asked:
                each.done.put(item=True)
            if last:
                for each in self._asked:
                    each.done.put(not self._source.waiting())
                return

    def _wait(self) -> None:
        """Until the delay is over, or there is something to be done before."""
        until = time.monotonic() + self._delay_seconds
        while not (self._closing or self._asked or self._source.waiting() >= self._batch):
            left = until - time.monotonic()
            if left <= 0:
                return
            heard = self._hear(left)
            if heard == "wake":
                return
            if isinstance(heard, _Asked):
                self._asked.append(heard)

    def _hear(self, seconds: float) -> _Call | None:
        try:
            return self._bell.get(timeout=seconds)
        except Empty:
            return None

    def _drain(self, *, all_of_it: bool) -> None:
        """Ship what waits now. What comes meanwhile has its turn later, or this might never end."""
        remaining = self._source.waiting()
        while remaining > 0 and self.left() != 0:
            batch = self._source.take(self._batch)
            if not batch:
                return
            remaining -= len(batch)
            try:
                self._ship(batch, self)
            except Exception:
                self._dropped(len(batch))
                if not self._said:
                    self._said = True
                    logger.exception("agentmon: shipping failed; said once")
            if self._asked and not all_of_it:
                return  # whoever asks means what waits at that moment

    def _drop_rest(self) -> None:
        left_over = 0
        while batch := self._source.take(1024):
            left_over += len(batch)
        if left_over:
            self._quietly(self._dropped, left_over)

    def _quietly(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            if not self._said:
                self._said = True
                logger.exception("agentmon: the exporting thread caught an error; said once")
