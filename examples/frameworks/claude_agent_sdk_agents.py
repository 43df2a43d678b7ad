"""
An agent of the Claude Agent SDK and its subagent, measured without a line changed in them.

Needs ``claude-agent-sdk``; what its command line would say is a script, so it runs without a
network or a key:

    python examples/frameworks/claude_agent_sdk_agents.py
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from claude_agent_sdk import ResultMessage, Transport, query

import agentmon

USAGE = {"input_tokens": 120, "output_tokens": 12}
BILLING = "use_Agent"


def answers(name: str, content: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    """A model answers."""
    message = {"id": name, "model": "claude-x", "role": "assistant", "content": [content]}
    return {
        "type": "assistant",
        "parent_tool_use_id": parent,
        "message": {**message, "usage": USAGE},
    }


def uses(name: str, **arguments: str) -> dict[str, Any]:
    """It uses a tool."""
    return {"type": "tool_use", "id": f"use_{name}", "name": name, "input": arguments}


def gives(name: str, content: str, parent: str | None = None) -> dict[str, Any]:
    """The tool gives something."""
    block = {"type": "tool_result", "tool_use_id": f"use_{name}", "content": content}
    return {
        "type": "user",
        "parent_tool_use_id": parent,
        "message": {"role": "user", "content": [block]},
    }


SCRIPT = [
    {"type": "system", "subtype": "init", "model": "claude-x", "session_id": "s"},
    answers("1", uses("Agent", subagent_type="billing", prompt="bill 7?")),
    answers("2", uses("search_orders", query="bill 7"), BILLING),
    gives("search_orders", "2 orders match bill 7", BILLING),
    answers("3", {"type": "text", "text": "It is right."}, BILLING),
    gives("Agent", "It is right."),
    answers("4", {"type": "text", "text": "Your bill is right."}),
    {
        "type": "result",
        "subtype": "success",
        "duration_ms": 1,
        "duration_api_ms": 1,
        "is_error": False,
        "num_turns": 2,
        "session_id": "s",
        "result": "Your bill is right.",
        "usage": {name: 4 * n for name, n in USAGE.items()},
    },
]


class Scripted(Transport):
    """Says what the command line would."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def connect(self) -> None:
        """Nothing is started."""

    async def write(self, data: str) -> None:
        """What the SDK asks is answered."""
        asked = json.loads(data)
        if asked["type"] == "control_request":
            response = {"subtype": "success", "request_id": asked["request_id"], "response": {}}
            await self._said.put({"type": "control_response", "response": response})
        elif asked["type"] == "user":
            for each in SCRIPT:
                await self._said.put(each)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """What is said."""
        message: dict[str, Any] = {"type": ""}
        while message["type"] != "result":
            message = await self._said.get()
            yield message

    async def close(self) -> None:
        """Nothing is open."""

    def is_ready(self) -> bool:
        """Always."""
        return True

    async def end_input(self) -> None:
        """Nothing more is asked."""


async def main() -> None:
    """One question, for which the agent asks its subagent."""
    async for message in query(prompt="Is my bill right?", transport=Scripted()):
        if isinstance(message, ResultMessage):
            print(message.result)


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("claude-agent-sdk")
    asyncio.run(main())
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
