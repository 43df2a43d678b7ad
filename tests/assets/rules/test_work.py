"""Alerts on tasks, users and cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.rules import work
from agentmon.model.objectives import Objectives, Promise
from tests.assets.rules.promtool import PROMTOOLS, Case, Fired, Scenario, check, prove

pytestmark = pytest.mark.servers

_OWNED = {"agent": "a", "team": "support", "priority": "P3"}
_FACTS = {
    'agentmon_agent_info{agent="a",team="support",tier="t"}': "1x500",
    'agentmon_agent_calls_total{agent="a",region="eu",outcome="ok"}': "0+1x500",
}
_ENDED = 'agentmon_task_ended_total{task="refund",agent="a",result='


def _until(each: float, values: int = 140) -> str:
    """So much more a minute for an hour, and nothing more from then on."""
    return f"0+{each}x60 {60 * each}x{values}"


def _reworked(again: int) -> dict[str, str]:
    return {
        f'{_ENDED}"completed"}}': "0+100x200",
        'agentmon_task_reworked_total{task="refund",agent="a",reason="wrong"}': _until(again),
    }


def _given_up(left: int) -> dict[str, str]:
    return {
        f'{_ENDED}"completed"}}': f"0+{100 - left}x200",
        f'{_ENDED}"abandoned"}}': _until(left),
    }


def _agreeing(hundredths: int) -> dict[str, str]:
    """Ten comparisons a minute; after an hour all agree."""
    name, tenths = 'agentmon_consistency_ratio_{}{{agent="a",dimension="text"}}', hundredths / 10
    return {
        **_FACTS,
        name.format("count"): "0+10x500",
        name.format("sum"): f"0+{tenths}x60 {60 * tenths}+10x440",
    }


def _sessions(left: int) -> dict[str, str]:
    return {
        'agentmon_sessions_ended_total{result="completed"}': f"0+{100 - left}x200",
        'agentmon_sessions_ended_total{result="abandoned"}': _until(left),
    }


def _turns(slow: int) -> dict[str, str]:
    """A hundred turns a minute, some of them one to two minutes long; after an hour none."""
    quick = 100 - slow
    name = "agentmon_turn_duration_seconds"
    return {
        f'{name}_bucket{{le="60.0"}}': f"0+{quick}x60 {60 * quick}+100x140",
        f'{name}_bucket{{le="120.0"}}': "0+100x200",
        f'{name}_bucket{{le="+Inf"}}': "0+100x200",
        f"{name}_count": "0+100x200",
    }


def _costs(cents: int) -> dict[str, str]:
    """Ten tasks a minute for so much each."""
    name = 'agentmon_task_cost_total{task="refund",agent="a",result="completed",currency="USD"}'
    return {
        **_FACTS,
        f'{_ENDED}"completed"}}': "0+10x200",
        name: f"0+{cents / 10}x60 {6 * cents}+0.1x140",
    }


CASES = {
    "AgentmonReworkHigh": Case(
        _reworked(20),
        _reworked(21),
        50,
        130,
        Fired(
            {"task": "refund"},
            "Tasks of kind refund are done again too often.",
            "21% of those within one hour were done again, or flagged for it.",
        ),
    ),
    "AgentmonTasksAbandoned": Case(
        _given_up(20),
        _given_up(21),
        50,
        130,
        Fired(
            {"task": "refund"},
            "Tasks of kind refund are given up too often.",
            "21% of those that ended within one hour were abandoned.",
        ),
    ),
    "AgentmonInconsistent": Case(
        _agreeing(70),
        _agreeing(69),
        50,
        450,
        Fired(
            _OWNED,
            "Agent a answers alike questions differently.",
            "Its answers to tasks that are alike agree by 0.69 of 1 within 6 hours.",
        ),
    ),
    "AgentmonSessionsAbandoned": Case(
        _sessions(30),
        _sessions(31),
        50,
        130,
        Fired(
            {},
            "Too many users leave in the middle.",
            "31% of the sessions that ended within one hour were abandoned.",
        ),
    ),
    "AgentmonTurnsSlow": Case(
        _turns(10),
        _turns(12),
        50,
        110,
        Fired(
            {},
            "Users wait too long for their answers.",
            "One of ten turns takes 1m 10s or longer.",
        ),
    ),
    "AgentmonTasksDear": Case(
        _costs(100),
        _costs(101),
        50,
        130,
        Fired(
            {**_OWNED, "currency": "USD"},
            "Tasks of agent a cost more than they may.",
            "Within one hour, a task that was completed cost 1.01 USD on average, with those that "
            "failed.",
        ),
    ),
    "AgentmonTokensUnpriced": Case(
        {'agentmon_unpriced_tokens_total{model="m",provider="p",token_type="input"}': "9x200"},
        {
            'agentmon_unpriced_tokens_total{model="m",provider="p",token_type="input"}': (
                "0+10x60 600x140"
            )
        },
        50,
        130,
        Fired(
            {"model": "m", "provider": "p"},
            "There is no price for the model m of p.",
            "500 tokens within one hour cost nothing in the reports.",
        ),
    ),
    # By half an hour: a week of one, and then of more.
    "AgentmonCostAhead": Case(
        {'agentmon_cost_total{agent="a",currency="USD"}': "0+0.5x335 168+0.75x11 177+0.5x80"},
        {'agentmon_cost_total{agent="a",currency="USD"}': "0+0.5x335 168+1x23 192+0.5x80"},
        178 * 60,
        205 * 60,
        Fired(
            {"currency": "USD"},
            "A day at this pace costs much more than one of last week.",
            "At the pace of the last 6 hours, a day costs 1.9 times the mean day of the last 7, "
            "in USD.",
        ),
        interval="30m",
        every="15m",
        silent=(170 * 60, 174 * 60, 190 * 60),
    ),
}


@pytest.mark.parametrize("program", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_above_what_is_allowed_and_only_there(
    program: str, name: str, tmp_path: Path
) -> None:
    """It is silent just below, fires just above, and is over after repair."""
    prove(program, name, CASES[name], tmp_path)


def test_cost_is_held_to_what_is_promised_of_the_agent(tmp_path: Path) -> None:
    """1.01 for a task is too much where 1 is allowed, and fine where 2 are."""
    promised = Objectives(promises={("agent", "a"): Promise(cost_per_task=2.0)})
    dear = Scenario(_costs(101), {50: []}, objectives=promised)
    check("promtool3", "AgentmonTasksDear", dear, tmp_path)


def test_every_alert_of_work_has_a_case() -> None:
    """One that nobody put to the test may never fire."""
    assert {rule.name for group in work.alerts() for rule in group.rules} == set(CASES)
