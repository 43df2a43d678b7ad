"""
The client of Gemini: what it generates and embeds.

Where it calls functions by itself, each request to the model in between is a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.models import (
    Answer,
    Asked,
    Usage,
    ask,
    field,
    read,
    read_async,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "google-genai"


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what makes one request each, below what makes several."""
    embedding = "_embed_content" if hasattr(module.Models, "_embed_content") else "embed_content"
    for name, operation in (("_generate_content", "generate_content"), (embedding, "embeddings")):
        patches.wrap(module.Models, name, _whole(operation))
        patches.wrap(module.AsyncModels, name, _whole_async(operation))
    patches.wrap(module.Models, "_generate_content_stream", _stream)
    patches.wrap(module.AsyncModels, "_generate_content_stream", _stream_async)


def _describe(models: Any, operation: str, kwargs: dict[str, Any]) -> Asked:
    config = kwargs.get("config")
    facts = {name: field(config, name) for name in ("temperature", "top_p", "top_k", "seed")} | {
        "max_tokens": field(config, "max_output_tokens")
    }
    provider = "gcp.vertex_ai" if field(models, "_api_client", "vertexai") else "gcp.gemini"
    model = str(kwargs.get("model") or "").removeprefix("models/")
    return Asked(operation, model, provider, facts)


def _whole(operation: str) -> Callable[..., Any]:
    def wrapper(wrapped: Any, models: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = ask(_LIBRARY, _describe, models, operation, kwargs)
        if answer is None:
            return wrapped(*args, **kwargs)
        try:
            whole = wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        guarded(_LIBRARY, _take, answer, whole)
        answer.end()
        return whole

    return wrapper


def _whole_async(operation: str) -> Callable[..., Any]:
    async def wrapper(
        wrapped: Any, models: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        answer = ask(_LIBRARY, _describe, models, operation, kwargs)
        if answer is None:
            return await wrapped(*args, **kwargs)
        try:
            whole = await wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        guarded(_LIBRARY, _take, answer, whole)
        answer.end()
        return whole

    return wrapper


def _stream(
    wrapped: Any, models: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Any, None, None]:
    answer = ask(_LIBRARY, _describe, models, "generate_content", kwargs)
    if answer is None:
        yield from wrapped(*args, **kwargs)
        return
    answer.leave()
    yield from read(answer, wrapped(*args, **kwargs), _take_part)


async def _stream_async(
    wrapped: Any, models: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    answer = ask(_LIBRARY, _describe, models, "generate_content", kwargs)
    if answer is None:
        return await wrapped(*args, **kwargs)
    try:
        parts = await wrapped(*args, **kwargs)
    except BaseException as error:
        answer.fail(error)
        raise
    answer.leave()
    return read_async(answer, parts, _take_part)


def _take_part(answer: Answer, part: Any) -> None:
    if any(field(each, "content", "parts") for each in field(part, "candidates") or ()):
        answer.call.first_output()
    _take(answer, part)


def _take(answer: Answer, whole: Any) -> None:
    """Tokens and ends, of an answer or of a part of one, which says those so far."""
    reasons = [field(each, "finish_reason", "value") for each in field(whole, "candidates") or ()]
    if any(reasons):
        answer.complete = True
    answer.said(
        response_id=field(whole, "response_id"),
        response_model=field(whole, "model_version"),
        finish_reasons=[str(each) for each in reasons if each] or None,
    )
    usage = field(whole, "usage_metadata")
    if usage is None:
        return
    reasoning = field(usage, "thoughts_token_count") or 0
    answer.usage = Usage(
        input_tokens=(field(usage, "prompt_token_count") or 0)
        + (field(usage, "tool_use_prompt_token_count") or 0),
        output_tokens=(field(usage, "candidates_token_count") or 0) + reasoning,
        cached_tokens=field(usage, "cached_content_token_count") or 0,
        reasoning_tokens=reasoning,
    )
