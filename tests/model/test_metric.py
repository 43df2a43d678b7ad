"""What may be declared as a metric or label."""

from __future__ import annotations

from typing import Any

import pytest

from agentmon.errors import CatalogueError
from agentmon.model.metric import Kind, Label, Metric, Unit


def metric(**changes: Any) -> Metric:
    """A metric that is right but for the changes."""
    declared: dict[str, Any] = {
        "name": "agent_calls",
        "kind": Kind.COUNTER,
        "unit": Unit.NONE,
        "help": "Calls.",
    }
    return Metric(**declared | changes)


@pytest.mark.parametrize(
    ("kind", "unit", "family", "sample"),
    [
        (Kind.COUNTER, Unit.NONE, "agentmon_x", "agentmon_x_total"),
        (Kind.COUNTER, Unit.SECONDS, "agentmon_x_seconds", "agentmon_x_seconds_total"),
        (Kind.GAUGE, Unit.SECONDS, "agentmon_x_seconds", "agentmon_x_seconds"),
        (Kind.HISTOGRAM, Unit.SECONDS, "agentmon_x_seconds", "agentmon_x_seconds"),
        (Kind.INFO, Unit.NONE, "agentmon_x", "agentmon_x_info"),
    ],
)
def test_names_are_derived(kind: Kind, unit: Unit, family: str, sample: str) -> None:
    """Prefix, unit and suffix are appended to the name, in this order."""
    made = metric(name="x", kind=kind, unit=unit)
    assert (made.family, made.sample) == (family, sample)


@pytest.mark.parametrize("name", ["", "Calls", "9x", "a-b", "a__b", "_a", "a_", "a b", "é", "a\n"])
def test_a_name_that_is_none(name: str) -> None:
    """A name of a metric or label that is not lower snake case is refused."""
    with pytest.raises(CatalogueError, match="lower_snake_case"):
        metric(name=name)
    with pytest.raises(CatalogueError, match="lower_snake_case"):
        Label(name, "What it is.", 1)


@pytest.mark.parametrize("suffix", ["total", "info", "bucket", "count", "sum", "created"])
def test_a_spelled_suffix(suffix: str) -> None:
    """A suffix that is appended, or that would collide with one, is refused."""
    with pytest.raises(CatalogueError, match=f"_{suffix} is appended"):
        metric(name=f"x_{suffix}")


def test_a_spelled_unit() -> None:
    """A unit that is appended is refused in the name."""
    with pytest.raises(CatalogueError, match="unit is appended"):
        metric(name="x_seconds", unit=Unit.SECONDS)


def test_labels_that_repeat() -> None:
    """Two labels of one name are refused."""
    label = Label("agent", "Which.", 1)
    with pytest.raises(CatalogueError, match="label names repeat"):
        metric(labels=(label, label))


@pytest.mark.parametrize("text", ["", "Calls"])
def test_help_that_is_no_sentence(text: str) -> None:
    """Help without a period is refused."""
    with pytest.raises(CatalogueError, match="sentence"):
        metric(help=text)


@pytest.mark.parametrize("bound", [0, -1])
def test_a_label_without_room(bound: int) -> None:
    """A label that may have no value is refused."""
    with pytest.raises(CatalogueError, match=f"at least 1, got {bound}"):
        Label("agent", "Which.", bound)
