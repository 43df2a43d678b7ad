"""What is promised, and the hours in which people work."""

from __future__ import annotations

import pytest

from agentmon.errors import ConfigError
from agentmon.model.objectives import DEFAULT, Hours, Latency, Level, Objectives, Promise

EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def test_what_is_not_promised_of_one_is_promised_by_the_defaults() -> None:
    """A promise says something itself, and takes the rest from what holds for all."""
    promise = Objectives(promises={("agent", "a"): Promise(availability=0.5)}).promise("agent", "a")
    assert promise == Promise(
        availability=0.5,
        latency=DEFAULT.latency,
        quality=DEFAULT.quality,
        satisfaction=DEFAULT.satisfaction,
        cost_per_task=DEFAULT.cost_per_task,
        priority=DEFAULT.priority,
    )
    assert Objectives().promise("agent", "a") == DEFAULT


def test_those_named_are_found_by_their_level() -> None:
    """An agent and a workflow of the same name are two."""
    objectives = Objectives(
        promises={("agent", "a"): Promise(quality=0.9), ("workflow", "a"): Promise(quality=0.8)}
    )
    assert {name: each.quality for name, each in objectives.named("agent").items()} == {"a": 0.9}
    assert objectives.named("tier") == {}


@pytest.mark.parametrize(
    ("hours", "spans"),
    [
        (
            Hours("monday:wednesday", "09:00", "17:00", "UTC"),
            [(("monday", "tuesday", "wednesday"), "09:00", "17:00")],
        ),
        (Hours("sunday", "00:00", "24:00", "UTC"), [(("sunday",), "00:00", "24:00")]),
        (Hours("monday:sunday", "09:00", "17:00", "UTC"), [(EVERY_DAY, "09:00", "17:00")]),
        (
            Hours("saturday:monday", "09:00", "17:00", "UTC"),
            [(("saturday", "sunday", "monday"), "09:00", "17:00")],
        ),
        (
            Hours("saturday:sunday", "22:00", "06:00", "UTC"),
            [
                (("saturday", "sunday"), "22:00", "24:00"),
                (("sunday", "monday"), "00:00", "06:00"),
            ],
        ),
        (Hours("friday", "18:00", "00:00", "UTC"), [(("friday",), "18:00", "24:00")]),
    ],
    ids=lambda value: f"{value.days} {value.begin}-{value.end}" if type(value) is Hours else "",
)
def test_hours_are_cut_at_midnight(
    hours: Hours, spans: list[tuple[tuple[str, ...], str, str]]
) -> None:
    """A week may wrap, and a night belongs to two days."""
    assert list(hours.spans) == spans


def test_a_level_that_is_none_is_refused() -> None:
    """What is promised of is one of the levels."""
    level: Level = "planet"  # type: ignore[assignment]  # as somebody without types would
    objectives = Objectives(promises={(level, "a"): Promise()})
    with pytest.raises(ConfigError, match="planet: got a level, allowed agent, workflow"):
        objectives.check()


def test_objectives_made_in_python_are_checked_like_a_file() -> None:
    """A threshold that is no edge of the buckets cannot be counted."""
    objectives = Objectives(defaults=Promise(latency=Latency(7.0, 0.9)))
    with pytest.raises(ConfigError, match=r"got threshold 7 s, allowed an edge .* 3, 5, 10"):
        objectives.check()
