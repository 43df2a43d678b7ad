"""Asks models by LangChain over the clients of OpenAI and Anthropic, all of them measured."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

import agentmon
from tests.instrumentation.adapters.client_runs import labelled
from tests.instrumentation.adapters.model_server import models
from tests.instrumentation.adapters.seen import recording


async def ask(model: Any) -> None:
    """In each of the ways there are."""
    model.invoke("hello")
    list(model.stream("hello"))
    await model.ainvoke("hello")
    async for _ in model.astream("hello"):
        pass


def main() -> None:
    """With each of the clients."""
    agentmon.instrument("langchain", "openai", "anthropic")
    said = {}
    common: Any = {"model": "good", "api_key": "k", "max_retries": 0}
    with models() as served:
        for model in (
            ChatOpenAI(base_url=f"{served.url}/v1", **common),
            ChatAnthropic(base_url=served.url, **common),
        ):
            with recording() as (recorded, _):
                asyncio.run(ask(model))
                said[type(model).__name__] = {
                    "calls": [each.outcome for each in recorded.calls("model_call")],
                    "labelled": labelled(recorded),
                    "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
                }
    sys.stdout.write("\n" + json.dumps(said))


main()
