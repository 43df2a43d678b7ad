"""
Errors within a task, and whether success followed.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.active import ACTIVE

if TYPE_CHECKING:
    from agentmon.record.recorder import Recorder
    from agentmon.record.series import Series

__all__ = ["Unit", "present", "recovered"]

#: Errors of one task that wait for success; an older one is given up.
_MOST: Final = 100

#: Kinds of operation that can take each other's place.
_ALTERNATIVES: Final = frozenset({"tool", "model_call", "dependency"})


class _Trouble:
    """One error that waits for success."""

    __slots__ = ("agents", "failed", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        #: When the calls that failed because of it ended, by their series.
        self.failed: dict[Series, int] = {}
        #: Agents whose calls failed because of it.
        self.agents: set[str] = set()

    def add(self, recorder: Recorder, ended_ns: int) -> None:
        """Take a call that failed because of it."""
        self.failed[recorder.series] = ended_ns
        if recorder.series.metrics.kind == "agent":
            self.agents.add(recorder.series.labels[0])

    def way(self, recorder: Recorder, begun_ns: int) -> str | None:
        """How a call that succeeded made up for it; None where it did not."""
        series = recorder.series
        kind = series.metrics.kind
        if begun_ns >= self.failed.get(series, begun_ns + 1):
            return "retry"
        if begun_ns < min(self.failed.values()):
            return None
        if kind == "agent":
            return "other_agent" if self.agents and series.labels[0] not in self.agents else None
        if kind in _ALTERNATIVES and any(
            other.metrics.kind == kind and other.labels[-1] == series.labels[-1]
            for other in self.failed
        ):
            return "fallback"
        return None


class Unit:
    """
    A piece of work within which an error may be followed by success: a task.

    Calls of all threads and coroutines that have the task in their context belong to it. Whoever
    ends the task calls `end`.

    Args:
        task: Kind of task, for the label.
    """

    __slots__ = ("_lock", "_pending", "task")

    def __init__(self, task: str) -> None:
        self.task = task
        self._lock = RLock()
        self._pending: list[_Trouble] = []

    def failed(self, number: int, recorder: Recorder, ended_ns: int, *, first: bool) -> None:
        """
        Take note of a call within it that failed.

        Args:
            number: The error, the same at each call that fails because of it.
            recorder: Took the call.
            ended_ns: When it ended.
            first: Whether no other call failed because of this error before.
        """
        with self._lock:
            trouble = next((each for each in self._pending if each.number == number), None)
            if trouble is None and first:
                trouble = _Trouble(number)
                self._pending.append(trouble)
                begins = len(self._pending) == 1
                del self._pending[:-_MOST]
            else:
                begins = False
            if trouble is not None:
                trouble.add(recorder, ended_ns)
        if begins:
            ACTIVE.heed(1)

    def succeeded(self, recorder: Recorder, begun_ns: int) -> list[str]:
        """The ways in which a call that succeeded made up for errors, one for each of them."""
        if not self._pending:
            return []
        ways: list[str] = []
        with self._lock:
            for trouble in self._pending[:]:
                way = trouble.way(recorder, begun_ns)
                if way is not None:
                    self._pending.remove(trouble)
                    ways.append(way)
            over = bool(ways) and not self._pending
        if over:
            ACTIVE.heed(-1)
        return ways

    def settle(self) -> bool:
        """Take the latest error for made up for; False where there is none."""
        with self._lock:
            if not self._pending:
                return False
            self._pending.pop()
            over = not self._pending
        if over:
            ACTIVE.heed(-1)
        return True

    def end(self) -> None:
        """Give up waiting."""
        with self._lock:
            over = bool(self._pending)
            self._pending.clear()
        if over:
            ACTIVE.heed(-1)


def present(*, begin: bool) -> Unit | None:
    """
    The errors within the task that the present context works at.

    Args:
        begin: Whether there is one from now on; else there is one only once there were errors.

    Returns:
        None outside any task.
    """
    from agentmon.instrumentation.spending import SPENDER  # noqa: PLC0415  # loads the catalogue

    work: Any = getattr(SPENDER.get(), "work", None)
    if work is None:
        return None
    unit: Unit | None = work.troubled() if begin else work.trouble
    return unit


def recovered() -> None:
    """
    Say that the latest error of the current task was made up for, by a way that is no call.

    For instance by a default, or by a value that was kept. Nothing happens outside any task, where
    no error waits, or while recording is off.
    """
    aftermath = ACTIVE.aftermath
    unit = None if aftermath is None else present(begin=False)
    if aftermath is not None and unit is not None and unit.settle():
        aftermath.made_up(unit, "fallback")
