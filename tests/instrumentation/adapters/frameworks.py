"""The frameworks that are tested: their versions, and what cannot be seen of them and why."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from tests.servers.environments import OURS, environment

__all__ = ["FRAMEWORKS", "Framework", "interpreter"]


class Framework(NamedTuple):
    """
    A framework that is tested.

    Args:
        title: What it calls itself.
        program: Runs its agents; a file beside this one.
        example: A file of ``examples/frameworks``.
        newest: Packages of the newest version tested.
        oldest: Packages of the oldest one.
        gaps: Why a question of `conformance` is answered with no, by the question.
        agent: What it calls the one agent of most programs.
        page: Its page of ``docs/frameworks``, where that is not called as it is.
    """

    title: str
    program: str
    example: str
    newest: tuple[str, ...]
    oldest: tuple[str, ...]
    gaps: dict[str, str]
    agent: str = "solo"
    page: str = ""


FRAMEWORKS: Final[dict[str, Framework]] = {
    "langchain": Framework(
        "LangChain and LangGraph",
        "langchain_runs.py",
        "langgraph_agents.py",
        ("langgraph==1.2.22", "langchain==1.4.7"),
        ("langgraph==1.2.16", "langchain==1.4.3"),
        {},
        page="langgraph",
    ),
    "openai-agents": Framework(
        "OpenAI Agents SDK",
        "openai_agents_runs.py",
        "openai_agents.py",
        ("openai-agents==0.24.0",),
        ("openai-agents==0.22.0",),
        {},
    ),
    "pydantic-ai": Framework(
        "Pydantic AI",
        "pydantic_ai_runs.py",
        "pydantic_ai_agents.py",
        ("pydantic-ai-slim==2.68.0",),
        ("pydantic-ai-slim==1.107.0",),
        dict.fromkeys(
            ("handoff", "taken"),
            "It has no handoff of its own: an agent asks another in a tool or an output function, "
            "whose call is around it (https://ai.pydantic.dev/multi-agent-applications/).",
        ),
    ),
    "agent-framework": Framework(
        "Microsoft Agent Framework",
        "agent_framework_runs.py",
        "agent_framework_agents.py",
        ("agent-framework-core==1.23.0", "agent-framework-orchestrations==1.4.0"),
        ("agent-framework-core==1.11.0", "agent-framework-orchestrations==1.0.1"),
        {},
    ),
    "autogen": Framework(
        "AutoGen",
        "autogen_runs.py",
        "autogen_agents.py",
        ("autogen-agentchat==0.7.5", "autogen-ext==0.7.5"),
        ("autogen-agentchat==0.7.1", "autogen-ext==0.7.1"),
        {},
    ),
    "claude-agent-sdk": Framework(
        "Claude Agent SDK",
        "claude_agent_sdk_runs.py",
        "claude_agent_sdk_agents.py",
        ("claude-agent-sdk==0.2.187",),
        ("claude-agent-sdk==0.2.126",),
        {
            "own": "Tools run in another process, or in a task of the SDK that does not tell "
            "which use of a tool it serves "
            "(https://platform.claude.com/docs/en/api/agent-sdk/python).",
        },
        "claude",
    ),
    "crewai": Framework(
        "CrewAI",
        "crewai_runs.py",
        "crewai_agents.py",
        ("crewai==1.15.30",),
        ("crewai==1.15.0",),
        {},
    ),
    "google-adk": Framework(
        "Google ADK",
        "google_adk_runs.py",
        "google_adk_agents.py",
        ("google-adk==2.13.0",),
        ("google-adk==1.16.0",),
        {},
    ),
}


def interpreter(name: str, version: str) -> Path:
    """
    A Python that has a framework, and what agentmon needs.

    Args:
        name: Of the framework.
        version: ``newest`` or ``oldest``.

    Raises:
        EnvironmentFailed: If its environment cannot be made.
    """
    folder = Path.home() / ".cache" / "agentmon-frameworks" / f"{name}-{version}"
    return environment(folder, [*getattr(FRAMEWORKS[name], version), *OURS])
