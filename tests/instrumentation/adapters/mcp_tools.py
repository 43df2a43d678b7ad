"""A server of tools by the Model Context Protocol, which is measured; run by itself over stdio."""

from __future__ import annotations

import json
from typing import Any

import agentmon
from tests.instrumentation.adapters.seen import paths, recording

try:
    from mcp.server.mcpserver import MCPServer as FastMCP
except ImportError:
    from mcp.server.fastmcp import FastMCP

__all__ = ["tools"]


def tools() -> Any:
    """A server with a few tools."""
    server: Any = FastMCP("shop")

    @server.tool()
    def look(query: str) -> str:
        """Look something up, in a call of its own."""
        with agentmon.dependency("orders", kind="database"):
            pass
        return f"found {query}"

    @server.tool()
    def fail() -> str:
        """Fail."""
        raise LookupError("not there")

    @server.tool()
    def trace() -> str:
        """Say which trace this is in."""
        call = agentmon.current()
        return str(None if call is None else call.trace_id)

    return server


def main() -> None:
    """Serve over stdio; a tool more says what was recorded here."""
    agentmon.instrument("mcp")
    server = tools()
    with recording() as (recorded, spans):

        @server.tool()
        def seen() -> str:
            """Say what was recorded."""
            calls = [[each.kind, each.name, each.outcome] for each in recorded.calls()]
            return json.dumps({"calls": calls, "paths": paths(spans)})

        server.run("stdio")


if __name__ == "__main__":
    main()
