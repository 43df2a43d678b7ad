"""
Metrics of OpenTelemetry's conventions for generative AI, and the readings that they are made of.

Names, units, attributes and recommended edges are those of the conventions; the generations are
those of `agentmon.model.attributes`. Where a convention names no edges, those of what its authors
ship are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agentmon.model.attributes import (
    AGENT_NAME,
    OPERATION_NAME,
    PROVIDER_NAME,
    REQUEST_MODEL,
    TOOL_NAME,
    WORKFLOW_NAME,
    Generation,
)
from agentmon.model.catalogue.operations import (
    MODEL_CALL_TOKENS,
    MODEL_FIRST_OUTPUT,
    OPERATIONS,
    TOKEN_EDGES,
)
from agentmon.model.metric import Metric

__all__ = ["ERROR_TYPES", "STANDARD", "Standard", "of_generation"]


@dataclass(frozen=True, slots=True)
class Standard:
    """
    One histogram of the conventions.

    Args:
        name: Its name.
        unit: Its unit, in the words of UCUM.
        help: What it holds.
        source: The metric of the catalogue that has the readings.
        attributes: The attribute for each label of it that is said; the others are summed over.
        edges: The recommended upper edges of its buckets, in its unit.
        old: Whether the generation ``genai-1.41`` has it.
        new: Whether ``genai-0.1`` has it.
        only: Label values that samples must have to be in it.
    """

    name: str
    unit: str
    help: str
    source: Metric
    attributes: Mapping[str, str]
    edges: tuple[float, ...]
    old: bool = True
    new: bool = True
    only: Mapping[str, str] = field(default_factory=dict)


#: What ``error.type`` is for each outcome that is a failure. Durations are kept by outcome; by type
#: of exception failures are counted, under our own names.
ERROR_TYPES: Final = {"error": "_OTHER", "timeout": "timeout", "cancelled": "cancelled"}

_AGENT_EDGES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_WORKFLOW_EDGES = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_CALL_EDGES = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
_MODEL = {
    "operation": OPERATION_NAME,
    "provider": PROVIDER_NAME,
    "model": REQUEST_MODEL,
}

#: Every one that there are readings for.
STANDARD: Final = (
    Standard(
        "gen_ai.invoke_agent.duration",
        "s",
        "Duration of an agent's invocation.",
        OPERATIONS["agent"].duration,
        {"agent": AGENT_NAME},
        _AGENT_EDGES,
    ),
    Standard(
        "gen_ai.invoke_workflow.duration",
        "s",
        "Duration of a workflow's run.",
        OPERATIONS["workflow"].duration,
        {"workflow": WORKFLOW_NAME},
        _WORKFLOW_EDGES,
    ),
    Standard(
        "gen_ai.execute_tool.duration",
        "s",
        "Duration of a tool's execution.",
        OPERATIONS["tool"].duration,
        {"tool": TOOL_NAME, "agent": AGENT_NAME},
        _CALL_EDGES,
    ),
    Standard(
        "gen_ai.client.operation.duration",
        "s",
        "Duration of a client's operation with a model.",
        OPERATIONS["model_call"].duration,
        _MODEL,
        _CALL_EDGES,
        new=False,
    ),
    Standard(
        "gen_ai.client.inference.duration",
        "s",
        "Duration of a client's operation with a model.",
        OPERATIONS["model_call"].duration,
        _MODEL,
        _CALL_EDGES,
        old=False,
    ),
    *(
        Standard(
            f"gen_ai.client.{noun}.time_to_first_chunk",
            "s",
            "Time to the first part of a model's answer that is streamed.",
            MODEL_FIRST_OUTPUT,
            _MODEL,
            _CALL_EDGES,
            old=noun == "operation",
            new=noun == "inference",
        )
        for noun in ("operation", "inference")
    ),
    Standard(
        "gen_ai.client.token.usage",
        "{token}",
        "Tokens that a client's operation with a model used.",
        MODEL_CALL_TOKENS,
        {**_MODEL, "token_type": "gen_ai.token.type"},
        TOKEN_EDGES,
        new=False,
    ),
    *(
        Standard(
            f"gen_ai.client.inference.operation.{token_type}_tokens",
            "{token}",
            f"Tokens of {token_type} of a client's operation with a model.",
            MODEL_CALL_TOKENS,
            _MODEL,
            TOKEN_EDGES,
            old=False,
            only={"token_type": token_type},
        )
        for token_type in ("input", "output")
    ),
)


def of_generation(generation: Generation) -> tuple[Standard, ...]:
    """
    Those that a generation of the conventions has.

    Args:
        generation: Which, or both.
    """
    return tuple(
        each
        for each in STANDARD
        if (each.old and generation != "genai-0.1") or (each.new and generation != "genai-1.41")
    )
