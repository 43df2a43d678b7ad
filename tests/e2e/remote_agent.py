"""
An agent in a process of its own, for the tests: ``remote_agent.py COLLECTOR http|stdio``.

By http it serves requests and prints its port; by stdio it answers JSON-RPC as an MCP server does.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry import baggage

import agentmon


@agentmon.tool("measure")
def measure(text: str) -> int:
    """A tool of the agent."""
    return len(text)


@agentmon.agent("reviewer")
def review(text: str) -> int:
    """The agent, which says what the baggage of the message holds."""
    agentmon.annotate(conversation_id=baggage.get_baggage("conversation"))
    return measure(text)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with agentmon.received(self.headers.items()):
            answer = str(review(text)).encode()
        agentmon.flush(20)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: Any) -> None:
        pass


def _by_http() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _by_stdio() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        with agentmon.received(request["params"].get("_meta")):
            answer = review(request["params"]["arguments"]["text"])
        agentmon.flush(20)
        sys.stdout.write(
            f"{json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': answer})}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    agentmon.configure(service="remote", traces=sys.argv[1])
    _by_http() if sys.argv[2] == "http" else _by_stdio()
