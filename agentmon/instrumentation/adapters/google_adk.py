"""
Google's Agent Development Kit, by a plugin that every runner is given.

A run is a workflow; agents, tools and models are what they are called. A transfer is a handoff,
with which the agent that transfers has ended.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import Runs
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "google-adk"
_TRANSFER: Final = "transfer_to_agent"
_RUN, _AGENT, _MODEL, _TOOL = "run", "agent", "model", "tool"

#: Takes the ids of the invocations that begin within the run that is being stepped.
_begun: ContextVar[list[str] | None] = ContextVar("agentmon_adk_begun", default=None)


def wrap(module: Any, patches: Patches) -> None:
    """Give every runner a plugin of ours, before each run."""
    base: Any = import_module("google.adk.plugins.base_plugin").BasePlugin
    told = _Told()

    class Plugin(_Plugin, base):  # type: ignore[misc]  # not there when types are checked
        """Told of every run."""

    def run(wrapped: Any, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        guarded(_LIBRARY, _register, runner, Plugin, told, patches)
        begun: list[str] = []
        events = _noting(wrapped(*args, **kwargs), begun)
        return _watched(events, lambda error: told.end_runs(begun, error))

    def work(wrapped: Any, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        events = wrapped(*args, **kwargs)
        context = kwargs.get("parent_context") or args[0]
        return _watched(events, lambda error: told.end_agent(agent, context, error))

    for name in ("run_async", "run_live"):
        patches.wrap(module.Runner, name, run)
        patches.wrap(import_module("google.adk.agents.base_agent").BaseAgent, name, work)


def _register(runner: Any, plugin: Any, told: _Told, patches: Patches) -> None:
    """Put our plugin before the others, some of which keep errors from those after them."""
    plugins = runner.plugin_manager.plugins
    if not any(isinstance(each, plugin) and each.patches is patches for each in plugins):
        ours = plugin("agentmon")
        ours.told, ours.patches = told, patches
        plugins.insert(0, ours)
        patches.add(lambda: plugins.remove(ours) if ours in plugins else None)


async def _noting(events: Any, begun: list[str]) -> AsyncGenerator[Any, None]:
    """The events of a run, with a note of the invocations that begin within it."""
    try:
        while True:
            token = _begun.set(begun)
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            finally:
                with suppress(ValueError):  # stepped in another context
                    _begun.reset(token)
            yield event
    finally:
        await events.aclose()


async def _watched(
    events: Any, ended: Callable[[BaseException | None], None]
) -> AsyncGenerator[Any, None]:
    """The events of a run or an agent; when they end, however they do, *ended* is told."""
    error: BaseException | None = None
    try:
        async for event in events:
            yield event
    except BaseException as raised:
        error = raised
        raise
    finally:
        try:
            await events.aclose()
        finally:
            guarded(_LIBRARY, ended, error)


class _Plugin:
    """The callbacks of a plugin; those of ADK take what they are given by name."""

    told: _Told
    patches: Patches

    async def before_run_callback(self, *, invocation_context: Any) -> None:
        """A run begins."""
        guarded(_LIBRARY, self.told.begin_run, invocation_context)

    async def on_event_callback(self, *, invocation_context: Any, event: Any) -> None:
        """Something is said by an agent; it may transfer, or wait for a human."""
        guarded(_LIBRARY, self.told.take, invocation_context.invocation_id, event)

    async def before_agent_callback(self, *, agent: Any, callback_context: Any) -> None:
        """An agent begins."""
        guarded(_LIBRARY, self.told.begin_agent, agent, callback_context)

    async def before_model_callback(self, *, callback_context: Any, llm_request: Any) -> None:
        """A model is asked."""
        guarded(_LIBRARY, self.told.begin_model, callback_context, llm_request)

    async def after_model_callback(self, *, callback_context: Any, llm_response: Any) -> None:
        """It answered, or a part of its answer is there."""
        guarded(_LIBRARY, self.told.take_answer, callback_context, llm_response)

    async def on_model_error_callback(
        self, *, callback_context: Any, llm_request: Any, error: Exception
    ) -> None:
        """It failed."""
        _ = llm_request
        guarded(_LIBRARY, self.told.fail_model, callback_context, error)

    async def before_tool_callback(
        self, *, tool: Any, tool_args: dict[str, Any], tool_context: Any
    ) -> None:
        """A tool is called."""
        _ = tool_args
        guarded(_LIBRARY, self.told.begin_tool, tool, tool_context)

    async def after_tool_callback(
        self, *, tool: Any, tool_args: dict[str, Any], tool_context: Any, result: Any
    ) -> None:
        """It returned, or waits for a human."""
        _ = tool, tool_args, result
        guarded(_LIBRARY, self.told.end_tool, tool_context, None)

    async def on_tool_error_callback(
        self, *, tool: Any, tool_args: dict[str, Any], tool_context: Any, error: Exception
    ) -> None:
        """It raised."""
        _ = tool, tool_args
        guarded(_LIBRARY, self.told.end_tool, tool_context, error)


class _Told:
    """What is told of runs, as calls of ours."""

    def __init__(self) -> None:
        self._runs = Runs()
        #: How a run will have ended, as what is within it said.
        self._ends: dict[object, str] = {}

    # ---------------------------------------------------------------- runs

    def begin_run(self, context: Any) -> None:
        """A run begins, within what is current."""
        invocation = context.invocation_id
        begun = _begun.get()
        if begun is not None:
            begun.append(invocation)
        self._runs.begin((_RUN, invocation), None, "workflow", str(context.app_name))

    def end_runs(self, begun: list[str], error: BaseException | None) -> None:
        """Nothing more comes of what began within one; what failed to end is not in the way."""
        for invocation in begun:
            guarded(_LIBRARY, self._end_run, invocation, error)

    def _end_run(self, invocation: str, error: BaseException | None) -> None:
        outcome = self._ends.pop((_RUN, invocation), None)
        self._runs.end((_RUN, invocation), error, _outcome(error, outcome))
        for key in [key for key in self._ends if key[1] == invocation]:  # type: ignore[index]
            del self._ends[key]

    def take(self, invocation: str, event: Any) -> None:
        """An event of a run."""
        run = (_RUN, invocation)
        if event.long_running_tool_ids:
            self._ends[run] = self._ends[_AGENT, invocation, event.author, event.branch] = (
                INTERRUPTED
            )
        target = event.actions.transfer_to_agent if event.actions else None
        if target:
            self._runs.end((_AGENT, invocation, event.author, event.branch), None, OK)
            self._runs.hand_over(run, event.author, target)

    # ---------------------------------------------------------------- agents

    def begin_agent(self, agent: Any, context: Any) -> None:
        """An agent begins: within that which it is a part of, if that is at work."""
        run = (_RUN, context.invocation_id)
        above: object = run
        outer = agent.parent_agent
        while outer is not None:
            for branch in (_branch(context), None):
                around = (_AGENT, context.invocation_id, outer.name, branch)
                if above is run and self._runs.get(around) is not None:
                    above = around
            outer = outer.parent_agent
        key = _key(_AGENT, context)
        self._runs.begin(key, above, "agent", agent.name, within=run)

    def end_agent(self, agent: Any, context: Any, error: BaseException | None) -> None:
        """Nothing more comes of an agent."""
        key = _AGENT, context.invocation_id, agent.name, context.branch
        outcome = self._ends.pop(key, None)
        self._runs.end(key, error, _outcome(error, outcome))

    # ---------------------------------------------------------------- models

    def begin_model(self, context: Any, request: Any) -> None:
        """A model is asked."""
        detail = f"{request.model or ''}\0gcp.gen_ai"
        self._runs.begin(
            _key(_MODEL, context), _key(_AGENT, context), "model_call", "chat", detail=detail
        )

    def take_answer(self, context: Any, response: Any) -> None:
        """A part of an answer, or the whole of it, which has the tokens."""
        key = _key(_MODEL, context)
        run = self._runs.get(key)
        if run is None or run.call is None:
            return
        if response.partial:
            run.call.first_output()
            return
        usage = response.usage_metadata
        if usage is not None:
            reasoning = usage.thoughts_token_count or 0
            run.call.usage(
                input_tokens=(usage.prompt_token_count or 0)
                + (usage.tool_use_prompt_token_count or 0),
                output_tokens=(usage.candidates_token_count or 0) + reasoning,
                cached_tokens=usage.cached_content_token_count or 0,
                reasoning_tokens=reasoning,
            )
        failed = response.error_code and response.content is None
        self._runs.end(key, None, ERROR if failed else None)

    def fail_model(self, context: Any, error: BaseException) -> None:
        """The call of a model raised."""
        self._runs.end(_key(_MODEL, context), error)

    # ---------------------------------------------------------------- tools

    def begin_tool(self, tool: Any, context: Any) -> None:
        """A tool is called; that by which ADK transfers is none."""
        if tool.name != _TRANSFER:
            key = _tool_key(context)
            self._runs.begin(key, _key(_AGENT, context), "tool", tool.name, current=True)

    def end_tool(self, context: Any, error: BaseException | None) -> None:
        """It ended; it may wait for a human to confirm it."""
        asked = getattr(context.actions, "requested_tool_confirmations", None) or {}
        waits = error is None and context.function_call_id in asked
        self._runs.end(_tool_key(context), error, INTERRUPTED if waits else None)


def _branch(context: Any) -> str | None:
    found: str | None = context._invocation_context.branch  # noqa: SLF001  # it is told nowhere else
    return found


def _outcome(error: BaseException | None, said: str | None) -> str | None:
    """How something ended that was ended by an error, or by what was said within it."""
    if error is None:
        return said
    return CANCELLED if isinstance(error, GeneratorExit | asyncio.CancelledError) else None


def _key(kind: str, context: Any) -> tuple[str, ...]:
    return kind, context.invocation_id, context.agent_name, _branch(context)  # type: ignore[return-value]


def _tool_key(context: Any) -> tuple[str, ...]:
    return _TOOL, context.invocation_id, context.agent_name, context.function_call_id
