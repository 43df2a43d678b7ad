"""A server on loopback that speaks the chat completions of OpenAI, from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Script", "call", "scripted"]

_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class Script:
    """What is answered, in this order: a text, what `call` gives, or a number, for a failure."""

    def __init__(self) -> None:
        self.left: list[Any] = []
        self.url = ""
        #: After the first word of a stream, the rest waits for this.
        self.gate = threading.Event()


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """An answer that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call_{name}", "type": "function", "function": function}


@contextmanager
def scripted() -> Iterator[Script]:
    """Serve a script within a ``with`` block."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = script.left.pop(0)
            if isinstance(said, int):
                self._say(said, {"error": {"message": "down", "type": "server_error"}})
            elif asked.get("stream"):
                self._stream(str(said))
            else:
                self._say(200, _whole(said))

        def _say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for n, word in enumerate(text.split()):
                if n:
                    script.gate.wait(20)
                self._chunk([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
            self._chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            self._chunk([], usage=_USAGE)
            self.wfile.write(b"data: [DONE]\n\n")

        def _chunk(self, choices: list[Any], **more: Any) -> None:
            chunk = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, **more}
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.gate.set()
        server.shutdown()
        server.server_close()


_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "scripted"}


def _whole(said: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(said, str):
        message["content"] = said
    else:
        message["tool_calls"] = [said]
    reason = "stop" if isinstance(said, str) else "tool_calls"
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {**_HEAD, "object": "chat.completion", "choices": choices, "usage": _USAGE}
