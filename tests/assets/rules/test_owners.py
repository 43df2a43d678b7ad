"""Who has to be told of an alert: its team, its priority and its region."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets import rules
from agentmon.assets.objectives import parse
from agentmon.assets.rules.rule import Alert
from tests.assets.rules.promtool import Fired, Scenario, check
from tests.assets.rules.test_coordination import CASES

OWNED = ("team", "priority", "region")
_ANYONE = "no agent is named; a team and a priority are declared with [components]"
#: By component, the labels that its alerts do not have by themselves, and why.
WITHOUT = {
    "agent": ((), ""),
    "workflow": (("team",), "agents of several teams take part"),
    "dependency": (("team",), "agents of several teams call it"),
    "region": (("team",), "agents of several teams run there"),
    "tier": (("team", "region"), "a tier is of agents of several teams and regions"),
    "system": (("team", "region"), "it is all of them"),
    "handoff": (("region",), "two agents may be in two regions"),
    "queue": (OWNED, _ANYONE),
    "limit": (OWNED, _ANYONE),
    "instance": (OWNED, _ANYONE),
    "monitoring": (OWNED, _ANYONE),
    "task": (OWNED, _ANYONE),
    "users": (OWNED, _ANYONE),
    "cost": (OWNED, _ANYONE),
    "component": (OWNED, _ANYONE),
    "backup": (OWNED, _ANYONE),
    "subject": (OWNED, _ANYONE),
    "certificate": (OWNED, _ANYONE),
    "control": (OWNED, _ANYONE),
    "document": (OWNED, _ANYONE),
}
#: They look at an agent wherever it runs.
ANYWHERE = (
    "AgentP99High",
    "AgentSilent",
    "QualityLow",
    "SatisfactionLow",
    "SlowWithDependency",
    "FailuresCascade",
    "Inconsistent",
    "TasksDear",
    "AgentSlowing",
    "LatencyUnusual",
)
#: A dependency that says it is asked too often says so to all that call it.
UNOWNED = {"RateLimited": OWNED}


@pytest.mark.parametrize("alert", rules.alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_whose_it_is_or_there_is_a_reason_why_not(alert: Alert) -> None:
    """Nobody is left out who could be told of by the series."""
    short = alert.name.removeprefix("Agentmon")
    expected = set(UNOWNED.get(short, WITHOUT[alert.component][0]))
    if short in ANYWHERE:
        expected.add("region")
    assert {label for label in OWNED if label not in alert.expression.labels} == expected


@pytest.mark.servers
def test_a_component_that_is_given_to_a_team_tells_the_team(tmp_path: Path) -> None:
    """What fires has the labels that are declared."""
    objectives = parse(
        '[teams.platform]\nreceiver = "default"\n'
        '[components.queue]\nteam = "platform"\npriority = "P2"\n'
    )
    case = CASES["AgentmonQueueWaits"]
    owned = {**case.fired.labels, "team": "platform", "priority": "P2"}
    fired = Fired(owned, case.fired.summary, case.fired.description)
    scenario = Scenario(case.above, {case.minute: [fired]}, objectives=objectives)
    check("promtool3", "AgentmonQueueWaits", scenario, tmp_path)


def test_what_its_series_say_of_an_owner_is_not_overwritten() -> None:
    """An agent's own team and priority are told, and not those of the component."""
    objectives = parse(
        '[teams.platform]\nreceiver = "default"\n'
        '[components.agent]\nteam = "platform"\npriority = "P2"\n'
        '[components.workflow]\nteam = "platform"\npriority = "P2"\n'
    )
    told = {alert.name: alert.rendered(objectives)["labels"] for alert in rules.alerts()}
    assert not {"team", "priority"} & set(told["AgentmonAgentErrorRate"])
    workflow = told["AgentmonWorkflowAvailabilityBurnFast"]
    assert (workflow.get("team"), workflow.get("priority")) == ("platform", None)
