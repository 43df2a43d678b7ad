"""Agents and graphs of LangChain and LangGraph, with a chat model that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

import agentmon
from tests.instrumentation.adapters.seen import Note, main

USAGE: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
ASKED: Any = {"messages": [HumanMessage("hello")]}


class Scripted(BaseChatModel):
    """Gives these answers, or raises them; a text is the last word."""

    left: list[Any]
    #: After the first word of a stream, the rest waits for this.
    gate: Any = None

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **_: Any) -> Scripted:  # type: ignore[override]
        """Nothing changes."""
        return self

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        said = self.left.pop(0)
        if isinstance(said, BaseException):
            raise said
        message = AIMessage(said, usage_metadata=USAGE) if isinstance(said, str) else said
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        await asyncio.sleep(0)
        return self._generate()

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        words = self.left.pop(0).split()
        for n, word in enumerate(words):
            if n:
                await self.gate.wait()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=USAGE))


def call(name: str, **arguments: Any) -> AIMessage:
    """An answer that calls a tool."""
    asked: Any = {"name": name, "args": arguments, "id": f"call_{name}"}
    return AIMessage("", tool_calls=[asked], usage_metadata=USAGE)


@tool
def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def solo(
    *answers: Any, name: str = "solo", tools: list[BaseTool] | None = None, **more: Any
) -> Any:
    """An agent with one tool."""
    model = Scripted(left=list(answers), gate=asyncio.Event())
    return create_agent(model, [look] if tools is None else tools, name=name, **more)


async def said(agent: Any) -> str:
    """The last word of a run."""
    return str((await agent.ainvoke(ASKED))["messages"][-1].content)


async def plain(note: Note) -> None:
    """A tool and an answer."""
    note.say(output=await said(solo(call("look", query="x"), "done")))


async def failing_tool(note: Note) -> None:
    """A tool raises, which ends the run."""
    try:
        await said(solo(call("look", query="bad"), "done"))
    except LookupError as error:
        note.say(raised=repr(error))


async def retried_tool(note: Note) -> None:
    """A tool is called again, by middleware of LangChain's own."""
    from langchain.agents.middleware import ToolRetryMiddleware

    failed: list[int] = []

    @tool("look")
    def once(query: str) -> str:
        """Look something up, at the second time."""
        if not failed:
            failed.append(1)
            raise LookupError(query)
        return query

    again = ToolRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    agent = solo(call("look", query="x"), "done", tools=[once], middleware=[again])
    note.say(output=await said(agent))


async def failing_model(note: Note) -> None:
    """A model raises."""
    error = RuntimeError("down")
    try:
        await said(solo(error))
    except RuntimeError as raised:
        note.say(same=raised is error)


async def interrupted(note: Note) -> None:
    """A tool waits for a human."""

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        return str(interrupt(amount))

    agent = solo(call("pay", amount=1), "done", tools=[pay], checkpointer=InMemorySaver())
    result = await agent.ainvoke(ASKED, {"configurable": {"thread_id": "1"}})
    note.say(interrupts=len(result["__interrupt__"]))


async def handoff(note: Note) -> None:
    """One node hands over to another, whose tool works."""

    async def triage(_state: MessagesState) -> Command[Any]:
        await asyncio.sleep(0)
        return Command(goto="billing")

    graph = StateGraph(MessagesState)
    graph.add_node("triage", triage)
    graph.add_node("billing", solo(call("look", query="x"), "done", name="billing"))
    graph.add_edge(START, "triage")
    note.say(output=await said(graph.compile(name="app")))


async def streamed(note: Note) -> None:
    """An answer is streamed to its end."""
    model = Scripted(left=["one two three"], gate=asyncio.Event())
    agent = create_agent(model, [], name="solo")
    chunks = 0
    async for _ in agent.astream(ASKED, stream_mode="messages"):
        chunks += 1
        note.chunk()
        model.gate.set()
    note.say(chunks=chunks)


async def abandoned(note: Note) -> None:
    """A stream that nobody reads to its end."""
    stream = solo("one two three", tools=[]).astream(ASKED, stream_mode="messages")
    async for _ in stream:
        break
    await stream.aclose()
    await asyncio.sleep(0.05)
    note.say(left=True)


async def cancelled(note: Note) -> None:
    """A run is cancelled while its tool waits."""
    waiting = asyncio.Event()

    @tool
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
    """The agent that is handed to waits without end, and the run is given up."""
    waiting = asyncio.Event()

    async def triage(_state: MessagesState) -> Command[Any]:
        await asyncio.sleep(0)
        return Command(goto="billing")

    @tool
    async def wait() -> str:
        """Wait."""
        waiting.set()
        await asyncio.Event().wait()
        return ""

    graph = StateGraph(MessagesState)
    graph.add_node("triage", triage)
    graph.add_node("billing", solo(call("wait"), "done", name="billing", tools=[wait]))
    graph.add_edge(START, "triage")
    await note.give_up(said(graph.compile(name="app")), waiting)


class Raising(BaseCallbackHandler):
    """Raises at one of its callbacks, which ends the run."""

    raise_error = True
    run_inline = True

    def __init__(self, name: str) -> None:
        def hook(*_: Any, **__: Any) -> None:
            raise ValueError(name)

        setattr(self, name, hook)


async def raising_hook(note: Note) -> None:
    """Callbacks of a run raise."""
    for name in (
        "on_chain_start",
        "on_chain_end",
        "on_chat_model_start",
        "on_llm_end",
        "on_tool_start",
        "on_tool_end",
    ):
        agent = solo(call("look", query="x"), "done")
        await note.hooked(name, agent.ainvoke(ASKED, {"callbacks": [Raising(name)]}))


if __name__ == "__main__":
    main(
        "langchain",
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
