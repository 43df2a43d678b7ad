"""
Runs an agent of a framework over the client of a provider, all measured that can be.

The argument is the framework. One whole answer is asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import agentmon
from tests.instrumentation.adapters.client_runs import labelled
from tests.instrumentation.adapters.model_server import models
from tests.instrumentation.adapters.seen import recording


async def pydantic_ai(url: str) -> None:
    """Over the client of OpenAI."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("good", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="k"))
    await Agent(model, name="solo").run("hello")


async def agent_framework(url: str) -> None:
    """Over the client of OpenAI."""
    from agent_framework import Agent
    from agent_framework.openai import OpenAIChatCompletionClient

    client = OpenAIChatCompletionClient(model="good", base_url=f"{url}/v1", api_key="k")
    await Agent(client, name="solo").run("hello")


async def autogen(url: str) -> None:
    """Over the client of OpenAI."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info: Any = {
        "vision": False,
        "function_calling": False,
        "json_output": False,
        "structured_output": False,
        "family": "unknown",
    }
    client = OpenAIChatCompletionClient(
        model="good", base_url=f"{url}/v1", api_key="k", model_info=info
    )
    await AssistantAgent("solo", client).run(task="hello")


async def crewai(url: str) -> None:
    """Over the client of OpenAI."""
    from crewai import LLM, Agent

    model = LLM(model="openai/good", base_url=f"{url}/v1", api_key="k")
    solo = Agent(role="solo", goal="answer", backstory="none", llm=model)
    await solo.kickoff_async("hello")


async def google_adk(url: str) -> None:
    """Over the client of Google."""
    from google.adk.agents import LlmAgent
    from google.adk.models.google_llm import Gemini
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    os.environ.update(GOOGLE_API_KEY="k", GOOGLE_GEMINI_BASE_URL=url)
    runner = InMemoryRunner(LlmAgent(name="solo", model=Gemini(model="good")), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="u")
    hello = types.Content(role="user", parts=[types.Part(text="hello")])
    async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=hello):
        pass


PROGRAMS = {
    "pydantic-ai": pydantic_ai,
    "agent-framework": agent_framework,
    "autogen": autogen,
    "crewai": crewai,
    "google-adk": google_adk,
}


def main(name: str) -> None:
    """Ask once, and print what was recorded."""
    agentmon.instrument("auto")
    with models() as served, recording() as (recorded, _):
        asyncio.run(PROGRAMS[name](served.url))
        said = {
            "calls": [list(each[1:]) for each in _ends(recorded)],
            "tokens": {
                each: recorded.value("agentmon_model_tokens_total", token_type=each)
                for each in ("input", "output", "cached")
            },
            "agents": sorted({each[3] for each in labelled(recorded)}),
            "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
        }
    sys.stdout.write("\n" + json.dumps(said))


def _ends(recorded: Any) -> list[tuple[str, str, str]]:
    return [(each.kind, each.name, each.outcome) for each in recorded.calls("model_call")]


main(sys.argv[1])
