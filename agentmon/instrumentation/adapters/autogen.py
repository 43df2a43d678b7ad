"""
AutoGen, by the methods that its agents, tools and clients of models share.

An agent that is given messages is one, a tool is one, and what a client of a model is asked is a
model call. The run of a team is a workflow; a message by which an agent hands over is a handoff.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters import runs
from agentmon.instrumentation.adapters.blocks import awaited, block, stepped
from agentmon.instrumentation.adapters.client import guarded
from agentmon.model.outcome import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentmon.instrumentation.adapters.patch import Patches
    from agentmon.instrumentation.call import Call

__all__ = ["wrap"]

_LIBRARY: Final = "autogen"

#: Agents and clients that are at work in this context: what they ask of themselves is a part of it.
_at_work: ContextVar[tuple[int, ...]] = ContextVar("agentmon_autogen_at_work", default=())
#: Stands for every client of a model: one may ask another.
_ASKING: Final = 0
#: Handoffs of the team that runs in this context, which wait for their agent.
_team: ContextVar[dict[str, Call] | None] = ContextVar("agentmon_autogen_team", default=None)


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what agents, teams, tools and clients of models have in common."""
    models = import_module("autogen_core.models")
    tools = import_module("autogen_core.tools")
    wrapped: set[type] = set()

    def classes() -> None:
        """Wrap the classes that have been made by now."""
        for base, methods in (
            (module.BaseChatAgent, {"on_messages": _agent, "on_messages_stream": _agent_stream}),
            (models.ChatCompletionClient, {"create": _model, "create_stream": _model_stream}),
        ):
            for each in _subclasses(base):
                if each not in wrapped:
                    wrapped.add(each)
                    for name, wrapper in methods.items():
                        if name in vars(each):
                            patches.wrap(each, name, wrapper)

    def made(original: Any, _self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        guarded(_LIBRARY, classes)
        return original(*args, **kwargs)

    classes()
    patches.wrap(module.BaseChatAgent, "__init__", made)
    patches.wrap(tools.BaseTool, "run_json", _tool)
    patches.wrap(tools.BaseStreamTool, "run_json_stream", _tool_stream)
    patches.wrap(import_module("autogen_agentchat.teams").BaseGroupChat, "run_stream", _team_stream)


def _subclasses(base: type) -> list[type]:
    below: list[type] = base.__subclasses__()
    return [base, *(each for one in below for each in _subclasses(one))]


@contextmanager
def _working(who: int) -> Iterator[None]:
    """Have somebody be at work in this context."""
    token = _at_work.set((*_at_work.get(), who))
    try:
        yield
    finally:
        _at_work.reset(token)


# -------------------------------------------------------------------- agents


async def _agent(wrapped: Any, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    theirs = wrapped(*args, **kwargs)
    if id(agent) in _at_work.get():
        return await theirs
    ours = block(_LIBRARY, "agent", str(agent.name), handed=_handed(agent))
    with _working(id(agent)):
        return await awaited(ours, theirs, _note_response)


def _agent_stream(wrapped: Any, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    theirs = wrapped(*args, **kwargs)
    return theirs if id(agent) in _at_work.get() else _agent_steps(agent, theirs)


async def _agent_steps(agent: Any, theirs: Any) -> Any:
    ours = block(_LIBRARY, "agent", str(agent.name), handed=_handed(agent))
    if ours is not None:
        theirs = stepped(ours, theirs, _note_item, lambda: _working(id(agent)))
    async for item in _closing(theirs):
        yield item


def _handed(agent: Any) -> Call | None:
    """The handoff that an agent was waited for by."""
    waiting = _team.get()
    return None if waiting is None else waiting.pop(str(agent.name), None)


def _note_item(call: Call, item: Any) -> None:
    """The last item of an agent's stream is its response."""
    if type(item).__name__ == "Response":
        _note_response(call, item)


def _note_response(_call: Call, response: Any) -> None:
    """A response may hand over to another agent of the team."""
    message, waiting = response.chat_message, _team.get()
    if waiting is not None and type(message).__name__ == "HandoffMessage":
        around = _around.get()
        handoff = runs.operation_of("handoff", str(message.target), str(message.source))
        waiting[str(message.target)] = handoff.begin(parent=around)


# -------------------------------------------------------------------- teams

#: The call of the team that runs in this context.
_around: ContextVar[Call | None] = ContextVar("agentmon_autogen_around", default=None)


async def _team_stream(
    wrapped: Any, team: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    theirs = wrapped(*args, **kwargs)
    ours = block(_LIBRARY, "workflow", str(getattr(team, "name", None) or "team"))
    waiting: dict[str, Call] = {}
    if ours is not None:
        call = ours.call

        @contextmanager
        def running() -> Iterator[None]:
            tokens = _team.set(waiting), _around.set(call)
            try:
                yield
            finally:
                _team.reset(tokens[0])
                _around.reset(tokens[1])

        theirs = stepped(ours, theirs, _note_result, running)
    try:
        async for item in _closing(theirs):
            yield item
    finally:
        # Who was handed to and is no agent of the team is a human, or the program.
        for each in waiting.values():
            guarded(_LIBRARY, _interrupt, each)


def _interrupt(call: Call) -> None:
    call.end(outcome=INTERRUPTED)


def _note_result(_call: Call, item: Any) -> str | None:
    """A team that ends with a message that hands over waits for whom it names."""
    if type(item).__name__ != "TaskResult" or not item.messages:
        return None
    return INTERRUPTED if type(item.messages[-1]).__name__ == "HandoffMessage" else None


# -------------------------------------------------------------------- tools


async def _tool(wrapped: Any, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return await awaited(block(_LIBRARY, "tool", str(tool.name)), wrapped(*args, **kwargs))


async def _tool_stream(
    wrapped: Any, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    ours = block(_LIBRARY, "tool", str(tool.name))
    theirs = wrapped(*args, **kwargs)
    if ours is not None:
        theirs = stepped(ours, theirs, _note_nothing, _nothing)
    async for item in _closing(theirs):
        yield item


def _note_nothing(_call: Call, _item: Any) -> None:
    """Nothing is known of it."""


@contextmanager
def _nothing() -> Iterator[None]:
    yield


# -------------------------------------------------------------------- models


async def _model(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    theirs = wrapped(*args, **kwargs)
    if _ASKING in _at_work.get():
        return await theirs
    with _working(_ASKING):
        return await awaited(
            block(_LIBRARY, "model_call", "chat", _detail(client)), theirs, _note_usage
        )


def _model_stream(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    theirs = wrapped(*args, **kwargs)
    return theirs if _ASKING in _at_work.get() else _model_steps(client, theirs)


async def _model_steps(client: Any, theirs: Any) -> Any:
    ours = block(_LIBRARY, "model_call", "chat", _detail(client))
    if ours is not None:
        theirs = stepped(ours, theirs, _note_chunk, lambda: _working(_ASKING))
    async for item in _closing(theirs):
        yield item


def _detail(client: Any) -> str:
    """The model that a client asks, as its own configuration has it, and its family."""

    def asked() -> str:
        given = getattr(client, "_create_args", None) or {}
        name = given.get("model") or getattr(client, "_model_name", "") or ""
        provider = type(client).__module__.split(".")
        return f"{name}\0{provider[2] if len(provider) > 2 else provider[0]}"  # noqa: PLR2004

    return guarded(_LIBRARY, asked) or ""


def _note_chunk(call: Call, item: Any) -> None:
    """The last item of a model's stream is its result; those before are parts of its answer."""
    if isinstance(item, str):
        call.first_output()
    else:
        _note_usage(call, item)


def _note_usage(call: Call, result: Any) -> None:
    if not result.cached:
        usage = result.usage
        call.usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)


async def _closing(stream: Any) -> Any:
    """The items of a stream, which is closed with it."""
    try:
        async for item in stream:
            yield item
    finally:
        await stream.aclose()
