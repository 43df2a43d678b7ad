"""
The client of OpenAI: chat completions, responses, completions and embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.models import Answer, Asked, chat_usage, field
from agentmon.instrumentation.adapters.stainless import Dialect, wrap_client
from agentmon.model.outcome import CANCELLED, ERROR

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

#: By the end of the path: of Azure, what is before it names a deployment.
_OPERATIONS: Final = {
    "/chat/completions": "chat",
    "/responses": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
}
#: Who else is spoken to by this client, by the end of its host.
_PROVIDERS: Final = {
    ".azure.com": "azure.ai.openai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}
_OUTCOMES: Final = {"failed": ERROR, "cancelled": CANCELLED}
_LAST: Final = ("response.completed", "response.incomplete", "response.failed")


def wrap(_module: Any, patches: Patches) -> None:
    """Wrap what all requests go through."""
    wrap_client(Dialect("openai", _describe, _take_whole, _take_part), patches)


def _describe(client: Any, path: str, body: Any) -> Asked | None:
    operation = next((name for end, name in _OPERATIONS.items() if path.endswith(end)), None)
    if operation is None:
        return None
    host = client.base_url.host
    provider = next((name for end, name in _PROVIDERS.items() if host.endswith(end)), "openai")
    facts = {
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "seed": body.get("seed"),
        "max_tokens": body.get("max_tokens")
        or body.get("max_completion_tokens")
        or body.get("max_output_tokens"),
    }
    return Asked(operation, str(body.get("model") or ""), provider, facts)


def _take_whole(answer: Answer, whole: Any) -> str | None:
    usage = field(whole, "usage")
    if usage is not None:
        answer.usage = chat_usage(usage)
    reasons = [field(choice, "finish_reason") for choice in field(whole, "choices") or ()]
    answer.said(
        response_id=field(whole, "id"),
        response_model=field(whole, "model"),
        finish_reasons=[str(each) for each in reasons if each] or None,
    )
    return _OUTCOMES.get(field(whole, "status"))


def _take_part(answer: Answer, part: Any) -> None:
    kind = field(part, "type")
    if isinstance(kind, str):  # an event of a response
        if kind.endswith(".delta"):
            answer.call.first_output()
        elif kind in _LAST:
            answer.outcome = _take_whole(answer, part.response)
            answer.complete = True
        return
    usage = field(part, "usage")
    if usage is not None:
        answer.usage = chat_usage(usage)
    for choice in field(part, "choices") or ():
        if _says(choice):
            answer.call.first_output()
        if choice.finish_reason:
            answer.complete = True
            answer.said(
                response_id=part.id,
                response_model=part.model,
                finish_reasons=[str(choice.finish_reason)],
            )


def _says(choice: Any) -> bool:
    """Whether a part of an answer has more than who speaks."""
    delta = field(choice, "delta")
    if delta is None:
        return bool(field(choice, "text"))
    said = {**vars(delta), **(getattr(delta, "model_extra", None) or {})}
    return any(value for name, value in said.items() if name != "role")
