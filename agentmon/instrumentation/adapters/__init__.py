"""
Libraries that are measured without a line changed in them.

One module for each library knows what to wrap in it. It is loaded only when the library is, and
everything that it wraps can be unwrapped again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Final

from agentmon.errors import DeclarationError
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from types import ModuleType

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["ADAPTERS", "AUTO", "instrument", "uninstrument"]

#: What can be instrumented: the module whose import it waits for, and the one of ours.
ADAPTERS: Final[dict[str, tuple[str, str]]] = {
    "agent-framework": ("agent_framework", "agent_framework"),
    "aiohttp": ("aiohttp", "aiohttp"),
    "anthropic": ("anthropic", "anthropic"),
    "autogen": ("autogen_agentchat.agents", "autogen"),
    "claude-agent-sdk": ("claude_agent_sdk", "claude_agent_sdk"),
    "crewai": ("crewai", "crewai"),
    "google-adk": ("google.adk.runners", "google_adk"),
    "google-genai": ("google.genai.models", "google_genai"),
    "httpx": ("httpx", "httpx"),
    "langchain": ("langchain_core.callbacks", "langchain"),
    "litellm": ("litellm", "litellm"),
    "mcp": ("mcp", "mcp"),
    "openai": ("openai", "openai"),
    "openai-agents": ("agents.tracing", "openai_agents"),
    "psycopg": ("psycopg", "psycopg"),
    "psycopg2": ("psycopg2", "psycopg2"),
    "pydantic-ai": ("pydantic_ai.agent", "pydantic_ai"),
    "redis": ("redis", "redis"),
    "requests": ("requests", "requests"),
    "sqlalchemy": ("sqlalchemy", "sqlalchemy"),
    "sqlite3": ("sqlite3", "sqlite"),
}
#: Stands for all of them.
AUTO: Final = "auto"

_lock = RLock()
#: What was wrapped, by the library; None while it is waited for.
_wanted: dict[str, Patches | None] = {}
_hooked: set[str] = set()


def instrument(*libraries: str, names: Mapping[str, str] | None = None) -> None:
    """
    Measure the calls that libraries make, as calls to dependencies.

    A library that is loaded later is instrumented then; none is loaded for this. Doing so again
    changes nothing but the names.

    Args:
        libraries: Names of `ADAPTERS`: of clients, such as ``httpx``, ``sqlalchemy`` and
            ``openai``, and of frameworks of agents, such as ``langchain`` (LangGraph is a part of
            it) and ``openai-agents``; or ``auto`` for all of them.
        names: What to call dependencies instead of what they are called by default, such as
            ``{"127.0.0.1:5432": "orders-db"}``; they are added to those given before.

    Raises:
        DeclarationError: If a library is not known, or a name cannot be used.
    """
    from agentmon.instrumentation.adapters.client import NAMES  # noqa: PLC0415  # only where asked

    given = dict(names or {})
    for name in given.values():
        check_text("instrument", "names", name, empty=False)
    every = _expanded("instrument", libraries)
    NAMES.update(given)
    with _lock:
        for library in every:
            if library not in _wanted:
                _wanted[library] = None
                _await(library)


def uninstrument(*libraries: str) -> None:
    """
    Unwrap again what `instrument` wrapped.

    Connections that were made meanwhile stay as they are, and are measured no longer.

    Args:
        libraries: As `instrument` takes them; by default all.

    Raises:
        DeclarationError: If a library is not known.
    """
    with _lock:
        for library in _expanded("uninstrument", libraries or (AUTO,)):
            patches = _wanted.pop(library, None)
            if patches is not None:
                patches.undo()


def _expanded(declaring: str, libraries: tuple[str, ...]) -> list[str]:
    if not libraries:
        raise DeclarationError(f"{declaring}: got no library, allowed {AUTO}, {_known()}")
    for library in libraries:
        if library != AUTO and library not in ADAPTERS:
            raise DeclarationError(f"{declaring}: got {library!r}, allowed {AUTO}, {_known()}")
    return list(ADAPTERS) if AUTO in libraries else list(dict.fromkeys(libraries))


def _known() -> str:
    return ", ".join(ADAPTERS)


def _await(library: str) -> None:
    """Wrap the library once it is loaded, which may be already."""
    module_name, _ = ADAPTERS[library]

    def loaded(module: ModuleType) -> None:
        with _lock:
            if library in _wanted and _wanted[library] is None:
                _wanted[library] = _wrapped(library, module)

    module = sys.modules.get(module_name)
    if module is not None:
        loaded(module)
    elif library not in _hooked:  # a hook cannot be taken back, so there is one at most
        import wrapt  # noqa: PLC0415  # only where something is waited for

        _hooked.add(library)
        wrapt.register_post_import_hook(loaded, module_name)


def _wrapped(library: str, module: ModuleType) -> Patches:
    """Wrap what the adapter of a library says; nothing, where that fails, which is counted."""
    from agentmon.instrumentation.adapters.client import count_failed  # noqa: PLC0415  # likewise
    from agentmon.instrumentation.adapters.patch import Patches  # noqa: PLC0415  # likewise

    patches = Patches()
    try:
        import_module(f"{__name__}.{ADAPTERS[library][1]}").wrap(module, patches)
    except Exception:  # noqa: BLE001  # a version of the library that has other insides
        patches.undo()
        count_failed(library)
    return patches
