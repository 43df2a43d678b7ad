"""
Agents of Microsoft's Agent Framework, measured without a line changed in them.

Needs ``agent-framework-core`` and ``agent-framework-orchestrations``; its model is a scripted one,
so it runs without a network or a key:

    python examples/frameworks/agent_framework_agents.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    ResponseStream,
    tool,
)
from agent_framework_orchestrations import HandoffBuilder

import agentmon

USAGE = Content.from_usage(
    usage_details={"input_token_count": 120, "output_token_count": 12, "total_token_count": 132}
)


class Scripted(FunctionInvocationLayer, ChatMiddlewareLayer, BaseChatClient):
    """A model that says this."""

    def __init__(self, *answers: Content) -> None:
        super().__init__()
        self.model = "scripted"
        self.left = list(answers)

    def _inner_get_response(self, **_: Any) -> ResponseStream[Any, Any]:
        async def updates() -> Any:
            yield ChatResponseUpdate(role="assistant", contents=[self.left.pop(0), USAGE])

        return ResponseStream(updates(), finalizer=ChatResponse.from_updates)


def call(name: str, **arguments: str) -> Content:
    """An answer that calls a tool."""
    return Content.from_function_call(call_id=name, name=name, arguments=arguments)


@tool(approval_mode="never_require")
def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


BILLING = Agent(
    Scripted(
        call("search_orders", query="bill 7"),
        Content.from_text("Your bill is right."),
    ),
    name="billing",
    tools=[search_orders],
    require_per_service_call_history_persistence=True,
)
TRIAGE = Agent(
    Scripted(call("handoff_to_billing")),
    name="triage",
    require_per_service_call_history_persistence=True,
)


async def main() -> None:
    """One question, which the first agent hands over to the second."""
    builder = HandoffBuilder(name="support", participants=[TRIAGE, BILLING])
    flow = builder.with_start_agent(TRIAGE).build()
    async for event in flow.run("Is my bill right?", stream=True):
        if event.type == "output":
            print(getattr(event.data, "text", ""))


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("agent-framework")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
