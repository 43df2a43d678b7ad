"""
Rules put to the test on the real promtool, of both lines of Prometheus, and on vmalert-tool.

A scenario is a few series as promtool writes them, with what is expected of an alert at some
minutes. What it says is compared exactly, labels and annotations.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentmon.assets import rules
from agentmon.assets.rules.rule import Alert, Group
from agentmon.model.objectives import Objectives
from tests.servers.processes import required

__all__ = ["PROMTOOLS", "VMALERT", "Case", "Fired", "Scenario", "check", "expression", "prove"]

#: The older line is asked with the slow tests: all cases on both take minutes.
PROMTOOLS = (pytest.param("promtool2", marks=pytest.mark.slow), "promtool3")
#: What VictoriaMetrics tests rules with.
VMALERT = "vmalert_tool"


@dataclass(frozen=True)
class Fired:
    """
    An alert as it arrives.

    Args:
        labels: Its labels, without those that every alert of this name has.
        summary: Word for word.
        description: Word for word.
    """

    labels: Mapping[str, str]
    summary: str
    description: str


@dataclass(frozen=True)
class Scenario:
    """
    What happens, and when an alert says so.

    Args:
        series: Values by series, as promtool writes them.
        expected: What fires at each minute; nothing where the list is empty.
        interval: Between values.
        every: How often rules are worked out, if not as they say.
    """

    series: Mapping[str, str]
    expected: Mapping[int, Sequence[Fired]]
    interval: str = "1m"
    every: str = "1m"
    objectives: Objectives = field(default_factory=Objectives)


@dataclass(frozen=True)
class Case:
    """
    An alert just below and just above what it allows.

    Args:
        below: Series for which it has to be silent.
        above: Series for which it fires, until they are good again.
        minute: When it fires.
        over: When it is over.
        fired: What it says.
        interval: Between values.
        every: How often it is worked out.
        silent: When it is silent below.
    """

    below: Mapping[str, str]
    above: Mapping[str, str]
    minute: int
    over: int
    fired: Fired
    interval: str = "1m"
    every: str = "1m"
    silent: tuple[int, ...] = (30, 80, 150, 199)


def prove(program: str, name: str, case: Case, folder: Path, alert: Alert | None = None) -> None:
    """See that an alert is silent just below, fires just above, and is over after repair."""
    silent: dict[int, list[Fired]] = {minute: [] for minute in case.silent}
    check(program, name, Scenario(case.below, silent, case.interval, case.every), folder, alert)
    expected: dict[int, list[Fired]] = {0: [], case.minute: [case.fired], case.over: []}
    check(program, name, Scenario(case.above, expected, case.interval, case.every), folder, alert)


def check(
    program: str, name: str, scenario: Scenario, folder: Path, alert: Alert | None = None
) -> None:
    """
    Run a scenario of an alert.

    Args:
        program: Of `PROMTOOLS`, or `VMALERT`.
        name: The name of the alert.
        scenario: What happens.
        folder: Where files are put.
        alert: What is put to the test instead of the alert of this name, such as a mutant of it.
    """
    alert = alert or next(each for each in rules.alerts() if each.name == name)
    rule = alert.rendered(scenario.objectives)
    fixed = {"severity", "kind", "component", *alert.labels}
    links = {key: value for key, value in rule["annotations"].items() if key.endswith("_url")}
    tests = [
        {
            "eval_time": f"{minute}m",
            "alertname": name,
            "exp_alerts": [
                {
                    "exp_labels": {
                        **{key: rule["labels"][key] for key in fixed},
                        **fired.labels,
                    },
                    "exp_annotations": {
                        "summary": fired.summary,
                        "description": fired.description,
                        **{key: _filled(text, fired.labels) for key, text in links.items()},
                    },
                }
                for fired in expected
            ],
        }
        for minute, expected in scenario.expected.items()
    ]
    _run(program, scenario, {"alert_rule_test": tests}, folder, alert)


def expression(
    program: str,
    scenario: Scenario,
    asked: Mapping[str, Mapping[int, Mapping[str, float]]],
    folder: Path,
) -> None:
    """
    Work out expressions over a scenario, recording rules included.

    Args:
        program: Of `PROMTOOLS`.
        scenario: What happens; its expectations are not looked at.
        asked: By expression and minute, the value by the labels as promtool writes them.
        folder: Where files are put.
    """
    tests = [
        {
            "expr": text,
            "eval_time": f"{minute}m",
            "exp_samples": [
                {"labels": labels, "value": value} for labels, value in samples.items()
            ],
        }
        for text, minutes in asked.items()
        for minute, samples in minutes.items()
    ]
    _run(program, scenario, {"promql_expr_test": tests}, folder, None)


def _filled(text: str, labels: Mapping[str, str]) -> str:
    for label, value in labels.items():
        text = text.replace(f"{{{{ $labels.{label} }}}}", value)
    return text


def _tests(tests: dict[str, Any]) -> list[dict[str, Any]]:
    return list(tests["promql_expr_test"])


def _needed(groups: list[Group], asking: list[str], given: set[str]) -> list[Group]:
    """
    The groups whose records are asked for, also by each other; the others would cost time.

    What the scenario gives is not worked out.
    """
    needed: list[Group] = []
    for group in reversed(groups):
        names = {rule.name for rule in group.rules} - given
        if any(name in text for name in names for text in asking):
            needed.insert(0, group)
            asking = [*asking, *(rule.expression.text for rule in group.rules)]
    return needed


def _run(
    program: str, scenario: Scenario, tests: dict[str, Any], folder: Path, alert: Alert | None
) -> None:
    asking = [alert.expression.text] if alert else [test["expr"] for test in _tests(tests)]
    given = {series.partition("{")[0] for series in scenario.series}
    groups = _needed(rules.record_groups(scenario.objectives), asking, given)
    if alert is not None:
        groups.append(Group("alerts", scenario.every, (alert,)))
    if scenario.every != "1m":
        groups = [dataclasses.replace(group, interval=scenario.every) for group in groups]
    rendered = [group.rendered(scenario.objectives) for group in groups]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": rendered}))
    case = {
        "interval": scenario.interval,
        "input_series": [
            {"series": series, "values": values} for series, values in scenario.series.items()
        ],
        **tests,
    }
    order = [group.name for group in groups]
    whole = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": scenario.every,
        "group_eval_order": order,
        "tests": [case],
    }
    arguments = ["test", "rules", "test.yml"]
    if program == VMALERT:
        arguments = ["unittest", "--disableAlertgroupLabel", "--files=test.yml"]
    (folder / "test.yml").write_text(yaml.safe_dump(whole))
    run = subprocess.run(
        [required(program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        pytest.fail(run.stdout + run.stderr, pytrace=False)
