"""
The client of Anthropic: messages and completions, of its own service and of those that resell it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.models import Answer, Asked, Usage, field
from agentmon.instrumentation.adapters.stainless import Dialect, wrap_client

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_OPERATIONS: Final = {"/v1/messages": "chat", "/v1/complete": "text_completion"}
#: Who serves the models, by a part of the name of the client's class.
_PROVIDERS: Final = {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai"}


def wrap(_module: Any, patches: Patches) -> None:
    """Wrap what all requests go through."""
    wrap_client(Dialect("anthropic", _describe, _take_whole, _take_part), patches)


def _describe(client: Any, path: str, body: Any) -> Asked | None:
    operation = _OPERATIONS.get(path)
    if operation is None:
        return None
    name = type(client).__name__
    provider = next((each for part, each in _PROVIDERS.items() if part in name), "anthropic")
    facts = {
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "top_k": body.get("top_k"),
        "max_tokens": body.get("max_tokens"),
    }
    return Asked(operation, str(body.get("model") or ""), provider, facts)


def _take_whole(answer: Answer, whole: Any) -> None:
    _take_usage(answer, field(whole, "usage"))
    reason = field(whole, "stop_reason")
    answer.said(
        response_id=field(whole, "id"),
        response_model=field(whole, "model"),
        finish_reasons=[str(reason)] if reason else None,
    )


def _take_part(answer: Answer, part: Any) -> None:
    match field(part, "type"):
        case "message_start":
            _take_whole(answer, part.message)
        case "content_block_start" | "content_block_delta":
            answer.call.first_output()
        case "message_delta":
            _take_usage(answer, part.usage)
            answer.said(finish_reasons=[str(part.delta.stop_reason)])
        case "message_stop":
            answer.complete = True
        case None if field(part, "completion"):
            answer.call.first_output()


def _take_usage(answer: Answer, usage: Any) -> None:
    """Tokens so far; what is not said again is as it was."""
    if usage is None:
        return
    before = answer.usage or Usage()
    read = field(usage, "cache_read_input_tokens")
    written = field(usage, "cache_creation_input_tokens")
    fresh = field(usage, "input_tokens")
    cached = before.cached_tokens if read is None else read
    cache_write = before.cache_write_tokens if written is None else written
    if fresh is None:
        fresh = before.input_tokens - before.cached_tokens - before.cache_write_tokens
    out = field(usage, "output_tokens")
    thought = field(usage, "output_tokens_details", "thinking_tokens")
    answer.usage = Usage(
        input_tokens=fresh + cached + cache_write,  # which it says besides what it read and wrote
        output_tokens=before.output_tokens if out is None else out,
        cached_tokens=cached,
        cache_write_tokens=cache_write,
        reasoning_tokens=before.reasoning_tokens if thought is None else thought,
    )
