"""The Claude Agent SDK, with a transport that answers as its command line would, from a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    ResultMessage,
    Transport,
    query,
)

from tests.instrumentation.adapters.seen import Note, main

USAGE = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}


def answer(n: int, block: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    """An answer of a model, which says little of its output yet."""
    message = {"id": f"msg_{parent}{n}", "model": "claude-x", "role": "assistant"}
    return {
        "type": "assistant",
        "parent_tool_use_id": parent,
        "message": {**message, "content": [block], "usage": USAGE},
    }


def text(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}


def use(name: str, **arguments: Any) -> dict[str, Any]:
    """A block that uses a tool."""
    return {"type": "tool_use", "id": f"use_{name}", "name": name, "input": arguments}


def gave(name: str, *, error: bool = False, parent: str | None = None) -> dict[str, Any]:
    """What a tool gave."""
    block = {"type": "tool_result", "tool_use_id": f"use_{name}", "is_error": error}
    block["content"] = "given"
    return {
        "type": "user",
        "parent_tool_use_id": parent,
        "message": {"role": "user", "content": [block]},
    }


def done(answers: int, **more: Any) -> dict[str, Any]:
    """The end, which knows what was used in all."""
    usage = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 5}
    return {
        "type": "result",
        "subtype": "success",
        "duration_ms": 1,
        "duration_api_ms": 1,
        "is_error": False,
        "num_turns": 1,
        "session_id": "s",
        "result": "done",
        "usage": {name: n * answers for name, n in usage.items()},
        **more,
    }


INIT = {"type": "system", "subtype": "init", "model": "claude-x", "session_id": "s"}


class Script(Transport):
    """Says this once it was asked; what is callable is awaited, and what is an error raised."""

    def __init__(self, *left: Any) -> None:
        self._left = list(left)
        self._out: asyncio.Queue[Any] = asyncio.Queue()

    async def connect(self) -> None:
        """Nothing is started."""

    async def write(self, data: str) -> None:
        """Take what the SDK says."""
        said = json.loads(data)
        if said["type"] == "control_request":
            response = {"subtype": "success", "request_id": said["request_id"], "response": {}}
            await self._out.put({"type": "control_response", "response": response})
        elif said["type"] == "user":
            for each in (INIT, *self._left):
                await self._out.put(each)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:  # type: ignore[override]
        """What is said."""
        while True:
            said = await self._out.get()
            if isinstance(said, BaseException):
                raise said
            if callable(said):
                await said()
                continue
            yield said
            if said["type"] == "result":
                return

    async def close(self) -> None:
        """Nothing is open."""

    def is_ready(self) -> bool:
        """Always."""
        return True

    async def end_input(self) -> None:
        """Nothing more is asked."""


async def run(*left: Any, **options: Any) -> str:
    """The result of a query."""
    said = ""
    given = ClaudeAgentOptions(**options)
    async for message in query(prompt="hello", options=given, transport=Script(*left)):
        if isinstance(message, ResultMessage):
            said = str(message.result)
    return said


async def plain(note: Note) -> None:
    """A tool and an answer."""
    script = answer(1, use("look")), gave("look"), answer(2, text("done")), done(2)
    note.say(output=await run(*script))


async def failing_tool(note: Note) -> None:
    """A tool fails; the model is told."""
    script = answer(1, use("look")), gave("look", error=True), answer(2, text("done")), done(2)
    note.say(output=await run(*script))


async def retried_tool(note: Note) -> None:
    """A tool is used again after it failed."""
    again = {**use("look"), "id": "use_again"}
    script = (
        answer(1, use("look")),
        gave("look", error=True),
        answer(2, again),
        gave("again"),
        answer(3, text("done")),
        done(3),
    )
    note.say(output=await run(*script))


async def failing_model(note: Note) -> None:
    """The command line goes down."""
    error = RuntimeError("down")
    try:
        await run(error)
    except Exception as raised:  # noqa: BLE001  # the SDK makes one of its own of it
        note.say(same="down" in str(raised))


async def interrupted(note: Note) -> None:
    """The user interrupts."""
    script = answer(1, use("look")), done(1, terminal_reason="aborted_tools")
    async with ClaudeSDKClient(ClaudeAgentOptions(), transport=Script(*script)) as client:
        await client.query("hello")
        note.say(messages=len([each async for each in client.receive_response()]))


async def handoff(note: Note) -> None:
    """An agent asks a subagent, which uses a tool."""
    asked = use("Agent", subagent_type="billing", prompt="?")
    script = (
        answer(1, asked),
        answer(1, use("look"), "use_Agent"),
        gave("look", parent="use_Agent"),
        answer(2, text("found"), "use_Agent"),
        gave("Agent"),
        answer(2, text("done")),
        done(4),
    )
    note.say(output=await run(*script))


def _bits(*words: str) -> list[dict[str, Any]]:
    start = {"type": "message_start", "message": {"id": "m", "model": "claude-x", "usage": USAGE}}
    deltas = [{"type": "content_block_delta", "delta": {"text": word}} for word in words]
    end = {"type": "message_delta", "usage": {"output_tokens": 5}}
    events = [start, *deltas, end, {"type": "message_stop"}]
    return [
        {"type": "stream_event", "uuid": "u", "session_id": "s", "event": each} for each in events
    ]


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    gate = asyncio.Event()
    bits = _bits("one", "two", "three")
    whole = {**answer(1, text("one two three"))}
    whole["message"]["id"] = "m"
    script = *bits[:2], gate.wait, *bits[2:-1], whole, bits[-1], done(1)
    options = ClaudeAgentOptions(include_partial_messages=True)
    chunks = 0
    async for message in query(prompt="hello", options=options, transport=Script(*script)):
        if type(message).__name__ == "StreamEvent" and "delta" in message.event:
            chunks += 1
            note.chunk()
            gate.set()
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """Messages that nobody reads to their end."""
    script = answer(1, use("look")), gave("look"), answer(2, text("done")), done(2)
    messages: Any = query(prompt="hello", transport=Script(*script))
    async for message in messages:
        if type(message).__name__ == "AssistantMessage":
            break
    await messages.aclose()
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await asyncio.Event().wait()

    await note.give_up(run(answer(1, use("look")), wait), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    script = answer(1, use("look")), gave("look"), answer(2, text("done")), done(2)
    note.say(outputs=len(await asyncio.gather(*(run(*script) for _ in range(5)))))


async def never_ending(note: Note) -> None:
    """The subagent that is asked waits without end, and the run is given up."""
    waiting = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await asyncio.Event().wait()

    asked = use("Agent", subagent_type="billing", prompt="?")
    script = answer(1, asked), answer(1, use("look"), "use_Agent"), wait
    await note.give_up(run(*script), waiting)


async def _raise(*_: Any) -> Any:
    raise ValueError("hook")


async def raising_hook(note: Note) -> None:
    """A hook raises, of which the command line is told, and goes on or stops."""
    asks = {"subtype": "hook_callback", "callback_id": "hook_0", "input": {}}
    hook = {"type": "control_request", "request_id": "r", "request": asks}
    script = answer(1, use("look")), hook, gave("look"), answer(2, text("done")), done(2)
    matcher = HookMatcher(hooks=[_raise])
    for name in ("PreToolUse", "PostToolUse"):
        await note.hooked(name, run(*script, hooks={name: [matcher]}))


if __name__ == "__main__":
    main(
        "claude-agent-sdk",
        plain,
        failing_tool,
        retried_tool,
        failing_model,
        interrupted,
        handoff,
        streamed,
        abandoned,
        cancelled,
        at_once,
        never_ending,
        raising_hook,
    )
