"""
Agents of Google's Agent Development Kit, measured without a line changed in them.

Needs ``google-adk``; its model is a scripted one, so it runs without a network or a key:

    python examples/frameworks/google_adk_agents.py
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

import agentmon

USAGE = types.GenerateContentResponseUsageMetadata(
    prompt_token_count=120, candidates_token_count=12
)


class Scripted(BaseLlm):
    """A model that says this."""

    model: str = "scripted"
    left: list[types.Part]

    async def generate_content_async(
        self,
        llm_request: LlmRequest,  # noqa: ARG002  # the script goes on, whatever is asked
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002  # as ADK calls it
    ) -> AsyncGenerator[LlmResponse, None]:
        """The next answer."""
        content = types.Content(role="model", parts=[self.left.pop(0)])
        yield LlmResponse(content=content, usage_metadata=USAGE)


def call(name: str, **arguments: str) -> types.Part:
    """An answer that calls a tool."""
    return types.Part.from_function_call(name=name, args=arguments)


def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


BILLING = LlmAgent(
    name="billing",
    description="Knows about bills.",
    model=Scripted(
        left=[call("search_orders", query="bill 7"), types.Part(text="Your bill is right.")]
    ),
    tools=[search_orders],
)
TRIAGE = LlmAgent(
    name="triage",
    model=Scripted(left=[call("transfer_to_agent", agent_name="billing")]),
    sub_agents=[BILLING],
)


async def main() -> None:
    """One question, which the first agent hands over to the second."""
    runner = InMemoryRunner(agent=TRIAGE, app_name="support")
    session = await runner.session_service.create_session(app_name="support", user_id="ann")
    question = types.Content(role="user", parts=[types.Part(text="Is my bill right?")])
    async for event in runner.run_async(user_id="ann", session_id=session.id, new_message=question):
        for part in (event.content and event.content.parts) or []:
            if part.text:
                print(part.text)


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("google-adk")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
