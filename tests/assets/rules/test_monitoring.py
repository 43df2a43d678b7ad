"""Alerts of the monitoring on itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.assets.rules.promtool import PROMTOOLS, Fired, Scenario, check

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("program", PROMTOOLS)]


def test_the_watchdog_fires_from_the_first_minute_on(program: str, tmp_path: Path) -> None:
    """Whatever is scraped, or not."""
    fired = Fired(
        {},
        "The alerts of agentmon are alive.",
        "This fires always. Whoever receives it tells when it stops coming.",
    )
    check(program, "AgentmonWatchdog", Scenario({}, {0: [fired], 60: [fired]}), tmp_path)


def test_a_target_that_does_not_answer_is_told_of_until_it_does(
    program: str, tmp_path: Path
) -> None:
    """A restart of 4 minutes is not."""
    up = 'up{job="agentmon-demo",instance="h:9464"}'
    fired = Fired(
        {"job": "agentmon-demo", "instance": "h:9464"},
        "h:9464 cannot be scraped.",
        "Prometheus gets no metrics from h:9464 (job agentmon-demo).",
    )
    scenario = Scenario(
        {up: "1x9 0x3 1x9 0x9 1x9", 'up{job="node",instance="h:9100"}': "0x60"},
        {13: [], 28: [], 30: [fired], 36: []},
    )
    check(program, "AgentmonTargetDown", scenario, tmp_path)


def test_recordings_that_cannot_be_kept_are_told_of_by_reason(program: str, tmp_path: Path) -> None:
    """Misuse by the program is counted too, but is nothing for whoever runs it."""
    dropped = 'agentmon_dropped_total{instance="h:9464",reason='
    fired = Fired(
        {"instance": "h:9464", "reason": "series_bound"},
        "h:9464 cannot keep all that is recorded: series_bound.",
        "150 recordings within 15 minutes were not kept as they came.",
    )
    scenario = Scenario(
        {
            f'{dropped}"series_bound"}}': "0x20 0+10x60 600x60",
            f'{dropped}"ended_twice"}}': "0+10x140",
            f'{dropped}"span_rejected"}}': "7x140",
        },
        {20: [], 60: [fired], 139: []},
    )
    check(program, "AgentmonDropping", scenario, tmp_path)
