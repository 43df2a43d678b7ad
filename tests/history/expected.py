"""
What each view has to answer of the fleet, said in sums over its series.

A number is to be met exactly. A quantile is to lie in the bucket that holds the true one, as the
interpolation within it is Prometheus's own affair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from agentmon.model import catalogue
from agentmon.model.catalogue import coordination as c
from agentmon.model.catalogue import facts as f
from agentmon.model.catalogue import own as o
from agentmon.model.catalogue import reliability as r
from agentmon.model.catalogue import resources as u
from agentmon.model.catalogue import work as w
from agentmon.model.metric import Metric
from tests.history.fleet import OF_AGENT, Fleet, Series

__all__ = ["EXPECTED", "LIVE", "PANELS", "Answer", "Asked", "Key", "Within", "same"]

Key: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Within:
    """Somewhere in a bucket."""

    low: float
    high: float


Answer: TypeAlias = Mapping[Key, "float | Within"]
Where: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """
    A question about the fleet.

    Args:
        fleet: The fleet.
        by: The labels of the answer.
        window_s: What increases look back over.
        where: The only value of some labels.
    """

    fleet: Fleet
    by: tuple[str, ...]
    window_s: float
    where: Mapping[str, str]

    def groups(
        self, metric: Metric, by: tuple[str, ...], where: Mapping[str, Where]
    ) -> dict[Key, list[Series]]:
        """The series of a metric by labels."""
        known = (*metric.label_names, "service", "region", "instance")
        chosen = {name: (value,) for name, value in self.where.items() if name in known}
        found: dict[Key, list[Series]] = {}
        for each in self.fleet.of(metric, {**chosen, **where}):
            key = frozenset((name, each.labels[name]) for name in by if name in each.labels)
            found.setdefault(key, []).append(each)
        return found

    def summed(
        self,
        of: Callable[[Series], float],
        metric: Metric,
        by: tuple[str, ...] | None = None,
        **where: Where,
    ) -> dict[Key, float]:
        """A sum over the series of each group."""
        groups = self.groups(metric, self.by if by is None else by, where)
        return {key: sum(map(of, each)) for key, each in groups.items()}


View: TypeAlias = Callable[[Asked], Answer]


def _speed(series: Series) -> float:
    return series.speed


def _level(asked: Asked) -> Callable[[Series], float]:
    return lambda series: series.level + (asked.fleet.end if series.is_time else 0.0)


def _rate(metric: Metric, *, times: float = 1.0, **where: Where) -> View:
    def view(asked: Asked) -> Answer:
        return {k: v * times for k, v in asked.summed(_speed, metric, **where).items()}

    return view


def _grown(metric: Metric, **where: Where) -> View:
    def view(asked: Asked) -> Answer:
        return {k: v * asked.window_s for k, v in asked.summed(_speed, metric, **where).items()}

    return view


def _most_grown(metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        groups = asked.groups(metric, asked.by, {})
        return {k: max(map(_speed, each)) * asked.window_s for k, each in groups.items()}

    return view


def _over(part: Mapping[Key, float], whole: Mapping[Key, float]) -> dict[Key, float]:
    return {key: part.get(key, 0.0) / each for key, each in whole.items()}


def _share(
    part: Metric, whole: Metric, of: Mapping[str, Where], among: Mapping[str, Where]
) -> View:
    def view(asked: Asked) -> Answer:
        return _over(asked.summed(_speed, part, **of), asked.summed(_speed, whole, **among))

    return view


def _of(metric: Metric, **of: Where) -> View:
    return _share(metric, metric, of, {})


def _mean(metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        total = asked.summed(lambda each: each.speed * each.mean, metric)
        return _over(total, asked.summed(_speed, metric))

    return view


def _deviation(metric: Metric, *, of_mean: bool = False) -> View:
    """All calls of the fleet take as long as each other, whatever their labels."""

    def view(asked: Asked) -> Answer:
        found = {}
        for key, each in asked.groups(metric, asked.by, {}).items():
            values = each[0].values
            mean = sum(value * share for value, share in values)
            variance = sum((value - mean) ** 2 * share for value, share in values)
            found[key] = math.sqrt(variance) / (mean if of_mean else 1.0)
        return found

    return view


def _quantile(q: float, metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        return {key: _holds(each[0], q) for key, each in asked.groups(metric, asked.by, {}).items()}

    return view


def _holds(series: Series, q: float) -> Within:
    """The bucket with the value that so many are not above."""
    value = next(
        value
        for n, (value, _) in enumerate(series.values)
        if sum(share for _, share in series.values[: n + 1]) >= q
    )
    edges = (0.0, *series.edges)
    at = next(n for n, edge in enumerate(edges) if edge >= value)
    return Within(edges[at - 1], edges[at])


def _now(metric: Metric) -> View:
    return lambda asked: asked.summed(_level(asked), metric)


def _told(metric: Metric) -> View:
    """What several processes tell alike is one thing."""

    def view(asked: Asked) -> Answer:
        found: dict[Key, float] = {}
        for key, each in asked.groups(metric, metric.label_names, {}).items():
            kept = frozenset((name, value) for name, value in key if name in asked.by)
            found[kept] = found.get(kept, 0.0) + max(map(_level(asked), each))
        return found

    return view


def _most(metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        groups = asked.groups(metric, asked.by, {})
        return {key: max(map(_level(asked), each)) for key, each in groups.items()}

    return view


def _least(metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        groups = asked.groups(metric, asked.by, {})
        return {key: min(map(_level(asked), each)) for key, each in groups.items()}

    return view


def _divided(part: View, whole: View) -> View:
    def view(asked: Asked) -> Answer:
        return _over(_numbers(part(asked)), _numbers(whole(asked)))

    return view


def _numbers(answer: Answer) -> dict[Key, float]:
    return {key: value for key, value in answer.items() if isinstance(value, float)}


def _per(part: Metric, by: tuple[str, ...], whole: View) -> View:
    """With more labels above than below."""

    def view(asked: Asked) -> Answer:
        below = _numbers(whole(Asked(asked.fleet, by, asked.window_s, asked.where)))
        return {
            key: value / below[frozenset(each for each in key if each[0] in by)]
            for key, value in asked.summed(_speed, part).items()
        }

    return view


def _buckets(metric: Metric) -> View:
    def view(asked: Asked) -> Answer:
        every = [each for some in asked.groups(metric, (), {}).values() for each in some]
        edges = (*every[0].edges, math.inf)
        return {
            frozenset({("le", "+Inf" if edge == math.inf else f"{edge}")}): sum(
                each.below(edge) for each in every
            )
            for edge in edges
        }

    return view


def _useful(asked: Asked) -> Answer:
    wasted = asked.summed(_speed, w.WASTED_TOKENS)
    return {k: 1 - v for k, v in _over(wasted, asked.summed(_speed, w.TASK_TOKENS)).items()}


def _margin(asked: Asked) -> Answer:
    spent = asked.summed(_speed, w.COST)
    return {key: value - spent[key] for key, value in asked.summed(_speed, w.TASK_VALUE).items()}


_FAILED: Final = ("error", "timeout")
_ENDED: Final = ("ok", "error", "timeout")
_DONE: Final = ("completed",)
_STAYED: Final = ("succeeded", "failed")


def _operations() -> dict[str, View]:
    found: dict[str, View] = {}
    for prefix, kind in (
        ("agent", "agent"),
        ("tool", "tool"),
        ("model", "model_call"),
        ("workflow", "workflow"),
        ("step", "step"),
        ("handoff", "handoff"),
        ("dependency", "dependency"),
    ):
        of = catalogue.OPERATIONS[kind]
        ended = {"outcome": _ENDED}
        found |= {
            f"{prefix}-traffic": _rate(of.calls),
            f"{prefix}-outcomes": _rate(of.calls),
            f"{prefix}-errors": _share(of.calls, of.calls, {"outcome": _FAILED}, ended),
            f"{prefix}-error-types": _rate(of.errors),
            f"{prefix}-timeouts": _share(of.calls, of.calls, {"outcome": ("timeout",)}, ended),
            f"{prefix}-mean": _mean(of.duration),
            f"{prefix}-p50": _quantile(0.5, of.duration),
            f"{prefix}-p90": _quantile(0.9, of.duration),
            f"{prefix}-p99": _quantile(0.99, of.duration),
            f"{prefix}-p999": _quantile(0.999, of.duration),
            f"{prefix}-deviation": _deviation(of.duration),
            f"{prefix}-variation": _deviation(of.duration, of_mean=True),
            f"{prefix}-in-flight": _now(of.in_flight),
            f"{prefix}-oldest": _most(of.oldest_in_flight),
        }
    return found


_WORKFLOW: Final = catalogue.OPERATIONS["workflow"]

#: By the name of the view.
EXPECTED: Final[dict[str, View]] = {
    **_operations(),
    # what is known of agents
    "agent-facts": _now(catalogue.AGENT_INFO),
    "agent-tokens": _rate(catalogue.MODEL_TOKENS),
    "model-first-output": _quantile(0.9, catalogue.MODEL_FIRST_OUTPUT),
    "error-groups": _grown(catalogue.ERROR_GROUP),
    "error-groups-first-seen": _least(catalogue.ERROR_GROUP_FIRST_SEEN),
    "error-groups-last-seen": _most(catalogue.ERROR_GROUP_LAST_SEEN),
    # tasks
    "requests": _rate(w.TASK_BEGUN, times=3600),
    "task-completion": _of(w.TASK_ENDED, result=_DONE),
    "agent-task-completion": _of(w.TASK_ENDED, result=_DONE),
    "system-task-completion": _of(w.TASK_ENDED, result=_DONE),
    "task-results": _rate(w.TASK_ENDED),
    "velocity": _rate(w.TASK_ENDED, times=60, result=_DONE),
    "task-p90": _quantile(0.9, w.TASK_DURATION),
    "task-first-output": _quantile(0.9, w.TASK_FIRST_OUTPUT),
    "tasks-in-flight": _now(w.TASK_IN_FLIGHT),
    "rework": _share(w.TASK_REWORKED, w.TASK_ENDED, {}, {}),
    "rework-reasons": _rate(w.TASK_REWORKED),
    # quality
    "satisfaction": _mean(w.FEEDBACK),
    "satisfaction-by-task": _mean(w.FEEDBACK),
    "satisfaction-distribution": _buckets(w.FEEDBACK),
    "ratings": _rate(w.FEEDBACK),
    "evaluation": _mean(w.EVALUATION),
    "evaluation-by-version": _mean(w.EVALUATION),
    "consistency": _mean(w.CONSISTENCY),
    # users
    "users": _now(w.USERS_IN_FLIGHT),
    "users-peak": _now(w.USERS_IN_FLIGHT_PEAK),
    "users-seen": _most(w.USERS_SEEN),
    "sessions": _rate(w.SESSIONS_BEGUN),
    "sessions-open": _now(w.SESSIONS_OPEN),
    "abandonment": _of(w.SESSIONS_ENDED, result=("abandoned",)),
    "session-length": _mean(w.SESSION_DURATION),
    "session-turns": _mean(w.SESSION_TURNS),
    "follow-ups": _of(w.TURNS, turn=("followup",)),
    "turn-p90": _quantile(0.9, w.TURN_DURATION),
    # cost
    "cost": _rate(w.COST),
    "cost-by-model": _rate(w.COST),
    "cost-by-workflow": _rate(w.COST),
    "cost-by-type": _rate(w.COST),
    "cost-per-task": _per(w.TASK_COST, ("agent",), _rate(w.TASK_ENDED, result=_DONE)),
    "waste": _share(w.WASTED_COST, w.TASK_COST, {}, {}),
    "waste-by-agent": _rate(w.WASTED_COST),
    "useful-tokens": _useful,
    "tasks-per-cost": _share(w.TASK_ENDED, w.TASK_COST, {"result": _DONE}, {}),
    "tasks-per-cpu": _share(w.TASK_ENDED, u.AGENT_CPU, {"result": _DONE}, {"share": ("self",)}),
    "task-cpu": _rate(w.TASK_CPU),
    "unpriced": _rate(w.UNPRICED_TOKENS),
    "price-table": _now(w.PRICE_TABLE),
    "value": _rate(w.TASK_VALUE),
    "margin": _margin,
    "return": _share(w.TASK_VALUE, w.COST, {}, {}),
    "business-events": _rate(w.BUSINESS_EVENTS),
    # coordination
    "handoff-success": _of(c.HANDOFF_ENDED, result=_DONE),
    "handoffs": _rate(c.HANDOFF_BEGUN),
    "handoffs-accepted": _rate(c.HANDOFF_ACCEPTED),
    "handoff-results": _rate(c.HANDOFF_ENDED),
    "handoff-bounces": _rate(c.HANDOFF_BOUNCED),
    "handoff-latency-p90": _quantile(0.9, c.HANDOFF_LATENCY),
    "context-kept": _mean(c.HANDOFF_CONTEXT_KEPT),
    "context-size": _rate(c.HANDOFF_CONTEXT_SIZE),
    "workflow-completion": _share(
        _WORKFLOW.calls, _WORKFLOW.calls, {"outcome": ("ok",)}, {"outcome": _ENDED}
    ),
    "critical-path": _rate(c.WORKFLOW_CRITICAL_PATH),
    "critical-path-agents": _rate(c.WORKFLOW_CRITICAL_PATH),
    "coordination-efficiency": _of(c.WORKFLOW_CRITICAL_PATH, path_kind=("working",)),
    "parallelism": _share(c.WORKFLOW_WORK, c.WORKFLOW_CRITICAL_PATH, {}, {}),
    "stragglers": _share(c.WORKFLOW_STRAGGLER, c.WORKFLOW_FAN_OUT, {}, {}),
    "escalations": _rate(c.ESCALATIONS),
    "escalations-open": _now(c.ESCALATIONS_OPEN),
    "escalation-wait": _quantile(0.9, c.ESCALATION_WAIT),
    "escalation-appropriateness": _of(c.ESCALATION_VERDICTS, verdict=("appropriate",)),
    "synchronization": _of(c.SYNCHRONIZATIONS, result=("ok",)),
    "synchronization-skew": _quantile(0.9, c.SYNCHRONIZATION_SKEW),
    "synchronization-wait": _mean(c.SYNCHRONIZATION_WAIT),
    "queue-depth": _now(c.QUEUE_DEPTH),
    "queue-depth-average": _rate(c.QUEUE_DEPTH_TIME),
    "queue-depth-peak": _most(c.QUEUE_DEPTH_PEAK),
    "queue-wait": _quantile(0.9, c.QUEUE_WAIT),
    "queue-put": _rate(c.QUEUE_PUT),
    "queue-got": _rate(c.QUEUE_GOT),
    "queue-fill": _divided(_now(c.QUEUE_DEPTH), _now(c.QUEUE_CAPACITY)),
    "limit-use": _divided(_now(c.LIMIT_IN_USE), _now(c.LIMIT_CAPACITY)),
    "limit-waiting": _now(c.LIMIT_WAITING),
    "limit-wait": _quantile(0.9, c.LIMIT_WAIT),
    "limit-refused": _of(c.LIMIT_ACQUIRED, result=("refused",)),
    "agent-capacity": _divided(
        _now(catalogue.OPERATIONS["agent"].in_flight), _now(c.AGENT_CAPACITY)
    ),
    "system-capacity": _divided(
        _now(catalogue.OPERATIONS["agent"].in_flight), _now(c.AGENT_CAPACITY)
    ),
    # reliability
    "cascades": _of(r.FAILURES, cause=("cascade",)),
    "failure-causes": _rate(r.FAILURES),
    "recovery": _share(r.RECOVERIES, r.TASK_ERRORS, {}, {}),
    "recovery-ways": _rate(r.RECOVERIES),
    "component-up": _least(r.COMPONENT_UP),
    "availability": _of(r.COMPONENT_TIME, state=("up",)),
    "mtbf": _share(r.COMPONENT_TIME, r.OUTAGES, {"state": ("up",)}, {}),
    "mttr": _mean(r.OUTAGE_DURATION),
    "outages": _grown(r.OUTAGES),
    "health-checks": _least(r.HEALTH_CHECK_UP),
    "health-check-runs": _rate(r.HEALTH_CHECK_RUNS),
    "health-check-p90": _quantile(0.9, r.HEALTH_CHECK_DURATION),
    "health-check-last": _most(r.HEALTH_CHECK_LAST_RUN),
    "rate-limits": _rate(r.RATE_LIMITED),
    "pool-wait": _quantile(0.9, r.POOL_WAIT),
    # resources
    "process-cpu": _rate(u.PROCESS_CPU),
    "agent-cpu": _rate(u.AGENT_CPU, share=("self",)),
    "process-memory": _now(u.PROCESS_MEMORY),
    "agent-memory": _rate(u.AGENT_MEMORY),
    "process-network": _rate(u.PROCESS_NETWORK),
    "host-network": _rate(u.HOST_NETWORK),
    "agent-network": _rate(u.AGENT_NETWORK),
    "process-io": _rate(u.PROCESS_IO),
    "storage-used": _most(u.STORAGE_USED),
    "storage-free": _divided(_least(u.STORAGE_FREE), _least(u.STORAGE_CAPACITY)),
    "threads": _now(u.PROCESS_THREADS),
    "open-files": _divided(_now(u.PROCESS_FILES), _now(u.PROCESS_FILES_LIMIT)),
    "context-switches": _rate(u.PROCESS_SWITCHES),
    "event-loop-lag": _quantile(0.99, u.EVENT_LOOP_LAG),
    "gc-time": lambda asked: asked.summed(lambda each: each.speed * each.mean, u.GC_PAUSE),
    "sampling-cost": _rate(u.SAMPLING_CPU),
    "host-load": _divided(_most(u.HOST_LOAD), _most(u.HOST_CORES)),
    "host-memory": _most(u.HOST_MEMORY),
    "cgroup-memory": _divided(_most(u.CGROUP_MEMORY), _most(u.CGROUP_MEMORY_LIMIT)),
    "cgroup-cpu-limit": _most(u.CGROUP_CPU_LIMIT),
    "throttled": _divided(_most_grown(u.CGROUP_THROTTLED_PERIODS), _most_grown(u.CGROUP_PERIODS)),
    "throttled-time": _most_grown(u.CGROUP_THROTTLED),
    "oom-kills": _most_grown(u.CGROUP_OOM),
    # facts
    "deployments": _rate(f.DEPLOYMENTS, times=86_400, result=_STAYED),
    "change-failures": _share(
        f.DEPLOYMENTS, f.DEPLOYMENTS, {"result": ("failed", "rolled_back")}, {"result": _STAYED}
    ),
    "lead-time": _quantile(0.5, f.DEPLOYMENT_LEAD_TIME),
    "restore-time": _mean(f.DEPLOYMENT_RESTORE),
    "rollbacks": _grown(f.DEPLOYMENTS, result=("rolled_back",)),
    "last-deployment": _most(f.DEPLOYMENT_LAST),
    "backup-age": _most(f.BACKUP_LAST_SUCCESS),
    "backup-runs": _grown(f.BACKUPS),
    "backup-size": _most(f.BACKUP_SIZE),
    "backup-duration": _most(f.BACKUP_DURATION),
    "security-findings": _told(f.SECURITY_FINDINGS),
    "security-scans": _most(f.SECURITY_SCAN),
    "certificates": _least(f.CERTIFICATE_EXPIRES),
    "endpoint-certificates": _least(o.CERTIFICATE_EXPIRY),
    "failed-authentications": _rate(f.AUTHENTICATIONS_FAILED),
    "endpoint-refusals": _rate(o.ENDPOINT_REFUSED),
    "controls": _least(f.COMPLIANCE_CONTROL),
    "evidence": _most(f.COMPLIANCE_EVIDENCE),
    "documents": _most(f.DOCUMENT_UPDATED),
    "dead-links": _most(f.DOCUMENT_DEAD_LINKS),
    "capacity-used": _divided(_now(f.CAPACITY_USED), _most(f.CAPACITY_LIMIT)),
    "coverage": _most(f.COVERAGE),
    "tests": _most(f.TESTS),
    "flaky-tests": _most(f.TESTS_FLAKY),
    "test-duration": _most(f.TEST_DURATION),
    "test-runs": _most(f.TEST_RUN),
    "complexity": _most(f.CODE_COMPLEXITY),
    "maintainability": _least(f.CODE_MAINTAINABILITY),
    "code-findings": _told(f.CODE_FINDINGS),
    "code-rules": _told(f.CODE_FINDINGS),
    "evaluation-runs": _most(f.EVALUATION_RUN),
    # agentmon itself
    "dropped": _rate(o.DROPPED),
    "series": _now(o.SERIES),
    "scrapes": _rate(o.SCRAPES),
    "scrape-duration": _most(o.SCRAPE_DURATION),
    "versions": _now(o.BUILD_INFO),
}

#: How far off sums of floating-point numbers may be.
_CLOSE: Final = 1e-6


def same(got: float, expected: float | Within, *, factor: float = 1.0) -> bool:
    """Whether an answer is what it has to be."""
    if isinstance(expected, Within):
        low, high = expected.low * factor, expected.high * factor
        return low * (1 - _CLOSE) <= got <= high * (1 + _CLOSE)
    return math.isclose(got, expected * factor, rel_tol=_CLOSE, abs_tol=1e-9)


# ------------------------------------------------------------------ panels of no view

_AGENT: Final = catalogue.OPERATIONS["agent"]
_ANSWERED: Final = {"result": ("completed", "failed", "timed_out")}
_NOTHING: Final[Key] = frozenset()


def _always(value: float) -> View:
    return lambda _: {_NOTHING: value}


def _asked_of_all(view: View, *by: str, only: tuple[str, ...] = ()) -> View:
    """By these labels, whatever the reader has chosen but these."""

    def changed(asked: Asked) -> Answer:
        where = {name: value for name, value in asked.where.items() if name in only}
        return view(Asked(asked.fleet, by, asked.window_s, where))

    return changed


def _made_of(change: Callable[[float], float], view: View) -> View:
    return lambda asked: {k: change(v) for k, v in _numbers(view(asked)).items()}


def _versions(view: View) -> View:
    """Of each agent, with the version that it is known to run."""

    def versioned(asked: Asked) -> Answer:
        found = {}
        for key, value in view(Asked(asked.fleet, ("agent",), asked.window_s, asked.where)).items():
            agent = dict(key)["agent"]
            found[key | {("version", OF_AGENT[agent]["version"])}] = value
        return found

    return versioned


def _tiers(asked: Asked) -> Answer:
    """Each tier is of one agent."""
    agents = _asked_of_all(_SOUND, "agent")(asked)
    return {
        frozenset({("tier", OF_AGENT[dict(key)["agent"]]["tier"])}): value
        for key, value in agents.items()
    }


def _as_a_week_ago(asked: Asked) -> Answer:
    """Rates are steady: once as much."""
    groups = asked.groups(_AGENT.calls, ("agent",), {})
    return dict.fromkeys(groups, 1.0)


def _slow(asked: Asked) -> Answer:
    late = asked.summed(lambda each: each.speed - each.below(30.0), _AGENT.duration)
    return _over(late, asked.summed(_speed, _AGENT.duration))


def _failing(asked: Asked) -> Answer:
    """The same tests, told by two processes, are not twice as many."""
    by = ("suite", "result")
    bad = asked.groups(f.TESTS, by, {"result": ("failed", "error")})
    return {_NOTHING: sum(max(map(_level(asked), each)) for each in bad.values())}


def _left(used: Metric, limit: Metric, across: Callable[[list[float]], float]) -> View:
    """How long until a straight line meets the limit."""

    def view(asked: Asked) -> Answer:
        room = asked.groups(limit, asked.by, {})
        return {
            key: (
                across([each.level for each in room[key]]) - across([each.level for each in some])
            )
            / across([each.speed for each in some])
            for key, some in asked.groups(used, asked.by, {}).items()
        }

    return view


_SOUND: Final = _made_of(
    lambda failed: 1 - failed,
    _share(_AGENT.calls, _AGENT.calls, {"outcome": _FAILED}, {"outcome": _ENDED}),
)
_BY_REGION: Final = _asked_of_all(_SOUND, "region", only=("region",))
_TASKS_FAILED: Final = _asked_of_all(
    _share(w.TASK_ENDED, w.TASK_ENDED, {"result": ("failed", "timed_out")}, _ANSWERED)
)
_TASKS: Final = _asked_of_all(_rate(w.TASK_ENDED, result=_ANSWERED["result"]))
_CALLS: Final = _asked_of_all(_rate(_AGENT.calls, outcome=_ENDED), "region", only=("region",))
_LATE: Final = _asked_of_all(_slow, "region", only=("region",))
_OF_VERSIONS: Final = {
    "p90 by version": (_versions(_quantile(0.9, _AGENT.duration)),),
    "Failed by version": (
        _versions(_share(_AGENT.calls, _AGENT.calls, {"outcome": _FAILED}, {"outcome": _ENDED})),
    ),
}

#: Panels of what no history has that is written, native histograms: looked at while they come.
LIVE: Final = (("agentmon-agent-details", "Durations, finely"),)
#: By the uid of the dashboard and the title of the panel, one for each thing that it asks.
PANELS: Final[dict[tuple[str, str], tuple[View, ...]]] = {
    ("agentmon-system-health", "Requests that succeed"): (
        _made_of(lambda failed: 1 - failed, _TASKS_FAILED),
    ),
    ("agentmon-system-health", "Error budget left"): (
        _made_of(lambda failed: 1 - failed / 0.01, _TASKS_FAILED),
    ),
    ("agentmon-system-health", "Critical alerts"): (_always(1.0),),
    ("agentmon-system-health", "Warnings"): (_always(1.0),),
    ("agentmon-system-health", "Availability by region"): (_BY_REGION,),
    ("agentmon-system-health", "Availability over time"): (_BY_REGION,),
    ("agentmon-system-health", "Availability by tier"): (_tiers,),
    ("agentmon-performance", "Compared with a week ago: p90"): (_as_a_week_ago,),
    ("agentmon-trends", "Failed, compared with a week ago"): (_always(1.0),),
    ("agentmon-trends", "Traffic, compared with a week ago"): (_always(1.0),),
    # more fails than is allowed: it is used up
    ("agentmon-trends", "Error budget is used up in"): (_always(0.0),),
    # as well in the worst hour as in all, and outages end within six minutes
    ("agentmon-trends", "Resilience"): (_always(1 / (1 + 360 / 3600)),),
    # steady: the same now, a week ago and in a day
    ("agentmon-trends", "Tasks a second"): (_TASKS,) * 3,
    ("agentmon-trends", "Failed"): (_TASKS_FAILED,) * 3,
    ("agentmon-trends", "Calls a second"): (_CALLS,) * 3,
    ("agentmon-trends", "Slow"): (_LATE,) * 3,
    ("agentmon-agent-details", "Durations"): (_buckets(_AGENT.duration),),
    ("agentmon-capacity", "Until storage is full"): (
        _asked_of_all(_left(u.STORAGE_USED, u.STORAGE_CAPACITY, max), "path"),
    ),
    ("agentmon-capacity", "Until queues are full"): (
        _asked_of_all(_left(c.QUEUE_DEPTH, c.QUEUE_CAPACITY, sum), "queue"),
    ),
    ("agentmon-capacity", "Calls a second, in a week"): (_CALLS,),
    ("agentmon-testing", "Tests that fail"): (_asked_of_all(_failing),),
    **{("agentmon-development", title): told for title, told in _OF_VERSIONS.items()},
    **{("agentmon-regressions", title): told for title, told in _OF_VERSIONS.items()},
    ("agentmon-development", "Cost an hour by version"): (_versions(_rate(w.COST, times=3600)),),
    ("agentmon-development", "Calls by version"): (_versions(_rate(_AGENT.calls)),),
    ("agentmon-regressions", "p90 to a week ago, highest"): (_always(1.0),),
    ("agentmon-regressions", "Failed to a week ago, highest"): (_always(1.0),),
    ("agentmon-regressions", "p90"): (_as_a_week_ago,),
    ("agentmon-regressions", "Calls"): (_as_a_week_ago,),
    ("agentmon-impact", "p90 to a week ago, highest"): (_always(1.0),),
    ("agentmon-impact", "p90, compared with a week ago"): (_as_a_week_ago,),
    ("agentmon-impact", "Cost an hour, compared with a week ago"): (_as_a_week_ago,),
}
