"""
Service levels: how much of what was promised was kept, and how fast the rest is being used up.

Rates over 5 minutes are recorded; what longer windows need is their average, so that a quiet hour
counts little and a busy one much, and a window without any call is no number at all.

Source of the windows and factors: Google, "The Site Reliability Workbook", chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from agentmon.assets.rules.rule import Group, Record
from agentmon.model import catalogue
from agentmon.model.metric import Metric
from agentmon.model.objectives import PRIORITIES, Latency, Level, Objectives, Promise
from agentmon.query.promql import Expression, Matchers, gauge, over_time, rate, recorded, within

__all__ = ["SUBJECTS", "WINDOWS", "Subject", "name_of", "owner", "records"]

_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_FAILED: Final[Matchers] = {"outcome": ("=~", "error|timeout")}
_TASK_ENDED: Final[Matchers] = {"result": ("=~", "completed|failed|timed_out")}
_TASK_FAILED: Final[Matchers] = {"result": ("=~", "failed|timed_out")}

#: Windows over which shares are recorded, besides that of the budget.
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True)
class Subject:
    """
    Of what a promise is made.

    Args:
        level: The level.
        label: The label that names one of them; empty for the system, of which there is one.
        calls: Counts what was asked of it, by how it ended.
        duration: How long that took.
        asked: What of the calls counts.
        failed: What of them was bad.
        noun: What one of them is called.
        dashboard: Uid of the dashboard that shows them.
        serves: Capabilities that its availability serves.
    """

    level: Level
    label: str
    calls: Metric
    duration: Metric
    asked: Matchers
    failed: Matchers
    noun: str
    dashboard: str
    serves: tuple[str, ...]

    @property
    def by(self) -> tuple[str, ...]:
        """What its series are told apart by: one that runs in two regions fails in one."""
        if self.level in ("agent", "workflow", "dependency"):
            return (self.label, "region")
        return self.named

    @property
    def named(self) -> tuple[str, ...]:
        """The label that names one of them, if there is more than one."""
        return (self.label,) if self.label else ()


_AGENT: Final = catalogue.OPERATIONS["agent"]
_WORKFLOW: Final = catalogue.OPERATIONS["workflow"]
_DEPENDENCY: Final = catalogue.OPERATIONS["dependency"]
_AVAILABILITY: Final = "health_monitoring.availability_monitoring."

SUBJECTS: Final[dict[Level, Subject]] = {
    subject.level: subject
    for subject in (
        Subject(
            "agent",
            "agent",
            _AGENT.calls,
            _AGENT.duration,
            _ENDED,
            _FAILED,
            "Agent",
            "agentmon-agent-details",
            (_AVAILABILITY + "service_availability",),
        ),
        Subject(
            "workflow",
            "workflow",
            _WORKFLOW.calls,
            _WORKFLOW.duration,
            _ENDED,
            _FAILED,
            "Workflow",
            "agentmon-workflow-efficiency",
            (
                _AVAILABILITY + "workflow_availability",
                "system_metrics.coordination_metrics.workflow_completion_rate",
            ),
        ),
        Subject(
            "dependency",
            "dependency",
            _DEPENDENCY.calls,
            _DEPENDENCY.duration,
            _ENDED,
            _FAILED,
            "Dependency",
            "agentmon-system-health",
            (_AVAILABILITY + "dependency_availability",),
        ),
        Subject(
            "region",
            "region",
            _AGENT.calls,
            _AGENT.duration,
            _ENDED,
            _FAILED,
            "Region",
            "agentmon-system-health",
            (_AVAILABILITY + "geographic_availability",),
        ),
        Subject(
            "tier",
            "tier",
            _AGENT.calls,
            _AGENT.duration,
            _ENDED,
            _FAILED,
            "Tier",
            "agentmon-system-health",
            (_AVAILABILITY + "tier_availability",),
        ),
        Subject(
            "system",
            "",
            catalogue.work.TASK_ENDED,
            catalogue.work.TASK_DURATION,
            _TASK_ENDED,
            _TASK_FAILED,
            "The system",
            "agentmon-system-health",
            (_AVAILABILITY + "system_availability",),
        ),
    )
}


def name_of(level: Level, what: str, operation: str) -> str:
    """The name of a record of a level."""
    return f"{level}:agentmon_{what}:{operation}"


def records(objectives: Objectives) -> list[Group]:
    """The recording rules of all levels."""
    return [
        Group(
            f"agentmon-levels-{subject.level}",
            "1m",
            (
                *_rates(subject, objectives),
                *_promises(subject, objectives),
                *_owners(subject, objectives),
                *_shares(subject, objectives),
            ),
        )
        for subject in SUBJECTS.values()
    ]


def _rates(subject: Subject, objectives: Objectives) -> Iterator[Record]:
    level, by = subject.level, subject.by
    if level == "tier":  # a fact about agents: theirs are recorded already
        for what in ("calls", "calls_failed"):
            of_agents = recorded(name_of("agent", what, "rate5m"), ("agent", "region"))
            yield Record(name_of(level, what, "rate5m"), _by_tier(of_agents))
        yield Record(name_of(level, "calls_quick", "rate5m"), _quick(subject, objectives))
        return
    asked = rate(subject.calls, "5m", subject.asked).sum(by)
    failed = rate(subject.calls, "5m", subject.failed).sum(by)
    every = recorded(name_of(level, "calls", "rate5m"), by)
    yield Record(name_of(level, "calls", "rate5m"), asked)
    yield Record(name_of(level, "calls_failed", "rate5m"), failed.otherwise(every * 0))
    yield Record(name_of(level, "calls_quick", "rate5m"), _quick(subject, objectives))


def _by_tier(of_agents: Expression, where: Matchers | None = None) -> Expression:
    """Summed by the tier of the agents, for those that have one."""
    joined = of_agents.joined(
        catalogue.AGENT_INFO, "agent", ("tier",), {"tier": ("!=", ""), **(where or {})}
    )
    return joined.sum(("tier",))


def _quick(subject: Subject, objectives: Objectives) -> Expression:
    """The calls that took at most as long as was promised of each."""
    told = objectives.named(subject.level)
    default = objectives.defaults.latency
    thresholds: dict[float, list[str]] = {}
    for name, promise in told.items():
        if promise.latency is not None:
            thresholds.setdefault(promise.latency.threshold, []).append(name)
    if subject.level == "tier":
        return _quick_tiers(thresholds, list(told), default)
    parts: list[Expression] = []
    for threshold, names in sorted(thresholds.items()):
        chosen: Matchers = {subject.label: ("=~", _either(names))} if subject.label else {}
        where = {**subject.asked, **chosen}
        parts.append(within(subject.duration, threshold, "5m", subject.by, where))
    if default is not None and (subject.label or not parts):
        others: Matchers = {subject.label: ("!~", _either(list(told)))} if told else {}
        where = {**subject.asked, **others}
        parts.append(within(subject.duration, default.threshold, "5m", subject.by, where))
    quick = parts[0]
    for part in parts[1:]:
        quick = quick.otherwise(part)
    return quick


def _quick_tiers(
    thresholds: dict[float, list[str]], told: list[str], default: Latency | None
) -> Expression:
    """The same of tiers: what is counted of agents, joined with their tiers."""
    parts = []
    for threshold, names in sorted(thresholds.items()):
        quick = within(_AGENT.duration, threshold, "5m", ("agent",), _ENDED)
        parts.append(_by_tier(quick, {"tier": ("=~", _either(names))}))
    if default is not None:
        quick = within(_AGENT.duration, default.threshold, "5m", ("agent",), _ENDED)
        parts.append(_by_tier(quick, {"tier": ("!~", _either(["", *told]))} if told else None))
    every = parts[0]
    for part in parts[1:]:
        every = every.otherwise(part)
    return every


def _either(names: list[str]) -> str:
    """A regular expression for one of several names."""
    special = set("\\.+*?()|[]{}^$")
    return "|".join(
        "".join(f"\\{char}" if char in special else char for char in name) for name in sorted(names)
    )


def owner(level: Level) -> Expression:
    """Who has to be told of each of a level: joined by the label that names it."""
    subject = SUBJECTS[level]
    more = ("team", "tier", "priority") if level == "agent" else ("priority",)
    return recorded(name_of(level, "owner", "info"), (*subject.named, *more))


def _promises(subject: Subject, objectives: Objectives) -> Iterator[Record]:
    """What is promised of each, as a number, so that one rule serves all."""
    told = objectives.named(subject.level)
    seen = recorded(name_of(subject.level, "calls", "rate5m"), subject.by)
    of_agents = _OF_AGENTS if subject.level == "agent" else ()
    for what, operation, value in (*_OF_ALL, *of_agents):
        name = name_of(subject.level, f"{what}_objective", operation)
        for thing, promise in sorted(told.items()):
            share = value(promise)
            if share is not None:
                one = Expression(f"vector({share!r})", frozenset())
                labels = {subject.label: thing} if subject.label else {}
                yield Record(name, one, labels)
        share = value(objectives.defaults)
        if share is not None and (subject.label or not told):
            where: Matchers = {subject.label: ("!~", _either(list(told)))} if told else {}
            others = recorded(seen.text, subject.by, where) if where else seen
            yield Record(name, others.max(subject.named) * 0 + share)


def _owners(subject: Subject, objectives: Objectives) -> Iterator[Record]:
    """Who has to be told of each: its team, and how much the business needs it."""
    level = subject.level
    name = name_of(level, "owner", "info")
    told = objectives.named(level)
    default = objectives.defaults.priority or PRIORITIES[-1]
    if not subject.label:
        every = recorded(name_of(level, "calls", "rate5m"), ()).group(())
        yield Record(
            name, every, {"priority": (told.get("") or objectives.defaults).priority or default}
        )
        return
    by_priority: dict[str, list[str]] = {}
    for thing, promise in told.items():
        by_priority.setdefault(promise.priority or default, []).append(thing)
    chosen: list[tuple[str, Matchers]] = [
        (priority, {subject.label: ("=~", _either(things))})
        for priority, things in sorted(by_priority.items())
    ]
    chosen.append((default, {subject.label: ("!~", _either(list(told)))} if told else {}))
    for priority, where in chosen:
        seen = recorded(name_of(level, "calls", "rate5m"), subject.by, where)
        if level == "agent":
            facts = gauge(catalogue.AGENT_INFO, where).group(("agent", "team", "tier"))
            seen = facts.top_of(("agent",)).otherwise_on(seen.group(("agent",)), ("agent",))
        else:
            seen = seen.group(subject.named)
        yield Record(name, seen, {"priority": priority})


def _availability(promise: Promise) -> float | None:
    return promise.availability


def _latency(promise: Promise) -> float | None:
    return promise.latency.share if promise.latency is not None else None


def _threshold_s(promise: Promise) -> float | None:
    return promise.latency.threshold if promise.latency is not None else None


#: What is promised, as what it is recorded, and the number.
_Promised: TypeAlias = "tuple[str, str, Callable[[Promise], float | None]]"
_OF_ALL: Final[tuple[_Promised, ...]] = (
    ("availability", "ratio", _availability),
    ("latency", "ratio", _latency),
)
_OF_AGENTS: Final[tuple[_Promised, ...]] = (
    ("quality", "ratio", attrgetter("quality")),
    ("satisfaction", "ratio", attrgetter("satisfaction")),
    ("cost", "per_task", attrgetter("cost_per_task")),
    ("latency_threshold", "seconds", _threshold_s),
)


def _shares(subject: Subject, objectives: Objectives) -> Iterator[Record]:
    """The share of calls that were bad, over each window."""
    level, by = subject.level, subject.by
    calls = recorded(name_of(level, "calls", "rate5m"), by)
    failed = recorded(name_of(level, "calls_failed", "rate5m"), by)
    quick = recorded(name_of(level, "calls_quick", "rate5m"), by)
    for window in (*WINDOWS, f"{objectives.window}d"):
        every, bad, fast = calls, failed, quick
        if window != "5m":
            every = over_time("avg_over_time", calls, window)
            bad = over_time("avg_over_time", failed, window)
            fast = over_time("avg_over_time", quick, window)
        yield Record(name_of(level, "failed", f"ratio_rate{window}"), bad / (every > 0))
        slow = Expression(f"1 - {(fast / (every > 0)).inner}", every.labels, simple=False)
        yield Record(name_of(level, "slow", f"ratio_rate{window}"), slow)
