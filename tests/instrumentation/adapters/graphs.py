"""Runs graphs of LangGraph, in an environment that has it, and prints what was recorded."""

from __future__ import annotations

import asyncio
import json
import operator
import sys
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

import agentmon
from agentmon.testing import Recorded, capture

USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_token_details": {"cache_read": 4},
    "output_token_details": {"reasoning": 2},
}


class State(TypedDict):
    """What is passed on."""

    messages: Annotated[list[Any], operator.add]


class Model(GenericFakeChatModel):
    """One that takes tools."""

    def bind_tools(self, tools: Any, **_: Any) -> Model:
        """Nothing changes."""
        return self


def model(*messages: AIMessage) -> Model:
    """One that says this, and then always the same."""

    def say() -> Iterator[AIMessage]:
        yield from messages
        while True:
            yield AIMessage("done", usage_metadata=USAGE)

    return Model(messages=say())


@tool
def look(query: str) -> str:
    """Look something up."""
    if query == "bad":
        raise LookupError(query)
    return query


START_STATE = {"messages": [HumanMessage("hello")]}


def flow(name: str, **nodes: Any) -> Any:
    """A graph that goes through its nodes in their order, or where they send on."""
    graph = StateGraph(State)
    for each, node in nodes.items():
        graph.add_node(each, node)
    graph.add_edge(START, next(iter(nodes)))
    return graph.compile(name=name, checkpointer=InMemorySaver() if "asks" in nodes else None)


def answers(state: State) -> dict[str, Any]:
    """A node that asks the model."""
    return {"messages": [model().invoke(state["messages"])]}


def handoff() -> None:
    """One agent hands over to another, which calls a tool."""

    def triage(state: State) -> Command[Any]:
        model().invoke(state["messages"])
        return Command(goto="billing")

    def billing(state: State) -> dict[str, Any]:
        look.invoke("x")
        with agentmon.tool("own"):  # a call of the program's own is within its agent
            pass
        return answers(state)

    flow("support", triage=triage, billing=billing).invoke(START_STATE)


def parallel() -> None:
    """Three agents at once, in threads."""
    graph = StateGraph(State)
    for name in ("a", "b", "c"):
        graph.add_node(name, answers)
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    graph.compile(name="fan").invoke(START_STATE)


def in_tasks() -> None:
    """The same graph several times at once, in tasks."""

    async def node(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"messages": [await model().ainvoke(state["messages"])]}

    async def main() -> None:
        graph = flow("tasks", only=node)
        await asyncio.gather(*(graph.ainvoke(START_STATE) for _ in range(5)))

    asyncio.run(main())


def interrupted() -> None:
    """It asks a human, and goes on with the answer."""

    def asks(_: State) -> dict[str, Any]:
        return {"messages": [HumanMessage(interrupt("sure?"))]}

    graph = flow("human", asks=asks)
    config = {"configurable": {"thread_id": "1"}}
    graph.invoke(START_STATE, config)
    graph.invoke(Command(resume="yes"), config)


def failing() -> None:
    """A node raises; the caller gets the very exception."""
    error = ValueError("no")

    def fails(_: State) -> dict[str, Any]:
        raise error

    caught: BaseException | None = None
    try:
        flow("broken", fails=fails).invoke(START_STATE)
    except ValueError as raised:
        caught = raised
    assert caught is error


def abandoned() -> None:
    """A stream that nobody reads to its end."""
    stream = flow("left", first=answers).stream(START_STATE, stream_mode="messages")
    next(stream)
    stream.close()


def ready_made() -> None:
    """An agent of LangChain's own making, whose tool fails."""
    call = {"name": "look", "args": {"query": "bad"}, "id": "1"}
    asks = model(AIMessage("", tool_calls=[call], usage_metadata=USAGE))
    try:
        create_agent(asks, [look], name="researcher").invoke(START_STATE)
    except LookupError:
        return
    raise AssertionError


def streamed() -> None:
    """A model is streamed to its last chunk, and what reads it is not within it."""
    for _ in model().stream("hello"):
        current = agentmon.current()
        assert current is None, current.kind


def removed() -> None:
    """Nothing is recorded any more, also by what was made before."""
    graph = flow("gone", only=answers)
    agentmon.uninstrument("langchain")
    graph.invoke(START_STATE)
    agentmon.instrument("langchain")


def broken_adapter() -> None:
    """An error within the adapter does not reach the program."""
    from agentmon.instrumentation.adapters import runs

    kept = runs.operation_of
    runs.operation_of = None  # type: ignore[assignment]
    try:
        flow("fine", only=answers).invoke(START_STATE)
    finally:
        runs.operation_of = kept


def left_open(recorded: Recorded) -> float:
    """Calls that were begun and not ended."""
    kinds = ("workflow", "step", "agent", "tool", "model", "handoff")
    return sum(recorded.value(f"agentmon_{kind}_in_flight") or 0 for kind in kinds)


def run(name: str) -> dict[str, Any]:
    """What one of the programs above records."""
    with capture() as recorded:
        globals()[name]()
        return {
            "calls": [[each.kind, each.name, each.outcome] for each in recorded.calls()],
            "tokens": {
                each: recorded.value("agentmon_model_tokens_total", token_type=each)
                for each in ("input", "output", "cached", "reasoning")
            },
            "own": recorded.value("agentmon_tool_calls_total", tool="own", agent="billing"),
            "handoffs": recorded.value(
                "agentmon_handoff_ended_total",
                source="triage",
                target="billing",
                result="completed",
            ),
            "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
            "open": left_open(recorded),
        }


if __name__ == "__main__":
    agentmon.instrument("langchain")
    sys.stdout.write(json.dumps({name: run(name) for name in sys.argv[1:]}))
