"""The door to the adapters: what may be asked for, and when a library is wrapped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.instrumentation import adapters
from agentmon.testing import Recorded
from tests.instrumentation.adapters.frameworks import FRAMEWORKS

LATE = """
import sys, agentmon
agentmon.instrument({libraries})
loaded = {{"httpx", "requests", "aiohttp", "redis", "sqlalchemy"}} & set(sys.modules)
ours = [name for name in sys.modules if name.startswith("agentmon.instrumentation.adapters.")]
assert not loaded, loaded
assert not [name for name in ours if name.endswith(("httpx", "redis", "requests"))], ours
import httpx
assert type(vars(httpx.Client)["send"]).__name__ == "FunctionWrapper"
agentmon.uninstrument()
assert type(vars(httpx.Client)["send"]).__name__ == "function"
agentmon.instrument("httpx")
assert type(vars(httpx.Client)["send"]).__name__ == "FunctionWrapper"
"""


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    """Nothing stays instrumented."""
    yield
    agentmon.uninstrument()


@pytest.mark.parametrize("libraries", ["'httpx'", "'auto'", "'requests', 'httpx'"])
def test_a_library_is_wrapped_when_the_program_loads_it(libraries: str) -> None:
    """Nothing is loaded for it, neither the library nor our part of it; and it can be undone."""
    subprocess.run([sys.executable, "-c", LATE.format(libraries=libraries)], check=True)


@pytest.mark.parametrize("wrong", [(), ("curl",), ("httpx", "curl")])
def test_unknown_libraries_are_refused(wrong: tuple[str, ...]) -> None:
    """What cannot be instrumented is said with what can."""
    with pytest.raises(DeclarationError, match=r"got .*, allowed auto, .*httpx"):
        agentmon.instrument(*wrong)


def test_names_that_cannot_be_used_are_refused() -> None:
    """A dependency needs a name."""
    with pytest.raises(DeclarationError, match="names: got ''"):
        agentmon.instrument("httpx", names={"127.0.0.1": ""})


def test_a_library_with_other_insides_is_left_alone_and_counted(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that lacks some of what is wrapped works on, with nothing wrapped."""
    odd = ModuleType("odd_library")
    odd.Client = type("Client", (), {"send": len})  # type: ignore[attr-defined]  # no AsyncClient
    monkeypatch.setitem(sys.modules, "odd_library", odd)
    monkeypatch.setitem(adapters.ADAPTERS, "odd", ("odd_library", "httpx"))
    monkeypatch.setattr(adapters, "_hooked", set())
    agentmon.instrument("odd")
    assert vars(odd.Client)["send"] is len  # type: ignore[attr-defined]
    assert recorded.value("agentmon_dropped_total", reason="adapter_failed") == 1
    agentmon.uninstrument("odd")


def test_extras_ask_for_the_oldest_versions_that_are_tested() -> None:
    """One extra for each framework, and none of them for agentmon itself."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    for name, framework in FRAMEWORKS.items():
        asked = ", ".join(f'"{each.replace("==", ">=")}"' for each in framework.oldest)
        assert f"\n{name} = [{asked}]\n" in text
