"""Calls tools by the Model Context Protocol, in an environment that has it; prints what it saw."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import agentmon
from agentmon.instrumentation.adapters import blocks
from tests.instrumentation.adapters.mcp_tools import tools
from tests.instrumentation.adapters.seen import paths, recording


@asynccontextmanager
async def apart() -> AsyncIterator[Any]:
    """A session with a server in a process of its own."""
    program = str(Path(__file__).with_name("mcp_tools.py"))
    path = {"PYTHONPATH": str(Path(__file__).parents[3])}
    server = StdioServerParameters(command=sys.executable, args=[program], env=path)
    async with stdio_client(server) as (get, put), ClientSession(get, put) as session:
        await session.initialize()
        yield session


@asynccontextmanager
async def inside() -> AsyncIterator[Any]:
    """A session with a server in this process."""
    async with AsyncExitStack() as stack:
        try:
            from mcp import Client

            yield await stack.enter_async_context(Client(tools()))
        except ImportError:
            from mcp.shared.memory import create_connected_server_and_client_session as connect

            yield await stack.enter_async_context(connect(tools()._mcp_server))


def text(result: Any) -> str:
    """What a tool said."""
    said: str = result.content[0].text
    return said


async def called(session: Any) -> dict[str, Any]:
    """A tool that works, and one that fails."""
    with agentmon.agent("solo") as call:
        said = text(await session.call_tool("look", {"query": "x"}))
        failed = await session.call_tool("fail", {})
        trace = text(await session.call_tool("trace", {}))
    return {
        "text": said,
        "error": bool(getattr(failed, "isError", None) or getattr(failed, "is_error", None)),
        "same_trace": trace == call.trace_id,
    }


async def run_apart() -> dict[str, Any]:
    """With a server in a process of its own, which says what it saw."""
    async with apart() as session:
        said = await called(session)
        return {**said, "served": json.loads(text(await session.call_tool("seen", {})))}


async def run_inside() -> dict[str, Any]:
    """With a server in this process."""
    async with inside() as session:
        return await called(session)


async def framework() -> dict[str, Any]:
    """Within a tool of the same name that a framework tells of."""
    async with inside() as session:
        with agentmon.tool("look"):
            return {"text": text(await session.call_tool("look", {"query": "x"}))}


async def removed() -> dict[str, Any]:
    """Not instrumented any more."""
    agentmon.uninstrument("mcp")
    try:
        async with inside() as session:
            return {"text": text(await session.call_tool("look", {"query": "x"}))}
    finally:
        agentmon.instrument("mcp")


async def broken_adapter() -> dict[str, Any]:
    """With an error within the adapter."""
    kept = blocks._begun
    blocks._begun = None  # type: ignore[assignment]
    try:
        async with inside() as session:
            return {"text": text(await session.call_tool("look", {"query": "x"}))}
    finally:
        blocks._begun = kept


def main() -> None:
    """Each of the programs."""
    agentmon.instrument("mcp")
    told = {}
    for program in (run_apart, run_inside, framework, removed, broken_adapter):
        with recording() as (recorded, spans):
            said = asyncio.run(program())
            told[program.__name__] = {
                "said": said,
                "calls": [[each.kind, each.name, each.outcome] for each in recorded.calls()],
                "paths": paths(spans),
                "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
                "open": recorded.value("agentmon_tool_in_flight") or 0,
            }
    sys.stdout.write("\n" + json.dumps(told))


main()
