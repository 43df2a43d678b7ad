"""
Alerts on traffic that is not what it usually is at this hour of the week.

What is usual is the median of the same hour one, two and three weeks ago, so that an outage last
week does not become usual. How far off is told in robust deviations; a fall to nearly nothing
counts however restless the traffic is, and so does a series that is gone since less than a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agentmon.assets.rules.levels import SUBJECTS, Subject, name_of, owner
from agentmon.assets.rules.rule import Alert, Group, Record, Runbook
from agentmon.model.objectives import Level
from agentmon.query.promql import Expression, over_time, recorded

__all__ = ["AGO", "LEVELS", "alerts", "records"]

#: What is watched: few series each, for three weeks of history are read for every one.
LEVELS: Final[tuple[Level, ...]] = ("agent", "workflow", "system")

#: When an hour ended whose middle is one, two and three weeks ago.
#: In one unit each, so that whoever shortens the clock to try them reads one number.
AGO: Final = {"1w": "10050m", "2w": "20130m", "3w": "30210m"}
_WINDOW: Final = 15 * 60  # seconds
_FEWEST: Final = 20  # calls within the window, usual or seen: fewer tell nothing
_WEEKS: Final = 2  # that must be known
_FAR: Final = 4  # robust deviations
_GONE: Final = 0.1  # of what is usual
_SERVES: Final = (
    "monitoring_system.data_processing.anomaly_detection",
    "monitoring_system.alerting_system.anomaly_alerts",
)


def records() -> list[Group]:
    """What is usual, for each level; after the groups of `levels`."""
    return [
        Group(f"agentmon-seasonal-{level}", "5m", tuple(_records(SUBJECTS[level])))
        for level in LEVELS
    ]


def alerts() -> list[Group]:
    """One alert for each level."""
    return [Group("agentmon-anomalies", "1m", tuple(_alert(SUBJECTS[level]) for level in LEVELS))]


def _median(of: Expression, by: tuple[str, ...]) -> Expression:
    of.check(by)
    grouped = f" by ({', '.join(by)})" if by else ""
    return Expression(f"quantile{grouped} (0.5, {of.text})", frozenset(by))


def _each(function: str, of: Expression) -> Expression:
    """The same hour of each week, told apart by a label."""
    weeks = [
        over_time(function, of, "1h", back=ago).labelled(lookback=week) for week, ago in AGO.items()
    ]
    return weeks[0].otherwise(weeks[1]).otherwise(weeks[2])


def _records(subject: Subject) -> Iterator[Record]:
    level, by = subject.level, subject.by
    calls = recorded(name_of(level, "calls", "rate5m"), by)
    samples = recorded(name_of(level, "calls", "seasonal_samples"), (*by, "lookback"))
    usual = recorded(name_of(level, "calls", "seasonal_median"), by)
    now = recorded(name_of(level, "calls", "seasonal_now"), by)
    scale = recorded(name_of(level, "calls", "seasonal_scale"), by)
    yield Record(samples.text, _each("avg_over_time", calls))
    enough = samples.count(by) >= _WEEKS
    yield Record(usual.text, _median(samples, by).also(enough, by))
    # Who was here within a day and is gone does nothing; who is gone for longer was retired.
    gone = (usual * 0).also(over_time("count_over_time", calls, "1d"), by)
    yield Record(now.text, over_time("avg_over_time", calls, "15m").otherwise(gone))
    apart = samples.combine("-", usual, by, many=True).function("abs")
    scales = {
        "weeks": _median(apart, by) * 1.4826,
        "hour": _median(_each("stddev_over_time", calls), by),
        "floor": usual * 0.05,
        "counting": (usual.at_least(1 / _WINDOW) / _WINDOW).function("sqrt"),
    }
    parts = [part.labelled(of=name) for name, part in scales.items()]
    largest = parts[0]
    for part in parts[1:]:
        largest = largest.otherwise(part)
    yield Record(scale.text, largest.max(by).also(usual, by))
    off = now.combine("-", usual, by)
    yield Record(name_of(level, "calls", "seasonal_z"), off.combine("/", scale, by))


def _alert(subject: Subject) -> Alert:
    level, by = subject.level, subject.by
    usual = recorded(name_of(level, "calls", "seasonal_median"), by)
    now = recorded(name_of(level, "calls", "seasonal_now"), by)
    z = recorded(name_of(level, "calls", "seasonal_z"), by)
    fewest = round(_FEWEST / _WINDOW, 4)
    much = (usual >= fewest).otherwise(now >= fewest)
    far = z.function("abs") > _FAR
    gone = now.combine("<", usual * _GONE, by)
    odd = z.rounded(0.1).also(far.otherwise(gone), by).also(much, by)
    # Who owns it is known from its calls; it must be told of when there are none, too.
    of = over_time("last_over_time", owner(level), "1d").top_of(subject.named)
    told = odd.taking(of, subject.named, sorted(of.labels - set(subject.named)))
    whose = f"{{{{ $labels.{subject.label} }}}} " if subject.label else ""
    return Alert(
        name=f"Agentmon{level.title()}TrafficAnomaly",
        expression=told,
        severity="warning",
        kind="anomaly",
        component=level,
        summary=f"{subject.noun} {whose}is asked much more or less than usual at this hour.",
        description="The calls of the last 15 minutes are {{ $value }} robust deviations from the "
        "median of the same hour in the last three weeks (negative: fewer).",
        runbook=Runbook(
            meaning="The rate of calls over 15 minutes is more than 4 robust deviations from the "
            "median of the same hour one, two and three weeks ago, or less than a tenth of it.",
            impact="Fewer calls: somebody before it fails, or work is lost. More calls: a loop, "
            "a retry storm, or more use than was planned for, with its cost.",
            diagnosis="A holiday or a campaign explains itself. Otherwise compare with who asks: "
            "if all fell at once, look at what is before them; if one did, at its deployments. "
            "A series younger than two weeks has no usual level, and this alert is silent about "
            "it; so it is where fewer than 20 calls in 15 minutes are both usual and seen, and "
            "about what has been gone for a day.",
            action="Repair what is before it, or limit what asks too often. After a lasting change "
            "silence it for two weeks: by then the new level is the usual one.",
        ),
        hold="5m",
        keep="10m",
        why="What is usual is worked out every 5 minutes, so two results must agree; noise at the "
        "edge of the band must not resolve and fire again.",
        dashboard=subject.dashboard,
        variables=subject.named,
        serves=_SERVES,
    )
