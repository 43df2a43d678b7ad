"""
When metrics are pushed: on demand, now and then, and at the end.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from random import Random
from threading import TIMEOUT_MAX, RLock, Thread, current_thread
from typing import Any, Final

from agentmon.export.push.target import Attempt, Moment, Origin, Target
from agentmon.export.push.ways import target
from agentmon.model.catalogue import SERIES
from agentmon.model.snapshot import Family

__all__ = ["Pushing"]

logger = logging.getLogger("agentmon")

#: Attempts of one push. What cannot be reached must not use up the whole of a deadline.
_ATTEMPTS: Final = 4
#: The most that is waited after the first attempt; twice as much after each further one.
_FIRST_SECONDS: Final = 0.25
#: Of a push that nobody waits for.
_GIVE_UP_SECONDS: Final = 30.0
#: After a deadline, for a thread whose connection was cut to notice it.
_GRACE_SECONDS: Final = 0.5
#: The least time between two lines of the log that say the same.
_QUIET_SECONDS: Final = 60.0
_GLANCE_SECONDS: Final = 0.02
_TOO_LONG: Final = "it takes too long"


class _Asked:
    """Somebody who waits for a push."""

    def __init__(self, seconds: float, *, last: bool) -> None:
        self.until = time.monotonic() + seconds
        self.last = last
        self.done: SimpleQueue[str] = SimpleQueue()


class _Pusher:
    """
    Pushes to one place, from a thread of its own.

    So a deadline holds whatever hangs, and places do not wait for each other. The thread is there
    before it is needed, as the interpreter starts none any more while it exits.

    Args:
        place: Where to.
        every: Seconds between two pushes; None for none but those asked for.
        families: Returns the metrics of now.
        failed: Told of each push that failed.
    """

    def __init__(
        self,
        place: Target,
        every: float | None,
        families: Callable[[], Sequence[Family]],
        failed: Callable[[], object],
    ) -> None:
        self._place = place
        self._every = every
        self._families = families
        self._failed = failed
        self._mute = ""
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._begun_ns = time.time_ns()
        self._random = Random()  # noqa: S311  # spreads attempts
        self._calls: SimpleQueue[_Asked] = SimpleQueue()
        self._thread: Thread | None = None
        self._until = math.inf
        self._over = False
        self._failing = False
        self._said = {False: -math.inf, True: -math.inf}

    def start(self) -> None:
        thread = Thread(target=self._run, name="agentmon-push", daemon=True)
        with suppress(RuntimeError):  # no thread can be had: whoever asks pushes himself
            thread.start()
            self._thread = thread

    def ask(self, seconds: float, *, last: bool = False) -> _Asked:
        """Ask for a push within so many seconds; `outcome` waits for it."""
        asked = _Asked(seconds, last=last)
        thread = self._thread
        if self._mute:
            asked.done.put(self._mute)
        elif thread is None or thread is current_thread() or not thread.is_alive():
            asked.done.put(self._push(asked.until, last=last))
            self._over = last
        else:
            if last:
                self._until = asked.until
            self._calls.put(asked)
        return asked

    def outcome(self, asked: _Asked) -> str:
        """What went wrong with a push; empty if nothing did."""
        reason = self._heard(asked)
        if reason is None and asked.last:
            self._place.abort()
            reason = self._heard(asked)
            if reason is None:  # it hangs where it cannot be cut off
                self._note(_TOO_LONG)
        if reason is None:
            reason = _TOO_LONG
        return f"{self._place}: {reason}" if reason else ""

    @staticmethod
    def _heard(asked: _Asked) -> str | None:
        left = max(0.0, asked.until - time.monotonic())
        try:
            return asked.done.get(timeout=left + _GRACE_SECONDS)
        except Empty:
            return None

    def end(self) -> None:
        """Let go of everything, once the last push was waited for."""
        thread = self._thread
        if self._mute and self._recorded():
            logger.warning("agentmon: nothing is pushed to %s: %s", self._place, self._mute)
        if thread is not None and thread is not current_thread():
            thread.join(_GRACE_SECONDS)
            if thread.is_alive():  # it hangs where it cannot be cut off, and uses the connection
                return
        self._place.close()

    def abandon(self) -> None:
        """Begin anew in a forked child, if what it pushes can be told from what its parent does."""
        had_one = self._thread is not None
        self._begin_anew()
        self._place.abandon()
        conflict = self._place.conflict
        self._mute = f"this process was forked: {conflict}" if conflict else ""
        if had_one and not self._mute:
            self.start()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        due = math.inf if self._every is None else time.monotonic() + self._every
        while True:
            try:
                wait = min(max(0.0, due - time.monotonic()), TIMEOUT_MAX)
                asked = self._calls.get(timeout=wait)
            except Empty:
                begun = time.monotonic()
                self._push(begun + min(self._every or math.inf, _GIVE_UP_SECONDS), alone=True)
            else:
                begun = time.monotonic()
                asked.done.put(self._push(asked.until, last=asked.last))
                self._over = self._over or asked.last
            if self._over:
                return
            if self._every is not None:
                due = begun + self._every

    def _push(self, until: float, *, last: bool = False, alone: bool = False) -> str:
        """Push; returns what went wrong, or nothing."""
        reason = ""
        try:
            moment = Moment(self._families(), self._begun_ns, time.time_ns(), last)
            for attempt in self._place.prepare(moment):
                reason = self._tried(attempt, until, alone=alone)
                if reason:
                    break
        except Exception as error:
            reason = f"the metrics cannot be made ready: {type(error).__name__}"
            if not self._failing:
                with suppress(Exception):  # a filter or handler of the host
                    logger.exception("agentmon: the metrics cannot be made ready to be pushed")
        self._note(reason)
        return reason

    def _tried(self, attempt: Attempt, until: float, *, alone: bool) -> str:
        """Try to send something; returns what went wrong, or nothing."""
        reason = "no time was left"
        for n in range(_ATTEMPTS):
            left = min(until, self._until) - time.monotonic()
            if left <= 0:
                break
            answer = attempt(left)
            if answer.verdict == "accepted":
                return ""
            reason = answer.message
            wait = self._random.uniform(0.5, 1) * _FIRST_SECONDS * 2**n
            wait = max(wait, answer.after_seconds or 0.0)
            if (
                answer.verdict == "failed"
                or n + 1 == _ATTEMPTS
                or not self._pause(wait, until, alone=alone)
            ):
                break
        return reason

    def _pause(self, seconds: float, until: float, *, alone: bool) -> bool:
        """Wait so long; False if there is no time for that, or somebody asks for another push."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if end >= min(until, self._until) or (alone and not self._calls.empty()):
                return False
            time.sleep(min(left, _GLANCE_SECONDS))
        return True

    def _note(self, reason: str) -> None:
        """Count a failure, and log a change unless that was said a moment ago."""
        with suppress(Exception):  # a filter or handler of the host
            if reason:
                self._failed()
            if bool(reason) == self._failing:
                return
            self._failing = bool(reason)
            now = time.monotonic()
            if now - self._said[self._failing] < _QUIET_SECONDS:
                return
            self._said[self._failing] = now
            if reason:
                logger.warning("agentmon: metrics cannot be pushed to %s: %s", self._place, reason)
            else:
                logger.info("agentmon: metrics are pushed to %s again", self._place)

    def _recorded(self) -> bool:
        return any(
            family.metric is SERIES and any(value for _, value in family.samples)
            for family in self._families()
        )


