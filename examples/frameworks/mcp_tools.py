"""
A tool by the Model Context Protocol, measured where it is called and where it runs.

Needs ``mcp``. The server is this very file, as a process of its own that is spoken to over stdio:

    python examples/frameworks/mcp_tools.py
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import agentmon

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # before version 2
    from mcp.server.fastmcp import FastMCP as MCPServer


def serve() -> None:
    """Offer one tool. With AGENTMON_SERVE or AGENTMON_PUSH its calls can be seen as well."""
    server: Any = MCPServer("shop")

    @server.tool()
    def search_orders(query: str) -> str:
        """Look for orders."""
        return f"2 orders match {query}"

    server.run("stdio")


async def ask() -> None:
    """Call the tool, as an agent."""
    itself = StdioServerParameters(
        command=sys.executable, args=[__file__, "serve"], env=dict(os.environ)
    )
    async with stdio_client(itself) as (get, put), ClientSession(get, put) as session:
        await session.initialize()
        with agentmon.agent("billing"):
            result: Any = await session.call_tool("search_orders", {"query": "bill 7"})
        print(result.content[0].text)


if __name__ == "__main__":
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("mcp")
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        asyncio.run(ask())
        for each in agentmon.statistics():
            print(each.kind, *each.labels.values(), each.summary.count)
    agentmon.shutdown()
