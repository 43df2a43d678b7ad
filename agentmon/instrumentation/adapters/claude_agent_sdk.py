"""
The Claude Agent SDK, by the messages that it gives to its reader.

What is asked until the result is there is an agent; its tools and the answers of its models are
what they are called. A subagent is an agent that is handed to, within the one that asks it.
"""

from __future__ import annotations

import asyncio
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import Runs
from agentmon.instrumentation.call import Standing
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agentmon.instrumentation.adapters.patch import Patches
    from agentmon.instrumentation.call import Call

__all__ = ["wrap"]

_LIBRARY: Final = "claude-agent-sdk"
_NAME: Final = "claude"
_SUBAGENTS: Final = ("Agent", "Task")
_TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")

#: What a run is known by: that of the main agent, and of each subagent with its tool use.
_MAIN: Final = ("agent", "")


def wrap(module: Any, patches: Patches) -> None:
    """Look at the messages of queries and of clients."""
    inner = import_module("claude_agent_sdk._internal.client").InternalClient
    talks: weakref.WeakKeyDictionary[Any, _Talk] = weakref.WeakKeyDictionary()

    def process(wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _steps(wrapped(*args, **kwargs))

    async def ask(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        guarded(_LIBRARY, _begin, talks, client)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(_LIBRARY, _leave, talks, client, error)
            raise

    async def receive(
        wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        messages = wrapped(*args, **kwargs)
        try:
            async for message in messages:
                guarded(_LIBRARY, _take, talks, client, message)
                yield message
        except GeneratorExit:  # it may be read on, by another reader
            raise
        except BaseException as error:
            guarded(_LIBRARY, _leave, talks, client, error)
            raise
        finally:
            await messages.aclose()

    async def leave(
        wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        finally:
            guarded(_LIBRARY, _leave, talks, client, None)

    patches.wrap(inner, "process_query", process)
    patches.wrap(module.ClaudeSDKClient, "query", ask)
    patches.wrap(module.ClaudeSDKClient, "receive_messages", receive)
    patches.wrap(module.ClaudeSDKClient, "disconnect", leave)


def _begin(talks: weakref.WeakKeyDictionary[Any, _Talk], client: Any) -> None:
    """A client is asked something; what it was asked before may still be answered."""
    talk = talks.get(client)
    if talk is None:
        talk = talks[client] = _Talk()
        weakref.finalize(client, talk.leave, None).atexit = False
    talk.begin()


def _take(talks: weakref.WeakKeyDictionary[Any, _Talk], client: Any, message: Any) -> None:
    if client in talks:
        talks[client].take(message)


def _leave(
    talks: weakref.WeakKeyDictionary[Any, _Talk], client: Any, error: BaseException | None
) -> None:
    if client in talks:
        talks[client].leave(error)


async def _steps(messages: Any) -> AsyncGenerator[Any, None]:
    """The messages of a query, with its agent current while the SDK makes them."""
    talk = _Talk()
    guarded(_LIBRARY, talk.begin)
    standing = None if talk.call is None else Standing(talk.call)
    error: BaseException | None = None
    try:
        while True:
            try:
                if standing is None:
                    message = await anext(messages)
                else:
                    with standing:
                        message = await anext(messages)
            except StopAsyncIteration:
                return
            guarded(_LIBRARY, talk.take, message)
            yield message
    except BaseException as raised:
        error = raised
        raise
    finally:
        try:
            await messages.aclose()
        finally:
            guarded(_LIBRARY, talk.leave, error)


class _Talk:
    """What one reader is told of what was asked, as calls of ours."""

    def __init__(self) -> None:
        self._runs = Runs()
        #: The model that an agent asked last, and the message that it answered with.
        self._models: dict[object, str] = {}
        self._answered: dict[object, object] = {}
        self._last: Call | None = None
        self._noted = dict.fromkeys(_TOKENS, 0)

    @property
    def call(self) -> Call | None:
        """The call of the main agent, while it is at work."""
        run = self._runs.get(_MAIN)
        return None if run is None else run.call

    def begin(self) -> None:
        """Something is asked."""
        if self._runs.get(_MAIN) is None:
            self._noted = dict.fromkeys(_TOKENS, 0)
            self._last = None
            self._runs.begin(_MAIN, None, "agent", _NAME)
            self._ask(_MAIN)

    def leave(self, error: BaseException | None) -> None:
        """Nothing more comes."""
        cancelled = error is None or isinstance(error, GeneratorExit | asyncio.CancelledError)
        self._end(error, CANCELLED if cancelled else None)

    def take(self, message: Any) -> None:
        """A message has come."""
        match type(message).__name__:
            case "SystemMessage" if message.subtype == "init":
                self._models[_MAIN] = str(message.data.get("model") or "")
                self._ask(_MAIN)
            case "StreamEvent":
                self._take_bit(message)
            case "AssistantMessage":
                self._take_answer(message)
            case "UserMessage" if isinstance(message.content, list):
                self._take_results(message)
            case "ResultMessage":
                self._take_result(message)

    # ---------------------------------------------------------------- models

    def _whose(self, message: Any) -> tuple[str, str]:
        """The agent whose message it is; that of one that has ended is the main one's."""
        key = ("agent", message.parent_tool_use_id or "")
        return key if self._runs.get(key) is not None else _MAIN

    def _ask(self, agent: object) -> None:
        """A model is asked, if it is known which, and is not being asked."""
        key = ("model", agent)
        model = self._models.get(agent)
        if model and self._runs.get(key) is None and self._runs.get(agent) is not None:
            detail = f"{model}\0anthropic"
            self._runs.begin(key, agent, "model_call", "chat", detail=detail)

    def _take_bit(self, message: Any) -> None:
        """A bit of an answer: the first one has what went in, the last but one what came out."""
        agent, event = self._whose(message), message.event
        key = ("model", agent)
        match event.get("type"):
            case "message_start":
                told = event.get("message") or {}
                self._models[agent] = str(told.get("model") or self._models.get(agent, ""))
                self._answered[agent] = told.get("id")
                self._ask(agent)
                self._note(key, {**(told.get("usage") or {}), "output_tokens": 0})
            case "content_block_start" | "content_block_delta":
                self._runs.first_output(key)
            case "message_delta":
                used = event.get("usage") or {}
                self._note(key, {"output_tokens": used.get("output_tokens")})
            case "message_stop":
                self._runs.end(key)

    def _take_answer(self, message: Any) -> None:
        """An answer, or a part of one: those of one answer have the same id."""
        agent = self._whose(message)
        key = ("model", agent)
        answer = getattr(message, "message_id", None)
        failed = ERROR if getattr(message, "error", None) else None
        known = answer is not None and answer == self._answered.get(agent)
        if not known:
            self._models[agent] = str(message.model)
            self._answered[agent] = answer
            self._ask(agent)
            self._note(key, getattr(message, "usage", None) or {})
            self._runs.end(key, None, failed)
        elif failed is not None:
            self._runs.end(key, None, failed)
        for each in message.content:
            if type(each).__name__ == "ToolUseBlock":
                self._begin_tool(agent, each)

    def _note(self, key: object, used: dict[str, Any]) -> None:
        run = self._runs.get(key)
        if run is not None and run.call is not None:
            self._last = run.call
            self._count(run.call, _counted(used))

    def _count(self, call: Call, counted: dict[str, int]) -> None:
        for name, n in counted.items():
            self._noted[name] += n
        call.usage(**counted)

    # ---------------------------------------------------------------- tools

    def _begin_tool(self, agent: tuple[str, str], used: Any) -> None:
        """A tool is used; that by which an agent is asked is a handoff to it."""
        if used.name in _SUBAGENTS:
            name = str(used.input.get("subagent_type") or "subagent")
            run = self._runs.get(agent)
            source = _NAME if run is None else run.name
            handoff = ("tool", used.id)
            self._runs.begin(handoff, agent, "handoff", name, detail=source)
            self._runs.begin(("agent", used.id), handoff, "agent", name)
        else:
            self._runs.begin(("tool", used.id), agent, "tool", str(used.name))

    def _take_results(self, message: Any) -> None:
        """Tools have ended; the model is asked again."""
        ended = False
        for each in message.content:
            if type(each).__name__ == "ToolResultBlock":
                outcome = ERROR if each.is_error else OK
                self._runs.end(("agent", each.tool_use_id), None, outcome)
                self._runs.end(("tool", each.tool_use_id), None, outcome)
                ended = True
        if ended:
            self._ask(self._whose(message))

    # ---------------------------------------------------------------- the end

    def _take_result(self, message: Any) -> None:
        """All is said; what was used in all is known, to the last token."""
        if self._last is not None and message.usage:
            whole = _counted(message.usage)
            rest = {name: max(0, whole[name] - self._noted[name]) for name in _TOKENS}
            self._count(self._last, rest)
        aborted = str(getattr(message, "terminal_reason", None) or "").startswith("aborted")
        if aborted or getattr(message, "deferred_tool_use", None) is not None:
            self._end(None, INTERRUPTED)
        else:
            self._end(None, ERROR if message.is_error else OK)

    def _end(self, error: BaseException | None, outcome: str | None) -> None:
        model = ("model", _MAIN)
        if error is not None or outcome == ERROR:  # what was being asked did not answer
            self._runs.end(model, error, outcome)
        self._runs.end(_MAIN, error, outcome)
        self._models.pop(_MAIN, None)
        self._answered.clear()


def _counted(used: dict[str, Any]) -> dict[str, int]:
    """What a message says that was used: its input is without what was cached."""
    cached = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    return {
        "input_tokens": (used.get("input_tokens") or 0) + cached + written,
        "output_tokens": used.get("output_tokens") or 0,
        "cached_tokens": cached,
        "cache_write_tokens": written,
    }
