"""
What a view is: a question that has a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from agentmon.errors import CatalogueError
from agentmon.model.capabilities import CAPABILITIES
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression

__all__ = ["Measure", "View"]


class Measure(Enum):
    """What the numbers of an answer are."""

    SECONDS = "s"
    RATIO = "ratio"
    PER_SECOND = "/s"
    COUNT = "count"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes/s"
    CORES = "cores"
    MONEY = "money"
    MONEY_PER_SECOND = "money/s"
    TIMESTAMP = "time"
    YES = "yes"
    SCORE = "score"
    NUMBER = "number"


@dataclass(frozen=True)
class View:
    """
    A question that dashboards, rules, reports and people ask alike.

    Args:
        name: Its name, such as ``agent-p99``.
        title: A few words, for a panel.
        question: The question, as one asks it.
        measure: What the numbers are.
        by: The labels of the answer.
        ask: Makes the expression.
        better: Whether more is better, or less; neither where it is only a fact.
        serves: Capabilities that it serves.
    """

    name: str
    title: str
    question: str
    measure: Measure
    by: tuple[str, ...]
    ask: Callable[[Ask], Expression]
    better: Literal["more", "less", "neither"] = "neither"
    serves: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.question.endswith("?"):
            raise CatalogueError(f"view {self.name}: a question ends in a question mark")
        for name in self.serves:
            if name not in CAPABILITIES:
                raise CatalogueError(f"view {self.name}: no capability {name!r}")
        if self.ask(Ask()).labels != set(self.by):
            raise CatalogueError(
                f"view {self.name}: the answer has labels {sorted(self.ask(Ask()).labels)}, "
                f"declared are {sorted(self.by)}"
            )

    def expression(self, ask: Ask | None = None) -> Expression:
        """The question in PromQL."""
        return self.ask(ask or Ask())
