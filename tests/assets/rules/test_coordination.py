"""Alerts on what is between agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.rules import coordination
from tests.assets.rules.promtool import PROMTOOLS, Case, Fired, prove

pytestmark = pytest.mark.servers

_HANDED = {"source": "a", "target": "b"}
_FACTS = {
    'agentmon_agent_info{agent="a",team="support",tier="t"}': "1x300",
    'agentmon_agent_calls_total{agent="a",region="eu",outcome="ok"}': "0+1x200",
}


def _kept(hundredths: int) -> dict[str, str]:
    """Ten handoffs a minute that keep so much; after an hour all."""
    name, labels = "agentmon_handoff_context_kept_ratio", 'source="a",target="b",measure="keys"'
    tenths = hundredths / 10
    return {
        f"{name}_count{{{labels}}}": "0+10x200",
        f"{name}_sum{{{labels}}}": f"0+{tenths}x60 {60 * tenths}+10x140",
    }


def _bounced(back: int) -> dict[str, str]:
    return {
        'agentmon_handoff_begun_total{source="a",target="b"}': "0+100x200",
        'agentmon_handoff_bounced_total{source="a",target="b"}': f"0+{back}x60 {60 * back}x140",
    }


def _waits(seconds: int) -> dict[str, str]:
    return {
        'agentmon_queue_wait_seconds_count{queue="q"}': "0+10x200",
        'agentmon_queue_wait_seconds_sum{queue="q"}': (
            f"0+{10 * seconds}x60 {600 * seconds}+10x140"
        ),
    }


def _places(used: str, waiting: str) -> dict[str, str]:
    return {
        'agentmon_limit_capacity{limit="pool"}': "4x200",
        'agentmon_limit_in_use{limit="pool"}': used,
        'agentmon_limit_waiting{limit="pool"}': waiting,
    }


def _failures(caused: int) -> dict[str, str]:
    """A hundred failures a minute, some caused by another; after an hour none of these."""
    name = 'agentmon_failures_total{agent="a",kind="agent",cause='
    return {
        **_FACTS,
        f'{name}"cascade"}}': f"0+{caused}x60 {60 * caused}x140",
        f'{name}"primary"}}': f"0+{100 - caused}x200",
    }


CASES = {
    "AgentmonContextLost": Case(
        _kept(80),
        _kept(79),
        50,
        130,
        Fired(
            {**_HANDED, "measure": "keys"},
            "Handoffs from a to b lose context.",
            "79% of it arrive within one hour, by keys.",
        ),
    ),
    "AgentmonHandoffsBouncing": Case(
        _bounced(20),
        _bounced(21),
        50,
        130,
        Fired(
            _HANDED,
            "What a hands to b comes back.",
            "21% of the handoffs within one hour went straight back to where they had come from.",
        ),
    ),
    "AgentmonQueueWaits": Case(
        _waits(60),
        _waits(61),
        50,
        110,
        Fired(
            {"queue": "q"},
            "Work waits too long in queue q.",
            "What was taken from it within 15 minutes had waited 1m 1s on average.",
        ),
    ),
    "AgentmonLimitFull": Case(
        _places("4x200", "0x200"),
        _places("4x60 3x140", "1x60 0x140"),
        50,
        110,
        Fired(
            {"limit": "pool"},
            "All places of pool are taken, and callers wait.",
            "100% of its places are in use.",
        ),
    ),
    "AgentmonFailuresCascade": Case(
        _failures(50),
        _failures(51),
        50,
        110,
        Fired(
            {"agent": "a", "team": "support", "priority": "P3"},
            "Agent a fails since what it calls fails.",
            "51% of its failures within 30 minutes were caused by another.",
        ),
    ),
}


@pytest.mark.parametrize("program", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_above_what_is_allowed_and_only_there(
    program: str, name: str, tmp_path: Path
) -> None:
    """It is silent just below, fires just above, and is over after repair."""
    prove(program, name, CASES[name], tmp_path)


def test_a_full_limit_that_nobody_waits_for_is_none(tmp_path: Path) -> None:
    """Three places of four taken while somebody waits is none either."""
    case = CASES["AgentmonLimitFull"]
    busy = Case(_places("3x200", "1x200"), case.above, case.minute, case.over, case.fired)
    prove("promtool3", "AgentmonLimitFull", busy, tmp_path)


def test_every_alert_of_coordination_has_a_case() -> None:
    """One that nobody put to the test may never fire."""
    assert {rule.name for group in coordination.alerts() for rule in group.rules} == set(CASES)
