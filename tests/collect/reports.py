"""The reports that tests read: those of the example."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agentmon.collect.gather import gather
from agentmon.instrumentation.facts import Fact

__all__ = ["REPORTS", "SHOP", "told", "values"]

REPORTS = Path(__file__).parents[2] / "examples" / "operations" / "reports"
#: Where the tools that wrote them ran.
SHOP = Path("/srv/shop")


def told(*given: str) -> list[Fact]:
    """What reports say."""
    facts = gather(given, root=SHOP).facts
    return [fact for several in facts.values() for fact in several]


def values(facts: Iterable[Fact], name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric, by labels; those of a counter are summed."""
    found: dict[tuple[str, ...], float] = {}
    for fact in facts:
        if fact.metric.name == name:
            found[fact.labels] = found.get(fact.labels, 0) + fact.value
    return found
