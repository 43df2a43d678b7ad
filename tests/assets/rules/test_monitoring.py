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


def test_what_was_pushed_long_ago_is_told_of(program: str, tmp_path: Path) -> None:
    """A quarter of an hour is allowed; jobs of others are none of ours."""
    fired = Fired(
        {"job": "agentmon-nightly"},
        "What agentmon-nightly pushed is old.",
        "The Pushgateway has got nothing from agentmon-nightly for 30m 0s.",
    )
    scenario = Scenario(
        {
            'push_time_seconds{job="agentmon-nightly"}': "0x30 2400x60",
            'push_time_seconds{job="other"}': "0x90",
        },
        {15: [], 30: [fired], 45: [], 54: []},
    )
    check(program, "AgentmonPushStale", scenario, tmp_path)


def test_what_cannot_be_exported_is_told_of_by_reason(program: str, tmp_path: Path) -> None:
    """What was dropped at a bound has an alert of its own."""
    dropped = 'agentmon_dropped_total{instance="h:9464",reason='
    fired = Fired(
        {"instance": "h:9464", "reason": "push_failed"},
        "h:9464 cannot get out what it has: push_failed.",
        "15 spans, log records or pushes within 15 minutes did not arrive.",
    )
    scenario = Scenario(
        {
            f'{dropped}"push_failed"}}': "0x20 0+1x60 60x60",
            f'{dropped}"series_bound"}}': "0+10x140",
        },
        {20: [], 60: [fired], 139: []},
    )
    check(program, "AgentmonExportFailing", scenario, tmp_path)


def test_series_that_come_near_their_limit_are_told_of(program: str, tmp_path: Path) -> None:
    """80 % are allowed."""
    fired = Fired(
        {"instance": "h:9464"},
        "h:9464 has nearly as many series as it may.",
        "81% of `max_series` are held.",
    )
    scenario = Scenario(
        {
            'agentmon_series{instance="h:9464"}': "80x30 81x60 50x60",
            'agentmon_series_limit{instance="h:9464"}': "100x150",
        },
        {30: [], 60: [fired], 100: []},
    )
    check(program, "AgentmonSeriesNearLimit", scenario, tmp_path)


def test_many_who_are_refused_are_told_of(program: str, tmp_path: Path) -> None:
    """Not browsers, which begin without credentials, nor a few who mistype."""
    refused = 'agentmon_endpoint_refused_total{instance="h:9464",reason='
    fired = Fired(
        {"instance": "h:9464", "reason": "wrong_credentials"},
        "h:9464 refuses many who ask for its metrics: wrong_credentials.",
        "30 were refused within 15 minutes.",
    )
    scenario = Scenario(
        {
            f'{refused}"wrong_credentials"}}': "0+1x30 30+2x60 150x60",
            f'{refused}"no_credentials"}}': "0+9x150",
        },
        {29: [], 60: [fired], 120: []},
    )
    check(program, "AgentmonEndpointRefusing", scenario, tmp_path)


def test_rules_that_cannot_be_worked_out_are_told_of(program: str, tmp_path: Path) -> None:
    """By the group that they are in."""
    failures = "prometheus_rule_evaluation_failures_total"
    fired = Fired(
        {"rule_group": "r.yml;g"},
        "Rules of r.yml;g cannot be worked out.",
        "15 evaluations within 15 minutes failed.",
    )
    scenario = Scenario(
        {
            f'{failures}{{instance="p:9090",rule_group="r.yml;g"}}': "0x20 0+1x60 60x60",
            f'{failures}{{instance="p:9090",rule_group="r.yml;h"}}': "3x140",
        },
        {20: [], 60: [fired], 120: []},
    )
    check(program, "AgentmonRulesFailing", scenario, tmp_path)