class Pushing:
    """
    Pushes metrics to wherever they go.

    Guarantees:
        - Nothing here raises into the host once it is made.
        - One daemon thread for each place between `start` and `close`, and none before or after,
          unless something hangs where it cannot be cut off, such as in the look-up of a name.
        - A push holds all of one moment, and what failed is counted.

    Args:
        places: The options that say where.
        origin: Where the metrics come from.
        families: Returns the metrics of now.
        count: Told why something was lost, and how much.

    Raises:
        ConfigError: If a certificate cannot be read.
    """

    def __init__(
        self,
        places: Iterable[Any],
        origin: Origin,
        families: Callable[[], Sequence[Family]],
        count: Callable[[str, int], object],
    ) -> None:
        self._pushers = [
            _Pusher(
                target(each, origin),
                each.every,
                self._now,
                lambda: count("push_failed", 1),
            )
            for each in places
        ]
        #: Returns the metrics of now; a forked child has others.
        self.families = families
        self._lock = RLock()
        self._closed = False

    def _now(self) -> Sequence[Family]:
        return self.families()

    def start(self) -> None:
        """Begin to push."""
        for each in self._pushers:
            each.start()

    def push(self, seconds: float) -> list[str]:
        """
        Push now, everywhere at once.

        Args:
            seconds: How long this may take.

        Returns:
            For each place where that failed, which and why.
        """
        asked = [(each, each.ask(seconds)) for each in self._pushers]
        return [reason for each, one in asked if (reason := each.outcome(one))]

    def flush(self, seconds: float) -> bool:
        """Push now; says whether that was done everywhere within so many seconds."""
        return not self.push(seconds)

    def close(self, seconds: float) -> None:
        """Push a last time, within so many seconds, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asked = [(each, each.ask(seconds, last=True)) for each in self._pushers]
        for each, one in asked:
            each.outcome(one)
        for each in self._pushers:
            each.end()

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        self._lock = RLock()
        for each in self._pushers:
            each.abandon()
