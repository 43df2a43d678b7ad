"""
Agents of the OpenAI Agents SDK, measured without a line changed in them.

Needs ``openai-agents``; its model is a scripted one, so it runs without a network or a key:

    python examples/frameworks/openai_agents.py
"""

from __future__ import annotations

import asyncio

from agents import Agent, Runner, Usage, function_tool, set_trace_processors
from agents.testing import ScriptedModel, assistant_message, function_call

import agentmon

USAGE = Usage(requests=1, input_tokens=120, output_tokens=12, total_tokens=132)


@function_tool
def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


def scripted(*steps: object) -> ScriptedModel:
    """A model that says this."""
    return ScriptedModel(steps, emit_traces=True, default_usage=USAGE)


BILLING = Agent(
    name="billing",
    tools=[search_orders],
    model=scripted(
        [function_call("search_orders", {"query": "bill 7"}, call_id="1")],
        [assistant_message("Your bill is right.")],
    ),
)
TRIAGE = Agent(
    name="triage",
    handoffs=[BILLING],
    model=scripted([function_call("transfer_to_billing", {}, call_id="0")]),
)


async def main() -> None:
    """One question, which the first agent hands over to the second."""
    result = await Runner.run(TRIAGE, "Is my bill right?")
    print(result.final_output)


if __name__ == "__main__":
    set_trace_processors([])  # the SDK would send its traces to OpenAI
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("openai-agents")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
