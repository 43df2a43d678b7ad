"""
Agents of AutoGen, measured without a line changed in them.

Needs ``autogen-agentchat`` and ``autogen-ext``; its model replays answers, so it runs without a
network or a key:

    python examples/frameworks/autogen_agents.py
"""

from __future__ import annotations

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import Swarm
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelFamily, ModelInfo, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient

import agentmon

INFO = ModelInfo(
    vision=False,
    function_calling=True,
    json_output=False,
    family=ModelFamily.UNKNOWN,
    structured_output=False,
)


def scripted(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    """A model that says this."""
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def call(name: str, arguments: str = "{}") -> CreateResult:
    """An answer that calls a tool."""
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id=name, name=name, arguments=arguments)],
        usage=RequestUsage(prompt_tokens=120, completion_tokens=12),
        cached=False,
    )


async def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


async def main() -> None:
    """One question, which the first agent hands over to the second."""
    triage = AssistantAgent(
        "triage", model_client=scripted(call("transfer_to_billing")), handoffs=["billing"]
    )
    billing = AssistantAgent(
        "billing",
        model_client=scripted(call("search_orders", '{"query": "bill 7"}'), "Your bill is right."),
        tools=[search_orders],
        reflect_on_tool_use=True,
    )
    team = Swarm(
        [triage, billing], name="support", termination_condition=TextMentionTermination("right")
    )
    result = await team.run(task="My bill, please.")
    print(result.messages[-1].content)


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("autogen")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
