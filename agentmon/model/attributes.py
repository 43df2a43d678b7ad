"""
Names of spans and of their attributes.

The ``gen_ai.*`` names follow OpenTelemetry's conventions for generative AI as libraries emit them
today (the generation of semantic-conventions 1.37 to 1.41, status: development).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGENT_NAME",
    "CACHED_TOKENS",
    "ERROR_TYPE",
    "INPUT_TOKENS",
    "OPERATION_NAME",
    "OUTCOME",
    "OUTPUT_TOKENS",
    "PROVIDER_NAME",
    "REQUEST_MODEL",
    "STEP_NAME",
    "TOOL_NAME",
    "WORKFLOW_NAME",
    "span_attributes",
    "span_name",
]

OPERATION_NAME: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
PROVIDER_NAME: Final = "gen_ai.provider.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
ERROR_TYPE: Final = "error.type"
#: Ours: the conventions name no stage of a workflow, and cannot tell the five outcomes apart.
STEP_NAME: Final = "agentmon.step.name"
OUTCOME: Final = "agentmon.outcome"

_OPERATION = {
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "workflow": "invoke_workflow",
}
_NAME = {"agent": AGENT_NAME, "tool": TOOL_NAME, "workflow": WORKFLOW_NAME}


def span_name(kind: str, name: str, model: str = "") -> str:
    """
    The name of the span of an operation.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow`` or ``step``.
        name: Name of the operation; for a model call, the operation such as ``chat``.
        model: Model that a model call asks for.
    """
    if kind == "model_call":
        return f"{name} {model}" if model else name
    return f"{_OPERATION.get(kind, kind)} {name}"


def span_attributes(
    kind: str, name: str, *, model: str, provider: str, workflow: str, agent: str
) -> dict[str, str]:
    """
    The attributes that the span of an operation starts with.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow`` or ``step``.
        name: Name of the operation; for a model call, the operation such as ``chat``.
        model: Model that a model call asks for, or empty.
        provider: Who serves that model, or empty.
        workflow: The innermost workflow around the operation, or empty.
        agent: The innermost agent around the operation, or empty.
    """
    if kind == "model_call":
        candidates = {
            OPERATION_NAME: name,
            REQUEST_MODEL: model,
            PROVIDER_NAME: provider,
        }
    elif kind == "step":
        candidates = {STEP_NAME: name, WORKFLOW_NAME: workflow}
    else:
        candidates = {OPERATION_NAME: _OPERATION[kind], _NAME[kind]: name}
    if kind in ("tool", "model_call"):
        candidates[AGENT_NAME] = agent
    return {key: value for key, value in candidates.items() if value}
