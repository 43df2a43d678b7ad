"""Agents of Google's ADK, with a model that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins import ReflectAndRetryToolPlugin
from google.adk.runners import InMemoryRunner
from google.adk.tools import FunctionTool
from google.adk.tools.agent_tool import AgentTool
from google.genai import types

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE = types.GenerateContentResponseUsageMetadata(
    prompt_token_count=10, candidates_token_count=5, total_token_count=15
)


class Scripted(BaseLlm):
    """Gives these answers, or raises them; a text is the last word."""

    model: str = "scripted"
    left: list[Any]
    #: After the first word of a stream, the rest waits for this.
    gate: Any = None

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: FBT002  # as ADK calls it
    ) -> AsyncGenerator[LlmResponse, None]:
        await asyncio.sleep(0)
        said = self.left.pop(0)
        if isinstance(said, BaseException):
            raise said
        part = types.Part(text=said) if isinstance(said, str) else said
        if stream and isinstance(said, str):
            for word in said.split():
                yield LlmResponse(content=_content(types.Part(text=word)), partial=True)
                await self.gate.wait()
        yield LlmResponse(content=_content(part), usage_metadata=USAGE)


def _content(part: types.Part) -> types.Content:
    return types.Content(role="model", parts=[part])


def call(name: str, **arguments: Any) -> types.Part:
    """An answer that calls a tool."""
    return types.Part.from_function_call(name=name, args=arguments)


def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def solo(*answers: Any, **more: Any) -> LlmAgent:
    """An agent with one tool."""
    more.setdefault("name", "solo")
    model = Scripted(left=list(answers), gate=asyncio.Event())
    return LlmAgent(model=model, tools=[look], **more)


async def events(agent: LlmAgent, plugins: Any = None, **more: Any) -> AsyncGenerator[Any, None]:
    """The events of a run."""
    runner = InMemoryRunner(agent=agent, app_name="app", plugins=plugins)
    session = await runner.session_service.create_session(app_name="app", user_id="u")
    message = types.Content(role="user", parts=[types.Part(text="hello")])
    async for event in runner.run_async(
        user_id="u", session_id=session.id, new_message=message, **more
    ):
        yield event


async def run(agent: LlmAgent, **more: Any) -> str:
    """The last word of a run."""
    said = ""
    async for event in events(agent, **more):
        if event.content and event.content.parts and event.content.parts[0].text:
            said = event.content.parts[0].text
    return said


async def plain(note: Note) -> None:
    """A tool and an answer."""
    note.say(output=await run(solo(call("look", query="x"), "done")))


async def failing_tool(note: Note) -> None:
    """A tool raises, which ends the run."""
    try:
        await run(solo(call("look", query="bad"), "done"))
    except LookupError as error:
        note.say(raised=repr(error))


async def retried_tool(note: Note) -> None:
    """A tool is called again by a plugin of ADK's own, which keeps its error from others."""
    agent = solo(call("look", query="bad"), call("look", query="x"), "done")
    note.say(output=await run(agent, plugins=[ReflectAndRetryToolPlugin()]))


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await run(solo(error))
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A tool waits for a human to confirm it."""

    def pay(amount: int) -> str:
        raise AssertionError(amount)

    agent = LlmAgent(
        name="solo",
        model=Scripted(left=[call("pay", amount=1), "waiting"]),
        tools=[FunctionTool(pay, require_confirmation=True)],
    )
    note.say(output=await run(agent))


async def handoff(note: Note) -> None:
    """One agent transfers to another, whose tool works."""
    billing = solo(call("look", query="x"), "done", name="billing", description="knows bills")
    triage = LlmAgent(
        name="triage",
        model=Scripted(left=[call("transfer_to_agent", agent_name="billing")]),
        sub_agents=[billing],
    )
    note.say(output=await run(triage))


async def nested(note: Note) -> None:
    """An agent asks another one, as a tool."""
    inner = solo("inner", name="inner", description="asked")
    outer = LlmAgent(
        name="solo",
        model=Scripted(left=[call("inner", request="?"), "done"]),
        tools=[AgentTool(inner)],
    )
    note.say(output=await run(outer))


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    chunks = 0
    config = RunConfig(streaming_mode=StreamingMode.SSE)
    agent = solo("one two three")
    async for event in events(agent, run_config=config):
        chunks += bool(event.partial)
        note.chunk()
        agent.model.gate.set()  # type: ignore[union-attr]  # it is Scripted
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    config = RunConfig(streaming_mode=StreamingMode.SSE)
    stream = events(solo("one two three"), run_config=config)
    async for _ in stream:
        break
    await stream.aclose()
    await asyncio.sleep(0.05)
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    async def wait() -> str:
        waiting.set()
        await asyncio.Event().wait()
        return ""

    agent = LlmAgent(name="solo", model=Scripted(left=[call("wait"), "done"]), tools=[wait])
    await note.give_up(run(agent), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    runs = (run(solo(call("look", query="x"), "done")) for _ in range(5))
    note.say(outputs=len(await asyncio.gather(*runs)))


async def never_ending(note: Note) -> None:
    """The agent that is transferred to waits without end, and the run is given up."""
    waiting = asyncio.Event()

    async def wait() -> str:
        waiting.set()
        await asyncio.Event().wait()
        return ""

    model = Scripted(left=[call("wait"), "done"])
    billing = LlmAgent(name="billing", model=model, tools=[wait], description="knows bills")
    triage = LlmAgent(
        name="triage",
        model=Scripted(left=[call("transfer_to_agent", agent_name="billing")]),
        sub_agents=[billing],
    )
    await note.give_up(run(triage), waiting)


async def raising_hook(note: Note) -> None:
    """Callbacks of an agent raise, which ends the run."""
    for name in (
        "before_agent_callback",
        "after_agent_callback",
        "before_model_callback",
        "after_model_callback",
        "before_tool_callback",
        "after_tool_callback",
    ):
        await note.hooked(name, run(solo(call("look", query="x"), "done", **{name: _raise})))


def _raise(*_: Any, **__: Any) -> Any:
    raise ValueError("hook")


if __name__ == "__main__":
    main(
        "google-adk",
        plain,
        failing_tool,
        retried_tool,
        failing_model,
        interrupted,
        handoff,
        nested,
        streamed,
        abandoned,
        cancelled,
        at_once,
        never_ending,
        raising_hook,
    )
