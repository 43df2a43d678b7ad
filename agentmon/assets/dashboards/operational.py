"""
Dashboards for those who run it: from the symptom to the suspect to the trace.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Board, Panel, Query, Row, chosen, panel
from agentmon.assets.dashboards.colours import FEWER, MORE, NONE, QUICK, at_least, at_most
from agentmon.model import catalogue
from agentmon.query.promql import Expression, native, over_time, predicted, recorded
from agentmon.query.rates import RATES
from agentmon.query.views import Measure

__all__ = ["BOARDS"]

_SIX_HOURS: Final = 350  # samples of a record
_AGENT: Final = ("service", "region", "team", "tier", "agent")
_SCOPE: Final = ("service", "region")
_CHOSEN: Final = chosen((*_SCOPE, "agent"))
_DURATION: Final = catalogue.OPERATIONS["agent"].duration


def _durations() -> Expression:
    """How many calls a second come into each bucket, of what the reader has chosen."""
    points = recorded(RATES[_DURATION.sample].name("bucket"), ("agent", *_SCOPE, "le"), _CHOSEN)
    return over_time("avg_over_time", points, "$__rate_interval").sum(("le",))


_DETAILS: Final = Board(
    "agent_performance_details",
    "agentmon-agent-details",
    "Agent details",
    "operational",
    "How does this agent do, and what does it spend its time on?",
    _AGENT,
    (
        Row(
            "",
            (
                panel("stat", "agent-errors", title="Failed", width=4, steps=FEWER),
                panel("stat", "agent-p99", title="p99", width=4, steps=QUICK),
                panel("stat", "agent-timeouts", title="Timed out", width=4, steps=FEWER),
                panel("stat", "agent-traffic", title="Calls", width=4),
                panel("stat", "agent-in-flight", title="In flight", width=4),
                panel(
                    "stat",
                    "agent-oldest",
                    title="Oldest in flight",
                    width=4,
                    help="A call that hangs shows here and nowhere else.",
                ),
            ),
        ),
        Row(
            "How long, and how it ends",
            (
                Panel(
                    "Durations",
                    "How many calls take how long: darker is more. A second band is a second way "
                    "through the agent. Points are traces: open one.",
                    "heat",
                    (Query(_durations()),),
                    Measure.SECONDS,
                    12,
                    9,
                    traces=_DURATION,
                ),
                panel(
                    "lines",
                    "agent-p50",
                    "agent-p90",
                    "agent-p99",
                    title="Percentiles of the slowest",
                    width=12,
                    height=9,
                    legends=("{{agent}} p50", "{{agent}} p90", "{{agent}} p99"),
                ),
                panel("stack", "agent-outcomes", title="Outcomes", width=12, by=("outcome",)),
                panel("lines", "agent-error-types", title="Failures by type", width=12),
            ),
        ),
        Row(
            "Why it fails",
            (
                panel(
                    "table",
                    "error-groups",
                    title="Groups of failures",
                    width=24,
                    columns=("Failures",),
                    empty="Nothing failed",
                ),
            ),
        ),
        Row(
            "What it uses",
            (
                panel("stack", "agent-tokens", title="Tokens a second", width=8),
                panel("lines", "cost", title="Cost an hour", width=8),
                panel(
                    "lines",
                    "agent-cpu",
                    title="CPU",
                    width=8,
                    empty="Attributed only where configure(agent_cpu=True) says so",
                ),
                panel(
                    "table",
                    "tool-traffic",
                    "tool-errors",
                    "tool-p99",
                    title="Tools",
                    width=12,
                    columns=("Calls", "Failed", "p99"),
                ),
                panel(
                    "table",
                    "model-traffic",
                    "model-errors",
                    "model-p99",
                    "model-first-output",
                    title="Models",
                    width=12,
                    columns=("Calls", "Failed", "p99", "First output, p90"),
                ),
            ),
        ),
        Row(
            "Whom it works with",
            (
                panel(
                    "table",
                    "handoffs",
                    "handoff-success",
                    "handoff-latency-p90",
                    title="Handoffs in and out",
                    width=12,
                    columns=("Begun", "Succeed", "Latency p90"),
                ),
                panel(
                    "table",
                    "agent-facts",
                    title="Version, team and tier",
                    width=12,
                    columns=("Processes",),
                ),
            ),
        ),
        Row(
            "In flight",
            (
                panel("lines", "tool-in-flight", title="Tools in flight", width=8),
                panel("lines", "model-in-flight", title="Models in flight", width=8),
                panel("lines", "model-oldest", title="Oldest model call in flight", width=8),
            ),
            folded=True,
        ),
        Row(
            "As finely as native histograms tell",
            (
                Panel(
                    "Durations, finely",
                    "The same as Durations, in steps of 2.2 % where they do not spread far.",
                    "heat",
                    (Query(native(_DURATION, "$__rate_interval", _CHOSEN).sum(())),),
                    Measure.SECONDS,
                    24,
                    9,
                    empty="Only where programs and Prometheus have native histograms on",
                ),
            ),
            folded=True,
        ),
    ),
    since="now-3h",
)

_RESOURCES: Final = Board(
    "resource_utilization_view",
    "agentmon-resources",
    "Resources",
    "operational",
    "What is used up, by which process and which agent?",
    (*_AGENT,),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "cgroup-memory",
                    title="Memory of what is allowed",
                    width=6,
                    steps=at_most(0.8, 0.9),
                    empty="No limit is set",
                ),
                panel(
                    "stat",
                    "throttled",
                    title="Throttled",
                    width=6,
                    window="$__range",
                    steps=at_most(0.05, 0.25),
                    empty="No limit is set",
                ),
                panel(
                    "stat",
                    "host-load",
                    title="Load for each processor",
                    width=6,
                    steps=at_most(1, 2),
                ),
                panel(
                    "stat",
                    "storage-free",
                    title="Free space",
                    width=6,
                    steps=at_least(0.2, 0.1),
                    empty="No path is declared",
                ),
            ),
        ),
        Row(
            "Processor",
            (
                panel("lines", "process-cpu", title="CPU by process", width=8),
                panel(
                    "lines",
                    "agent-cpu",
                    title="CPU by agent",
                    width=8,
                    empty="Attributed only where configure(agent_cpu=True) says so",
                ),
                panel(
                    "lines",
                    "event-loop-lag",
                    title="Event loop lag, p99",
                    width=8,
                    empty="No event loop is watched: see agentmon.watch_loop",
                ),
            ),
        ),
        Row(
            "Memory",
            (
                panel("lines", "process-memory", title="Memory by process", width=8),
                panel("lines", "host-memory", title="Memory of hosts", width=8),
                panel(
                    "lines",
                    "agent-memory",
                    title="Allocated by agent and kept",
                    width=8,
                    empty="Sampled only where configure(agent_memory=...) says so",
                ),
            ),
        ),
        Row(
            "Network and storage",
            (
                panel("lines", "host-network", title="Network of hosts", width=8),
                panel(
                    "lines",
                    "process-network",
                    title="Network of instrumented clients",
                    width=8,
                    empty="No client is measured: see agentmon.instrument",
                ),
                panel(
                    "lines",
                    "agent-network",
                    title="Network by agent",
                    width=8,
                    empty="No client is measured: see agentmon.instrument",
                ),
                panel("lines", "process-io", title="Storage read and written", width=8),
                panel(
                    "lines",
                    "storage-used",
                    title="Size of declared paths",
                    width=8,
                    empty="No path is declared: see configure(storage=...)",
                ),
                panel("lines", "open-files", title="File descriptors used", width=8),
            ),
        ),
        Row(
            "Limits, threads and the collector",
            (
                panel(
                    "table",
                    "cgroup-cpu-limit",
                    title="Processors allowed",
                    width=8,
                    height=8,
                    columns=("Processors",),
                    empty="No limit is set",
                ),
                panel(
                    "lines",
                    "throttled-time",
                    title="Time throttled",
                    width=8,
                    empty="No limit is set",
                ),
                panel("lines", "oom-kills", title="Killed for memory", width=8),
                panel("lines", "threads", title="Threads", width=6),
                panel("lines", "context-switches", title="Context switches", width=6),
                panel("lines", "gc-time", title="Time in the garbage collector", width=6),
                panel("lines", "sampling-cost", title="What this costs: CPU of sampling", width=6),
            ),
            folded=True,
        ),
    ),
    since="now-3h",
)

_ERRORS: Final = Board(
    "error_analysis_dashboard",
    "agentmon-errors",
    "Errors",
    "operational",
    "What fails, since when, and what does it take along?",
    (*_AGENT, "workflow"),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "cascades",
                    title="Caused by other failures",
                    width=6,
                    steps=at_most(0.3, 0.6),
                    empty="Nothing failed",
                ),
                panel(
                    "stat",
                    "recovery",
                    title="Recovered from",
                    width=6,
                    steps=at_least(0.8, 0.5),
                    empty="No task had an error",
                ),
                panel(
                    "stat",
                    "mttr",
                    title="Time to recover",
                    width=6,
                    window="$__range",
                    empty="No outage ended",
                ),
                panel(
                    "stat",
                    "outages",
                    title="Outages",
                    width=6,
                    window="$__range",
                    steps=NONE,
                    empty="No component is watched",
                ),
            ),
        ),
        Row(
            "What fails",
            (
                panel(
                    "table",
                    "error-groups",
                    title="Groups of failures",
                    width=24,
                    height=11,
                    columns=("Failures",),
                    empty="Nothing failed",
                ),
                panel(
                    "table",
                    "error-groups-first-seen",
                    "error-groups-last-seen",
                    title="Since when",
                    width=8,
                    columns=("First seen", "Last seen"),
                    empty="Nothing failed",
                ),
                panel("lines", "agent-error-types", title="By type", width=8, height=9),
                panel("lines", "agent-errors", title="Share of calls", width=8, height=9),
            ),
        ),
        Row(
            "Where it begins, and how it ends",
            (
                panel(
                    "stack",
                    "failure-causes",
                    title="Primary and cascading",
                    width=8,
                    by=("kind", "cause"),
                ),
                panel("stack", "recovery-ways", title="Ways of recovery", width=8),
                panel("lines", "dependency-errors", title="Dependencies that fail", width=8),
            ),
        ),
        Row(
            "Failures elsewhere, by type",
            (
                panel("lines", "tool-error-types", title="Tools", width=8),
                panel("lines", "model-error-types", title="Models", width=8),
                panel("lines", "dependency-error-types", title="Dependencies", width=8),
                panel("lines", "workflow-error-types", title="Workflows", width=8),
                panel("lines", "step-error-types", title="Steps", width=8),
                panel("lines", "handoff-error-types", title="Handoffs", width=8),
                panel("lines", "rate-limits", title="Rate limited", width=24),
            ),
            folded=True,
        ),
        Row(
            "Components and their checks",
            (
                panel(
                    "table",
                    "mtbf",
                    "mttr",
                    "availability",
                    title="Components",
                    width=12,
                    height=8,
                    columns=("Between failures", "To recover", "Up"),
                    empty="No component is watched",
                ),
                panel(
                    "table",
                    "health-check-last",
                    title="Latest runs of health checks",
                    width=12,
                    height=8,
                    columns=("Ran",),
                ),
                panel("lines", "health-check-runs", title="Runs of health checks", width=12),
                panel("lines", "health-check-p90", title="Health checks, p90", width=12),
            ),
            folded=True,
        ),
    ),
)

_WORKFLOWS: Final = Board(
    "workflow_efficiency_view",
    "agentmon-workflow-efficiency",
    "Workflows",
    "operational",
    "On what do workflows spend their time, and who waits for whom?",
    ("service", "region", "workflow"),
    (
        Row(
            "",
            (
                panel("stat", "workflow-completion", title="Completed", width=6, steps=MORE),
                panel("stat", "workflow-p90", title="p90", width=6),
                panel(
                    "stat",
                    "coordination-efficiency",
                    title="Work on the critical path",
                    width=6,
                    steps=at_least(0.7, 0.4),
                ),
                panel("stat", "parallelism", title="Agents at once", width=6),
            ),
        ),
        Row(
            "The critical path",
            (
                panel(
                    "stack",
                    "critical-path",
                    title="By kind",
                    width=12,
                    help="Seconds of path for each second: what is not working is waiting.",
                ),
                panel("stack", "critical-path-agents", title="By agent", width=12),
                panel("lines", "stragglers", title="Waiting for the last branch", width=8),
                panel("lines", "workflow-traffic", title="Runs", width=8),
                panel(
                    "lines",
                    "workflow-p50",
                    "workflow-p99",
                    title="Duration",
                    help="Points are traces: open one.",
                    width=8,
                    traces=catalogue.OPERATIONS["workflow"].duration,
                ),
                panel(
                    "table",
                    "step-traffic",
                    "step-p90",
                    "step-errors",
                    title="Steps",
                    width=24,
                    columns=("Calls", "p90", "Failed"),
                ),
            ),
        ),
        Row(
            "Handoffs",
            (
                panel(
                    "table",
                    "handoffs",
                    "handoffs-accepted",
                    "handoff-success",
                    "handoff-bounces",
                    "handoff-latency-p90",
                    "context-kept",
                    "context-size",
                    title="Who hands over to whom",
                    width=24,
                    height=10,
                    columns=(
                        "Begun",
                        "Accepted",
                        "Succeed",
                        "Bounce",
                        "Latency p90",
                        "Context kept",
                        "Context",
                    ),
                    empty="Nothing is handed over",
                ),
                panel(
                    "stack", "handoff-results", title="How handoffs end", width=12, by=("result",)
                ),
                panel("lines", "handoff-p90", title="Duration of handoffs, p90", width=12),
            ),
        ),
        Row(
            "Escalations and joins",
            (
                panel(
                    "stack",
                    "escalations",
                    title="Escalations",
                    width=8,
                    empty="Nothing was escalated",
                ),
                panel(
                    "lines",
                    "escalation-wait",
                    title="Wait for an answer, p90",
                    width=8,
                    empty="Nothing was escalated",
                ),
                panel(
                    "bars",
                    "escalation-appropriateness",
                    title="Judged appropriate",
                    width=8,
                    steps=at_least(0.8, 0.5),
                    empty="No escalation was judged",
                ),
                panel("lines", "synchronization", title="Joins in time", width=8),
                panel("lines", "synchronization-skew", title="Skew of joins, p90", width=8),
                panel("lines", "synchronization-wait", title="Wait at joins, mean", width=8),
            ),
        ),
        Row(
            "In flight, and how even",
            (
                panel("lines", "workflow-in-flight", title="Runs in flight", width=8),
                panel("lines", "workflow-oldest", title="Oldest run in flight", width=8),
                panel("lines", "workflow-deviation", title="Standard deviation of runs", width=8),
                panel("lines", "step-in-flight", title="Steps in flight", width=8),
                panel("lines", "step-oldest", title="Oldest step in flight", width=8),
                panel("lines", "step-deviation", title="Standard deviation of steps", width=8),
                panel("lines", "handoff-in-flight", title="Handoffs in flight", width=8),
                panel("lines", "handoff-oldest", title="Oldest handoff in flight", width=8),
                panel(
                    "lines", "handoff-deviation", title="Standard deviation of handoffs", width=8
                ),
                panel(
                    "stack",
                    "handoff-outcomes",
                    title="Outcomes of handoffs",
                    width=12,
                    by=("outcome",),
                ),
                panel("lines", "escalations-open", title="Open escalations", width=12),
            ),
            folded=True,
        ),
    ),
)


def _forecast(title: str, text: str, help_text: str, legend: str, measure: Measure) -> Panel:
    return Panel(
        title,
        help_text,
        "lines",
        (Query(Expression(text, frozenset({legend})), f"{{{{{legend}}}}}"),),
        measure,
        12,
        8,
        empty="Six hours of history are needed first",
    )


def _calls_ahead() -> Expression:
    calls = recorded("region:agentmon_calls:rate5m", ("region",), {"region": ("=~", "$region")})
    known = over_time("count_over_time", calls, "1d") >= _SIX_HOURS
    return predicted(calls, "1d", 604800).at_least(0).also(known)


def _days_left(title: str, used: str, limit: str, label: str, *, across: str, empty: str) -> Panel:
    """When a straight line through the last day meets the limit; of several processes together."""
    of = f"{across} by ({label})"
    text = f"({of} ({limit}) - {of} ({used})) / ({of} (deriv({used}[1d])) > 0)"
    return Panel(
        title,
        "How long until it is full, if it goes on as in the last day. Nothing is shown for what "
        "does not grow.",
        "bars",
        (Query(Expression(text, frozenset({label})), f"{{{{{label}}}}}"),),
        Measure.SECONDS,
        8,
        8,
        steps=at_least(7 * 86400, 86400),
        empty=empty,
    )


_CAPACITY: Final = Board(
    "capacity_planning_view",
    "agentmon-capacity",
    "Capacity",
    "operational",
    "How much room is left, and for how long?",
    (*_AGENT,),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "system-capacity",
                    title="In use of all capacity",
                    width=6,
                    steps=at_most(0.7, 0.9),
                    empty="No agent declares a capacity",
                ),
                panel("stat", "users", title="Users at work", width=6, empty="No user is declared"),
                panel(
                    "stat",
                    "tasks-in-flight",
                    title="Tasks in flight",
                    width=12,
                    empty="No task is declared",
                ),
            ),
        ),
        Row(
            "What is full",
            (
                panel(
                    "bars",
                    "agent-capacity",
                    title="Agents",
                    width=8,
                    steps=at_most(0.7, 0.9),
                    empty="No agent declares a capacity",
                ),
                panel(
                    "bars",
                    "limit-use",
                    title="Limits",
                    width=8,
                    steps=at_most(0.7, 0.9),
                    empty="No limit is watched: see agentmon.limit",
                ),
                panel(
                    "bars",
                    "queue-fill",
                    title="Queues",
                    width=8,
                    steps=at_most(0.5, 0.8),
                    empty="No queue with a bound is watched: see agentmon.queue",
                ),
                panel(
                    "bars",
                    "capacity-used",
                    title="Declared resources",
                    width=8,
                    steps=at_most(0.7, 0.9),
                    empty="No resource is declared",
                ),
                _days_left(
                    "Until storage is full",
                    catalogue.resources.STORAGE_USED.sample,
                    catalogue.resources.STORAGE_CAPACITY.sample,
                    "path",
                    across="max",
                    empty="Nothing grows, or no path is declared",
                ),
                _days_left(
                    "Until queues are full",
                    catalogue.coordination.QUEUE_DEPTH.sample,
                    catalogue.coordination.QUEUE_CAPACITY.sample,
                    "queue",
                    across="sum",
                    empty="No queue grows",
                ),
            ),
        ),
        Row(
            "Waiting",
            (
                panel("lines", "queue-depth", title="Depth of queues", width=8),
                panel("lines", "queue-wait", title="Wait in queues, p90", width=8),
                panel("lines", "limit-waiting", title="Waiting at limits", width=8),
                panel("lines", "limit-refused", title="Refused at limits", width=8),
                panel("lines", "agent-in-flight", title="Calls in flight", width=8),
                panel(
                    "lines",
                    "pool-wait",
                    title="Wait for connections, p90",
                    width=8,
                    empty="No pool is measured: see agentmon.instrument",
                ),
            ),
        ),
        Row(
            "Where it leads",
            (
                _forecast(
                    "Calls a second, in a week",
                    _calls_ahead().text,
                    "Where a straight line through the last day leads in a week, once 6 hours are "
                    "known: a first guess, which knows no season.",
                    "region",
                    Measure.PER_SECOND,
                ),
                panel("lines", "requests", title="Requests an hour", width=12),
            ),
        ),
        Row(
            "Queues and limits in detail",
            (
                panel("lines", "queue-put", title="Items put", width=8),
                panel("lines", "queue-got", title="Items taken", width=8),
                panel("lines", "queue-depth-average", title="Depth, averaged over time", width=8),
                panel("lines", "queue-depth-peak", title="Depth, peak of 5 minutes", width=8),
                panel("lines", "limit-wait", title="Wait at limits, p90", width=8),
                panel("lines", "dependency-in-flight", title="Dependencies in flight", width=8),
            ),
            folded=True,
        ),
    ),
    coming=("Recommended replicas: they come with capacity planning.",),
)

_OPPORTUNITIES: Final = Board(
    "optimization_opportunities",
    "agentmon-opportunities",
    "Opportunities",
    "operational",
    "Where would an effort pay most?",
    (*_AGENT, "workflow"),
    (
        Row(
            "",
            (
                panel(
                    "stat",
                    "stragglers",
                    title="Waiting for the last branch",
                    width=6,
                    steps=at_most(0.2, 0.5),
                    empty="No workflow has branches",
                ),
                panel(
                    "stat",
                    "waste",
                    title="Money wasted",
                    width=6,
                    steps=at_most(0.05, 0.2),
                    empty="No task ended",
                ),
                panel(
                    "stat",
                    "rework",
                    title="Done again",
                    width=6,
                    steps=FEWER,
                    empty="No task ended",
                ),
                panel(
                    "stat",
                    "cascades",
                    title="Caused by other failures",
                    width=6,
                    steps=at_most(0.3, 0.6),
                    empty="Nothing failed",
                ),
            ),
        ),
        Row(
            "Time: what is lost most",
            (
                panel(
                    "bars",
                    "critical-path-agents",
                    title="Agents on critical paths",
                    width=8,
                    help="An agent here decides how long workflows take.",
                ),
                panel("bars", "stragglers", title="Waiting for the last branch", width=8),
                panel(
                    "table",
                    "dependency-traffic",
                    "dependency-p99",
                    "dependency-errors",
                    title="Dependencies",
                    width=8,
                    height=8,
                    columns=("Calls", "p99", "Failed"),
                ),
            ),
        ),
        Row(
            "Money: what is wasted most",
            (
                panel(
                    "bars",
                    "waste-by-agent",
                    title="Wasted an hour",
                    width=8,
                    empty="No task failed or was reworked",
                ),
                panel("bars", "cost-per-task", title="Cost of a task", width=8),
                panel(
                    "bars",
                    "useful-tokens",
                    title="Useful tokens",
                    width=8,
                    steps=at_least(0.9, 0.7),
                ),
            ),
        ),
        Row(
            "Quality: what is done twice",
            (
                panel("bars", "rework", title="Reworked", width=8, steps=FEWER),
                panel("stack", "rework-reasons", title="Why", width=8),
                panel("bars", "cascades", title="Cascading failures", width=8),
            ),
        ),
        Row(
            "Even: what varies most",
            (
                panel(
                    "bars",
                    "agent-variation",
                    title="Agents",
                    width=6,
                    help="Where durations vary far more than their mean, few calls are slow: look "
                    "at those first.",
                ),
                panel("bars", "tool-variation", title="Tools", width=6),
                panel("bars", "model-variation", title="Models", width=6),
                panel("bars", "dependency-variation", title="Dependencies", width=6),
            ),
        ),
        Row(
            "Slow now",
            (
                panel("lines", "dependency-mean", title="Dependencies, mean", width=8),
                panel("lines", "dependency-oldest", title="Oldest call in flight", width=8),
                panel("lines", "tool-oldest", title="Oldest tool call in flight", width=8),
            ),
            folded=True,
        ),
    ),
    coming=("Ranked recommendations with their expected gain: they come with optimisation.",),
)

BOARDS: Final = (_DETAILS, _RESOURCES, _ERRORS, _WORKFLOWS, _CAPACITY, _OPPORTUNITIES)
