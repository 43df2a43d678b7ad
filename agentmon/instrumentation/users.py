"""
Users: how many there are, and how their sessions go.

No id of a user or session is kept: only hashes of 64 bits with a key that nobody else has.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.desk import desk, limit_ns, text_id
from agentmon.model.catalogue import work
from agentmon.model.distinct import LowestHashes, SketchOfLibrary

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentmon.model.distinct import Sketch
    from agentmon.record.registry import Registry

__all__ = ["MOST_SESSIONS", "Peak", "Seen", "Session", "Turn", "Users", "session"]

logger = logging.getLogger("agentmon")

#: The most sessions that are open; the one that was quiet longest is abandoned for one more.
MOST_SESSIONS: Final = 10_000
_LONGEST_KEY: Final = 64
_SECOND: Final = 10**9
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

#: Windows, by the length of their cells and how many make one.
_PEAKS: Final = {"1m": (10 * _SECOND, 6), "5m": (_MINUTE, 5), "1h": (5 * _MINUTE, 12)}
_SEEN: Final = {"5m": (_MINUTE, 5), "1h": (5 * _MINUTE, 12), "1d": (_HOUR, 24)}

_COMPLETED: Final = "completed"
_ABANDONED: Final = "abandoned"


class Peak:
    """
    The highest level within a window.

    Args:
        cell_ns: How long a cell of the window is.
        cells: How many cells it has; the one that is filling comes on top.
    """

    def __init__(self, cell_ns: int, cells: int) -> None:
        self._cell_ns = cell_ns
        self._cells = cells
        self._level = 0
        self._highest: deque[list[int]] = deque()

    def move(self, now_ns: int, level: int) -> int:
        """Take the present level; returns the highest of the window."""
        cell = now_ns // self._cell_ns
        highest = self._highest
        if not highest or highest[-1][0] < cell:
            highest.append([cell, self._level])  # it began where the last one ended
        highest[-1][1] = max(highest[-1][1], level)
        self._level = level
        while highest[0][0] < cell - self._cells:
            highest.popleft()
        return max(each for _, each in highest)


class Seen:
    """
    How many different users there were within a window.

    Args:
        cell_ns: How long a cell of the window is.
        cells: How many cells it has; the one that is filling comes on top.
        make: Makes a sketch.
    """

    def __init__(self, cell_ns: int, cells: int, make: Callable[[], Sketch]) -> None:
        self._cell_ns = cell_ns
        self._cells = cells
        self._make = make
        self._sketches: deque[tuple[int, Sketch]] = deque()

    def add(self, now_ns: int, hashed: int) -> None:
        """Take a user."""
        cell = now_ns // self._cell_ns
        if not self._sketches or self._sketches[-1][0] < cell:
            self._sketches.append((cell, self._make()))
            self._forget(cell)
        self._sketches[-1][1].add(hashed)

    def count(self, now_ns: int) -> int:
        """How many there were."""
        self._forget(now_ns // self._cell_ns)
        if not self._sketches:
            return 0
        first, *others = (sketch for _, sketch in self._sketches)
        return round(first.estimate(others))

    def _forget(self, cell: int) -> None:
        while self._sketches and self._sketches[0][0] < cell - self._cells:
            self._sketches.popleft()


@dataclass(slots=True)
class _Open:
    """A session that is open."""

    begun_ns: int
    active_ns: int
    idle_ns: int
    turns: int = 0
    in_flight: int = 0


class Users:
    """
    Users and sessions of a process.

    Args:
        registry: Takes what is recorded.
        key: What ids are hashed with; None for a random key.
    """

    def __init__(self, registry: Registry, key: bytes | None) -> None:
        self.registry = registry
        self._key = _hashing_key(key)
        self._active: dict[int, int] = {}
        self._sessions: OrderedDict[int, _Open] = OrderedDict()
        make = _sketches()
        self._peaks = {name: Peak(*each) for name, each in _PEAKS.items()}
        self._seen = {name: Seen(*each, make) for name, each in _SEEN.items()}

    def hashed(self, given: object) -> int:
        """A number for an id, which nobody without the key can tell."""
        text = text_id(given).encode("utf-8", "replace")
        return int.from_bytes(hashlib.blake2b(text, key=self._key, digest_size=8).digest(), "big")

    # ------------------------------------------------------------------ users at work

    def enter(self, user: int) -> None:
        """A user begins to wait for something."""
        now_ns = self.registry.clock()
        with ACTIVE.shelter:
            self._active[user] = self._active.get(user, 0) + 1
            for peak in self._peaks.values():
                peak.move(now_ns, len(self._active))
            for seen in self._seen.values():
                seen.add(now_ns, user)

    def leave(self, user: int) -> None:
        """A user has it."""
        now_ns = self.registry.clock()
        with ACTIVE.shelter:
            left = self._active.get(user, 0) - 1
            if left > 0:
                self._active[user] = left
            else:
                self._active.pop(user, None)
            for peak in self._peaks.values():
                peak.move(now_ns, len(self._active))

    def look(self) -> None:
        """Show the gauges as they are now."""
        now_ns = self.registry.clock()
        put = partial(ACTIVE.shelter.later, self.registry.signals.set)
        with ACTIVE.shelter:
            self._abandon(now_ns)
            level = len(self._active)
            put(work.USERS_IN_FLIGHT, (), level)
            for window, peak in self._peaks.items():
                put(work.USERS_IN_FLIGHT_PEAK, (window,), peak.move(now_ns, level))
            for window, seen in self._seen.items():
                put(work.USERS_SEEN, (window,), seen.count(now_ns))
            put(work.SESSIONS_OPEN, (), len(self._sessions))

    # ------------------------------------------------------------------ sessions

    def begin(self, session: int, idle_ns: int) -> None:
        """Begin a session, unless it is open."""
        now_ns = self.registry.clock()
        with ACTIVE.shelter:
            self._abandon(now_ns)
            if session in self._sessions:
                return
            self._sessions[session] = _Open(now_ns, now_ns, idle_ns)
            ACTIVE.shelter.later(self.registry.signals.add, work.SESSIONS_BEGUN)
            if len(self._sessions) > MOST_SESSIONS:
                oldest = next(iter(self._sessions))
                self._end(oldest, _ABANDONED, self._sessions[oldest].active_ns)
                ACTIVE.shelter.later(self.registry.drop, "session_bound", 1)

    def begin_turn(self, session: int, user: int, idle_ns: int) -> int:
        """Begin a turn, and its session if need be; returns the time."""
        self.begin(session, idle_ns)
        self.enter(user)
        now_ns = self.registry.clock()
        with ACTIVE.shelter:
            known = self._sessions.get(session)
            turn = "first"
            if known is not None:
                turn = "followup" if known.turns else "first"
                known.turns += 1
                known.in_flight += 1
                known.active_ns = now_ns
                self._sessions.move_to_end(session)
            ACTIVE.shelter.later(self.registry.signals.add, work.TURNS, (turn,))
        return now_ns

    def end_turn(self, session: int, user: int, begun_ns: int) -> None:
        """End a turn."""
        now_ns = self.registry.clock()
        self.leave(user)
        with ACTIVE.shelter:
            known = self._sessions.get(session)
            if known is not None:
                known.in_flight -= 1
                known.active_ns = now_ns
                self._sessions.move_to_end(session)
        self.registry.signals.observe(work.TURN_DURATION, (), now_ns - begun_ns)

    def end(self, session: int, *, completed: bool) -> None:
        """End a session, if it is open."""
        with ACTIVE.shelter:
            if session in self._sessions:
                result = _COMPLETED if completed else _ABANDONED
                self._end(session, result, self.registry.clock())

    def _end(self, session: int, result: str, ended_ns: int) -> None:
        known = self._sessions.pop(session)
        later, signals = ACTIVE.shelter.later, self.registry.signals
        later(signals.add, work.SESSIONS_ENDED, (result,))
        lasted_ns = max(0, ended_ns - known.begun_ns)
        later(signals.observe, work.SESSION_DURATION, (result,), lasted_ns)
        later(signals.observe, work.SESSION_TURNS, (), known.turns)

    def _abandon(self, now_ns: int) -> None:
        """End the sessions that have been quiet for too long."""
        quiet = []
        for session, known in self._sessions.items():  # the one that was quiet longest first
            if known.in_flight:
                continue
            if now_ns - known.active_ns <= known.idle_ns:
                break
            quiet.append((session, known.active_ns))
        for session, active_ns in quiet:
            self._end(session, _ABANDONED, active_ns)


def _hashing_key(key: bytes | None) -> bytes:
    if key is None:
        logger.info(
            "agentmon: ids of users are hashed with a random key of this process; "
            "configure(user_key=...) sets one for all of a deployment"
        )
        return os.urandom(_LONGEST_KEY)
    return key if len(key) <= _LONGEST_KEY else hashlib.blake2b(key).digest()


def _sketches() -> Callable[[], Sketch]:
    """What makes sketches: the library where it is installed, else our own."""
    try:
        library: Any = importlib.import_module("datasketches")
    except ImportError:
        return LowestHashes
    return lambda: SketchOfLibrary(library)


def users() -> Users | None:
    """The users of what is recorded into; None while that is nothing."""
    at = desk()
    if at is None:
        return None
    if at.users is None:
        fresh = Users(at.registry, ACTIVE.user_key)
        with ACTIVE.shelter:
            if at.users is None:
                at.users = fresh
                at.registry.looks.append(fresh.look)
    return at.users


# ---------------------------------------------------------------------- what users of agentmon call


@final
class Session:
    """
    A session of a user: ``with`` it, or take its turns one by one and `end` it.

    Another object for the same id is the same session, so that each request can make its own.
    """

    __slots__ = ("_id", "_idle_ns", "_user")

    def __init__(self, session_id: object, user: object, idle_ns: int) -> None:
        self._id = session_id
        self._user = user
        self._idle_ns = idle_ns

    def turn(self) -> Turn:
        """
        A block of one turn: a message of the user, and the answer to it.

        The session begins with its first turn.
        """
        return Turn(self._id, self._user, self._idle_ns)

    def end(self) -> None:
        """End it: the user has what was wanted."""
        self._end(completed=True)

    def abandon(self) -> None:
        """End it: the user has gone without."""
        self._end(completed=False)

    def _end(self, *, completed: bool) -> None:
        at = users()
        if at is not None:
            at.end(at.hashed(self._id), completed=completed)

    def __enter__(self) -> Session:
        at = users()
        if at is not None:
            at.begin(at.hashed(self._id), self._idle_ns)
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self._end(completed=error is None)

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self, type_: object, error: BaseException | None, traceback: object
    ) -> None:
        self.__exit__(type_, error, traceback)


class Turn:
    """A block of one turn, by ``with`` or ``async with``; each object is for one turn."""

    __slots__ = ("_at", "_begun_ns", "_hashes", "_id", "_idle_ns", "_user")

    def __init__(self, session_id: object, user: object, idle_ns: int) -> None:
        self._id = session_id
        self._user = user
        self._idle_ns = idle_ns
        self._at: Users | None = None

    def __enter__(self) -> None:
        at = users()
        if at is None:
            return
        session = at.hashed(self._id)
        self._hashes = session, session if self._user is None else at.hashed(self._user)
        self._begun_ns = at.begin_turn(*self._hashes, self._idle_ns)
        self._at = at

    def __exit__(self, *_error: object) -> None:
        if self._at is not None:
            self._at.end_turn(*self._hashes, self._begun_ns)
            self._at = None

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)


def session(
    id: object = None,  # noqa: A002  # as everybody calls it
    *,
    user: object = None,
    idle: float = 1800.0,
) -> Session:
    """
    A session of a user.

    Ids are hashed with the key of `configure` at once, and never shown.

    Args:
        id: Which one; by default a new one.
        user: Who it is; without one, each session counts as a user.
        idle: Seconds; a session that is quiet for longer is abandoned.

    Raises:
        DeclarationError: If *idle* is no number of seconds above 0.
    """
    idle_ns = limit_ns("session", "idle", idle)
    return Session(uuid.uuid4().hex if id is None else id, user, idle_ns or 0)
