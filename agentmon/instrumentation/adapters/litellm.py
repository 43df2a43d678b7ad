"""
LiteLLM: completions, text completions and embeddings, by whatever client it uses for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.models import Answer, Asked, ask, chat_usage, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "litellm"
_KEPT: Final = "_agentmon_answer"
_OPERATIONS: Final = {
    "completion": "chat",
    "text_completion": "text_completion",
    "embedding": "embeddings",
}
#: What the conventions call providers that LiteLLM calls otherwise.
_PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what is called, and what streams are read by."""
    for name, operation in _OPERATIONS.items():
        for owner in (module, import_module("litellm.main")):
            patches.wrap(owner, name, _whole(module, operation))
            patches.wrap(owner, f"a{name}", _whole_async(module, operation))
    stream: Any = import_module("litellm.litellm_core_utils.streaming_handler").CustomStreamWrapper
    patches.wrap(stream, "__next__", _step)
    patches.wrap(stream, "__anext__", _step_async)


def _whole(litellm: Any, operation: str) -> Callable[..., Any]:
    def wrapper(wrapped: Any, _self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = ask(_LIBRARY, _describe, litellm, operation, args, kwargs)
        if answer is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        _settle(answer, result)
        return result

    return wrapper


def _whole_async(litellm: Any, operation: str) -> Callable[..., Any]:
    async def wrapper(
        wrapped: Any, _self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        answer = ask(_LIBRARY, _describe, litellm, operation, args, kwargs)
        if answer is None:
            return await wrapped(*args, **kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        _settle(answer, result)
        return result

    return wrapper


def _describe(litellm: Any, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked:
    model = str(args[0] if args else kwargs.get("model") or "")
    provider = str(kwargs.get("custom_llm_provider") or "")
    prefix, _, rest = model.partition("/")
    if rest and prefix in (provider, *map(str, map(_value, litellm.provider_list))):
        model, provider = rest, prefix
    elif not provider:
        provider = str(litellm.model_cost.get(model, {}).get("litellm_provider") or "")
    facts = {name: kwargs.get(name) for name in ("temperature", "top_p", "seed", "max_tokens")}
    return Asked(operation, model, _PROVIDERS.get(provider, provider), facts)


def _value(name: Any) -> Any:
    """The text of a name, which may be of an enumeration."""
    return getattr(name, "value", name)


def _settle(answer: Answer, result: Any) -> None:
    """End a call whose answer is there; one that is streamed is kept for who reads it."""
    answer.leave()
    if hasattr(type(result), "__next__"):
        guarded(_LIBRARY, setattr, result, _KEPT, answer)
        return
    guarded(_LIBRARY, _take, answer, result)
    answer.end()


def _step(wrapped: Any, stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    answer: Answer | None = getattr(stream, _KEPT, None)
    if answer is None:
        return wrapped(*args, **kwargs)
    try:
        part = wrapped(*args, **kwargs)
    except StopIteration:
        answer.end()
        raise
    except BaseException as error:
        answer.fail(error)
        raise
    guarded(_LIBRARY, _take_part, answer, part)
    return part


async def _step_async(
    wrapped: Any, stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    answer: Answer | None = getattr(stream, _KEPT, None)
    if answer is None:
        return await wrapped(*args, **kwargs)
    try:
        part = await wrapped(*args, **kwargs)
    except StopAsyncIteration:
        answer.end()
        raise
    except BaseException as error:
        answer.fail(error)
        raise
    guarded(_LIBRARY, _take_part, answer, part)
    return part


def _take(answer: Answer, whole: Any) -> None:
    usage = field(whole, "usage")
    if usage is not None:
        answer.usage = chat_usage(usage)
    reasons = [field(choice, "finish_reason") for choice in field(whole, "choices") or ()]
    answer.said(
        response_id=field(whole, "id"),
        response_model=field(whole, "model"),
        finish_reasons=[str(each) for each in reasons if each] or None,
    )


def _take_part(answer: Answer, part: Any) -> None:
    for choice in field(part, "choices") or ():
        delta = field(choice, "delta")
        if field(delta, "content") or field(delta, "tool_calls") or field(choice, "text"):
            answer.call.first_output()
        if field(choice, "finish_reason"):
            answer.complete = True
    _take(answer, part)
