"""Alerts on what gets worse, and on what a deployment brought."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.rules import trends
from tests.assets.rules.promtool import PROMTOOLS, Case, Fired, Scenario, check, prove

pytestmark = pytest.mark.servers

_OWNED = {"agent": "a", "team": "support", "priority": "P3"}
_HERE = {**_OWNED, "region": "eu"}
_CALLS = 'agentmon_agent_calls_total{agent="a",region="eu",outcome='
_FACTS = {'agentmon_agent_info{agent="a",region="eu",team="support",tier="t"}': "1x3000"}
_DEPLOYED = 'agentmon_deployment_last_timestamp_seconds{component="c",environment="prod"}'
_WEEK = 7 * 24


def _took(*stretches: tuple[int, float], step: int = 1) -> dict[str, str]:
    """A call a minute, so many hours of so many seconds each; a value each so many minutes."""
    name, labels = "agentmon_agent_duration_seconds", 'agent="a",region="eu",outcome="ok"'
    parts, total = [], 0.0
    for hours, seconds in stretches:
        parts.append(f"{total}+{step * seconds}x{60 * hours // step - 1}")
        total += 60 * seconds * hours
    every = 60 * sum(hours for hours, _ in stretches) // step
    return {
        'agent:agentmon_owner:info{agent="a",team="support",priority="P3"}': f"1x{every}",
        f"{name}_count{{{labels}}}": f"0+{step}x{every}",
        f"{name}_sum{{{labels}}}": " ".join(parts),
    }


def _failing(first: int, then: int, minutes: int = 300, well: int = 100) -> dict[str, str]:
    """A hundred calls a minute, some of which fail; after some hours more; then none."""
    total = first * minutes
    return {
        **_FACTS,
        f'{_CALLS}"ok"}}': f"0+{well}x{minutes + 540}",
        f'{_CALLS}"error"}}': (
            f"0+{first}x{minutes - 1} {total}+{then}x59 {total + 60 * then}x480"
        ),
    }


CASES = {
    "AgentmonAgentSlowing": Case(
        _took((_WEEK, 10.0), (24, 15.0), (48, 10.0)),
        _took((_WEEK, 10.0), (24, 18.0), (48, 10.0)),
        (_WEEK + 24) * 60,
        (_WEEK + 60) * 60,
        Fired(
            _OWNED,
            "Agent a gets slower.",
            "Hour by hour, its calls of one day take 1.6 times as long as those of 7 days.",
        ),
        every="15m",
        silent=(100 * 60, (_WEEK + 12) * 60, (_WEEK + 24) * 60, (_WEEK + 60) * 60),
    ),
    "AgentmonErrorsAfterDeployment": Case(
        {**_failing(1, 4), _DEPLOYED: f"0x299 {300 * 60}x540"},
        {**_failing(1, 6), _DEPLOYED: f"0x299 {300 * 60}x540"},
        340,
        420,
        Fired(
            _HERE,
            "Agent a fails more since something was deployed.",
            "5.7% of its calls within 30 minutes failed, more than twice as many as before; a "
            "deployment ended within the last hour.",
        ),
        silent=(200, 340, 420),
    ),
    "AgentmonErrorsRising": Case(
        _failing(3, 20, 2400),
        _failing(3, 80, 2400),
        2475,
        2880,
        Fired(
            _HERE,
            "Agent a fails more and more.",
            "Its share of failures within 6 hours is 2.9 times that of 3 days.",
        ),
        every="15m",
        silent=(1000, 2400, 2475, 2880),
    ),
    "AgentmonLatencyUnusual": Case(
        _took((3 * _WEEK, 10.0), (2, 20.0), (20, 10.0), step=5),
        _took((3 * _WEEK, 10.0), (2, 22.0), (20, 10.0), step=5),
        (3 * _WEEK + 2) * 60,
        (3 * _WEEK + 12) * 60,
        Fired(
            _OWNED,
            "Agent a is slower than it is at this hour of the week.",
            "Its calls of one hour take 2.2 times as long as usual.",
        ),
        interval="5m",
        every="1h",
        silent=(500 * 60, (3 * _WEEK + 2) * 60),
    ),
}


@pytest.mark.parametrize("program", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_above_what_is_allowed_and_only_there(
    program: str, name: str, tmp_path: Path
) -> None:
    """It is silent just below, fires just above, and is over after repair."""
    prove(program, name, CASES[name], tmp_path)


def test_errors_long_after_a_deployment_are_not_laid_at_its_door(tmp_path: Path) -> None:
    """Nor are those that were there before."""
    late = {**_failing(1, 12), _DEPLOYED: f"0x99 {100 * 60}x740"}
    check("promtool3", "AgentmonErrorsAfterDeployment", Scenario(late, {340: []}), tmp_path)
    always = {**_failing(12, 12), _DEPLOYED: f"0x299 {300 * 60}x540"}
    check("promtool3", "AgentmonErrorsAfterDeployment", Scenario(always, {340: []}), tmp_path)


def test_every_alert_of_trends_has_a_case() -> None:
    """One that nobody put to the test may never fire."""
    assert {rule.name for group in trends.alerts() for rule in group.rules} == set(CASES)
