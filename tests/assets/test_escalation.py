"""What fires for long is told to somebody else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from agentmon.assets import escalation
from agentmon.assets.render import render
from agentmon.model.objectives import Objectives, Team
from tests.servers.processes import required

TEAM = Objectives(
    teams={
        'the "best"': Team('the "best"', "default", "default", 1800),
        "other": Team("other", "default"),
    },
    runbooks_url="https://wiki.example",
)
#: The same in short, as a rule that fires while a series is there.
SOURCE = {
    "name": "source",
    "interval": "1m",
    "rules": [
        {
            "alert": "AgentmonAgentAvailabilityBurnFast",
            "expr": "broken > 0",
            "for": "2m",
            "labels": {"severity": "warning", "kind": "burn", "objective": "availability"},
        }
    ],
}


def test_nobody_escalates_unless_a_team_says_so() -> None:
    """By default there is no such rule, and no file."""
    assert escalation.groups(Objectives(teams={"other": Team("other", "default")})) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_rules_are_rendered_wherever_rules_are() -> None:
    """In the folder of rules, in that of native ones, and for the operator."""
    files = render(TEAM)
    for path in ("rules/agentmon-escalations.yml", "rules-native/agentmon-escalations.yml"):
        assert yaml.safe_load(files[f"prometheus/{path}"])["groups"] == escalation.groups(TEAM)
    operator = yaml.safe_load(files["prometheus/operator/rules.yml"])
    assert operator["spec"]["groups"][-1] == escalation.groups(TEAM)[0]


@pytest.mark.servers
@pytest.mark.parametrize("promtool", ["promtool2", "promtool3"])
def test_an_alert_that_fires_for_too_long_escalates_and_ends(promtool: str, tmp_path: Path) -> None:
    """After half an hour, not before; with the labels and the page of what fires."""
    (tmp_path / "rules.yml").write_text(
        yaml.safe_dump({"groups": [SOURCE, *escalation.groups(TEAM)]})
    )
    escalated = {
        "exp_labels": {
            "severity": "critical",
            "kind": "escalation",
            "escalated": "true",
            "source_alert": "AgentmonAgentAvailabilityBurnFast",
            "objective": "availability",
            "team": 'the "best"',
            "agent": "a",
        },
        "exp_annotations": {
            "summary": 'AgentmonAgentAvailabilityBurnFast of team the "best" is not mended.',
            "description": "It fires for 31m 0s now.",
            "runbook_url": "https://wiki.example/agent-availability-burn-fast.md",
        },
    }
    long = {
        **escalated,
        "exp_annotations": {
            **escalated["exp_annotations"],
            "description": "It fires for 3h 0m 0s now.",
        },
    }
    tests = [
        {"eval_time": at, "alertname": escalation.ESCALATED, "exp_alerts": expected}
        for at, expected in {"30m": [], "31m": [escalated], "180m": [long], "205m": []}.items()
    ]
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "group_eval_order": ["source", "agentmon-escalation"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": 'broken{team="the \\"best\\"", agent="a"}',
                        "values": "1x180 0x60",
                    },
                    {"series": 'broken{team="other", agent="b"}', "values": "1x240"},
                ],
                "alert_rule_test": tests,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(whole))
    done = subprocess.run(
        [required(promtool), "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
def test_vmalert_takes_the_rule(tmp_path: Path) -> None:
    """VictoriaMetrics' tool finds nothing wrong."""
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": escalation.groups(TEAM)}))
    done = subprocess.run(
        [required("vmalert"), f"-rule={tmp_path}/rules.yml", "-dryRun", "-rule.validateTemplates"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
