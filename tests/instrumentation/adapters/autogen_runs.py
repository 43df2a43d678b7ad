"""Agents of AutoGen, with its own client that replays answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import (
    FunctionalTermination,
    HandoffTermination,
    TextMentionTermination,
)
from autogen_agentchat.teams import RoundRobinGroupChat, Swarm
from autogen_core import FunctionCall
from autogen_core.memory import ListMemory
from autogen_core.models import CreateResult, ModelFamily, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE = RequestUsage(prompt_tokens=10, completion_tokens=5)
INFO: Any = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "family": ModelFamily.UNKNOWN,
    "structured_output": False,
}


class Scripted(ReplayChatCompletionClient):
    """Replays these answers, or raises them; a text is the last word."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(list(answers), model_info=INFO)
        #: After the first word of a stream, the rest waits for this.
        self.gate = asyncio.Event()

    async def create(self, *args: Any, **kwargs: Any) -> CreateResult:
        await asyncio.sleep(0)
        said: Any = self.chat_completions[self._current_index]
        if isinstance(said, BaseException):
            raise said
        result = await super().create(*args, **kwargs)
        return CreateResult(
            finish_reason=result.finish_reason, content=result.content, usage=USAGE, cached=False
        )

    async def create_stream(
        self, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        _ = args, kwargs
        said: Any = self.chat_completions[self._current_index]
        self._current_index += 1
        for n, word in enumerate(said.split()):
            if n:
                await self.gate.wait()
            yield word
        yield CreateResult(finish_reason="stop", content=said, usage=USAGE, cached=False)


def call(name: str, **arguments: Any) -> CreateResult:
    """An answer that calls a tool."""
    asked = FunctionCall(id=f"call_{name}", name=name, arguments=json.dumps(arguments))
    return CreateResult(finish_reason="function_calls", content=[asked], usage=USAGE, cached=False)


async def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def solo(*answers: Any, **more: Any) -> AssistantAgent:
    """An agent with one tool."""
    more.setdefault("name", "solo")
    more.setdefault("tools", [look])
    more.setdefault("max_tool_iterations", 5)
    return AssistantAgent(model_client=Scripted(*answers), **more)


async def said(agent: Any, **more: Any) -> str:
    """The last word of a run."""
    return str((await agent.run(task="hello", **more)).messages[-1].content)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    note.say(output=await said(solo(call("look", query="x"), "done")))


async def failing_tool(note: Note) -> None:
    """A tool raises; the framework makes a message of it."""
    note.say(output=await said(solo(call("look", query="bad"), "done")))


async def retried_tool(note: Note) -> None:
    """A tool is called again after it failed."""
    agent = solo(call("look", query="bad"), call("look", query="x"), "done")
    note.say(output=await said(agent))


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await said(solo(error))
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A team hands over to a human, and ends."""
    agent = solo(call("transfer_to_user"), tools=[], handoffs=["user"])
    team = RoundRobinGroupChat(
        [agent], name="app", termination_condition=HandoffTermination(target="user")
    )
    note.say(output=await said(team))


async def handoff(note: Note) -> None:
    """One agent hands over to another, whose tool works."""
    triage = solo(call("transfer_to_billing"), name="triage", tools=[], handoffs=["billing"])
    billing = solo(call("look", query="x"), "done", name="billing")
    team = Swarm(
        [triage, billing], name="app", termination_condition=TextMentionTermination("done")
    )
    note.say(output=await said(team))


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    agent = solo("one two three", tools=[], model_client_stream=True)
    chunks = 0
    async for item in agent.run_stream(task="hello"):
        if type(item).__name__ == "ModelClientStreamingChunkEvent":
            chunks += 1
            note.chunk()
            agent._model_client.gate.set()  # type: ignore[attr-defined]  # it is Scripted
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    stream = solo("one two three", tools=[], model_client_stream=True).run_stream(task="hello")
    async for item in stream:
        if type(item).__name__ == "ModelClientStreamingChunkEvent":
            break
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    await asyncio.sleep(0.05)
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    async def wait() -> str:
        """Wait."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    await note.give_up(said(solo(call("wait"), "done", tools=[wait])), waiting)


async def at_once(note: Note) -> None:
    """Five runs at once."""
    runs = (said(solo(call("look", query="x"), "done")) for _ in range(5))
    note.say(outputs=len(await asyncio.gather(*runs)))


async def never_ending(note: Note) -> None:
    """The agent that is handed to waits, and the run is given up; the framework may wait."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        waiting.set()
        await go_on.wait()
        return ""

    triage = solo(call("transfer_to_billing"), name="triage", tools=[], handoffs=["billing"])
    billing = solo(call("wait"), "done", name="billing", tools=[wait])
    ends = TextMentionTermination("done")
    team = Swarm([triage, billing], name="app", termination_condition=ends)
    await note.give_up(said(team), waiting, go_on)


class Forgetful(ListMemory):
    """Raises when an agent wants to remember."""

    async def update_context(self, *_: Any) -> Any:
        raise ValueError("memory")


def _raise(*_: Any) -> Any:
    raise ValueError("hook")


async def raising_hook(note: Note) -> None:
    """There are no hooks; what an agent or a team is made with raises."""
    asked = call("look", query="x"), "done"
    await note.hooked("memory", said(solo(*asked, memory=[Forgetful()])))
    summary = solo(*asked, tool_call_summary_formatter=_raise, max_tool_iterations=1)
    await note.hooked("tool_call_summary_formatter", said(summary))
    ends = FunctionalTermination(_raise)
    team = RoundRobinGroupChat([solo(*asked)], name="app", termination_condition=ends)
    await note.hooked("termination_condition", said(team))


if __name__ == "__main__":
    main(
        "autogen",
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
