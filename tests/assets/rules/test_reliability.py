"""What is recorded of the reliability of parts and of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.assets.rules.promtool import PROMTOOLS, Scenario, expression

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("program", PROMTOOLS)]

_TIME = 'agentmon_component_time_seconds_total{component="db",state='
_DB = '{component="db"}'
_TENTH = 0.1


def _rounded(name: str, to: float = _TENTH) -> str:
    return f"round({name}, {to!r})"


def test_uptime_and_times_between_and_of_failures_are_those_of_the_component(
    program: str, tmp_path: Path
) -> None:
    """Ten hours, in each of which it was down for 6 minutes, once: 90 %, 54 minutes, 6 minutes."""
    up = " ".join(f"{n * 3240}+60x53 {(n + 1) * 3240}x5" for n in range(10))
    down = " ".join(f"{n * 360}x53 {n * 360}+60x5" for n in range(10))
    ended = " ".join(f"{n}x59" for n in range(10))
    happens = Scenario(
        {
            f'{_TIME}"up"}}': up,
            f'{_TIME}"down"}}': down,
            'agentmon_outages_total{component="db"}': ended,
            'agentmon_outage_duration_seconds_count{component="db"}': ended,
            'agentmon_outage_duration_seconds_sum{component="db"}': " ".join(
                f"{360 * n}x59" for n in range(10)
            ),
        },
        {},
    )
    asked = {
        _rounded("component:agentmon_uptime:ratio1d"): {595: {_DB: 0.9}},
        _rounded("component:agentmon_between_failures:mean30d / 60", 10): {595: {_DB: 60}},
        _rounded("component:agentmon_recovery:mean30d"): {595: {_DB: 360}},
    }
    expression(program, happens, asked, tmp_path)


def test_resilience_is_what_is_kept_in_the_worst_hour_by_how_fast_it_recovers(
    program: str, tmp_path: Path
) -> None:
    """Half of the tasks kept, of 0.955 on average, and outages of an hour: 0.5 / 0.955 / 2."""
    failed = "system:agentmon_failed:ratio_rate1h"
    happens = Scenario(
        {
            failed: "0x1079 0.5x119",  # 10 % of the time, half of them
            'agentmon_outage_duration_seconds_count{component="db"}': "0x600 1x600",
            'agentmon_outage_duration_seconds_sum{component="db"}': "0x600 3600x600",
        },
        {},
        every="15m",
    )
    name = "system:agentmon_resilience:score7d"
    expression(program, happens, {_rounded(name, 0.01): {1185: {"": 0.26}}}, tmp_path)


def test_without_an_outage_resilience_is_what_is_kept(program: str, tmp_path: Path) -> None:
    """Nothing had to be recovered from: 0.5 / 0.955. Where no task failed, it is 1."""
    name = "system:agentmon_resilience:score7d"
    failed = "system:agentmon_failed:ratio_rate1h"
    for values, score in (("0x1079 0.5x119", 0.52), ("0x1199", 1.0)):
        happens = Scenario({failed: values}, {}, every="15m")
        asked = {_rounded(name, 0.01): {1185: {"": score}}}
        expression(program, happens, asked, tmp_path)
