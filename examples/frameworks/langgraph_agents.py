"""
A LangGraph of several agents, measured without a line changed in it.

Needs ``langgraph``; its model is a scripted one, so it runs without a network or a key:

    python examples/frameworks/langgraph_agents.py
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

import agentmon


class Ticket(TypedDict):
    """What the agents pass on."""

    messages: Annotated[list[Any], operator.add]


@tool
def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


def scripted() -> Iterator[AIMessage]:
    """What the model says, with the tokens that it says it used."""
    for text in ("This is about a bill.", "Your bill is right."):
        usage = {"input_tokens": 120, "output_tokens": 12, "total_tokens": 132}
        yield AIMessage(text, usage_metadata=usage)


MODEL = GenericFakeChatModel(messages=scripted())


def triage(state: Ticket) -> Command[str]:
    """Decides who answers."""
    answer = MODEL.invoke(state["messages"])
    return Command(goto="billing", update={"messages": [answer]})


def billing(state: Ticket) -> dict[str, Any]:
    """Answers."""
    search_orders.invoke("bill 7")
    return {"messages": [MODEL.invoke(state["messages"])]}


def graph() -> Any:
    """Two agents, of whom the first hands over to the second."""
    made = StateGraph(Ticket)
    made.add_node("triage", triage)
    made.add_node("billing", billing)
    made.add_edge(START, "triage")
    made.add_edge("billing", END)
    return made.compile(name="support")


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("langchain")
    answer = graph().invoke({"messages": [HumanMessage("Is my bill right?")]})
    print(answer["messages"][-1].content)
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
