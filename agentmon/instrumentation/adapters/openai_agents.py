"""
The OpenAI Agents SDK, by its tracing.

A trace is a workflow, agents and tools are what they are called, generations and responses are
model calls. A handoff lasts until the agent that it goes to has ended.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import Runs, asked_last
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches
    from agentmon.instrumentation.call import Call

__all__ = ["wrap"]

_LIBRARY: Final = "openai-agents"
_PROVIDER: Final = "openai"
#: The model that is asked, which a response says only at its end.
_asked: ContextVar[str] = ContextVar("agentmon_openai_model", default="")


def wrap(module: Any, patches: Patches) -> None:
    """Have every trace of the SDK tell us."""
    base: Any = module.TracingProcessor
    told = _Told()

    class Processor(base):  # type: ignore[misc]  # not there when types are checked
        """Told of every trace and span."""

        def on_trace_start(self, trace: Any) -> None:
            if patches.on:
                guarded(_LIBRARY, told.begin_trace, trace)

        def on_trace_end(self, trace: Any) -> None:
            guarded(_LIBRARY, told.end_trace, trace)

        def on_span_start(self, span: Any) -> None:
            if patches.on:
                guarded(_LIBRARY, told.begin_span, span)

        def on_span_end(self, span: Any) -> None:
            guarded(_LIBRARY, told.end_span, span)

        def shutdown(self) -> None:
            """Nothing is held back."""

        def force_flush(self) -> None:
            """Nothing is held back."""

    ours = Processor()
    module.add_trace_processor(ours)

    def keep(wrapped: Any, every: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A program that replaces the processors does not mean ours."""
        wrapped(*args, **kwargs)
        guarded(_LIBRARY, every.add_tracing_processor, ours)

    provider = import_module("agents.tracing.provider")
    patches.wrap(provider.SynchronousMultiTracingProcessor, "set_processors", keep)
    responses = import_module("agents.models.openai_responses").OpenAIResponsesModel
    for name in ("get_response", "stream_response"):
        patches.wrap(responses, name, _note_model)

    def result(wrapped: Any, made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        wrapped(*args, **kwargs)
        guarded(_LIBRARY, told.take_result, made, module)

    patches.wrap(import_module("agents.tool").FunctionToolResult, "__init__", result)
    events = import_module("agents.stream_events")
    patches.wrap(events.RawResponsesStreamEvent, "__init__", _note_event)


def _note_event(wrapped: Any, event: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    wrapped(*args, **kwargs)
    guarded(_LIBRARY, _note_part, event)


def _note_part(event: Any) -> None:
    """A bit of a streamed answer, as its reader is given it where the model is asked."""
    call = asked_last()
    if call is not None and str(event.data.type).endswith(".delta"):
        call.first_output()


def _note_model(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    guarded(_LIBRARY, _asked.set, str(getattr(instance, "model", "")))
    return wrapped(*args, **kwargs)


class _Told:
    """What is told of traces and spans, as calls of ours."""

    def __init__(self) -> None:
        self.runs = Runs()
        #: How a trace or an agent will have ended, as what is within it said.
        self._ends: dict[object, str | None] = {}
        #: The model call of a turn that said nothing of its tokens: the turn may.
        self._silent: dict[object, Call] = {}

    def begin_trace(self, trace: Any) -> None:
        """A run of agents begins."""
        self.runs.begin(trace.trace_id, None, "workflow", trace.name)

    def end_trace(self, trace: Any) -> None:
        """It ended as its last agent did: the trace itself does not say."""
        self.runs.end(trace.trace_id, None, self._ends.pop(trace.trace_id, None))

    def begin_span(self, span: Any) -> None:
        """Something within a run begins."""
        data = span.span_data
        above = span.parent_id or span.trace_id
        match data.type:
            case "agent":
                self.runs.begin(
                    span.span_id,
                    above,
                    "agent",
                    data.name,
                    role=_cancelling(),
                    current=True,
                    within=span.trace_id,
                )
            case "function":
                self.runs.begin(span.span_id, above, "tool", data.name, current=True)
            case "generation":
                detail = f"{data.model or ''}\0{_PROVIDER}"
                self.runs.begin(span.span_id, above, "model_call", "chat", detail=detail)
            case "response":
                detail = f"{_asked.get()}\0{_PROVIDER}"
                self.runs.begin(span.span_id, above, "model_call", "chat", detail=detail)
            case _:
                self.runs.skip(span.span_id, above, data.type)

    def end_span(self, span: Any) -> None:
        """It ended; what it used, and what went wrong, is known now."""
        data = span.span_data
        run = self.runs.get(span.span_id)
        if run is None:
            return
        outcome = _outcome(span.error)
        match data.type:
            case "handoff" if data.to_agent:
                self.runs.hand_over(span.trace_id, data.from_agent or "", data.to_agent)
            case "guardrail" if data.triggered:
                self._ends[run.above] = self._ends[span.trace_id] = INTERRUPTED
            case "generation" | "response" if run.call is not None:
                usage = _usage_of(data)
                if usage is None:
                    self._silent[run.above] = run.call
                _note_usage(run.call, usage)
            case "turn":
                silent = self._silent.pop(span.span_id, None)
                if silent is not None:
                    _note_usage(silent, data.usage)
            case "function":
                outcome = self._ends.pop(span.span_id, None) or outcome
            case "agent":
                outcome = outcome or self._ends.pop(span.span_id, None)
                if _cancelling() not in ("", run.role):  # spans do not tell of it
                    outcome = CANCELLED
                self._ends[span.trace_id] = outcome or self._tripped(span.trace_id)
        self._ends.pop(span.span_id, None)
        self.runs.end(span.span_id, None, outcome)

    def take_result(self, made: Any, module: Any) -> None:
        """A tool may wait for a human to approve it, and so does all that is around it."""
        span = module.get_current_span()
        waits = type(made.run_item).__name__ == "ToolApprovalItem"
        if not waits or span is None or span.span_data.type != "function":
            return
        above: object = span.span_id
        while above is not None:
            self._ends[above] = INTERRUPTED
            run = self.runs.get(above)
            above = None if run is None else run.above

    def _tripped(self, trace_id: object) -> str | None:
        """Interrupted, where a guardrail stopped the run, whatever its agents say."""
        return INTERRUPTED if self._ends.get(trace_id) == INTERRUPTED else None


def _usage_of(data: Any) -> Any:
    if data.type == "generation":
        return data.usage
    return getattr(data.response, "usage", None) or getattr(data, "usage", None)


def _note_usage(call: Any, usage: Any) -> None:
    if usage is None:
        return
    into = _field(usage, "input_tokens_details")
    out = _field(usage, "output_tokens_details")
    call.usage(
        input_tokens=_field(usage, "input_tokens") or 0,
        output_tokens=_field(usage, "output_tokens") or 0,
        cached_tokens=_field(into, "cached_tokens") or 0,
        reasoning_tokens=_field(out, "reasoning_tokens") or 0,
    )


def _field(holder: Any, name: str) -> Any:
    """A field of what may be a mapping or an object, or None."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def _cancelling() -> str:
    """Which cancellation is on its way through here, if any."""
    error = sys.exc_info()[1]
    return str(id(error)) if isinstance(error, asyncio.CancelledError) else ""


def _outcome(error: Any) -> str | None:
    """How a span ended that says what went wrong; a guardrail that trips stops on purpose."""
    if not error:
        return None
    message = str(_field(error, "message") or "").lower()
    if "guardrail" in message:
        return INTERRUPTED
    return CANCELLED if "cancel" in message else ERROR
