"""Agents of Pydantic AI, with its own models for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import Agent, ApprovalRequired, DeferredToolRequests, ModelRetry, RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.usage import RequestUsage

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE = RequestUsage(input_tokens=10, output_tokens=5)


def scripted(*answers: Any) -> FunctionModel:
    """A model that gives these answers, or raises them; a text is the last word."""
    left = list(answers)

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        _ = messages, info
        await asyncio.sleep(0)
        said = left.pop(0)
        if isinstance(said, BaseException):
            raise said
        part = TextPart(said) if isinstance(said, str) else said
        return ModelResponse([part], usage=USAGE)

    async def stream(
        messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        _ = messages, info
        for word in str(left.pop(0)).split():
            yield word

    return FunctionModel(answer, stream_function=stream)


def call(name: str, **arguments: Any) -> ToolCallPart:
    """An answer that calls a tool."""
    return ToolCallPart(name, arguments)


def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    if query == "again":
        raise ModelRetry("once more")
    return query


def solo(*answers: Any, **more: Any) -> Agent[None, Any]:
    """An agent with one tool."""
    return Agent(scripted(*answers), name="solo", tools=[look], **more)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    result = await solo(call("look", query="x"), "done").run("hello")
    note.say(output=result.output)


async def failing_tool(note: Note) -> None:
    """A tool raises, which ends the run."""
    try:
        await solo(call("look", query="bad"), "done").run("hello")
    except LookupError as error:
        note.say(raised=repr(error))


async def retried_tool(note: Note) -> None:
    """A tool asks to be called again."""
    answers = (call("look", query="again"), call("look", query="x"), "done")
    note.say(output=(await solo(*answers).run("hello")).output)


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await solo(error).run("hello")
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A tool waits for a human."""
    agent = Agent(
        scripted(call("pay", amount=1)), name="solo", output_type=[str, DeferredToolRequests]
    )

    @agent.tool
    def pay(ctx: RunContext[None], amount: int) -> str:
        raise ApprovalRequired

    result = await agent.run("hello")
    note.say(approvals=len(result.output.approvals))


async def nested(note: Note) -> None:
    """An agent asks another one, in a tool."""
    outer = solo(call("ask"), "done")

    @outer.tool_plain
    async def ask() -> str:
        inner = Agent(scripted("inner"), name="inner")
        return str((await inner.run("hello")).output)

    note.say(output=(await outer.run("hello")).output)


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    async with solo("one two three").run_stream("hello") as result:
        chunks = 0
        async for _ in result.stream_text(delta=True, debounce_by=None):
            chunks += 1
            note.chunk()
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    async with solo("one two three").run_stream("hello") as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            break
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    agent = solo(call("wait"), "done")
    waiting = asyncio.Event()

    @agent.tool_plain
    async def wait() -> str:
        waiting.set()
        await asyncio.Event().wait()
        return ""

    await note.give_up(agent.run("hello"), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    runs = (solo(call("look", query="x"), "done").run("hello") for _ in range(5))
    note.say(outputs=len(await asyncio.gather(*runs)))


async def never_ending(note: Note) -> None:
    """The agent that another asks waits without end, and the run is given up."""
    outer, inner = solo(call("ask"), "done"), Agent(scripted(call("wait")), name="billing")
    waiting = asyncio.Event()

    @inner.tool_plain
    async def wait() -> str:
        waiting.set()
        await asyncio.Event().wait()
        return ""

    @outer.tool_plain
    async def ask() -> str:
        return str((await inner.run("hello")).output)

    await note.give_up(outer.run("hello"), waiting)


async def raising_hook(note: Note) -> None:
    """Hooks of a capability raise, which ends the run."""
    for name in (
        "before_run",
        "after_run",
        "before_model_request",
        "after_model_request",
        "before_tool_execute",
        "after_tool_execute",
    ):
        raising: Any = type("Raising", (AbstractCapability,), {name: _raise})
        agent = solo(call("look", query="x"), "done", capabilities=[raising()])
        await note.hooked(name, agent.run("hello"))


async def _raise(*_: Any, **__: Any) -> Any:
    raise ValueError("hook")


if __name__ == "__main__":
    main(
        "pydantic-ai",
        plain,
        failing_tool,
        retried_tool,
        failing_model,
        interrupted,
        nested,
        streamed,
        abandoned,
        cancelled,
        at_once,
        never_ending,
        raising_hook,
    )
