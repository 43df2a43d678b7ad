"""
Agents of CrewAI, measured without a line changed in them.

Needs ``crewai``; its model is a scripted one, so it runs without a network or a key:

    python examples/frameworks/crewai_agents.py
"""

from __future__ import annotations

import os
from typing import Any

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false")

from crewai import Agent, BaseLLM, Crew, Task  # it reads the environment when loaded
from crewai.events.types.llm_events import LLMCallType
from crewai.llms.base_llm import llm_call_context
from crewai.tools import tool

import agentmon

USAGE = {"prompt_tokens": 120, "completion_tokens": 12}


class Scripted(BaseLLM):
    """A model that says this; those that CrewAI brings tell of their calls by themselves."""

    left: list[str]

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        """The next answer."""
        with llm_call_context():
            self._emit_call_started_event(messages=messages)
            said = self.left.pop(0)
            self._emit_call_completed_event(
                response=said, call_type=LLMCallType.LLM_CALL, usage=USAGE
            )
        return said

    def supports_function_calling(self) -> bool:
        """Tools are called by what is said."""
        return False


@tool("search_orders")
def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


BILLING = Agent(
    role="billing",
    goal="answer questions about bills",
    backstory="You know all orders.",
    tools=[search_orders],
    llm=Scripted(
        model="scripted",
        left=[
            'Thought: look\nAction: search_orders\nAction Input: {"query": "bill 7"}',
            "Thought: I know\nFinal Answer: Your bill is right.",
        ],
    ),
)
TASK = Task(
    name="answer", description="Is my bill right?", expected_output="yes or no", agent=BILLING
)

if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("crewai")
    print(Crew(name="support", agents=[BILLING], tasks=[TASK]).kickoff().raw)
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
