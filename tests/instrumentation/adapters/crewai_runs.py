"""Crews of CrewAI, with the client of OpenAI that it brings and a server that has a script."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true")
os.environ.update(CREWAI_TRACING_ENABLED="false", CREWAI_TESTING="true")

from crewai import LLM, Agent, Crew, Task  # it reads the environment when loaded
from crewai.flow.flow import Flow, start
from crewai.flow.human_feedback import human_feedback
from crewai.hooks import (
    clear_all_global_hooks,
    register_after_llm_call_hook,
    register_after_tool_call_hook,
    register_before_llm_call_hook,
    register_before_tool_call_hook,
)
from crewai.tools import tool

import agentmon
from tests.instrumentation.adapters.scripted_server import Script, call, scripted
from tests.instrumentation.adapters.seen import Note, main


@tool("look")
def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def model(script: Script, **more: Any) -> LLM:
    """A model that the script answers for."""
    return LLM(
        model="openai/gpt-4o-mini", base_url=script.url, api_key="none", max_retries=0, **more
    )


def solo(script: Script, role: str = "solo", **more: Any) -> Agent:
    """An agent with one tool."""
    more.setdefault("tools", [look])
    more.setdefault("llm", model(script))
    return Agent(role=role, goal="answer", backstory="none", max_retry_limit=0, **more)


def crew(agent: Agent, *others: Agent, **more: Any) -> Crew:
    """A crew with one task."""
    task = Task(description="answer", expected_output="an answer", name="answer", agent=agent)
    return Crew(name="app", agents=[agent, *others], tasks=[task], **more)


async def kicked(runs: Crew) -> str:
    """What a crew says, which runs in a thread, as it wants to."""
    return str((await asyncio.to_thread(runs.kickoff)).raw)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    with scripted() as script:
        script.left = [call("look", query="x"), "done"]
        note.say(output=await kicked(crew(solo(script))))


async def failing_tool(note: Note) -> None:
    """A tool raises; the framework makes a message of it."""
    with scripted() as script:
        script.left = [call("look", query="bad"), "done"]
        note.say(output=await kicked(crew(solo(script))))


async def retried_tool(note: Note) -> None:
    """A tool is called again after it failed."""
    with scripted() as script:
        script.left = [call("look", query="bad"), call("look", query="x"), "done"]
        note.say(output=await kicked(crew(solo(script))))


async def failing_model(note: Note) -> None:
    """A model fails."""
    with scripted() as script:
        script.left = [500] * 5
        try:
            await kicked(crew(solo(script)))
        except Exception as error:  # noqa: BLE001  # whatever class it is there
            note.say(same=type(error).__module__.startswith("openai"), raised=type(error).__name__)


async def interrupted(note: Note) -> None:
    """A flow waits for a human."""
    from crewai.flow.async_feedback import HumanFeedbackPending

    class Later:
        def request_feedback(self, context: Any, flow: Any) -> str:
            _ = flow
            raise HumanFeedbackPending(context=context)

    class Asking(Flow):  # type: ignore[type-arg]
        @start()
        @human_feedback(message="right?", provider=Later())
        def draft(self) -> str:
            return "draft"

    note.say(output=type(await Asking().kickoff_async()).__name__)


async def handoff(note: Note) -> None:
    """One agent delegates to another, whose tool works."""
    with scripted() as script:
        script.left = [
            call("delegate_work_to_coworker", task="t", context="c", coworker="billing"),
            call("look", query="x"),
            "done",
            "done",
        ]
        triage = solo(script, "triage", tools=[], allow_delegation=True)
        note.say(output=await kicked(crew(triage, solo(script, "billing"))))


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    with scripted() as script:
        script.left = ["one two three"]
        agent = solo(script, llm=model(script, stream=True), tools=[])
        chunks = 0
        stream: Any = await asyncio.to_thread(crew(agent, stream=True).kickoff)

        def read() -> int:
            nonlocal chunks
            for _ in stream:
                chunks += 1
                note.chunk()
                script.gate.set()
            return chunks

        note.say(chunks=await asyncio.to_thread(read))


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    with scripted() as script:
        script.left = ["one two three"]
        agent = solo(script, llm=model(script, stream=True), tools=[])
        stream: Any = await asyncio.to_thread(crew(agent, stream=True).kickoff)
        await asyncio.to_thread(next, iter(stream))
        script.gate.set()
        await asyncio.to_thread(lambda: [None for _ in iter(note.open, 0)])  # it goes on by itself
        note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits, in a thread that goes on."""
    waiting, loop, go_on = asyncio.Event(), asyncio.get_running_loop(), threading.Event()

    @tool("wait")
    def wait() -> str:
        """Wait."""
        loop.call_soon_threadsafe(waiting.set)
        go_on.wait(20)
        return ""

    with scripted() as script:
        script.left = [call("wait"), "done"]
        await note.give_up(crew(solo(script, tools=[wait])).akickoff(), waiting)
        go_on.set()


async def at_once(note: Note) -> None:
    """Five runs at once."""

    async def one() -> str:
        with scripted() as script:
            script.left = [call("look", query="x"), "done"]
            return await kicked(crew(solo(script)))

    note.say(outputs=len(await asyncio.gather(*(one() for _ in range(5)))))


async def never_ending(note: Note) -> None:
    """The agent that work is delegated to waits, in a thread, and the run is given up."""
    waiting, loop, go_on = asyncio.Event(), asyncio.get_running_loop(), threading.Event()

    @tool("wait")
    def wait() -> str:
        """Wait."""
        loop.call_soon_threadsafe(waiting.set)
        go_on.wait(20)
        return ""

    with scripted() as script:
        script.left = [
            call("delegate_work_to_coworker", task="t", context="c", coworker="billing"),
            call("wait"),
            "done",
            "done",
        ]
        triage = solo(script, "triage", tools=[], allow_delegation=True)
        runs = crew(triage, solo(script, "billing", tools=[wait]))
        await note.give_up(runs.akickoff(), waiting)
        note.say(open=note.open())
        go_on.set()


def _raise(*_: Any, **__: Any) -> Any:
    raise ValueError("hook")


async def raising_hook(note: Note) -> None:
    """Hooks and callbacks raise; of some of them the framework only says so."""
    for register in (
        register_before_llm_call_hook,
        register_after_llm_call_hook,
        register_before_tool_call_hook,
        register_after_tool_call_hook,
    ):
        register(_raise)
        try:
            with scripted() as script:
                script.left = [call("look", query="x"), "done"]
                await note.hooked(register.__name__, kicked(crew(solo(script))))
        finally:
            clear_all_global_hooks()
    for name in ("step_callback", "task_callback"):
        with scripted() as script:
            script.left = [call("look", query="x"), "done"]
            await note.hooked(name, kicked(crew(solo(script), **{name: _raise})))


if __name__ == "__main__":
    main(
        "crewai",
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
