"""
Parts of the system that are up or down: agents, dependencies, services.

A component is down while any of those who watch it says so: its health checks, the program itself
through `Component.down`, and the calls to the dependency of its name.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Final, TypeAlias

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmon.model.metric import Metric
    from agentmon.record.registry import Registry

__all__ = ["CALLS", "DECLARED", "Component", "Components", "component"]

#: Who watches, besides health checks, which go by their names.
CALLS: Final = "calls"
_PROGRAM: Final = "program"

#: Calls in a row that must fail, and succeed, until a dependency is taken for down, and for up.
_FAILURES: Final = 3
_SUCCESSES: Final = 1

_MOST: Final = 1000

#: What is to be recorded: how, of which metric, under which labels, and the value.
_Note: TypeAlias = "tuple[str, Metric, tuple[str, ...], int]"


class Component:
    """
    A part of the system that the program says is up or down; see `component`.

    Args:
        name: Its name.
        failures: Calls in a row to the dependency of this name that fail until it is down.
        successes: Calls in a row that succeed until it is up again.
    """

    __slots__ = ("failures", "name", "successes")

    def __init__(self, name: str, failures: int = _FAILURES, successes: int = _SUCCESSES) -> None:
        self.name = name
        self.failures = failures
        self.successes = successes

    def up(self) -> None:
        """Say that it is up, as far as the program knows; while recording is off, nothing."""
        self._say(up=True)

    def down(self) -> None:
        """Say that it is down, from now on; nothing happens while recording is off."""
        self._say(up=False)

    def _say(self, *, up: bool) -> None:
        aftermath = ACTIVE.aftermath
        if aftermath is not None:
            aftermath.components.say(self.name, _PROGRAM, up=up)


#: What was declared, by name.
DECLARED: dict[str, Component] = {}


def component(name: str, /, *, failures: int = _FAILURES, successes: int = _SUCCESSES) -> Component:
    """
    A part of the system whose time up and down is counted, with its outages.

    It is down while anybody who watches it says so: a health check of it, the program by
    `Component.down`, or the calls to the dependency of the same name. Until somebody says anything,
    its time counts as neither.

    Args:
        name: Name of the component.
        failures: Calls to the dependency of the same name that fail in a row until it is down.
        successes: Calls to it that succeed in a row until it is up again.

    Returns:
        Says by its methods when the component goes up and down.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    check_text("component", "name", name, empty=False)
    for what, n in (("failures", failures), ("successes", successes)):
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise DeclarationError(f"component: {what}: got {n!r}, allowed a whole number above 0")
    made = Component(name, failures, successes)
    if len(DECLARED) < _MOST or name in DECLARED:
        DECLARED[name] = made
    return made


class _State:
    """What is known of one component."""

    __slots__ = (
        "answered_ns",
        "failed",
        "outage_ns",
        "seen_ns",
        "succeeded",
        "up",
        "voices",
    )

    def __init__(self) -> None:
        #: Who watches it, and what they say.
        self.voices: dict[str, bool] = {}
        #: Whether it is up; None until somebody says anything.
        self.up: bool | None = None
        #: Up to when its time is counted.
        self.seen_ns = 0
        #: When its outage began.
        self.outage_ns = 0
        #: Calls in a row that failed, and that succeeded.
        self.failed = self.succeeded = 0
        #: When it answered last, if only to refuse.
        self.answered_ns = -1


