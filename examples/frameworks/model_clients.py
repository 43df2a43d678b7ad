"""
An agent without a framework, whose model is asked by the client of OpenAI.

Needs ``openai``. A server on loopback stands in for the model, so it runs without a network or a
key:

    python examples/frameworks/model_clients.py
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai import OpenAI

import agentmon


class StandIn(BaseHTTPRequestHandler):
    """Answers every question with the same, as chat completions are streamed."""

    def do_POST(self) -> None:
        """Answer in two parts, and say what it took."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in ("Your bill ", "is right."):
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self._say(choices=[choice])
        self._say(choices=[], usage={"prompt_tokens": 120, "completion_tokens": 12})
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, **part: Any) -> None:
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini"}
        self.wfile.write(b"data: " + json.dumps(head | part).encode() + b"\n\n")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@agentmon.tool
def search_orders(query: str) -> str:
    """Look for orders."""
    return f"2 orders match {query}"


@agentmon.agent("billing")
def answer(client: OpenAI, question: str) -> str:
    """Ask the model, with what a tool has found."""
    found = search_orders(question)
    parts = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": f"{question} {found}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


def main() -> None:
    """One question."""
    agentmon.configure(service="support", traces="none")
    agentmon.instrument("openai")
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
    print(answer(client, "Is my bill right?"))
    for each in agentmon.statistics():
        print(each.kind, *each.labels.values(), each.summary.count)
    server.shutdown()
    agentmon.shutdown()


if __name__ == "__main__":
    main()
