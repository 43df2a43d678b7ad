"""
Dashboards for those who build agents: versions side by side, code, tests, deployments.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Board, Panel, Query, Row, panel
from agentmon.assets.dashboards.colours import NONE, at_least, at_most
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
        f'({_INFO}{{agent=~"$agent", version=~"$version"}}))'
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


_P90: Final = (
    "histogram_quantile(0.9, sum by (le, agent) (rate("
    'agentmon_agent_duration_seconds_bucket{agent=~"$agent"}[$__rate_interval])))'
)
_FAILED: Final = (
    'sum by (agent) (rate(agentmon_agent_calls_total{agent=~"$agent", '
    'outcome=~"error|timeout"}[$__rate_interval])) / (sum by (agent) (rate('
    'agentmon_agent_calls_total{agent=~"$agent"}[$__rate_interval])) > 0)'
)
_COST: Final = (
    'sum by (agent) (rate(agentmon_cost_total{agent=~"$agent"}[$__rate_interval])) * 3600'
)
_CALLS: Final = (
    'sum by (agent) (rate(agentmon_agent_calls_total{agent=~"$agent"}[$__rate_interval]))'
)

_DEVELOPMENT: Final = Board(
    "agent_development_metrics",
    "agentmon-development",
    "Agent versions",
    "developer",
    "Is the new version better?",
    _AGENT,
    (
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
                    "stat",
                    "flaky-tests",
                    title="Flaky tests",
                    width=8,
                    height=8,
                    steps=NONE,
                    empty="Nothing was collected",
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel("lines", "coverage", title="Coverage", width=8),
                panel("lines", "tests", title="Tests", width=8),
                panel("lines", "test-duration", title="Duration of runs", width=8),
                panel(
                    "table", "test-runs", title="Latest runs", width=8, height=8, columns=("Ran",)
                ),
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
            "The four measures of DORA",
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


def _before(title: str, help_text: str, asked: str, measure: Measure) -> Panel:
    """How many times as much as a week ago."""
    ago = asked.replace("[$__rate_interval]", "[$__rate_interval] offset 1w")
    return Panel(
        title,
        help_text,
        "lines",
        (Query(Expression(f"({asked}) / ({ago})", frozenset({"agent"})), "{{agent}}"),),
        measure,
        12,
        8,
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
                    Measure.NUMBER,
                ),
                _before(
                    "Calls",
                    "How many times as many as a week ago; 1 is the same.",
                    _CALLS,
                    Measure.NUMBER,
                ),
                panel("lines", "agent-p99", title="p99", width=12),
                panel("lines", "agent-deviation", title="Standard deviation", width=12),
                panel("lines", "tool-deviation", title="Standard deviation of tools", width=8),
                panel("lines", "model-deviation", title="Standard deviation of models", width=8),
                panel(
                    "lines",
                    "dependency-deviation",
                    title="Standard deviation of dependencies",
                    width=8,
                ),
            ),
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
            "Before and after",
            (
                _before(
                    "p90, compared with a week ago",
                    "Below 1 it became faster.",
                    _P90,
                    Measure.NUMBER,
                ),
                _before(
                    "Cost an hour, compared with a week ago",
                    "Below 1 it became cheaper, if the calls are as many.",
                    f"({_COST})",
                    Measure.NUMBER,
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
