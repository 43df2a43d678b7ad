"""
CrewAI, by the events that it puts on its bus.

A crew and a flow are workflows, tasks and methods of a flow are steps; agents, tools and models are
what they are called. A tool by which an agent delegates to a coworker is a handoff.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import Runs
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "crewai"
_DELEGATING: Final = ("delegate_work_to_coworker", "ask_question_to_coworker")
_AGENTS: Final = ("agent_execution_started", "lite_agent_execution_started")
_UNNAMED: Final = "crew"


class _Kind(NamedTuple):
    """
    What an event begins.

    Args:
        kind: Of the operation.
        field: The field that has its name.
    """

    kind: str
    field: str


_BEGINS: Final = {
    "crew_kickoff_started": _Kind("workflow", "crew_name"),
    "flow_started": _Kind("workflow", "flow_name"),
    "method_execution_started": _Kind("step", "method_name"),
    "task_started": _Kind("step", "task_name"),
    "agent_execution_started": _Kind("agent", "agent"),
    "lite_agent_execution_started": _Kind("agent", "agent_info"),
    "tool_usage_started": _Kind("tool", "tool_name"),
    "llm_call_started": _Kind("model_call", "model"),
}
#: Of a streamed answer, a part is there.
_PARTS: Final = ("llm_stream_chunk", "llm_thinking_chunk")
#: What an event ends, by the event that began it, and how.
_ENDS: Final = {
    "crew_kickoff_completed": ("crew_kickoff_started", OK),
    "crew_kickoff_failed": ("crew_kickoff_started", ERROR),
    "flow_finished": ("flow_started", OK),
    "flow_failed": ("flow_started", ERROR),
    "flow_paused": ("flow_started", INTERRUPTED),
    "method_execution_finished": ("method_execution_started", OK),
    "method_execution_failed": ("method_execution_started", ERROR),
    "method_execution_paused": ("method_execution_started", INTERRUPTED),
    "task_completed": ("task_started", OK),
    "task_failed": ("task_started", ERROR),
    "agent_execution_completed": ("agent_execution_started", OK),
    "agent_execution_error": ("agent_execution_started", ERROR),
    "lite_agent_execution_completed": ("lite_agent_execution_started", OK),
    "lite_agent_execution_error": ("lite_agent_execution_started", ERROR),
    "tool_usage_finished": ("tool_usage_started", OK),
    "tool_usage_error": ("tool_usage_started", ERROR),
    "llm_call_completed": ("llm_call_started", OK),
    "llm_call_failed": ("llm_call_started", ERROR),
}

#: Takes the ids of what begins without anything around it while a kickoff runs.
_begun: ContextVar[list[str] | None] = ContextVar("agentmon_crewai_begun", default=None)


def wrap(_module: Any, patches: Patches) -> None:
    """Look at every event where it is emitted, in order and in the context of what happens."""
    told = _Told()

    def emit(wrapped: Any, _bus: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        guarded(_LIBRARY, told.take, args, kwargs)
        return result

    def kickoff(wrapped: Any, _crew: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        begun: list[str] = []
        token = _begun.set(begun)
        try:
            return wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(_LIBRARY, told.leave, begun, error)
            raise
        finally:
            _begun.reset(token)

    async def kickoff_async(
        wrapped: Any, _crew: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        begun: list[str] = []
        token = _begun.set(begun)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(_LIBRARY, told.leave, begun, error)
            raise
        finally:
            _begun.reset(token)

    patches.wrap(import_module("crewai.events.event_bus").CrewAIEventsBus, "emit", emit)
    crew = import_module("crewai.crew").Crew
    patches.wrap(crew, "kickoff", kickoff)
    patches.wrap(crew, "akickoff", kickoff_async)
    patches.wrap(import_module("crewai.flow.flow").Flow, "kickoff_async", kickoff_async)


class _Told:
    """What is told by events, as calls of ours."""

    def __init__(self) -> None:
        self._runs = Runs()

    def take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An event, as the bus is given it."""
        event = kwargs.get("event") or args[1]
        begins = _BEGINS.get(event.type)
        if begins is not None:
            self._begin(event, begins)
        elif event.type in _ENDS:
            self._end(event, *_ENDS[event.type])
        elif event.type in _PARTS:
            self._runs.first_output(event.parent_event_id)

    def leave(self, begun: list[str], error: BaseException) -> None:
        """A kickoff raised; what it began and did not say the end of has ended with it."""
        cancelled = isinstance(error, asyncio.CancelledError)
        for root in begun:
            for each in self._runs.within(root):
                run = self._runs.get(each)
                if not cancelled and run is not None and run.role in _AGENTS:
                    self._runs.end(each, error)
            self._runs.end(root, error, CANCELLED if cancelled else None)

    def _begin(self, event: Any, begins: _Kind) -> None:
        above = event.parent_event_id
        kind, name, detail = begins.kind, _name(event, begins.field), ""
        if kind == "model_call":
            provider, _, model = name.rpartition("/")
            name, detail = "chat", f"{model}\0{provider}"
        elif kind == "tool" and name in _DELEGATING:
            kind, name, detail = "handoff", _coworker(event), (event.agent_role or "").strip()
        around = self._runs.get(above)
        if around is None:
            begun = _begun.get()
            if begun is not None:
                begun.append(event.event_id)
        elif event.type == "flow_started" and around.role in _AGENTS:
            self._runs.skip(event.event_id, above, name, role=event.type)  # how agents are made
            return
        self._runs.begin(
            event.event_id,
            above,
            kind,
            name,
            detail=detail,
            role=event.type,
            current=kind == "tool",
        )

    def _end(self, event: Any, started: str, outcome: str) -> None:
        run_id = event.started_event_id
        run = self._runs.get(run_id)
        if run is None or run.role != started:
            return
        if event.type == "tool_usage_finished" and getattr(event, "failure", None) is not None:
            outcome = ERROR
        if event.type == "llm_call_completed" and event.usage and run.call is not None:
            _note_usage(run.call, event.usage)
        error = _raised(event) if outcome == ERROR else None
        self._runs.end(run_id, error, outcome if error is None else None)


def _name(event: Any, field: str) -> str:
    found: Any = getattr(event, field, None)
    if field == "agent":
        found = found.role
    elif field == "agent_info":
        found = found.get("role")
    elif field == "task_name":
        found = getattr(event.task, "name", None) or "task"
    return str(found or _UNNAMED).strip()


def _coworker(event: Any) -> str:
    asked = event.tool_args
    return str(asked.get("coworker") or "coworker") if isinstance(asked, dict) else "coworker"


def _raised(event: Any) -> BaseException | None:
    """The exception that an event tells of, where it is given or is the one being handled."""
    told = event.error if hasattr(event, "error") else None
    if isinstance(told, BaseException):
        return told
    handled = sys.exc_info()[1]
    if handled is not None and str(handled) and str(handled) in str(told):
        return handled
    return None


def _note_usage(call: Any, usage: dict[str, Any]) -> None:
    into = usage.get("prompt_tokens_details") or {}
    out = usage.get("completion_tokens_details") or {}
    call.usage(
        input_tokens=usage.get("prompt_tokens") or usage.get("input_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or usage.get("output_tokens") or 0,
        cached_tokens=usage.get("cached_prompt_tokens") or into.get("cached_tokens") or 0,
        reasoning_tokens=usage.get("reasoning_tokens") or out.get("reasoning_tokens") or 0,
    )
