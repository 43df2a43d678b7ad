"""Every capability that an alert is owed for has one that fires when values say so."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from agentmon.assets import rules
from agentmon.model.capabilities import CAPABILITIES
from tests.assets.rules import (
    test_burn,
    test_cases,
    test_coordination,
    test_resources,
    test_trends,
    test_work,
)
from tests.assets.rules.promtool import Case, Fired, Scenario, check

pytestmark = pytest.mark.servers


def _burns() -> dict[str, Case]:
    """By level, a budget that burns fast, and one that does not."""
    found = {}
    for level, (well, badly, labels, who) in test_burn.LEVELS.items():
        fired = Fired(
            labels,
            f"{who} fails too often to keep its promise.",
            f"15% of the calls failed over the longer window; {test_burn.FAST} 5 % in six.",
        )
        above = {well: "0+85x120 10200+100x60", badly: "0+15x120 1800x60"}
        found[f"Agentmon{level}AvailabilityBurnFast"] = Case({}, above, 90, 150, fired)
    return found


def _tiers() -> dict[str, Case]:
    case = _burns()["AgentmonAgentAvailabilityBurnFast"]
    facts = {'agentmon_agent_info{agent="a",tier="t",team="s",version="1"}': "1x180"}
    fired = Fired(
        {"tier": "t", "priority": "P3"},
        case.fired.summary.replace("Agent a", "Tier t"),
        case.fired.description,
    )
    above = {**case.above, **facts}
    return {"AgentmonTierAvailabilityBurnFast": Case({}, above, case.minute, case.over, fired)}


CASES: dict[str, Case] = {
    **_burns(),
    **_tiers(),
    **test_cases.CASES,
    **test_coordination.CASES,
    **test_resources.CASES,
    **test_trends.CASES,
    **test_work.CASES,
}
OWED = [name for name, capability in CAPABILITIES.items() if "alert" in capability.by]


def _serving(capability: str) -> list[str]:
    """The alerts that serve it, those that serve most first."""
    found = [alert for alert in rules.alerts() if capability in alert.serves]
    return [alert.name for alert in sorted(found, key=lambda each: -len(each.serves))]


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Sees that an alert fires on values of its own, and is over after repair; each once."""

    @cache
    def see(name: str) -> None:
        case = CASES[name]
        expected = {0: [], case.minute: [case.fired], case.over: []}
        happens = Scenario(case.above, expected, case.interval, case.every)
        check("promtool3", name, happens, tmp_path_factory.mktemp("rules"))

    return see


@pytest.mark.parametrize("capability", OWED)
def test_a_capability_has_an_alert_with_a_case(capability: str) -> None:
    """The cases are put to the test where they are."""
    assert set(_serving(capability)) & CASES.keys(), _serving(capability)


@pytest.mark.slow
@pytest.mark.parametrize("capability", OWED)
def test_a_capability_is_met_by_an_alert_that_fires(
    capability: str, fired: Callable[[str], None]
) -> None:
    """One of the alerts that serve it fires on values of its own, and is over after repair."""
    fired(next(name for name in _serving(capability) if name in CASES))
