"""
What a rule is: a record or an alert, and the group in which it is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from agentmon.errors import CatalogueError
from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.objectives import Objectives, Owner
from agentmon.query.promql import Expression

__all__ = ["KINDS", "Alert", "Group", "Record", "Runbook", "Severity"]

Severity: TypeAlias = Literal["critical", "warning", "info", "none"]

#: What sort of question an alert asks; a label of it.
KINDS: Final = (
    "threshold",
    "burn",
    "trend",
    "anomaly",
    "capacity",
    "prediction",
    "correlation",
    "quality",
    "user_impact",
    "absence",
    "monitoring",
    "operations",
    "escalation",
)
_RECORD = re.compile(r"[a-z_]+:[a-z_0-9]+:[a-z_0-9]+\Z")
_ALERT = re.compile(r"Agentmon([A-Z][a-zA-Z0-9]*)\Z")


@dataclass(frozen=True)
class Record:
    """
    A recording rule.

    Args:
        name: ``level:metric:operations``.
        expression: What is recorded.
        labels: Labels that are set.
    """

    name: str
    expression: Expression
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _RECORD.match(self.name):
            raise CatalogueError(f"record {self.name!r}: use level:metric:operations")

    def rendered(self) -> dict[str, Any]:
        """As a rule file has it."""
        rule: dict[str, Any] = {"record": self.name, "expr": self.expression.text}
        if self.labels:
            rule["labels"] = dict(self.labels)
        return rule


@dataclass(frozen=True)
class Runbook:
    """
    What to do about an alert; each a paragraph or a list in Markdown.

    Args:
        meaning: What it says.
        impact: Who suffers from it, and how.
        diagnosis: How to tell what it is.
        action: What to do.
    """

    meaning: str
    impact: str
    diagnosis: str
    action: str


@dataclass(frozen=True)
class Alert:
    """
    An alerting rule.

    Args:
        name: In CamelCase, beginning with ``Agentmon``.
        expression: What makes it fire.
        severity: ``critical`` pages, ``warning`` is a ticket, ``info`` is a notice.
        kind: What sort of question it asks; one of `KINDS`.
        component: What it is about, such as ``agent``; the label that names it has this name.
        summary: One line, with labels filled in.
        description: One or two sentences, with values and their units.
        runbook: What to do about it.
        hold: How long it must hold before it fires, as in ``for``.
        keep: How long it goes on after it holds no more, as in ``keep_firing_for``.
        why: Why so long.
        dashboard: Uid of the dashboard that shows it.
        variables: Labels that are handed to the dashboard.
        serves: The capabilities that it serves.
        labels: More labels.
    """

    name: str
    expression: Expression
    severity: Severity
    kind: str
    component: str
    summary: str
    description: str
    runbook: Runbook
    hold: str
    why: str
    keep: str = "0s"
    dashboard: str = "agentmon-system-health"
    variables: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ALERT.match(self.name):
            raise CatalogueError(f"alert {self.name!r}: use CamelCase after Agentmon")
        if self.kind not in KINDS:
            raise CatalogueError(
                f"alert {self.name}: got kind {self.kind!r}, allowed {', '.join(KINDS)}"
            )
        for name in self.serves:
            if name not in CAPABILITIES:
                raise CatalogueError(f"alert {self.name}: no capability {name!r}")
        self.expression.check(self.variables)

    @property
    def page(self) -> str:
        """File name of its runbook, without the ending."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.name.removeprefix("Agentmon")).lower()

    def rendered(self, objectives: Objectives) -> dict[str, Any]:
        """As a rule file has it."""
        rule: dict[str, Any] = {"alert": self.name, "expr": self.expression.text}
        if self.hold != "0s":
            rule["for"] = self.hold
        if self.keep != "0s":
            rule["keep_firing_for"] = self.keep
        rule["labels"] = {
            "severity": self.severity,
            "kind": self.kind,
            "component": self.component,
            **self._owner(objectives),
            **self.labels,
        }
        asked = "".join(f"&var-{label}={{{{ $labels.{label} }}}}" for label in self.variables)
        rule["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{objectives.runbooks_url}/{self.page}.md",
            "dashboard_url": f"{objectives.dashboards_url}/{self.dashboard}?from=now-6h&to=now"
            + asked,
        }
        return rule

    def _owner(self, objectives: Objectives) -> dict[str, str]:
        """Who has to be told, as far as its series do not say it."""
        owner = objectives.components.get(self.component, Owner())
        told = {"team": owner.team, "priority": owner.priority}
        return {k: v for k, v in told.items() if v and k not in self.expression.labels}


@dataclass(frozen=True)
class Group:
    """
    Rules that are worked out together, in their order.

    Args:
        name: Its name.
        interval: How often, such as ``1m``.
        rules: The rules.
    """

    name: str
    interval: str
    rules: tuple[Record | Alert, ...]

    def rendered(self, objectives: Objectives) -> dict[str, Any]:
        """As a rule file has it."""
        return {
            "name": self.name,
            "interval": self.interval,
            "rules": [
                rule.rendered(objectives) if isinstance(rule, Alert) else rule.rendered()
                for rule in self.rules
            ],
        }
