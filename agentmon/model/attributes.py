"""
Names of spans and of their attributes, after OpenTelemetry's conventions for generative AI.

Two generations of them live side by side, both of status development:

- ``genai-1.41``: what libraries emit today (semantic-conventions 1.37 to 1.41),
- ``genai-0.1``: the first release of their new home, semantic-conventions-genai,

and ``both`` means the attributes of either. Span names are the same in both. What is not in them is
named ``agentmon.*``.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

__all__ = ["DEFAULT_GENERATION", "FACTS", "Conventions", "Generation"]

Generation = Literal["genai-1.41", "genai-0.1", "both"]

DEFAULT_GENERATION: Final = "genai-1.41"

OPERATION_NAME: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
PROVIDER_NAME: Final = "gen_ai.provider.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
ERROR_TYPE: Final = "error.type"
#: Whom a client asks, by its name among those who run it.
PEER: Final = "peer.service"
#: Ours: the conventions name no stage of a workflow, no handoff and no entry point of an agent, and
#: cannot tell the five outcomes or the kinds of dependencies apart.
STEP_NAME: Final = "agentmon.step.name"
AGENT_OPERATION: Final = "agentmon.agent.operation"
HANDOFF_SOURCE: Final = "agentmon.handoff.source.name"
HANDOFF_TARGET: Final = "agentmon.handoff.target.name"
DEPENDENCY_KIND: Final = "agentmon.dependency.kind"
OUTCOME: Final = "agentmon.outcome"
#: On log records of failures: what they have in common, where they were raised, how long the call
#: took in seconds, and how many alike were not sent before it.
ERROR_GROUP: Final = "agentmon.error.group"
ERROR_LOCATION: Final = "agentmon.error.location"
DURATION: Final = "agentmon.duration"
HELD_BACK: Final = "agentmon.held_back"
#: On a link: what the other span is to this one.
LINK: Final = "agentmon.link"

_OPERATION = {
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "workflow": "invoke_workflow",
}
_USUAL_ENTRY = "invoke"

#: The attributes of what was said, where that is asked for; those of a tool are others.
CONTENT: Final = {
    "input": "gen_ai.input.messages",
    "output": "gen_ai.output.messages",
    "system": "gen_ai.system_instructions",
}
TOOL_CONTENT: Final = {
    "input": "gen_ai.tool.call.arguments",
    "output": "gen_ai.tool.call.result",
}

#: The attribute of what can be said of a call besides, by what it is called here.
FACTS: Final[dict[str, str]] = {
    "conversation_id": "gen_ai.conversation.id",
    "agent_description": "gen_ai.agent.description",
    "tool_type": "gen_ai.tool.type",
    "tool_description": "gen_ai.tool.description",
    "tool_call_id": "gen_ai.tool.call.id",
    "output_type": "gen_ai.output.type",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "choice_count": "gen_ai.request.choice.count",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "server_address": "server.address",
    "server_port": "server.port",
}


class Conventions:
    """
    One generation of the conventions, or both.

    Args:
        generation: Which.
    """

    def __init__(self, generation: Generation = DEFAULT_GENERATION) -> None:
        self.generation = generation

    @property
    def _old(self) -> bool:
        return self.generation != "genai-0.1"

    @property
    def _new(self) -> bool:
        return self.generation != "genai-1.41"

    @cached_property
    def tokens(self) -> dict[str, tuple[str, ...]]:
        """The attributes of each type of token."""
        written = (
            *(("gen_ai.usage.cache_creation.input_tokens",) if self._old else ()),
            *(("gen_ai.usage.cache_write.input_tokens",) if self._new else ()),
        )
        return {
            "input": ("gen_ai.usage.input_tokens",),
            "output": ("gen_ai.usage.output_tokens",),
            "cached": ("gen_ai.usage.cache_read.input_tokens",),
            "cache_write": written,
            "reasoning": ("gen_ai.usage.reasoning.output_tokens",),
        }

    @staticmethod
    def span_name(kind: str, name: str, model: str = "") -> str:
        """
        The name of the span of an operation.

        Args:
            kind: ``agent``, ``tool``, ``model_call``, ``workflow``, ``step``, ``handoff`` or
                ``dependency``.
            name: Name of the operation; for a model call, the operation such as ``chat``; for a
                handoff, its target.
            model: Model that a model call asks for.
        """
        if kind == "model_call":
            return f"{name} {model}" if model else name
        if kind == "dependency":
            return name
        return f"{_OPERATION.get(kind, kind)} {name}"

    def span_attributes(
        self,
        kind: str,
        name: str,
        *,
        operation: str = "",
        model: str = "",
        provider: str = "",
        workflow: str = "",
        agent: str = "",
    ) -> dict[str, str]:
        """
        The attributes that the span of an operation starts with.

        Args:
            kind: ``agent``, ``tool``, ``model_call``, ``workflow``, ``step``, ``handoff`` or
                ``dependency``.
            name: Name of the operation; for a model call, the operation such as ``chat``; for a
                handoff, its target.
            operation: Entry point of an agent, of which the usual ``invoke`` is not said; of a
                handoff, the agent that hands over, if it is not the one around; of a dependency,
                what kind it is.
            model: Model that a model call asks for, or empty.
            provider: Who serves that model, or empty.
            workflow: The innermost workflow around the operation, or empty.
            agent: The innermost agent around the operation, or empty.
        """
        match kind:
            case "model_call":
                said = {OPERATION_NAME: name, REQUEST_MODEL: model, PROVIDER_NAME: provider}
                said[AGENT_NAME] = agent
            case "tool":
                said = {OPERATION_NAME: _OPERATION[kind], TOOL_NAME: name, AGENT_NAME: agent}
            case "agent":
                said = {OPERATION_NAME: _OPERATION[kind], AGENT_NAME: name}
                said[AGENT_OPERATION] = "" if operation == _USUAL_ENTRY else operation
            case "workflow":
                said = {OPERATION_NAME: _OPERATION[kind], **self._workflow(name)}
            case "dependency":
                said = {PEER: name, DEPENDENCY_KIND: operation, AGENT_NAME: agent}
            case "handoff":
                said = {HANDOFF_SOURCE: operation or agent, HANDOFF_TARGET: name}
            case _:
                said = {STEP_NAME: name, WORKFLOW_NAME: workflow}
        return {key: value for key, value in said.items() if value}

    def _workflow(self, name: str) -> dict[str, str]:
        """The name of a workflow: the newer generation takes it for an agent's."""
        return {
            **({WORKFLOW_NAME: name} if self._old else {}),
            **({AGENT_NAME: name} if self._new else {}),
        }
