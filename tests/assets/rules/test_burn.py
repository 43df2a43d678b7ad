"""Alerts on error budgets that are used up too fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.objectives import parse
from tests.assets.rules.promtool import PROMTOOLS, Fired, Scenario, check

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("program", PROMTOOLS)]

#: By level: the calls that ended well and badly, the labels of the alert, and what it is called.
LEVELS = {
    "Agent": (
        'agentmon_agent_calls_total{agent="a",operation="invoke",outcome="ok"}',
        'agentmon_agent_calls_total{agent="a",operation="invoke",outcome="error"}',
        {"agent": "a", "priority": "P3"},
        "Agent a",
    ),
    "Workflow": (
        'agentmon_workflow_calls_total{workflow="w",outcome="ok"}',
        'agentmon_workflow_calls_total{workflow="w",outcome="timeout"}',
        {"workflow": "w", "priority": "P3"},
        "Workflow w",
    ),
    "Dependency": (
        'agentmon_dependency_calls_total{dependency="db",outcome="ok"}',
        'agentmon_dependency_calls_total{dependency="db",outcome="error"}',
        {"dependency": "db", "priority": "P3"},
        "Dependency db",
    ),
    "Region": (
        'agentmon_agent_calls_total{region="eu",agent="a",outcome="ok"}',
        'agentmon_agent_calls_total{region="eu",agent="a",outcome="error"}',
        {"region": "eu", "priority": "P3"},
        "Region eu",
    ),
    "System": (
        'agentmon_task_ended_total{task="t",result="completed"}',
        'agentmon_task_ended_total{task="t",result="timed_out"}',
        {"priority": "P3"},
        "The system",
    ),
}
levels = pytest.mark.parametrize("level", LEVELS)
FAST = "at this rate the error budget is used up within hours: 2 % of the budget in one hour, or"


@levels
def test_a_budget_that_burns_fast_pages_and_stops_when_it_burns_no_more(
    program: str, level: str, tmp_path: Path
) -> None:
    """0.99 are promised: 14.4 % of failures are too many, 14 % are not yet."""
    well, badly, labels, who = LEVELS[level]
    fired = Fired(
        labels,
        f"{who} fails too often to keep its promise.",
        f"15% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    above = Scenario(
        {well: "0+85x120 10200+100x60", badly: "0+15x120 1800x60"},
        {90: [fired], 119: [fired], 150: []},
    )
    check(program, f"Agentmon{level}AvailabilityBurnFast", above, tmp_path)
    # In 6 hours 5 % of the budget are 6 % of failures: below both.
    below = Scenario({well: "0+945x180", badly: "0+55x180"}, {90: [], 179: []})
    check(program, f"Agentmon{level}AvailabilityBurnFast", below, tmp_path)


@levels
def test_a_budget_that_burns_slowly_is_a_ticket(program: str, level: str, tmp_path: Path) -> None:
    """Three times too fast over a day, and still so in the last 2 hours."""
    well, badly, labels, who = LEVELS[level]
    fired = Fired(
        labels,
        f"{who} fails too often to keep its promise.",
        "4% of the calls failed over the longer window; at this rate the error budget is used up "
        "within days: 10 % of the budget in one day, or in three.",
    )
    name = f"Agentmon{level}AvailabilityBurnSlow"
    above = Scenario({well: "0+480x200", badly: "0+20x200"}, {199: [fired]}, interval="1m")
    check(program, name, above, tmp_path)
    below = Scenario({well: "0+992x200", badly: "0+8x200"}, {199: []})
    check(program, name, below, tmp_path)


def test_few_failures_of_an_agent_that_does_little_page_nobody(
    program: str, tmp_path: Path
) -> None:
    """Four failed calls of four within an hour are a share of 1 and no reason to wake somebody."""
    name = "AgentmonAgentAvailabilityBurnFast"
    badly = LEVELS["Agent"][1]
    few = Scenario({badly: "0x10 1x10 2x10 3x10 4x60"}, {minute: [] for minute in (25, 40, 60)})
    check(program, name, few, tmp_path)


def test_an_idle_night_neither_fires_nor_poisons_the_morning(program: str, tmp_path: Path) -> None:
    """Without any call there is no share; as soon as there are failures again, it fires."""
    well, badly, labels, _ = LEVELS["Agent"]
    fired = Fired(
        labels,
        "Agent a fails too often to keep its promise.",
        f"50% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    night = Scenario(
        {well: "900+10x60 1500x480 1500+10x60", badly: "900x60 900x480 900+10x60"},
        {300: [], 539: [], 590: [fired]},
    )
    check(program, "AgentmonAgentAvailabilityBurnFast", night, tmp_path)


def test_a_restart_of_the_process_is_no_failure(program: str, tmp_path: Path) -> None:
    """Counters that begin anew count on."""
    well, badly, _, _ = LEVELS["Agent"]
    restart = Scenario(
        {well: "0+100x60 0+100x60", badly: "0+1x60 0+1x60"},
        {minute: [] for minute in (59, 61, 63, 70, 119)},
    )
    check(program, "AgentmonAgentAvailabilityBurnFast", restart, tmp_path)


def test_an_agent_that_is_new_and_fails_at_once_pages(program: str, tmp_path: Path) -> None:
    """Its first hour is not over, and it is told of all the same."""
    well, badly, labels, _ = LEVELS["Agent"]
    fired = Fired(
        labels,
        "Agent a fails too often to keep its promise.",
        f"50% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    new = Scenario({well: "_x60 0+10x30", badly: "_x60 0+10x30"}, {50: [], 75: [fired]})
    check(program, "AgentmonAgentAvailabilityBurnFast", new, tmp_path)


def test_what_is_promised_of_one_agent_does_not_concern_another(
    program: str, tmp_path: Path
) -> None:
    """Of b, less is promised: 0.8 allow for the failures that page for a."""
    series = {
        series.replace('agent="a"', f'agent="{agent}"'): values
        for agent in ("a", "b")
        for series, values in (
            (LEVELS["Agent"][0], "0+85x120"),
            (LEVELS["Agent"][1], "0+15x120"),
        )
    }
    fired = Fired(
        {"agent": "a", "priority": "P3"},
        "Agent a fails too often to keep its promise.",
        f"15% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    objectives = parse("[agents.b]\navailability = 0.8\n")
    both = Scenario(series, {100: [fired]}, objectives=objectives)
    check(program, "AgentmonAgentAvailabilityBurnFast", both, tmp_path)


def test_calls_that_are_too_slow_use_up_the_budget_of_latency(program: str, tmp_path: Path) -> None:
    """5 % may take longer than 30 s: three of four do, which is more than 14.4 times that."""
    name = 'agentmon_agent_duration_seconds_bucket{agent="a",outcome="ok",le='
    calls = 'agentmon_agent_calls_total{agent="a",outcome="ok"}'
    fired = Fired(
        {"agent": "a", "priority": "P3"},
        "Agent a is too slow to keep its promise.",
        "75% of the calls took longer than was promised, over the longer window; "
        f"{FAST} 5 % in six.",
    )
    for edge in ("30", "30.0"):
        slow = Scenario(
            {
                calls: "0+100x120",
                f'{name}"{edge}"}}': "0+25x120",
                f'{name}"60.0"}}': "0+100x120",
            },
            {110: [fired]},
        )
        check(program, "AgentmonAgentLatencyBurnFast", slow, tmp_path)
    quick = Scenario(
        {calls: "0+100x120", f'{name}"30.0"}}': "0+75x120"},
        {110: []},
    )
    check(program, "AgentmonAgentLatencyBurnFast", quick, tmp_path)


def test_the_tier_of_an_agent_is_joined_from_its_facts(program: str, tmp_path: Path) -> None:
    """Agents of a tier fail together; one without a tier concerns none."""
    well, badly, _, _ = LEVELS["Agent"]
    fired = Fired(
        {"tier": "frontline", "priority": "P3"},
        "Tier frontline fails too often to keep its promise.",
        f"15% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    scenario = Scenario(
        {
            well: "0+85x120",
            badly: "0+15x120",
            badly.replace('"a"', '"b"'): "0+50x120",
            'agentmon_agent_info{agent="a",tier="frontline",team="t",version="1"}': "1x120",
            'agentmon_agent_info{agent="b",tier="",team="t",version="1"}': "1x120",
        },
        {100: [fired]},
    )
    check(program, "AgentmonTierAvailabilityBurnFast", scenario, tmp_path)


def test_an_agent_that_runs_in_two_regions_fails_where_it_fails(
    program: str, tmp_path: Path
) -> None:
    """And its team, tier and priority are told."""
    series = {
        f'agentmon_agent_calls_total{{agent="a",region="{region}",outcome="{outcome}"}}': values
        for region, outcome, values in (
            ("eu", "ok", "0+85x120"),
            ("eu", "error", "0+15x120"),
            ("us", "ok", "0+100x120"),
            ("us", "error", "0x120"),
        )
    }
    for region in ("eu", "us"):
        facts = f'agentmon_agent_info{{agent="a",region="{region}",team="support",tier="t"}}'
        series[facts] = "1x120"
    fired = Fired(
        {"agent": "a", "region": "eu", "team": "support", "priority": "P1"},
        "Agent a fails too often to keep its promise.",
        f"15% of the calls failed over the longer window; {FAST} 5 % in six.",
    )
    objectives = parse('[agents.a]\npriority = "P1"\n')
    both = Scenario(series, {100: [fired]}, objectives=objectives)
    check(program, "AgentmonAgentAvailabilityBurnFast", both, tmp_path)
