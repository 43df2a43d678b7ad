"""Names of spans and attributes, in each generation of the conventions."""

from __future__ import annotations

from typing import Any

import pytest

from agentmon.model.attributes import FACTS, Conventions, Generation

GENERATIONS: tuple[Generation, ...] = ("genai-1.41", "genai-0.1", "both")

#: Kind and what is declared; the name of its span; its attributes in the older generation.
EVERY_KIND: dict[str, tuple[tuple[str, dict[str, str]], str, dict[str, str]]] = {
    "agent": (
        ("triage", {"operation": "invoke", "agent": "triage", "workflow": "w"}),
        "invoke_agent triage",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "triage"},
    ),
    "tool": (
        ("search", {"agent": "triage"}),
        "execute_tool search",
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.agent.name": "triage",
        },
    ),
    "model_call": (
        ("chat", {"model": "small", "provider": "acme", "agent": "triage"}),
        "chat small",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small",
            "gen_ai.provider.name": "acme",
            "gen_ai.agent.name": "triage",
        },
    ),
    "workflow": (
        ("audit", {}),
        "invoke_workflow audit",
        {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "audit"},
    ),
    "step": (
        ("measure", {"workflow": "audit", "agent": "a"}),
        "step measure",
        {"agentmon.step.name": "measure", "gen_ai.workflow.name": "audit"},
    ),
    "handoff": (
        ("reviewer", {"agent": "writer"}),
        "handoff reviewer",
        {
            "agentmon.handoff.source.name": "writer",
            "agentmon.handoff.target.name": "reviewer",
        },
    ),
}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_span_is_named_alike_in_each_generation(kind: str, generation: Generation) -> None:
    """The name of a kind's span is the same in both generations."""
    (name, given), expected, _ = EVERY_KIND[kind]
    assert Conventions(generation).span_name(kind, name, given.get("model", "")) == expected


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_attributes_of_what_libraries_emit_today(kind: str) -> None:
    """The default generation has exactly these attributes for each kind."""
    (name, given), _, expected = EVERY_KIND[kind]
    assert Conventions().span_attributes(kind, name, **given) == expected


@pytest.mark.parametrize("generation", ["genai-0.1", "both"])
@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind != "workflow"])
def test_generations_differ_in_workflows_only(kind: str, generation: Generation) -> None:
    """All kinds but workflows start with the same attributes in each generation."""
    (name, given), _, expected = EVERY_KIND[kind]
    assert Conventions(generation).span_attributes(kind, name, **given) == expected


def test_newer_generation_takes_a_workflow_for_an_agent() -> None:
    """In the newer generation a workflow's name stands where agents' do, and in both in both."""
    newer = Conventions("genai-0.1").span_attributes("workflow", "audit")
    assert newer == {"gen_ai.operation.name": "invoke_workflow", "gen_ai.agent.name": "audit"}
    both = Conventions("both").span_attributes("workflow", "audit")
    assert both == {**newer, "gen_ai.workflow.name": "audit"}


def test_what_is_not_known_is_not_said() -> None:
    """A call without model, provider and agent around it has no empty attributes."""
    assert Conventions().span_name("model_call", "chat") == "chat"
    found = Conventions().span_attributes("model_call", "chat")
    assert found == {"gen_ai.operation.name": "chat"}


def test_unusual_entry_point_is_said() -> None:
    """An agent's entry point other than the usual one is an attribute of ours."""
    found = Conventions().span_attributes("agent", "a", operation="resume")
    assert found["agentmon.agent.operation"] == "resume"


def test_source_of_a_handoff_wins_over_the_agent_around() -> None:
    """A declared source is said instead of the agent around."""
    found = Conventions().span_attributes("handoff", "b", operation="s", agent="a")
    assert found["agentmon.handoff.source.name"] == "s"


@pytest.mark.parametrize(
    ("generation", "written"),
    [
        ("genai-1.41", ("gen_ai.usage.cache_creation.input_tokens",)),
        ("genai-0.1", ("gen_ai.usage.cache_write.input_tokens",)),
        (
            "both",
            ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        ),
    ],
)
def test_tokens_have_the_attributes_of_the_generation(
    generation: Generation, written: tuple[str, ...]
) -> None:
    """Tokens written to a cache were renamed; the other types are the same in each generation."""
    assert Conventions(generation).tokens == {
        "input": ("gen_ai.usage.input_tokens",),
        "output": ("gen_ai.usage.output_tokens",),
        "cached": ("gen_ai.usage.cache_read.input_tokens",),
        "cache_write": written,
        "reasoning": ("gen_ai.usage.reasoning.output_tokens",),
    }


def test_facts_are_attributes_of_the_conventions() -> None:
    """Every fact that can be said of a call has an attribute of its own in the conventions."""
    assert len(set(FACTS.values())) == len(FACTS)
    named: Any = set(FACTS.values())
    assert all(name.startswith(("gen_ai.", "server.")) for name in named)
