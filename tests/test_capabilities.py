"""What is owed is declared; what is declared is driven, from a user's call to the scrape."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agentmon.model import catalogue
from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.metric import Metric

TESTS = Path(__file__).parent
#: Blocks whose capabilities are met as series, rules or alerts on what agents do.
COVERED = (
    "agent_metrics.",
    "system_metrics.",
    "monitoring_system.data_collection.",
    "health_monitoring.",
)


def driven() -> set[str]:
    """The samples that tests say they drive; the fixture `endpoint` holds them to it."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "drives":
                said = [named.get(getattr(each, "id", ""), each) for each in node.args]
                found |= {str(each.value) for each in said if isinstance(each, ast.Constant)}
    return found


DRIVEN = driven()


@pytest.mark.parametrize("metric", catalogue.CATALOGUE, ids=lambda metric: metric.sample)
def test_every_signal_has_a_test_of_its_value(metric: Metric) -> None:
    """A known truth in, that number out."""
    assert metric.sample in DRIVEN


def test_what_is_driven_exists() -> None:
    """A name that is misspelt would prove nothing."""
    known = {metric.sample for metric in catalogue.CATALOGUE}
    assert known >= DRIVEN


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, capability in CAPABILITIES.items()
        if name.startswith(COVERED) and "metric" in capability.by
    ],
)
def test_every_capability_that_is_met_as_a_series_has_one_that_is_driven(name: str) -> None:
    """What is only declared is not there."""
    serving = {metric.sample for metric in catalogue.CATALOGUE if name in metric.serves}
    assert serving & DRIVEN
