"""
Dashboards for those who answer for it: words and numbers, the verdict first.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Board, Panel, Query, Row, Step, panel, spelled
from agentmon.assets.dashboards.colours import CHEAP, CONTENT, MORE, NONE, at_least, at_most
from agentmon.query.promql import Expression, Matchers, over_time, predicted, recorded
from agentmon.query.views import Measure

__all__ = ["BOARDS"]

_SCOPE: Final = ("service", "region")
_SIX_HOURS: Final = 350  # samples of a record
_HEALTH: Final = "health_monitoring."
_P90: Final = spelled("agent-p90", "agent", "region", "service")
_P90_AGO: Final = _P90.replace("]", "] offset 1w")


def _firing(severity: str) -> Expression:
    """How many fire; 0 only where rules are at work, which the watchdog says."""

    def alerts(severities: str) -> Expression:
        return recorded(
            "ALERTS",
            ("alertname", "alertstate", "severity", "component"),
            {
                "alertstate": "firing",
                "alertname": ("=~", "Agentmon.+"),
                "severity": ("=~", severities),
            },
        ).count()

    return alerts(severity).otherwise(alerts(".+") * 0)


def _budget(level: str, by: tuple[str, ...]) -> Expression:
    """How much of the error budget is left, of the thirty days before."""
    failed = recorded(f"{level}:agentmon_failed:ratio_rate30d", by)
    objective = recorded(f"{level}:agentmon_availability_objective:ratio", by[:1])
    left = Expression(f"(1 - {objective.text})", objective.labels)
    used = failed.combine("/", left, by[:1], many=True) if by else failed / left
    return Expression(f"1 - {used.inner}", failed.labels, simple=False)


def _chosen(by: tuple[str, ...]) -> Matchers:
    """The regions that the reader has chosen; other levels have no such variable."""
    return {"region": ("=~", "$region")} if "region" in by else {}


def _availability(level: str, by: tuple[str, ...], window: str) -> Expression:
    failed = recorded(f"{level}:agentmon_failed:ratio_rate{window}", by, _chosen(by))
    return Expression(f"1 - {failed.text}", failed.labels, simple=False)


def _asked(  # noqa: PLR0917  # as a panel is read: title, help, form, what it asks
    title: str,
    help_text: str,
    form: str,
    queries: tuple[Query, ...],
    measure: Measure,
    width: int,
    **more: object,
) -> Panel:
    """A panel of recorded series."""
    height = {"stat": 4, "lines": 8, "table": 9, "bars": 8}[form]
    return Panel(title, help_text, form, queries, measure, width, height, **more)  # type: ignore[arg-type]


_SYSTEM_HEALTH: Final = Board(
    "system_health_overview",
    "agentmon-system-health",
    "System health",
    "executive",
    "Does it work, and if not, where?",
    _SCOPE,
    (
        Row(
            "",
            (
                _asked(
                    "Requests that succeed",
                    "Share of the tasks of users that were completed within the last hour. Below "
                    "the promise, look at the alerts beside.",
                    "stat",
                    (Query(_availability("system", (), "1h"), "last hour"),),
                    Measure.RATIO,
                    6,
                    steps=MORE,
                    serves=(_HEALTH + "availability_monitoring.system_availability",),
                    empty="No task ended in the last hour",
                ),
                _asked(
                    "Error budget left",
                    "How much of the failures that are allowed in thirty days is left. At 0 the "
                    "promise is broken: changes should wait.",
                    "stat",
                    (Query(_budget("system", ()), "of 30 days"),),
                    Measure.RATIO,
                    6,
                    steps=at_least(0.5, 0.1),
                    empty="No task ended in 30 days",
                ),
                _asked(
                    "Critical alerts",
                    "Alerts that page, firing now.",
                    "stat",
                    (Query(_firing("critical")),),
                    Measure.COUNT,
                    6,
                    steps=NONE,
                    empty="No rules are at work",
                ),
                _asked(
                    "Warnings",
                    "Alerts that are worth a ticket, firing now.",
                    "stat",
                    (Query(_firing("warning")),),
                    Measure.COUNT,
                    6,
                    steps=(NONE[0], at_most(1, 5)[1]),
                    empty="No rules are at work",
                ),
            ),
        ),
        Row(
            "Where",
            (
                _asked(
                    "Availability by region",
                    "Share of the calls of agents that did not fail within the last hour, by "
                    "region.",
                    "bars",
                    (Query(_availability("region", ("region",), "1h"), "{{region}}"),),
                    Measure.RATIO,
                    8,
                    steps=MORE,
                    serves=(_HEALTH + "availability_monitoring.geographic_availability",),
                ),
                _asked(
                    "Availability by tier",
                    "The same by tier of the agents; agents without a tier are left out.",
                    "bars",
                    (Query(_availability("tier", ("tier",), "1h"), "{{tier}}"),),
                    Measure.RATIO,
                    8,
                    steps=MORE,
                    empty="No agent declares a tier",
                    serves=(_HEALTH + "availability_monitoring.tier_availability",),
                ),
                panel(
                    "table",
                    "component-up",
                    title="Components",
                    help="Down means that health checks or calls of it fail.",
                    width=8,
                    height=8,
                    columns=("Now",),
                    words=("down", "up"),
                    empty="No component is watched: see agentmon.component and health_check",
                ),
            ),
        ),
        Row(
            "What changed",
            (
                _asked(
                    "Availability over time",
                    "Share of calls of agents that did not fail, each over an hour, by region.",
                    "lines",
                    (Query(_availability("region", ("region",), "1h"), "{{region}}"),),
                    Measure.RATIO,
                    12,
                    zoomed=True,
                ),
                panel(
                    "lines",
                    "agent-errors",
                    title="Agents that fail most",
                    help="Open the details of an agent from the menu above.",
                    width=12,
                ),
            ),
        ),
        Row(
            "Care",
            (
                panel(
                    "table",
                    "health-checks",
                    title="Health checks",
                    width=8,
                    height=7,
                    columns=("Now",),
                    words=("fails", "passes"),
                    empty="No check is registered: see agentmon.health_check",
                ),
                panel(
                    "table",
                    "backup-age",
                    title="Backups",
                    width=8,
                    height=7,
                    columns=("Last success",),
                    empty="No backup is reported: see agentmon collect",
                ),
                panel(
                    "table",
                    "certificates",
                    title="Certificates",
                    width=8,
                    height=7,
                    columns=("Ends",),
                    ahead=True,
                    empty="No certificate is watched",
                ),
                panel(
                    "table",
                    "security-findings",
                    title="Security findings",
                    width=8,
                    height=7,
                    columns=("Findings",),
                    empty="No scan is reported: see agentmon collect",
                ),
                panel(
                    "table",
                    "controls",
                    title="Compliance",
                    width=8,
                    height=7,
                    columns=("Now",),
                    words=("not met", "met"),
                    empty="No control is reported",
                ),
                panel(
                    "table",
                    "documents",
                    title="Documentation",
                    width=8,
                    height=7,
                    columns=("Changed",),
                    empty="No document is reported",
                ),
            ),
        ),
        Row(
            "Care in detail",
            (
                panel(
                    "table",
                    "evidence",
                    title="Evidence of controls",
                    width=8,
                    height=7,
                    columns=("Gathered",),
                    empty="No control is reported",
                ),
                panel(
                    "table",
                    "dead-links",
                    title="Dead links in documents",
                    width=8,
                    height=7,
                    columns=("Dead links",),
                    empty="No document is reported",
                ),
                panel(
                    "table",
                    "security-scans",
                    title="Latest scans",
                    width=8,
                    height=7,
                    columns=("Scanned",),
                    empty="No scan is reported",
                ),
            ),
            folded=True,
        ),
        Row(
            "The monitoring itself",
            (
                panel("lines", "dropped", title="Not kept as it came", width=8),
                panel("lines", "scrape-duration", title="Time of a scrape", width=8),
                panel("lines", "series", title="Series held", width=8),
                panel("lines", "scrapes", title="Scrapes", width=8),
                panel(
                    "lines",
                    "endpoint-refusals",
                    "failed-authentications",
                    width=8,
                    title="Refused and failed log-ins",
                    legends=("{{reason}}", "{{reason}}"),
                ),
                panel(
                    "table",
                    "versions",
                    title="Versions of agentmon",
                    width=8,
                    height=8,
                    columns=("Processes",),
                ),
                panel(
                    "table",
                    "endpoint-certificates",
                    title="Certificates of endpoints",
                    width=24,
                    height=7,
                    columns=("Ends",),
                    ahead=True,
                    empty="No endpoint speaks TLS",
                ),
            ),
            folded=True,
        ),
    ),
)

_PERFORMANCE: Final = Board(
    "performance_summary",
    "agentmon-performance",
    "Performance of all agents",
    "executive",
    "Which agents are fast and sound, and which are not?",
    (*_SCOPE, "team", "tier", "agent"),
    (
        Row(
            "",
            (
                panel("stat", "requests", title="Requests an hour", width=6),
                panel("stat", "velocity", title="Tasks completed a minute", width=6),
                panel(
                    "stat", "system-task-completion", title="Tasks completed", width=6, steps=MORE
                ),
                panel("stat", "users", title="Users at work", width=6, empty="No user is declared"),
            ),
        ),
        Row(
            "Side by side",
            (
                panel(
                    "table",
                    "agent-traffic",
                    "agent-p50",
                    "agent-p90",
                    "agent-p99",
                    "agent-errors",
                    "agent-timeouts",
                    "agent-variation",
                    title="Agents",
                    help="Over the whole range; sort by a column to rank.",
                    width=24,
                    height=12,
                    columns=("Calls", "p50", "p90", "p99", "Failed", "Timed out", "Variation"),
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel("lines", "agent-p90", title="p90", width=8),
                panel("lines", "agent-errors", title="Failed", width=8),
                panel("lines", "agent-traffic", title="Calls", width=8),
            ),
        ),
        Row(
            "A week ago, and how even",
            (
                _asked(
                    "Compared with a week ago: p90",
                    "How many times as long the slowest tenth of the calls takes as a week before. "
                    "1 is the same.",
                    "lines",
                    (
                        Query(
                            Expression(
                                f"{_P90} / {_P90_AGO}",
                                frozenset({"agent"}),
                            ),
                            "{{agent}}",
                        ),
                    ),
                    Measure.NUMBER,
                    8,
                    empty="There is no week of history yet",
                ),
                panel("lines", "agent-mean", title="Mean", width=8),
                panel("lines", "agent-deviation", title="Standard deviation", width=8),
            ),
            folded=True,
        ),
    ),
)

_COST: Final = Board(
    "cost_efficiency_view",
    "agentmon-cost",
    "Cost and efficiency",
    "executive",
    "What does it cost, for what, and what of it is wasted?",
    (*_SCOPE, "team", "tier", "agent", "model", "workflow"),
    (
        Row(
            "",
            (
                panel("stat", "cost-by-type", title="Cost an hour", width=6),
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
                    "waste",
                    title="Wasted",
                    width=6,
                    window="$__range",
                    steps=at_most(0.05, 0.2),
                    empty="No task ended",
                ),
                panel(
                    "stat",
                    "unpriced",
                    title="Tokens without a price, a second",
                    width=6,
                    steps=(NONE[0], at_most(0.001, 1)[1]),
                    empty="Every model has a price",
                ),
            ),
        ),
        Row(
            "By whom",
            (
                panel("bars", "cost", title="Cost an hour by agent", width=8),
                panel("bars", "cost-by-model", title="Cost an hour by model", width=8),
                panel("bars", "cost-by-workflow", title="Cost an hour by workflow", width=8),
            ),
        ),
        Row(
            "For what",
            (
                panel(
                    "table",
                    "cost-per-task",
                    "tasks-per-cost",
                    "tasks-per-cpu",
                    "useful-tokens",
                    title="What a task costs",
                    width=12,
                    height=8,
                    columns=(
                        "Cost",
                        "Tasks for 1 of it",
                        "Tasks a CPU s",
                        "Useful",
                    ),
                ),
                panel(
                    "stack",
                    "waste-by-agent",
                    title="Wasted an hour: the savings",
                    width=12,
                    help="Failed and reworked tasks: what could be saved at most.",
                ),
                panel("stack", "cost", title="Cost an hour over time", width=12),
                panel("stack", "agent-tokens", title="Tokens a second", width=12),
            ),
        ),
        Row(
            "Prices and processors",
            (
                panel(
                    "table",
                    "price-table",
                    title="Price table in force",
                    width=12,
                    height=8,
                    columns=("Processes",),
                ),
                panel(
                    "lines",
                    "task-cpu",
                    title="CPU time of tasks",
                    width=12,
                    empty="CPU time is attributed only where configure(agent_cpu=True) says so",
                ),
            ),
            folded=True,
        ),
    ),
)

_SATISFACTION: Final = Board(
    "user_satisfaction_metrics",
    "agentmon-satisfaction",
    "User satisfaction",
    "executive",
    "Are users content, and where are they not?",
    (*_SCOPE, "team", "tier", "agent"),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "satisfaction",
                    title="Satisfaction",
                    width=6,
                    steps=CONTENT,
                    empty="No rating came: see agentmon.feedback",
                ),
                panel(
                    "stat",
                    "abandonment",
                    title="Sessions abandoned",
                    width=6,
                    window="$__range",
                    steps=at_most(0.1, 0.3),
                    empty="No session ended",
                ),
                panel(
                    "stat",
                    "turn-p90",
                    title="Wait for an answer, p90",
                    width=6,
                    window="$__range",
                    steps=at_most(10, 30),
                    empty="No turn ended",
                ),
                panel(
                    "stat",
                    "follow-ups",
                    title="Follow-ups",
                    width=6,
                    window="$__range",
                    empty="No turn ended",
                ),
            ),
        ),
        Row(
            "Who is content",
            (
                panel(
                    "bars",
                    "satisfaction",
                    title="By agent",
                    width=8,
                    steps=CONTENT,
                    empty="No rating came: see agentmon.feedback",
                ),
                panel(
                    "bars",
                    "satisfaction-by-task",
                    title="By task",
                    width=8,
                    steps=CONTENT,
                    empty="No rating came",
                ),
                panel("lines", "ratings", title="Ratings on each scale", width=8),
            ),
        ),
        Row(
            "Over time",
            (
                panel("lines", "satisfaction", title="Satisfaction", width=12, zoomed=True),
                panel(
                    "heat",
                    "satisfaction-distribution",
                    title="Ratings from 0 to 1",
                    width=12,
                    edges=Measure.SCORE,
                ),
                panel("lines", "task-p90", title="Time to the answer, p90", width=12),
                panel(
                    "lines", "task-first-output", title="Time to the first output, p90", width=12
                ),
            ),
        ),
        Row(
            "Users and sessions",
            (
                panel("lines", "users-peak", title="Users at work, peak", width=8),
                panel("lines", "users-seen", title="Users seen", width=8),
                panel("lines", "sessions", title="Sessions begun", width=8),
                panel("lines", "sessions-open", title="Open sessions", width=8),
                panel("lines", "session-turns", title="Turns in a session", width=8),
                panel("lines", "session-length", title="Length of sessions", width=8),
            ),
            folded=True,
        ),
    ),
    since="now-7d",
)

_BUSINESS: Final = Board(
    "business_impact_view",
    "agentmon-business",
    "Business impact",
    "executive",
    "What is it worth, and what is left of that?",
    (*_SCOPE, "workflow"),
    (
        Row(
            "",
            (
                panel(
                    "stat", "value", title="Value an hour", width=8, empty="No value is declared"
                ),
                panel(
                    "stat",
                    "margin",
                    title="Left after cost, an hour",
                    width=8,
                    empty="No value is declared",
                ),
                panel(
                    "stat",
                    "return",
                    title="Value for each unit of cost",
                    width=8,
                    steps=at_least(2, 1),
                    empty="No value is declared",
                ),
            ),
        ),
        Row(
            "By workflow and event",
            (
                panel("bars", "value", title="Value an hour by workflow", width=8),
                panel("bars", "margin", title="Margin an hour by workflow", width=8),
                panel(
                    "bars",
                    "business-events",
                    title="Deflections, conversions and the like",
                    width=8,
                    empty="No event is reported: see agentmon.business_event",
                ),
            ),
        ),
        Row(
            "Over time",
            (
                panel("stack", "value", title="Value an hour", width=12),
                panel("lines", "margin", title="Margin an hour", width=12),
                panel("lines", "business-events", title="Events a second", width=12),
                panel("stack", "task-results", title="How tasks end", width=12),
            ),
        ),
    ),
    since="now-7d",
)


def _ahead(series: Expression, measure: Measure) -> Expression:
    """Where the last day leads in a day, once 6 hours of it are known; nothing impossible."""
    line = predicted(series, "1d", 86400).at_least(0)
    if measure is Measure.RATIO:
        line = Expression(f"clamp_max({line.text}, 1)", line.labels)
    return line.also(over_time("count_over_time", series, "1d") >= _SIX_HOURS)


def _trend(title: str, record: str, by: tuple[str, ...], measure: Measure, width: int) -> Panel:
    """A recorded series, a week ago beside it, and where the last day leads."""
    series = recorded(record, by, _chosen(by))
    label = " ".join(f"{{{{{name}}}}}" for name in by)
    return _asked(
        title,
        "Now, a week ago, and where a straight line through the last day leads in a day, once 6 "
        "hours are known.",
        "lines",
        (
            Query(series, f"{label} now".strip()),
            Query(series.offset("1w"), f"{label} a week ago".strip()),
            Query(_ahead(series, measure), f"{label} in a day".strip()),
        ),
        measure,
        width,
    )


#: The score of resilience is worked out each quarter of an hour.
_RECORDED_LAST: Final = "20m"

_TREND: Final = Board(
    "trend_analysis_view",
    "agentmon-trends",
    "Trends",
    "executive",
    "Where is it going, and when will a promise break?",
    _SCOPE,
    (
        Row(
            "",
            (
                _asked(
                    "Failed, compared with a week ago",
                    "How many times as many calls of tasks fail as a week ago, over a day each.",
                    "stat",
                    (
                        Query(
                            recorded("system:agentmon_failed:ratio_rate1d", ())
                            / (recorded("system:agentmon_failed:ratio_rate1d", ()).offset("1w") > 0)
                        ),
                    ),
                    Measure.NUMBER,
                    6,
                    steps=at_most(1.2, 2),
                    empty="There is no week of history yet",
                ),
                _asked(
                    "Traffic, compared with a week ago",
                    "How many times as many tasks end as a week ago, over a day each.",
                    "stat",
                    (
                        Query(
                            over_time(
                                "avg_over_time", recorded("system:agentmon_calls:rate5m", ()), "1d"
                            )
                            / over_time(
                                "avg_over_time",
                                recorded("system:agentmon_calls:rate5m", ()),
                                "1d",
                                back="1w",
                            )
                        ),
                    ),
                    Measure.NUMBER,
                    6,
                    empty="There is no week of history yet",
                ),
                _asked(
                    "Error budget is used up in",
                    "At the rate of the last day; 0 where it is used up. Nothing is shown while it "
                    "grows back.",
                    "stat",
                    (
                        Query(
                            (
                                _budget("system", ())
                                * 30
                                * 86400
                                / (
                                    recorded("system:agentmon_failed:ratio_rate1d", ())
                                    / Expression(
                                        "(1 - system:agentmon_availability_objective:ratio)",
                                        frozenset(),
                                    )
                                )
                            ).at_least(0)
                        ),
                    ),
                    Measure.SECONDS,
                    6,
                    steps=at_least(7 * 86400, 2 * 86400),
                    empty="Nothing fails, or there is no history yet",
                ),
                _asked(
                    "Resilience",
                    "From 0 to 1, over seven days: how much of what works at other times worked in "
                    "the worst hour, and how soon outages ended. Below 0.8, look at the outages.",
                    "stat",
                    (
                        Query(
                            over_time(
                                "last_over_time",
                                recorded("system:agentmon_resilience:score7d", ()),
                                _RECORDED_LAST,
                            )
                        ),
                    ),
                    Measure.SCORE,
                    6,
                    steps=(Step(None, "red"), Step(0.8, "yellow"), Step(0.95, "green")),
                    serves=("system_metrics.reliability_metrics.resilience_score",),
                    empty="No task ended in the last seven days",
                ),
            ),
        ),
        Row(
            "Tasks",
            (
                _trend(
                    "Tasks a second", "system:agentmon_calls:rate5m", (), Measure.PER_SECOND, 12
                ),
                _trend("Failed", "system:agentmon_failed:ratio_rate1h", (), Measure.RATIO, 12),
            ),
        ),
        Row(
            "Regions",
            (
                _trend(
                    "Calls a second",
                    "region:agentmon_calls:rate5m",
                    ("region",),
                    Measure.PER_SECOND,
                    12,
                ),
                _trend("Slow", "region:agentmon_slow:ratio_rate1h", ("region",), Measure.RATIO, 12),
            ),
        ),
    ),
    since="now-14d",
    coming=("Projections with a band, and change points: they come with the analysis.",),
)

BOARDS: Final = (_SYSTEM_HEALTH, _PERFORMANCE, _COST, _SATISFACTION, _BUSINESS, _TREND)
