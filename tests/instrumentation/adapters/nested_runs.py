"""Runs agents of the OpenAI Agents SDK over the client of OpenAI, both of them measured."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner
from agents.tracing import set_tracing_export_api_key
from openai import AsyncOpenAI

import agentmon
from tests.instrumentation.adapters.client_runs import labelled
from tests.instrumentation.adapters.model_server import models
from tests.instrumentation.adapters.seen import recording


async def run(agent: Agent[Any]) -> None:
    """A whole answer, and a streamed one."""
    await Runner.run(agent, "hello")
    streamed = Runner.run_streamed(agent, "hello")
    async for _ in streamed.stream_events():
        pass


def main() -> None:
    """With each of the SDK's models."""
    set_tracing_export_api_key("")
    agentmon.instrument("openai-agents", "openai")
    said = {}
    with models() as served:
        for kind in (OpenAIChatCompletionsModel, OpenAIResponsesModel):
            client = AsyncOpenAI(base_url=f"{served.url}/v1", api_key="k", max_retries=0)
            agent = Agent(name="solo", model=kind("good", client))
            with recording() as (recorded, _):
                asyncio.run(run(agent))
                said[kind.__name__] = {
                    "calls": len(recorded.calls("model_call")),
                    "input": recorded.value("agentmon_model_tokens_total", token_type="input"),  # noqa: S106
                    "labelled": labelled(recorded),
                    "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
                }
    sys.stdout.write("\n" + json.dumps(said))


main()
