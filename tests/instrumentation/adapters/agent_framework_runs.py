"""Agents of Microsoft's Agent Framework, with a chat client that answers from a script."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from agent_framework import (
    Agent,
    AgentMiddleware,
    BaseChatClient,
    ChatMiddleware,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    FunctionMiddleware,
    Message,
    ResponseStream,
    tool,
)
from agent_framework_orchestrations import HandoffBuilder

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE: Any = {"input_token_count": 10, "output_token_count": 5, "total_token_count": 15}


class Scripted(FunctionInvocationLayer, ChatMiddlewareLayer, BaseChatClient):  # type: ignore[type-arg]
    """Gives these answers, or raises them; a text is the last word."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.model = "scripted"
        self.left = list(answers)
        #: After the first word of a stream, the rest waits for this.
        self.gate = asyncio.Event()

    def _inner_get_response(self, *, messages: Any, stream: bool, options: Any, **more: Any) -> Any:
        _ = messages, options, more
        said = self.left.pop(0)
        return self._stream(said) if stream else self._whole(said)

    async def _whole(self, said: Any) -> ChatResponse:
        await asyncio.sleep(0)
        if isinstance(said, BaseException):
            raise said
        content = Content.from_text(said) if isinstance(said, str) else said
        return ChatResponse(messages=[Message("assistant", [content])], usage_details=USAGE)

    def _stream(self, said: Any) -> Any:
        parts = [Content.from_text(word) for word in said.split()] if said == str(said) else [said]

        async def words() -> Any:
            for n, part in enumerate(parts):
                if n:
                    await self.gate.wait()
                yield ChatResponseUpdate(role="assistant", contents=[part])
            usage = Content.from_usage(usage_details=USAGE)
            yield ChatResponseUpdate(role="assistant", contents=[usage])

        return ResponseStream(words(), finalizer=ChatResponse.from_updates)


def call(name: str, **arguments: Any) -> Content:
    """An answer that calls a tool."""
    return Content.from_function_call(call_id=f"call_{name}", name=name, arguments=arguments)


@tool(approval_mode="never_require")
def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def solo(*answers: Any, **more: Any) -> Agent[Any]:
    """An agent with one tool."""
    more.setdefault("name", "solo")
    more.setdefault("tools", [look])
    return Agent(Scripted(*answers), **more)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    note.say(output=(await solo(call("look", query="x"), "done").run("hello")).text)


async def failing_tool(note: Note) -> None:
    """A tool raises; the framework makes a message of it."""
    note.say(output=(await solo(call("look", query="bad"), "done").run("hello")).text)


async def retried_tool(note: Note) -> None:
    """A tool is called again after it failed."""
    agent = solo(call("look", query="bad"), call("look", query="x"), "done")
    note.say(output=(await agent.run("hello")).text)


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await solo(error).run("hello")
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A tool waits for a human to approve it."""

    @tool(approval_mode="always_require")
    def pay(amount: int) -> str:
        raise AssertionError(amount)

    result = await solo(call("pay", amount=1), tools=[pay]).run("hello")
    note.say(requests=len(result.user_input_requests))


async def handoff(note: Note) -> None:
    """One agent hands over to another, whose tool works."""
    more = {"require_per_service_call_history_persistence": True}
    triage = solo(call("handoff_to_billing"), name="triage", tools=[], **more)
    billing = solo(call("look", query="x"), "done", name="billing", **more)
    builder = HandoffBuilder(name="app", participants=[triage, billing])
    flow = builder.with_start_agent(triage).build()
    events = [event.type async for event in flow.run("hello", stream=True)]
    note.say(events=sorted(set(events)))


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    agent = solo("one two three")
    chunks = 0
    async for _ in agent.run("hello", stream=True):
        chunks += 1
        note.chunk()
        agent.client.gate.set()
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    agent = solo("one two three")
    stream: Any = agent.run("hello", stream=True)
    async for _ in stream:
        break
    del stream, agent, _
    gc.collect()
    await asyncio.sleep(0)
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    @tool(approval_mode="never_require")
    async def wait() -> str:
        waiting.set()
        await asyncio.Event().wait()
        return ""

    await note.give_up(solo(call("wait"), "done", tools=[wait]).run("hello"), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    runs = (solo(call("look", query="x"), "done").run("hello") for _ in range(5))
    note.say(outputs=len(await asyncio.gather(*runs)))


async def never_ending(note: Note) -> None:
    """The agent that is handed to waits, and the run is given up; the framework may wait."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    @tool(approval_mode="never_require")
    async def wait() -> str:
        waiting.set()
        await go_on.wait()
        return ""

    more = {"require_per_service_call_history_persistence": True}
    triage = solo(call("handoff_to_billing"), name="triage", tools=[], **more)
    billing = solo(call("wait"), "done", name="billing", tools=[wait], **more)
    builder = HandoffBuilder(name="app", participants=[triage, billing])
    flow = builder.with_start_agent(triage).build()
    await note.give_up(flow.run("hello"), waiting, go_on)


async def raising_hook(note: Note) -> None:
    """Middleware raises, before what it stands around and after."""
    for kind in (AgentMiddleware, ChatMiddleware, FunctionMiddleware):
        for when in ("before", "after"):

            async def process(_self: Any, _context: Any, call_next: Any, late: Any = when) -> None:
                if late == "after":
                    await call_next()
                raise ValueError(late)

            raising = type("Raising", (kind,), {"process": process})
            agent = solo(call("look", query="x"), "done", middleware=[raising()])
            await note.hooked(f"{when} {kind.__name__}", agent.run("hello"))


if __name__ == "__main__":
    main(
        "agent-framework",
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
