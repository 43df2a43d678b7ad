"""
A server on loopback that speaks what OpenAI, Anthropic and Gemini speak, streams included.

The model that is asked for says how it answers: ``limited`` with 429, ``broken`` with 500, ``slow``
not before `Models.gate` is opened; ``cut`` ends its stream within the answer. Others say "Hello
there." Each answer has used 12 tokens, of which 4 were cached and, where that is said, 2 are new in
the cache; and 7 for the answer, 3 of them to reason.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Models", "models"]

Event = dict[str, Any]

_WORDS = ("Hello ", "there.")
_CHAT_USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
_RESPONSE_USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 19,
}
_MESSAGE_USAGE = {
    "input_tokens": 6,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
}
_GEMINI_USAGE = {
    "promptTokenCount": 12,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 4,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 19,
}


class Models:
    """Where the server is, and what it was asked last."""

    def __init__(self) -> None:
        self.url = ""
        self.gate = threading.Event()
        #: The model that was asked for last.
        self.asked = ""


@contextmanager
def models() -> Iterator[Models]:
    """Serve within a ``with`` block."""
    served = Models()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that goes away is what some tests are about."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            path = self.path.partition("?")[0]
            model = str(body.get("model") or path.rpartition("/")[2].partition(":")[0])
            served.asked = model
            if model == "slow":
                served.gate.wait(20)
            if model in ("limited", "broken"):
                status = 429 if model == "limited" else 500
                self._whole(status, {"error": {"message": model, "code": status, "type": model}})
            elif path.endswith(("embeddings", "Contents", "embedContent")):
                self._whole(200, _embedded(path))
            elif body.get("stream") or "stream" in path:
                self._streamed(list(_events(path, model, body)), cut=model == "cut")
            else:
                self._whole(200, _answered(path, model))

        def _whole(self, status: int, body: Event) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _streamed(self, events: list[Event], *, cut: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in events[:3] if cut else events:
                named = f"event: {event['type']}\n" if "type" in event else ""
                self._chunk(f"{named}data: {json.dumps(event)}\n\n")
            if not cut:
                if "completions" in self.path:
                    self._chunk("data: [DONE]\n\n")
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def _chunk(self, text: str) -> None:
            self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
            self.wfile.flush()

        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # its name there
            pass

    server = Server(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield served
    finally:
        served.gate.set()
        server.shutdown()
        server.server_close()


def _is_anthropic(path: str) -> bool:
    """Messages, as Anthropic serves them and as Vertex does."""
    return path.endswith("/messages") or "/publishers/anthropic/" in path


def _embedded(path: str) -> Event:
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        usage = {"prompt_tokens": 12, "total_tokens": 12}
        return {"object": "list", "model": "e", "data": data, "usage": usage}
    return {"embeddings": [{"values": [0.5, 0.25]}], "embedding": {"values": [0.5, 0.25]}}


def _answered(path: str, model: str) -> Event:
    text = "".join(_WORDS)
    if path.endswith("/chat/completions"):
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        return {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": _CHAT_USAGE,
        }
    if path.endswith("/responses"):
        return _response(model, "failed" if model == "failing" else "completed", text)
    if _is_anthropic(path):
        return _message(model, [{"type": "text", "text": text}], "end_turn", _MESSAGE_USAGE)
    return _candidates(model, text, finishReason="STOP", usage=_GEMINI_USAGE)


def _response(model: str, status: str, text: str) -> Event:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    item = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": status,
        "output": [item] if text else [],
        "usage": _RESPONSE_USAGE if text else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _message(model: str, content: list[Event], reason: str | None, usage: Event) -> Event:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _candidates(model: str, text: str, *, usage: Event | None = None, **more: Any) -> Event:
    content = {"role": "model", "parts": [{"text": text}]}
    said = {"candidates": [{"index": 0, "content": content, **more}], "modelVersion": model}
    return said if usage is None else {**said, "usageMetadata": usage}


def _events(path: str, model: str, body: Event) -> Iterator[Event]:
    if path.endswith("/chat/completions"):
        yield from _chat_chunks(model, body)
    elif path.endswith("/responses"):
        yield {"type": "response.created", "response": _response(model, "in_progress", "")}
        for word in _WORDS:
            yield {
                "type": "response.output_text.delta",
                "item_id": "m",
                "output_index": 0,
                "content_index": 0,
                "delta": word,
                "logprobs": [],
            }
        status = "failed" if model == "failing" else "completed"
        yield {"type": f"response.{status}", "response": _response(model, status, "".join(_WORDS))}
    elif _is_anthropic(path):
        begun = {**_MESSAGE_USAGE, "output_tokens": 1, "output_tokens_details": None}
        yield {"type": "message_start", "message": _message(model, [], None, begun)}
        yield {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        }
        for word in _WORDS:
            delta = {"type": "text_delta", "text": word}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        used = {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}}
        yield {"type": "message_delta", "delta": ended, "usage": used}
        yield {"type": "message_stop"}
    else:
        for n, word in enumerate(_WORDS):
            last = n == len(_WORDS) - 1
            reason = {"finishReason": "STOP"} if last else {}
            yield _candidates(model, word, usage=_GEMINI_USAGE if last else None, **reason)


def _chat_chunks(model: str, body: Event) -> Iterator[Event]:
    head = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta: Event, reason: str | None = None) -> Event:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in _WORDS:
        yield chunk({"content": word})
    yield chunk({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _CHAT_USAGE}