class Components:
    """
    The states of all components, and their accounts.

    Guarantees:
        - Between the first word about a component and the last scrape, each nanosecond is counted
          once, as up or as down, while anybody watches it.
        - Memory is bounded: of components beyond a thousand nothing is kept.
        - Nothing is recorded with the lock held, so it cannot be part of a deadlock.

    Args:
        registry: Takes the accounts; its clock measures them.
    """

    def __init__(self, registry: Registry) -> None:
        from agentmon.model.catalogue import reliability  # noqa: PLC0415  # only while recording

        self._registry = registry
        self._metrics = reliability
        self._lock = RLock()
        self._states: dict[str, _State] = {}
        registry.looks.append(self.look)

    def say(self, name: str, voice: str, *, up: bool) -> None:
        """
        Take the word of one who watches a component.

        Args:
            name: The component.
            voice: Who says it.
            up: What.
        """
        with self._lock:
            state = self._state(name)
            noted = () if state is None else self._heard(name, state, voice, up=up)
        self._record(noted)

    def unsay(self, name: str, voice: str) -> None:
        """Forget what one who watched a component said."""
        with self._lock:
            state = self._states.get(name)
            if state is None or state.voices.pop(voice, None) is None:
                return
            noted = self._settled(name, state)
        self._record(noted)

    def failed(self, name: str, begun_ns: int) -> None:
        """Take note of a call to a dependency that failed, and began at that time."""
        noted: Sequence[_Note] = ()
        with self._lock:
            state = self._state(name)
            if state is None or state.answered_ns >= begun_ns:
                return
            state.succeeded = 0
            state.failed += 1
            if state.failed >= _declared(name).failures:
                noted = self._heard(name, state, CALLS, up=False)
        self._record(noted)

    def succeeded(self, name: str) -> None:
        """Take note of a call to a dependency that succeeded."""
        noted: Sequence[_Note] = ()
        with self._lock:
            state = self._state(name)
            if state is None:
                return
            state.failed = 0
            state.succeeded += 1
            down = state.voices.get(CALLS) is False
            if not down or state.succeeded >= _declared(name).successes:
                noted = self._heard(name, state, CALLS, up=True)
        self._record(noted)

    def answered(self, name: str) -> None:
        """Take note that a dependency answers: a call that fails just now says nothing of it."""
        with self._lock:
            state = self._state(name)
            if state is not None:
                state.failed = 0
                state.answered_ns = self._registry.clock()

    def look(self) -> None:
        """Count the time up to now."""
        noted: list[_Note] = []
        with self._lock:
            now_ns = self._registry.clock()
            for name, state in self._states.items():
                if state.up is not None:
                    noted.append(self._passed(name, state, now_ns))
                    noted.append(("set", self._metrics.COMPONENT_UP, (name,), int(state.up)))
        self._record(noted)

    def _state(self, name: str) -> _State | None:
        state = self._states.get(name)
        if state is None and len(self._states) < _MOST:
            state = self._states[name] = _State()
        return state

    def _heard(self, name: str, state: _State, voice: str, *, up: bool) -> Sequence[_Note]:
        if state.voices.get(voice) is up:
            return ()
        state.voices[voice] = up
        return self._settled(name, state)

    def _settled(self, name: str, state: _State) -> Sequence[_Note]:
        """Work out whether it is up now, and what is to be recorded of a change."""
        up = all(state.voices.values()) if state.voices else None
        was, state.up = state.up, up
        if was is up:
            return ()
        metrics, of_it = self._metrics, (name,)
        now_ns = self._registry.clock()
        noted: list[_Note] = []
        if was is None:
            state.seen_ns = now_ns
            # So that the first outage is an increase from 0.
            noted.append(("add", metrics.OUTAGES, of_it, 0))
        else:
            noted.append(self._passed(name, state, now_ns, up=was))
        if up is False:
            state.outage_ns = now_ns
            noted.append(("add", metrics.OUTAGES, of_it, 1))
        elif was is False:
            noted.append(("observe", metrics.OUTAGE_DURATION, of_it, now_ns - state.outage_ns))
        if up is None:
            noted.append(("forget", metrics.COMPONENT_UP, of_it, 0))
        else:
            noted.append(("set", metrics.COMPONENT_UP, of_it, int(up)))
        return noted

    def _passed(self, name: str, state: _State, now_ns: int, *, up: bool | None = None) -> _Note:
        """The time since it was last counted."""
        said = "up" if (state.up if up is None else up) else "down"
        passed_ns, state.seen_ns = now_ns - state.seen_ns, now_ns
        return "add", self._metrics.COMPONENT_TIME, (name, said), passed_ns

    def _record(self, noted: Sequence[_Note]) -> None:
        signals = self._registry.signals
        for verb, metric, labels, value in noted:
            if verb == "add":
                signals.add(metric, labels, value)
            elif verb == "set":
                signals.set(metric, labels, value)
            elif verb == "observe":
                signals.observe(metric, labels, value)
            else:
                signals.forget(metric, labels)


def _declared(name: str) -> Component:
    return DECLARED.get(name) or _USUAL


_USUAL: Final = Component("")
