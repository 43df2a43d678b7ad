"""
Agents of Pydantic AI, measured without a line changed in them.

Needs ``pydantic-ai-slim``; its model is a scripted one, so it runs without a network or a key:

    python examples/frameworks/pydantic_ai_agents.py
"""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

import agentmon


def scripted(*parts: TextPart | ToolCallPart) -> FunctionModel:
    """A model that says this."""
    left = list(parts)

    def answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        usage = RequestUsage(input_tokens=120, output_tokens=12)
        return ModelResponse([left.pop(0)], usage=usage)

    return FunctionModel(answer)


def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


async def ask_billing(question: str) -> str:
    """Ask the agent that knows about bills."""
    return (await BILLING.run(question)).output


BILLING = Agent(
    scripted(ToolCallPart("search_orders", {"query": "bill 7"}), TextPart("Your bill is right.")),
    name="billing",
    tools=[search_orders],
)
TRIAGE = Agent(
    scripted(ToolCallPart("ask_billing", {"question": "bill 7?"}), TextPart("Your bill is right.")),
    name="triage",
    tools=[ask_billing],
)


async def main() -> None:
    """One question, which the first agent asks the second."""
    result = await TRIAGE.run("Is my bill right?")
    print(result.output)


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("pydantic-ai")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
