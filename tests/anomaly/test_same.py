"""The benchmark's formula says what the shipped rules say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from agentmon.assets.rules import seasonal
from agentmon.model.objectives import Objectives
from tests.anomaly.data import DAY, WATCHED, traffic
from tests.anomaly.rules import FORMULAS, Ours
from tests.servers.processes import required

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_HISTORY = 22 * DAY
_TOLERANCE = 0.001
_WHAT = {"a": ("sparse", "sudden, to a third"), "b": ("restless", "+40 %")}


def test_the_formula_of_the_table_is_the_one_that_prometheus_works_out(tmp_path: Path) -> None:
    """Three weeks and an incident: the deviations over each window, and whether it is odd."""
    alert = seasonal.alerts()[0].rules[0]
    records = seasonal.records()[0].rendered(Objectives())
    values = {
        agent: traffic(noise, 7, incident)[-_HISTORY:] for agent, (noise, incident) in _WHAT.items()
    }
    series = [
        {
            "series": f'agent:agentmon_calls:rate5m{{agent="{agent}"}}',
            "values": " ".join(map(repr, found)),
        }
        for agent, found in values.items()
    ] + [
        {
            "series": f'agent:agentmon_owner:info{{agent="{agent}",priority="P3",team="t"}}',
            "values": f"1x{_HISTORY}",
        }
        for agent in values
    ]
    tests = []
    seen = 0
    for agent, found in values.items():
        odd, ours = FORMULAS["agentmon"](found), Ours(found)
        for at in range(_HISTORY - WATCHED - 12, _HISTORY):
            z = ours.z(at)
            seen += odd(at)
            tests += [
                {
                    "expr": f'abs(agent:agentmon_calls:seasonal_z{{agent="{agent}",over="{over}"}} '
                    f"- ({each})) < bool {_TOLERANCE}",
                    "eval_time": f"{at * 5}m",
                    "exp_samples": [
                        {"labels": f'{{agent="{agent}",over="{over}"}}', "value": 1},
                    ],
                }
                for over, each in z.items()
            ]
            tests.append(
                {
                    "expr": f"count(({alert.expression.text}) and on (agent) "
                    f'agent:agentmon_owner:info{{agent="{agent}"}})',
                    "eval_time": f"{at * 5}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if odd(at) else [],
                }
            )
    assert 0 < seen < WATCHED * 2
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [records]}))
    case = {"interval": "5m", "input_series": series, "promql_expr_test": tests}
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": [case]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(whole))
    run = subprocess.run(
        [required("promtool3"), "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        pytest.fail((run.stdout + run.stderr)[:4000], pytrace=False)
