"""
Runs that a framework tells of, as calls of ours: each by an id, with that of the run around it.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import CURRENT, IDLE, Call, activate, deactivate
from agentmon.instrumentation.operation import (
    Operation,
    agent,
    handoff,
    model_call,
    step,
    tool,
    workflow,
)
from agentmon.model.outcome import CANCELLED

if TYPE_CHECKING:
    from agentmon.instrumentation.call import Before

__all__ = ["Run", "Runs", "asked_last", "being_asked", "operation_of"]

_MOST_NAMES: Final = 2000

#: The call of a model that a framework told of last in this context.
_asked: ContextVar[Call | None] = ContextVar("agentmon_model_asked", default=None)


class Run(NamedTuple):
    """
    A run that has begun.

    Args:
        call: Its call; that of the run around it, if it is none of its own.
        own: Whether the call ends with the run.
        before: What was current before it, if it was made current.
        name: What the framework calls it.
        above: Id of the run around it.
        role: What the adapter wants to know of it later.
    """

    call: Call | None
    own: bool
    before: Before | None
    name: str
    above: object
    role: str


@lru_cache(maxsize=_MOST_NAMES)
def operation_of(kind: str, name: str, detail: str = "") -> Operation:
    """
    What a call of a framework is recorded as.

    Args:
        kind: Of the operation.
        name: Of the operation.
        detail: Of a model call, model and provider with NUL between; of a handoff, its source.
    """
    match kind:
        case "agent":
            return agent(name)
        case "workflow":
            return workflow(name)
        case "step":
            return step(name)
        case "tool":
            return tool(name)
        case "handoff":
            return handoff(name, source=detail)
        case _:
            model, _, provider = detail.partition("\0")
            return model_call("chat", model=model, provider=provider)


def being_asked() -> bool:
    """Whether a model is being asked here by somebody who counts it, so that a client need not."""
    frame = CURRENT.get()
    if frame is not None:
        kind = frame.kind if isinstance(frame, Call) else frame.declaration.kind
        if kind == "model_call":
            return True
    return asked_last() is not None


def asked_last() -> Call | None:
    """The call of a model that a framework told of last in this context, while it is open."""
    call = _asked.get()
    return call if call is not None and call in call.recorder.live else None


class Runs:
    """
    The runs of a framework that have begun and not ended.

    Guarantees:
        When a run ends, whatever began within it and was not said to end, ends too.
    """

    def __init__(self) -> None:
        self._runs: dict[object, Run] = {}
        #: Handoffs that wait for their agent to begin, by the run they are within and the agent.
        self._waiting: dict[tuple[object, str], Call] = {}
        #: Handoffs whose agent is at work, by its run.
        self._handed: dict[object, Call] = {}

    def get(self, run_id: object) -> Run | None:
        """The run, if it has begun and not ended."""
        return self._runs.get(run_id)

    def begin(
        self,
        run_id: object,
        above_id: object,
        kind: str,
        name: str,
        *,
        detail: str = "",
        role: str = "",
        current: bool = False,
        within: object = None,
    ) -> None:
        """
        Begin a call for a run.

        Args:
            run_id: Its id.
            above_id: That of the run around it.
            kind: Of the operation.
            name: Of the operation.
            detail: Of a model call, model and provider with NUL between.
            role: What the adapter wants to know of it later.
            current: Whether it is made current: only where what runs within it ends before anybody
                else goes on.
            within: Of an agent, the run within which it may have been handed to.
        """
        if ACTIVE.mode is OFF:
            return
        above = self._runs.get(above_id)
        parent = None if above is None else above.call
        handed = self._waiting.pop((within, name), None) if kind == "agent" else None
        if handed is not None:
            self._handed[run_id] = parent = handed
        call = operation_of(kind, name, detail).begin(parent=parent)
        before = activate(call) if current and call is not IDLE else None
        if kind == "model_call" and call is not IDLE:
            _asked.set(call)
        self._runs[run_id] = Run(
            call, own=True, before=before, name=name, above=above_id, role=role
        )

    def skip(self, run_id: object, above_id: object, name: str, *, role: str = "") -> None:
        """Take note of a run that is no call of its own; what is within it is within the other."""
        above = self._runs.get(above_id)
        call = None if above is None else above.call
        self._runs[run_id] = Run(call, own=False, before=None, name=name, above=above_id, role=role)

    def end(
        self, run_id: object, error: BaseException | None = None, outcome: str | None = None
    ) -> None:
        """End a run, and its call if it has one."""
        run = self._runs.pop(run_id, None)
        if run is None:
            return
        # What the framework does not tell the end of has ended with what is around it.
        for key in [key for key in self._waiting if key[0] == run_id]:
            self._waiting.pop(key).end(outcome=CANCELLED)
        for inner in [each for each, one in self._runs.items() if one.above == run_id]:
            self.end(inner, None, CANCELLED)
        handed = self._handed.pop(run_id, None)
        if run.own and run.call is not None:
            if run.before is not None:
                with suppress(ValueError):  # ended in another context than begun
                    deactivate(run.call, run.before)
            run.call.end(error=error, outcome=outcome)
        if handed is not None:
            handed.end(error=error, outcome=outcome)

    def first_output(self, run_id: object) -> None:
        """Note that the first part of what a model answers is there."""
        run = self._runs.get(run_id)
        if run is not None and run.own and run.call is not None:
            run.call.first_output()

    def within(self, run_id: object) -> list[object]:
        """Ids of the runs that have begun within a run and not ended, the innermost first."""
        inner = [each for each, one in self._runs.items() if one.above == run_id]
        return [each for one in inner for each in (*self.within(one), one)]

    def hand_over(self, within: object, source: str, target: str) -> None:
        """Begin a handoff; the next agent of that name within the run takes it."""
        run = self._runs.get(within)
        if run is not None and ACTIVE.mode is not OFF:
            waiting = operation_of("handoff", target, source).begin(parent=run.call)
            self._waiting[within, target] = waiting
