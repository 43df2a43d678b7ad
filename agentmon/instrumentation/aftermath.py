"""
What follows from how calls end: causes of failures, recoveries, what is up and what is down.
"""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.classify import GROUP
from agentmon.instrumentation.components import Components
from agentmon.instrumentation.recovery import present
from agentmon.instrumentation.spending import SPENDER
from agentmon.model.catalogue import reliability
from agentmon.record.registry import agent_of
from agentmon.tracing.ids import random_bits

if TYPE_CHECKING:
    from agentmon.instrumentation.recovery import Unit
    from agentmon.record.recorder import Recorder
    from agentmon.record.registry import Registry
    from agentmon.record.series import Series

__all__ = ["MARK", "Aftermath", "mark"]

#: Where an exception, or a response, keeps which failure it is and when that was. It goes along
#: where an exception is pickled.
MARK: Final = "__agentmon_failure__"

#: Exceptions that are looked at for what caused one.
_MOST_LOOKED_AT: Final = 100

#: What a database raises that answers, by the names of the classes: those of PEP 249, and Redis'.
_ANSWERS: Final = frozenset(
    {"DataError", "IntegrityError", "NotSupportedError", "ProgrammingError", "ResponseError"}
)


#: A year: what is longer was no wait.
_LONGEST_WAIT_S: Final = 366 * 24 * 3600.0


class Aftermath:
    """
    Takes every call that fails, and those that succeed which matter.

    Guarantees:
        It never raises, and holds nothing of an exception.

    Args:
        registry: Where calls are recorded.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._latest = local()
        #: The labels of a failure by series, as a primary one and as a cascade.
        self._labels: dict[Series, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.components = Components(registry)

    def failed(
        self, recorder: Recorder, begun_ns: int, ended_ns: int, error: BaseException | None
    ) -> None:
        """
        Take a call that ended with outcome error or timeout.

        Args:
            recorder: Took it.
            begun_ns: When it began, on the clock of the calls.
            ended_ns: When it ended.
            error: What it raised, if it did.
        """
        try:
            self._failed(recorder, begun_ns, ended_ns, error)
        except Exception:  # noqa: BLE001  # an exception is the host's object
            self._registry.drop("aftermath_failed", 1)

    def _failed(
        self, recorder: Recorder, begun_ns: int, ended_ns: int, error: BaseException | None
    ) -> None:
        number = None if error is None else _cause(error, begun_ns)
        first = number is None
        if number is None:
            number = random_bits(64)
        if error is None:
            self._latest.failure = (number, ended_ns)
        else:
            mark(error, number, ended_ns)
        self._count(recorder, first=first)
        if recorder.series.metrics.kind == "dependency":
            name = recorder.series.labels[0]
            if error is not None and _answers(error):
                self.components.answered(name)
            self.components.failed(name, begun_ns)
        unit = None if SPENDER.get() is None else present(begin=True)
        if unit is not None:
            if first:
                self._registry.signals.add(reliability.TASK_ERRORS, (unit.task,))
            unit.failed(number, recorder, ended_ns, first=first)

    @property
    def latest(self) -> tuple[int, int] | None:
        """The latest failure of this thread without an exception, and when it was."""
        found: tuple[int, int] | None = getattr(self._latest, "failure", None)
        return found

    def late(self, recorder: Recorder, _ended_ns: int, _duration_ns: int) -> None:
        """Take a call that returned, and took longer than it may; its context is not known."""
        self._count(recorder, first=True)

    def _count(self, recorder: Recorder, *, first: bool) -> None:
        series = recorder.series
        labels = self._labels.get(series)
        if labels is None:
            of_it = (series.metrics.kind, agent_of(series))
            labels = self._labels[series] = ((*of_it, "primary"), (*of_it, "cascade"))
        self._registry.signals.add(reliability.FAILURES, labels[0 if first else 1])

    def succeeded(self, recorder: Recorder, begun_ns: int) -> None:
        """
        Take a call that ended well, and is heeded.

        Args:
            recorder: Took it.
            begun_ns: When it began, on the clock of the calls.
        """
        if recorder.series.metrics.kind == "dependency":
            self.components.succeeded(recorder.series.labels[0])
        unit = None if SPENDER.get() is None else present(begin=False)
        if unit is not None:
            for way in unit.succeeded(recorder, begun_ns):
                self.made_up(unit, way)

    def rate_limited(self, recorder: Recorder) -> None:
        """Take note that a dependency refused a call because there were too many."""
        labels = recorder.series.labels
        self._registry.signals.add(reliability.RATE_LIMITED, labels)
        self.components.answered(labels[0])

    def pool_waited(self, recorder: Recorder, seconds: float) -> None:
        """Take note of how long a call to a dependency waited for a connection."""
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds < _LONGEST_WAIT_S:
            self._registry.drop("invalid_value", 1)
            return
        labels = recorder.series.labels[:2]
        self._registry.signals.observe(reliability.POOL_WAIT, labels, round(seconds * 1e9))

    def made_up(self, unit: Unit, way: str) -> None:
        """Take an error within a task that was followed by success."""
        self._registry.signals.add(reliability.RECOVERIES, (unit.task, way))


def mark(thing: Any, number: int, ended_ns: int) -> None:
    """
    Let an exception, or a response, say which failure it is of.

    Args:
        thing: It.
        number: The failure.
        ended_ns: When the call ended that failed.
    """
    try:
        if isinstance(thing, BaseException):
            # Not what a class of the host makes of setting an attribute: it may be frozen.
            BaseException.__setattr__(thing, MARK, (number, ended_ns))
        else:
            object.__setattr__(thing, MARK, (number, ended_ns))
    except Exception:  # noqa: BLE001, S110  # it has no room: then it counts as a failure of its own
        pass


def _cause(error: BaseException, begun_ns: int) -> int | None:
    """
    The failure that an exception comes from; None where it is the first of its own.

    The exception itself may have ended a call before, or an exception that it was raised from, or a
    member of the group that it is, or the response that it is about. An exception in whose handling
    it was raised counts only if it ended a call within this one: what was handled around this call
    did not cause it.

    Args:
        error: It.
        begun_ns: When the call began that it ended.
    """
    waiting: list[tuple[BaseException, bool]] = [(error, True)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_LOOKED_AT:
        each, explicit = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        known = vars(each)
        for marked in (known.get(MARK), getattr(known.get("response"), MARK, None)):
            if (
                isinstance(marked, tuple)
                and len(marked) == 2  # noqa: PLR2004  # number and time
                and (explicit or marked[1] > begun_ns)
            ):
                number: int = marked[0]
                return number
        if isinstance(each, GROUP):
            waiting.extend((member, explicit) for member in each.exceptions)
        if each.__cause__ is not None:
            waiting.append((each.__cause__, explicit))
        if each.__context__ is not None:  # also where the traceback does not show it
            waiting.append((each.__context__, False))
    return None


def _answers(error: BaseException) -> bool:
    """Whether an exception is the answer of a database that is up."""
    return any(each.__name__ in _ANSWERS for each in type(error).__mro__)
