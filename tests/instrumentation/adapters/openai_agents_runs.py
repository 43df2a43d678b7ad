"""Agents of the OpenAI Agents SDK, with its own scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, RunHooks, Runner, Usage, function_tool, set_trace_processors
from agents.testing import ScriptedModel, assistant_message, function_call

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE = Usage(requests=1, input_tokens=10, output_tokens=5, total_tokens=15)
DONE = [assistant_message("done")]


def call(name: str, **arguments: Any) -> list[Any]:
    """An answer that calls a tool."""
    return [function_call(name, arguments, call_id=f"{name}{sorted(arguments.items())}")]


@function_tool
def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


class Gated(ScriptedModel):
    """Streams no more than the first bit of its answer before that is read."""

    read = asyncio.Event()

    async def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        """The events of an answer."""
        async for event in super().stream_response(*args, **more):
            yield event
            if event.type.endswith(".delta"):
                await self.read.wait()


def solo(*answers: Any, scripted: type[ScriptedModel] = ScriptedModel, **more: Any) -> Agent[Any]:
    """An agent with one tool."""
    model = scripted(answers, emit_traces=True, default_usage=USAGE)
    more.setdefault("name", "solo")
    more.setdefault("tools", [look])
    return Agent(model=model, **more)


async def said(agent: Agent[Any]) -> str:
    """The last word of a run."""
    return str((await Runner.run(agent, "hello")).final_output)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    note.say(output=await said(solo(call("look", query="x"), DONE)))


async def failing_tool(note: Note) -> None:
    """A tool raises; the framework makes a message of it."""
    note.say(output=await said(solo(call("look", query="bad"), DONE)))


async def retried_tool(note: Note) -> None:
    """A tool is called again after it failed."""
    agent = solo(call("look", query="bad"), call("look", query="x"), DONE)
    note.say(output=await said(agent))


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await said(solo(error))
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A tool waits for a human to approve it."""

    @function_tool(needs_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        raise AssertionError(amount)

    result = await Runner.run(solo(call("pay", amount=1), tools=[pay]), "hello")
    note.say(interruptions=len(result.interruptions))


async def handoff(note: Note) -> None:
    """One agent hands over to another, whose tool works."""
    billing = solo(call("look", query="x"), DONE, name="billing")
    triage = solo(call("transfer_to_billing"), name="triage", tools=[], handoffs=[billing])
    note.say(output=await said(triage))


async def streamed(note: Note) -> None:
    """A run is streamed to its end."""
    chunks = 0
    agent = solo(DONE, scripted=Gated)
    async for event in Runner.run_streamed(agent, "hello").stream_events():
        if event.type == "raw_response_event" and event.data.type.endswith(".delta"):
            chunks += 1
            note.chunk()
            Gated.read.set()
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    result = Runner.run_streamed(solo(DONE), "hello")
    async for _ in result.stream_events():
        break
    result.cancel()
    await asyncio.sleep(0.2)
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    @function_tool
    async def wait() -> str:
        """Wait."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    await note.give_up(said(solo(call("wait"), DONE, tools=[wait])), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    runs = (said(solo(call("look", query="x"), DONE)) for _ in range(5))
    note.say(outputs=len(await asyncio.gather(*runs)))


async def never_ending(note: Note) -> None:
    """The agent that is handed to waits without end, and the run is given up."""
    waiting = asyncio.Event()

    @function_tool
    async def wait() -> str:
        """Wait."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    billing = solo(call("wait"), DONE, name="billing", tools=[wait])
    triage = solo(call("transfer_to_billing"), name="triage", tools=[], handoffs=[billing])
    await note.give_up(said(triage), waiting)


async def raising_hook(note: Note) -> None:
    """Hooks of a run raise, which ends it."""
    for name in ("agent_start", "agent_end", "llm_start", "llm_end", "tool_start", "tool_end"):
        hooks: RunHooks[Any] = RunHooks()
        setattr(hooks, f"on_{name}", _raise)
        agent = solo(call("look", query="x"), DONE)
        await note.hooked(name, Runner.run(agent, "hello", hooks=hooks))
    hooks = RunHooks()
    hooks.on_handoff = _raise  # type: ignore[method-assign]
    billing = solo(DONE, name="billing")
    triage = solo(call("transfer_to_billing"), name="triage", tools=[], handoffs=[billing])
    await note.hooked("handoff", Runner.run(triage, "hello", hooks=hooks))


async def _raise(*_: Any, **__: Any) -> Any:
    raise ValueError("hook")


if __name__ == "__main__":
    set_trace_processors([])  # nothing is sent anywhere
    main(
        "openai-agents",
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
