"""
Health checks: functions of the program that are asked now and then whether something works.

One thread decides which are due. Each run has a thread of its own, so that one that hangs holds up
nothing; it is not begun again before it has ended. A coroutine runs in an event loop of its own.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, Final, Protocol

from agentmon.errors import DeclarationError
from agentmon.model.catalogue import reliability
from agentmon.model.declared import check_text
from agentmon.model.health import CheckState, Health

if TYPE_CHECKING:
    from agentmon.record.registry import Registry

__all__ = ["CHECKS", "Check", "Checker", "declare"]

logger = logging.getLogger("agentmon")

PASSED: Final = "passed"
FAILED: Final = "failed"
RAISED: Final = "raised"
TIMEOUT: Final = "timeout"

#: What was declared, by name.
CHECKS: dict[str, Check] = {}

_IDLE_S: Final = 3600.0


@dataclass(frozen=True)
class Check:
    """
    A health check as declared; see `agentmon.health_check`.

    Args:
        name: Its name.
        component: The component that it checks.
        category: Its category.
        interval_s: From the begin of one run to that of the next.
        timeout_s: A run that takes longer has failed.
        failures: Runs in a row that fail until the check does.
        successes: Runs in a row that pass until a check that fails passes again.
        needed: Whether the process is ready only while it passes.
        run: What is asked.
    """

    name: str
    component: str
    category: str
    interval_s: float
    timeout_s: float
    failures: int
    successes: int
    needed: bool
    run: Callable[[], Any]


def declare(check: Check) -> None:
    """
    Take a check; another of the same name takes its place.

    Args:
        check: It.

    Raises:
        DeclarationError: If something of it cannot be used, or there are too many.
    """
    for what, text in (("name", check.name), ("component", check.component)):
        check_text("health_check", what, text, empty=False)
    check_text("health_check", "category", check.category, empty=False)
    for what, seconds in (("interval", check.interval_s), ("timeout", check.timeout_s)):
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 < seconds < float("inf"):
            raise DeclarationError(
                f"health_check: {what}: got {seconds!r}, allowed seconds above 0"
            )
    for what, n in (("failures", check.failures), ("successes", check.successes)):
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise DeclarationError(
                f"health_check: {what}: got {n!r}, allowed a whole number above 0"
            )
    if not callable(check.run):
        raise DeclarationError(f"health_check: got {check.run!r}, allowed a function")
    most = reliability.CHECK.bound
    if check.name not in CHECKS and len(CHECKS) >= most:
        raise DeclarationError(f"health_check: got {check.name!r}, allowed {most} checks at most")
    CHECKS[check.name] = check


class Watched(Protocol):
    """Takes what checks say of components."""

    def say(self, name: str, voice: str, *, up: bool) -> None:
        """Take the word of one who watches a component."""

    def unsay(self, name: str, voice: str) -> None:
        """Forget what one who watched a component said."""


class _State:
    """How one check stands, and its present run."""

    __slots__ = ("begun_s", "check", "due_s", "in_a_row", "running", "up")

    def __init__(self, check: Check, now_s: float) -> None:
        self.check = check
        self.due_s = now_s
        #: Whether it passes; None until that is known.
        self.up: bool | None = None
        #: Runs in a row that ended as this says and not as `up` does.
        self.in_a_row = 0
        #: Whether a run goes on, also while it hangs; and when it began, None once it was given up.
        self.running = False
        self.begun_s: float | None = None


class Checker:
    """
    Runs the checks that are declared, and knows how they stand.

    Guarantees:
        - Nothing that a check does is seen by the program: not what it raises, nor that it hangs.
        - One thread, and one more for each check that is running or hangs.
        - A run that was given up because it takes too long changes nothing when it ends.

    Args:
        registry: Where runs are recorded; None while recording is off.
        watched: Takes what checks say of components; None while recording is off.
        clock: Seconds, that never step back.
        spawn: Runs a function elsewhere.
    """

    def __init__(
        self,
        registry: Callable[[], Registry | None],
        watched: Callable[[], Watched | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._registry = registry
        self._watched = watched
        self._clock = clock
        self._spawn = spawn or _in_thread
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._changed = Condition()
        self._states: dict[str, _State] = {}
        self._thread: Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to run what is declared, or take notice of what was declared since."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._run, name="agentmon-health", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # no thread can be had
                    self._thread = None
                    logger.warning("agentmon: no thread can be started, so no check is run")
            self._changed.notify_all()

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        running = self._thread is not None
        self._begin_anew()
        if running:
            self.start()

    def close(self) -> None:
        """Run no more; what is running ends by itself."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def forget(self, check: Check) -> None:
        """Let go of a check that is declared no longer."""
        with self._changed:
            state = self._states.get(check.name)
            if state is None or state.check is not check:
                return
            del self._states[check.name]
        watched, registry = self._watched(), self._registry()
        if watched is not None:
            watched.unsay(check.component, _voice(check))
        if registry is not None:
            of_it = (check.name, check.component)
            registry.signals.forget(reliability.HEALTH_CHECK_UP, (*of_it, check.category))
            registry.signals.forget(reliability.HEALTH_CHECK_LAST_RUN, of_it)

    def health(self) -> Health:
        """How the checks stand."""
        with self._changed:
            known = {name: state.up for name, state in self._states.items()}
        return Health(
            tuple(
                CheckState(each.name, each.category, each.needed, known.get(each.name))
                for each in list(CHECKS.values())
            )
        )

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
            next_s = self.step()
            with self._changed:
                if not self._closed:
                    self._changed.wait(max(0.0, next_s - self._clock()))

    def step(self) -> float:
        """Give up what takes too long, and begin what is due; returns when to do so again."""
        now_s = self._clock()
        ended: list[tuple[_State, float]] = []
        begun: list[_State] = []
        replaced: list[Check] = []
        next_s = now_s + _IDLE_S
        with self._changed:
            for check in list(CHECKS.values()):
                state = self._states.get(check.name)
                if state is None or state.check is not check:
                    # One that hangs may be declared anew; its run is nobody's then.
                    if state is not None and state.check.component != check.component:
                        replaced.append(state.check)
                    state = self._states[check.name] = _State(check, now_s)
                if state.begun_s is not None:
                    late_s = state.begun_s + check.timeout_s
                    if now_s >= late_s:
                        ended.append((state, now_s - state.begun_s))
                        state.begun_s = None
                    else:
                        next_s = min(next_s, late_s)
                if not state.running:
                    if now_s >= state.due_s:
                        state.running = True
                        state.begun_s = now_s
                        state.due_s = now_s + check.interval_s
                        begun.append(state)
                        next_s = min(next_s, now_s + check.timeout_s)
                    next_s = min(next_s, state.due_s)
        watched = self._watched()
        for old in replaced:
            if watched is not None:
                watched.unsay(old.component, _voice(old))
        for state, took_s in ended:
            self._take(state, TIMEOUT, took_s)
        for state in begun:
            self._begin(state)
        return next_s

    def _begin(self, state: _State) -> None:
        try:
            self._spawn(partial(self._ask, state))
        except RuntimeError:  # no thread can be had: the check could not be made
            self._end(state, RAISED)

    def _ask(self, state: _State) -> None:
        """One run, in a thread of its own."""
        try:
            said = state.check.run()
            if inspect.isawaitable(said):
                said = _awaited(said, state.check.timeout_s)
            result = FAILED if said is False else PASSED
        except BaseException as error:  # also what would end the thread
            result = RAISED
            logger.debug("agentmon: the health check %r raised", state.check.name, exc_info=error)
        self._end(state, result)

    def _end(self, state: _State, result: str) -> None:
        now_s = self._clock()
        with self._changed:
            state.running = False
            begun_s, state.begun_s = state.begun_s, None
            self._changed.notify_all()
        if begun_s is None:  # it was given up before
            return
        late = now_s - begun_s >= state.check.timeout_s
        self._take(state, TIMEOUT if late else result, now_s - begun_s)

    def _take(self, state: _State, result: str, took_s: float) -> None:
        """Take the result of a run."""
        check = state.check
        passed = result == PASSED
        with self._changed:
            if self._closed or self._states.get(check.name) is not state:
                return
            changed = False
            if state.up is passed:
                state.in_a_row = 0
            else:
                state.in_a_row += 1
                # One that never passed or failed before has nothing to be held to.
                enough = check.failures if not passed else check.successes
                if state.in_a_row >= (1 if passed and state.up is None else enough):
                    state.up, state.in_a_row, changed = passed, 0, True
            up = state.up
        self._record(check, result, took_s, up)
        if changed:
            logger.log(
                logging.INFO if up else logging.WARNING,
                "agentmon: the health check %r %s",
                check.name,
                "passes" if up else f"fails: {result}",
            )

    def _record(self, check: Check, result: str, took_s: float, up: bool | None) -> None:  # noqa: FBT001
        registry, watched = self._registry(), self._watched()
        if registry is None:
            return
        signals = registry.signals
        of_it = (check.name, check.component)
        signals.add(reliability.HEALTH_CHECK_RUNS, (*of_it, result))
        signals.observe(reliability.HEALTH_CHECK_DURATION, of_it, round(took_s * 1e9))
        signals.set(reliability.HEALTH_CHECK_LAST_RUN, of_it, time.time())
        if up is None:
            return
        signals.set(reliability.HEALTH_CHECK_UP, (*of_it, check.category), int(up))
        if watched is not None:
            watched.say(check.component, _voice(check), up=up)


def _voice(check: Check) -> str:
    """By what name it speaks of its component."""
    return f"check {check.name}"


def _in_thread(do: Callable[[], None]) -> None:
    Thread(target=do, name="agentmon-check", daemon=True).start()


def _awaited(said: Any, timeout_s: float) -> Any:
    """What an awaitable gives, in an event loop of its own."""
    import asyncio  # noqa: PLC0415  # only for checks that are coroutines

    async def within() -> Any:
        return await asyncio.wait_for(said, timeout_s)

    return asyncio.run(within())
