"""Alerts on traffic that is not what it usually is at this hour, on generated weeks."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from agentmon.assets.rules import seasonal
from agentmon.model.objectives import Objectives
from tests.assets.rules.promtool import PROMTOOLS
from tests.servers.processes import required

pytestmark = [pytest.mark.servers, pytest.mark.slow]
#: Three weeks take their time: one case is enough to see that both lines agree.
both = pytest.mark.parametrize("program", PROMTOOLS)
newer = pytest.mark.parametrize("program", PROMTOOLS[1:])

STEP = 5  # minutes between values
HOUR = 60 // STEP
WEEK = 7 * 24 * HOUR
RATES = "agent:agentmon_calls:rate5m"
OWNER = 'agent:agentmon_owner:info{agent="a",priority="P3",team="t"}'
Shape = Callable[[int], "float | None"]


def usual(point: int) -> float:
    """A day that is busy at noon, and a quiet end of the week."""
    day = 1 + 0.6 * math.sin(2 * math.pi * point / (24 * HOUR))
    return 2 * day * (0.4 if point % WEEK >= 5 * 24 * HOUR else 1)


def after(onset: int, then: Shape, until: int | None = None) -> Shape:
    """Usual until the onset, and again from the end."""
    return lambda point: (
        then(point) if point >= onset and (until is None or point < until) else usual(point)
    )


def fires(program: str, shape: Shape, minutes: Mapping[int, bool], folder: Path) -> None:
    """See that the alert fires for the agent at those points, and at the others does not."""
    agent = seasonal.alerts()[0].rules[0]
    groups = [
        seasonal.records()[0].rendered(Objectives()),
        {"name": "alert", "interval": "5m", "rules": [agent.rendered(Objectives())]},  # type: ignore[call-arg, union-attr]
    ]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    last = max(minutes)
    values = [shape(point) for point in range(last + 1)]
    shown = " ".join("_" if value is None else f"{value:.4f}" for value in values)
    # It is worked out from the calls: where there are none, nobody is named.
    owned = " ".join("_" if value is None else "1" for value in values)
    labels = 'agent="a",priority="P3",team="t",severity="warning",kind="anomaly",component="agent"'
    name = 'ALERTS{alertname="AgentmonAgentTrafficAnomaly",alertstate="firing",'
    tests = [
        {
            "expr": 'ALERTS{alertstate="firing"}',
            "eval_time": f"{point * STEP}m",
            "exp_samples": [{"labels": name + labels + "}", "value": 1}] if firing else [],
        }
        for point, firing in minutes.items()
    ]
    case = {
        "interval": "5m",
        "input_series": [
            {"series": RATES + '{agent="a"}', "values": shown},
            {"series": OWNER, "values": owned},
        ],
        "promql_expr_test": tests,
    }
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "5m",
        "group_eval_order": ["agentmon-seasonal-agent", "alert"],
        "tests": [case],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(whole))
    run = subprocess.run(
        [required(program), "test", "rules", "test.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        pytest.fail(run.stdout + run.stderr, pytrace=False)


ONSET = 2 * WEEK + 30 * HOUR


@both
def test_a_drop_to_zero_fires_within_half_an_hour_and_resolves(
    program: str, tmp_path: Path
) -> None:
    """Silent on the usual shape before, and again when the traffic is back."""
    gone = after(ONSET, lambda _: 0, ONSET + 3 * HOUR)
    expected = {
        ONSET - 1: False,
        ONSET - 12 * HOUR: False,
        ONSET + HOUR // 2: True,
        ONSET + 3 * HOUR - 1: True,
        ONSET + 4 * HOUR: False,
    }
    fires(program, gone, expected, tmp_path)


@newer
@pytest.mark.parametrize(
    ("then", "firing"),
    [
        (lambda point: 3 * usual(point), True),
        (lambda point: 0.4 * usual(point), True),
        (lambda _: None, True),
        (lambda point: 1.1 * usual(point), False),
    ],
    ids=["threefold", "less by 60 %", "the series is gone", "a tenth more"],
)
def test_what_is_far_from_usual_fires_and_what_is_near_does_not(
    program: str, then: Shape, firing: bool, tmp_path: Path
) -> None:
    """Four deviations, or a series that is gone."""
    fires(program, after(ONSET, then), {ONSET - 1: False, ONSET + HOUR: firing}, tmp_path)


@newer
def test_an_outage_last_week_is_not_taken_for_usual(program: str, tmp_path: Path) -> None:
    """The median of three weeks leaves one bad week out."""
    start = 3 * WEEK + 30 * HOUR
    outage = after(start - WEEK, lambda _: 0, start - WEEK + 6 * HOUR)
    fires(program, outage, {start + 2 * HOUR: False, start + 5 * HOUR: False}, tmp_path)


@newer
def test_a_series_younger_than_two_weeks_is_silent(program: str, tmp_path: Path) -> None:
    """One week alone says not what is usual."""
    onset = WEEK + 30 * HOUR
    fires(program, after(onset, lambda _: 0), {onset + HOUR: False}, tmp_path)


@newer
def test_an_agent_that_does_next_to_nothing_is_silent(program: str, tmp_path: Path) -> None:
    """Half a call in 15 minutes may as well be none."""
    sparse: Shape = lambda point: 0.0 if point >= ONSET else 0.0003 * usual(point)  # noqa: E731
    fires(program, sparse, {ONSET + HOUR: False}, tmp_path)
