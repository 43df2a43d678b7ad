"""
Dashboards for those who build agents: versions side by side, code, tests, deployments.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Board, Panel, Query, Row, panel, spelled
from agentmon.assets.dashboards.colours import (
    CHEAP,
    FEWER,
    MORE,
    NONE,
    QUICK,
    SOUND,
    at_least,
    at_most,
)
from agentmon.model import catalogue
from agentmon.query.promql import Expression
from agentmon.query.views import Measure

__all__ = ["BOARDS"]

_AGENT: Final = ("service", "region", "agent", "version")
_INFO: Final = catalogue.AGENT_INFO.sample


def _by_version(title: str, help_text: str, asked: str, measure: Measure, width: int) -> Panel:
    """What is known of an agent, by the version that ran at the time."""
    text = (
        f"{asked} * on (agent) group_left (version) topk by (agent) (1, group by (agent, version) "
        f'({_INFO}{{{_WHERE}, version=~"$version"}}))'
    )
    return Panel(
        title,
        help_text,
        "lines",
        (Query(Expression(text, frozenset({"agent", "version"})), "{{agent}} {{version}}"),),
        measure,
        width,
        8,
        empty="No agent declares a version",
    )


_WHERE: Final = 'agent=~"$agent", region=~"$region", service=~"$service"'
_P90: Final = spelled("agent-p90", "agent", "region", "service")
_ENDED: Final = (
    f'sum by (agent) (rate(agentmon_agent_calls_total{{{_WHERE}, outcome=~"ok|error|timeout"}}'
    "[$__rate_interval]))"
)
_FAILED: Final = (
    f'(sum by (agent) (rate(agentmon_agent_calls_total{{{_WHERE}, outcome=~"error|timeout"}}'
    f"[$__rate_interval])) or ({_ENDED} * 0)) / ({_ENDED} > 0)"
)
_COST: Final = f"sum by (agent) (rate(agentmon_cost_total{{{_WHERE}}}[$__rate_interval])) * 3600"
_CALLS: Final = f"sum by (agent) (rate(agentmon_agent_calls_total{{{_WHERE}}}[$__rate_interval]))"

_DEVELOPMENT: Final = Board(
    "agent_development_metrics",
    "agentmon-development",
    "Agent versions",
    "developer",
    "Is the new version better?",
    _AGENT,
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "evaluation",
                    title="Score",
                    width=6,
                    steps=SOUND,
                    empty="Nothing was evaluated: see agentmon.score",
                ),
                panel(
                    "stat",
                    "consistency",
                    title="Consistency",
                    width=6,
                    steps=at_least(0.9, 0.7),
                    empty="Nothing was compared: see agentmon.consistency",
                ),
                panel("stat", "agent-errors", title="Failed", width=6, steps=FEWER),
                panel("stat", "agent-p90", title="p90", width=6, steps=QUICK),
            ),
        ),
        Row(
            "Quality",
            (
                panel(
                    "table",
                    "evaluation-runs",
                    title="Latest evaluation runs",
                    width=12,
                    columns=("Score",),
                    empty="No run was collected: see agentmon collect",
                ),
                panel(
                    "table",
                    "evaluation-by-version",
                    title="Scores of live calls",
                    width=12,
                    columns=("Score",),
                    empty="Nothing was evaluated: see agentmon.score",
                ),
                panel("lines", "evaluation", title="Scores over time", width=12),
                panel(
                    "lines",
                    "consistency",
                    title="Consistency",
                    width=12,
                    empty="Nothing was compared: see agentmon.consistency",
                ),
            ),
        ),
        Row(
            "Speed, cost, adoption",
            (
                _by_version(
                    "p90 by version",
                    "Within what time nine of ten calls of the version that ran then ended.",
                    _P90,
                    Measure.SECONDS,
                    12,
                ),
                _by_version(
                    "Failed by version",
                    "What share of the calls of the version that ran then failed.",
                    f"({_FAILED})",
                    Measure.RATIO,
                    12,
                ),
                _by_version(
                    "Cost an hour by version",
                    "What the calls of the version that ran then cost in an hour.",
                    f"({_COST})",
                    Measure.MONEY,
                    12,
                ),
                _by_version(
                    "Calls by version",
                    "How many calls the version that ran then got.",
                    _CALLS,
                    Measure.PER_SECOND,
                    12,
                ),
                panel("table", "agent-facts", title="What runs", width=24, columns=("Processes",)),
            ),
        ),
    ),
    since="now-7d",
)

_QUALITY: Final = Board(
    "code_quality_metrics",
    "agentmon-code",
    "Code quality",
    "developer",
    "Is the code getting better or worse?",
    (),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "maintainability",
                    title="Maintainability, 0 to 100",
                    width=8,
                    steps=at_least(65, 20),
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "stat",
                    "code-findings",
                    title="Findings",
                    width=8,
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "stat",
                    "complexity",
                    title="Complexity",
                    width=8,
                    steps=at_most(10, 20),
                    empty="Nothing was collected: see agentmon collect",
                ),
            ),
        ),
        Row(
            "Where",
            (
                panel(
                    "bars",
                    "maintainability",
                    title="Maintainability, 0 to 100",
                    width=8,
                    steps=at_least(65, 20),
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "bars",
                    "code-findings",
                    title="Findings",
                    width=8,
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "table",
                    "code-rules",
                    title="Findings by rule",
                    width=8,
                    height=8,
                    columns=("Findings",),
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel("lines", "complexity", title="Complexity", width=8),
                panel("lines", "code-findings", title="Findings", width=8),
                panel("lines", "maintainability", title="Maintainability", width=8),
            ),
        ),
    ),
    since="now-30d",
)


def _failing() -> Expression:
    """Tests that failed or broke; 0 only where a suite is reported."""
    tests = catalogue.facts.TESTS.sample
    bad = f'sum(max by (suite, result) ({tests}{{result=~"failed|error"}}))'
    return Expression(f"{bad} or 0 * sum({tests})", frozenset(), simple=False)


_TESTING: Final = Board(
    "testing_coverage_view",
    "agentmon-testing",
    "Tests and coverage",
    "developer",
    "Are the tests sound, and what do they miss?",
    (),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "coverage",
                    title="Coverage",
                    width=6,
                    steps=at_least(0.8, 0.6),
                    empty="Nothing was collected: see agentmon collect",
                ),
                Panel(
                    "Tests that fail",
                    "How many tests of the latest runs failed or broke?",
                    "stat",
                    (Query(_failing()),),
                    Measure.COUNT,
                    6,
                    4,
                    steps=NONE,
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "stat",
                    "flaky-tests",
                    title="Flaky tests",
                    width=6,
                    steps=NONE,
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "stat",
                    "test-duration",
                    title="Duration",
                    width=6,
                    empty="Nothing was collected: see agentmon collect",
                ),
            ),
        ),
        Row(
            "Where",
            (
                panel(
                    "bars",
                    "coverage",
                    title="Coverage",
                    width=8,
                    steps=at_least(0.8, 0.6),
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "table",
                    "tests",
                    title="Latest run",
                    width=8,
                    height=8,
                    columns=("Tests",),
                    empty="Nothing was collected: see agentmon collect",
                ),
                panel(
                    "table", "test-runs", title="Latest runs", width=8, height=8, columns=("Ran",)
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel("lines", "coverage", title="Coverage", width=8),
                panel("lines", "tests", title="Tests", width=8),
                panel("lines", "test-duration", title="Duration of runs", width=8),
            ),
        ),
    ),
    since="now-30d",
)

_DEPLOYMENTS: Final = Board(
    "deployment_metrics",
    "agentmon-deployments",
    "Deployments",
    "developer",
    "How often, how fast, and how safely is it changed?",
    (),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "deployments",
                    title="Deployments a day",
                    width=6,
                    window="$__range",
                    empty="No deployment is reported: see agentmon collect",
                ),
                panel(
                    "stat",
                    "lead-time",
                    title="Lead time, median",
                    width=6,
                    window="$__range",
                    steps=at_most(86400, 7 * 86400),
                    empty="No deployment is reported",
                ),
                panel(
                    "stat",
                    "change-failures",
                    title="Changes that fail",
                    width=6,
                    window="$__range",
                    steps=at_most(0.15, 0.3),
                    empty="No deployment is reported",
                ),
                panel(
                    "stat",
                    "restore-time",
                    title="Time to restore",
                    width=6,
                    window="$__range",
                    steps=at_most(3600, 86400),
                    empty="No deployment failed",
                ),
            ),
        ),
        Row(
            "Detail",
            (
                panel(
                    "table",
                    "last-deployment",
                    "rollbacks",
                    title="Components",
                    width=12,
                    columns=("Deployed", "Rollbacks"),
                ),
                panel(
                    "table",
                    "backup-runs",
                    title="Runs of backups and restore tests",
                    width=12,
                    columns=("Runs",),
                ),
                panel("lines", "backup-size", title="Size of backups", width=12),
                panel("lines", "backup-duration", title="Duration of backups", width=12),
            ),
        ),
    ),
    since="now-30d",
)


def _before(title: str, help_text: str, asked: str) -> Panel:
    """How many times as much as a week ago, over time."""
    ago = asked.replace("[$__rate_interval]", "[$__rate_interval] offset 1w")
    return Panel(
        title,
        help_text,
        "lines",
        (Query(Expression(f"({asked}) / ({ago})", frozenset({"agent"})), "{{agent}}"),),
        Measure.NUMBER,
        12,
        8,
        empty="There is no week of history yet",
    )


def _most(title: str, help_text: str, asked: str) -> Panel:
    """How many times as much as a week ago, of the agent of which it is most."""
    now = asked.replace("[$__rate_interval]", "[$__range]")
    ago = asked.replace("[$__rate_interval]", "[$__range] offset 1w")
    return Panel(
        f"{title}, highest",
        f"{help_text} The agent of which it is most.",
        "stat",
        (Query(Expression(f"max(({now}) / (({ago}) > 0))", frozenset())),),
        Measure.NUMBER,
        6,
        4,
        steps=at_most(1.2, 2),
        empty="There is no week of history yet",
    )


_REGRESSION: Final = Board(
    "performance_regression_view",
    "agentmon-regressions",
    "Regressions",
    "developer",
    "Did a change make it slower or worse?",
    _AGENT,
    (
        Row(
            "",
            (
                _most(
                    "p90 to a week ago",
                    "How many times as long as a week ago? 1 is the same.",
                    _P90,
                ),
                _most(
                    "Failed to a week ago",
                    "How many times as large a share fails as a week ago? 1 is the same.",
                    _FAILED,
                ),
                panel("stat", "agent-errors", title="Failed", width=6, steps=FEWER),
                panel("stat", "agent-p90", title="p90", width=6, steps=QUICK),
            ),
        ),
        Row(
            "By version",
            (
                _by_version(
                    "p90 by version",
                    "Deployments are marked: a step there is a regression.",
                    _P90,
                    Measure.SECONDS,
                    12,
                ),
                _by_version(
                    "Failed by version",
                    "Deployments are marked: a step there is a regression.",
                    f"({_FAILED})",
                    Measure.RATIO,
                    12,
                ),
            ),
        ),
        Row(
            "Compared with a week ago",
            (
                _before(
                    "p90",
                    "How many times as long as a week ago; 1 is the same.",
                    _P90,
                ),
                _before(
                    "Calls",
                    "How many times as many as a week ago; 1 is the same.",
                    _CALLS,
                ),
            ),
        ),
        Row(
            "How even: standard deviations",
            (
                panel("lines", "agent-deviation", title="Agents", width=12),
                panel("lines", "tool-deviation", title="Tools", width=12),
                panel("lines", "model-deviation", title="Models", width=12),
                panel("lines", "dependency-deviation", title="Dependencies", width=12),
            ),
            folded=True,
        ),
    ),
    since="now-14d",
    coming=("Change points by version, with size and significance: they come with the analysis.",),
)

_IMPACT: Final = Board(
    "optimization_impact_view",
    "agentmon-impact",
    "Effect of changes",
    "developer",
    "Did what was optimised become better?",
    _AGENT,
    (
        Row(
            "",
            (
                _most(
                    "p90 to a week ago",
                    "Below 1 every agent became faster.",
                    _P90,
                ),
                panel(
                    "stat",
                    "cost-per-task",
                    title="Cost of a task",
                    width=6,
                    steps=CHEAP,
                    empty="No task ended",
                ),
                panel(
                    "stat",
                    "evaluation",
                    title="Score",
                    width=6,
                    steps=SOUND,
                    empty="Nothing was evaluated: see agentmon.score",
                ),
                panel(
                    "stat",
                    "agent-task-completion",
                    title="Tasks completed",
                    width=6,
                    steps=MORE,
                    empty="No task ended",
                ),
            ),
        ),
        Row(
            "Before and after",
            (
                _before(
                    "p90, compared with a week ago",
                    "Below 1 it became faster.",
                    _P90,
                ),
                _before(
                    "Cost an hour, compared with a week ago",
                    "Below 1 it became cheaper, if the calls are as many.",
                    f"({_COST})",
                ),
                panel("lines", "cost-per-task", title="Cost of a task", width=12),
                panel("lines", "evaluation", title="Scores: what it must not cost", width=12),
                panel("lines", "agent-task-completion", title="Completed tasks", width=12),
                panel("lines", "task-completion", title="Completed, by kind of task", width=12),
            ),
        ),
    ),
    since="now-14d",
    coming=("Experiments with intervals of their effect: they come with optimisation.",),
)

BOARDS: Final = (_DEVELOPMENT, _QUALITY, _TESTING, _DEPLOYMENTS, _REGRESSION, _IMPACT)
