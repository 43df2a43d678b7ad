"""
What fires for long is told to somebody else: an alert on alerts, for each team that says to whom.

Alertmanager knows no acknowledgement, so age alone decides.
"""

from __future__ import annotations

from typing import Any, Final

from agentmon.model.objectives import Objectives, Team

__all__ = ["ESCALATED", "groups"]

#: The name of the alert.
ESCALATED: Final = "AgentmonEscalated"
#: The page of the alert that fires: its name without the beginning, in lower case, with hyphens.
_PAGE: Final = (
    '{{ $labels.source_alert | reReplaceAll "^Agentmon" "" '
    '| reReplaceAll "([a-z0-9])([A-Z])" "$1-$2" | toLower }}'
)


def groups(objectives: Objectives) -> list[dict[str, Any]]:
    """
    Groups of rules, as a rule file has them; none if no team escalates.

    Args:
        objectives: The teams, and where runbooks are.
    """
    rules = [
        _rule(team, objectives)
        for team in objectives.teams.values()
        if team.escalate_to is not None
    ]
    return [{"name": "agentmon-escalation", "interval": "1m", "rules": rules}] if rules else []


def _rule(team: Team, objectives: Objectives) -> dict[str, Any]:
    escaped = team.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    which = f'team="{escaped}", severity=~"critical|warning", kind!="escalation"'
    # The alert has a name of its own; that of the one that fires is kept in a label.
    expression = (
        f"label_replace((time() - ALERTS_FOR_STATE{{{which}}} > {team.escalate_after:g}) "
        f'and ignoring (alertstate) ALERTS{{alertstate="firing", {which}}}, '
        '"source_alert", "$1", "alertname", "(.*)")'
    )
    return {
        "alert": ESCALATED,
        "expr": expression,
        "labels": {"severity": "critical", "kind": "escalation", "escalated": "true"},
        "annotations": {
            "summary": "{{ $labels.source_alert }} of team {{ $labels.team }} is not mended.",
            "description": "It fires for {{ $value | humanizeDuration }} now.",
            "runbook_url": f"{objectives.runbooks_url}/{_PAGE}.md",
        },
    }
