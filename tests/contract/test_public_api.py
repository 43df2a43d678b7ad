"""The public door: what it exports, and that all of it is documented."""

from __future__ import annotations

import inspect
import types
from typing import Any

import pytest

import agentmon
import agentmon.redaction
import agentmon.testing

_MODULES = [agentmon, agentmon.redaction, agentmon.testing]
_PUBLIC = [
    pytest.param(getattr(module, name), id=f"{module.__name__}.{name}")
    for module in _MODULES
    for name in module.__all__
    if name != "__version__"
]


def _members(thing: type) -> list[tuple[str, Any]]:
    return [
        (name, member)
        for name, member in vars(thing).items()
        if not name.startswith("_")
        and isinstance(member, types.FunctionType | property | staticmethod | classmethod)
    ]


def test_exports_are_what_is_imported() -> None:
    """__all__ names just what the door imports or loads when it is asked for, in order."""
    imported = {
        name
        for name, value in vars(agentmon).items()
        if not isinstance(value, types.ModuleType) and not name.startswith("_")
    } - {"TYPE_CHECKING", "Final", "annotations", "import_module"}
    loaded = set(agentmon._LATE)
    assert not imported & loaded
    assert all(callable(getattr(agentmon, name)) for name in loaded)
    imported |= loaded
    assert set(agentmon.__all__) - {"__version__"} == imported
    assert sorted(agentmon.__all__) == agentmon.__all__
    assert len(set(agentmon.__all__)) == len(agentmon.__all__)


def test_the_door_is_this() -> None:
    """The names that users rely on are there; taking one away must be meant."""
    assert set(agentmon.__all__) >= {
        "Call",
        "Operation",
        "agent",
        "carry",
        "carrying",
        "configure",
        "current",
        "endpoint",
        "model_call",
        "shutdown",
        "statistics",
        "step",
        "tool",
        "usage",
        "workflow",
    }
    assert set(agentmon.testing.__all__) == {"Ended", "ManualClock", "Recorded", "capture"}


@pytest.mark.parametrize("thing", _PUBLIC)
def test_everything_public_has_a_docstring(thing: Any) -> None:
    """Every public function, class, method and property says what it is."""
    assert (inspect.getdoc(thing) or "").strip()
    if isinstance(thing, type):
        for name, member in _members(thing):
            assert (member.__doc__ or "").strip(), f"{thing.__qualname__}.{name}"


@pytest.mark.parametrize("thing", _PUBLIC)
def test_every_argument_is_documented(thing: Any) -> None:
    """A docstring with a section of arguments names every parameter of the function."""
    functions = [thing] if inspect.isfunction(thing) else []
    if isinstance(thing, type):
        functions = [m for _, m in _members(thing) if inspect.isfunction(m)]
    for function in functions:
        doc = inspect.getdoc(function) or ""
        if "Args:" not in doc:
            continue
        for name in inspect.signature(function).parameters:
            assert name == "self" or f"    {name}: " in doc, f"{function.__qualname__}: {name}"


def test_version_is_text() -> None:
    """The version is told, in the form of PEP 440."""
    from packaging.version import Version

    assert str(Version(agentmon.__version__)) == agentmon.__version__
