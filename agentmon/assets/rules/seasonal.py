"""
Alerts on traffic that is not what it usually is at this hour of the week.

What is usual is the median of the same hour one, two and three weeks ago, so that an outage last
week does not become usual. Calls are counted over a quarter of an hour, an hour and three hours:
the first sees what is sudden, the last what is little and lasts. How far off is told in deviations
as counting by chance has them, or as large as they were in the last week if they were larger, or
as between the weeks and within that hour. A fall to nearly nothing counts however restless the
traffic is, and so does a series that is gone since less than a day.
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
#: Over which calls are counted, in seconds.
_WINDOWS: Final = {"15m": _WINDOW, "1h": 3_600, "3h": 10_800}
#: Calls within a window, usual or seen: fewer than ten tell nothing. Sums may be a bit less.
_FEWEST: Final = 9.9
_FEWEST_GONE: Final = 20  # of the shortest window, usual: fewer may be none by chance
_WEEKS: Final = 2  # that must be known
_FAR: Final = 4  # deviations
_GONE: Final = 0.1  # of what is usual
_CERTAIN: Final = 0.05  # of what is usual, is never far
_ROOT: Final = 0.375  # added to a count, its root varies by a half whatever the count (Anscombe)
_PAST: Final = "7d"  # of which it is known how far off it often is
_KNOWN: Final = 72  # results of the past that must be known: six hours
_OFTEN: Final = 0.95  # of the past is less far off to either side
_OFTEN_NORMAL: Final = 1.645  # deviations, if they are by chance
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


def _largest(parts: list[Expression], by: tuple[str, ...]) -> Expression:
    """The largest of several, which need not all be there."""
    told = [part.labelled(of=str(n)) for n, part in enumerate(parts)]
    whole = told[0]
    for part in told[1:]:
        whole = whole.otherwise(part)
    return whole.max(by)


def _windows(of: Expression, shortest: Expression | None = None) -> Expression:
    """What is recorded as a rate, as calls within each window, told apart by a label."""
    parts = [
        ((shortest or of) if window == "15m" else over_time("avg_over_time", of, window))
        * float(seconds)
        for window, seconds in _WINDOWS.items()
    ]
    told = [part.labelled(over=window) for window, part in zip(_WINDOWS, parts, strict=True)]
    return told[0].otherwise(told[1]).otherwise(told[2])


def _records(subject: Subject) -> Iterator[Record]:
    level, by = subject.level, subject.by
    each = (*by, "over")

    def named(what: str, labels: tuple[str, ...] = by) -> Expression:
        return recorded(name_of(level, "calls", f"seasonal_{what}"), labels)

    calls = recorded(name_of(level, "calls", "rate5m"), by)
    samples, usual, now = named("samples", (*by, "lookback")), named("median"), named("now")
    yield Record(samples.text, _each("avg_over_time", calls))
    enough = samples.count(by) >= _WEEKS
    yield Record(usual.text, _median(samples, by).also(enough, by))
    # Who was here within a day and is gone does nothing; who is gone for longer was retired.
    gone = (usual * 0).also(over_time("count_over_time", calls, "1d"), by)
    yield Record(now.text, over_time("avg_over_time", calls, "15m").otherwise(gone))
    apart = samples.combine("-", usual, by, many=True).function("abs")
    weeks = named("weeks")
    yield Record(weeks.text, _median(apart, by) * 1.4826)
    # Nobody asks what varies within the hour of those who have no usual.
    within = _median(_each("stddev_over_time", now), by).also(usual, by)
    spread, expected, seen = named("spread", each), named("expected", each), named("seen", each)
    yield Record(spread.text, _windows(weeks, _largest([weeks, within], by)))
    yield Record(expected.text, _windows(usual))
    yield Record(seen.text, _windows(now))
    off, z = named("off", each), named("z", each)
    root = (expected + _ROOT).function("sqrt")
    certain = expected * _CERTAIN
    unit = (expected + _ROOT + certain * certain).function("sqrt")
    much = (expected >= _FEWEST).otherwise(seen >= _FEWEST)
    apart_by = ((seen + _ROOT).function("sqrt") - root) * root * 2 / unit
    yield Record(off.text, apart_by.also(much))
    known = over_time("count_over_time", off, _PAST) >= _KNOWN
    often = [
        over_time("quantile_over_time", off, _PAST, _OFTEN) / _OFTEN_NORMAL,
        over_time("quantile_over_time", off, _PAST, round(1 - _OFTEN, 3)) / -_OFTEN_NORMAL,
    ]
    noise = _largest([*often, spread / unit], each).at_least(1)
    yield Record(z.text, (off / noise).also(known))


def _alert(subject: Subject) -> Alert:
    level, by = subject.level, subject.by
    usual = recorded(name_of(level, "calls", "seasonal_median"), by)
    now = recorded(name_of(level, "calls", "seasonal_now"), by)
    z = recorded(name_of(level, "calls", "seasonal_z"), (*by, "over"))
    more, fewer = z.max(by), z.min(by)
    gone = now.combine("<", usual * _GONE, by).also(usual >= round(_FEWEST_GONE / _WINDOW, 4), by)
    far = (more > _FAR).otherwise(fewer < -_FAR)
    odd = far.otherwise(fewer.also(gone, by)).rounded(0.1)
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
        description="The calls of the last 15 minutes, hour or three hours are {{ $value }} "
        "deviations from the median of the same hours in the last three weeks (negative: fewer).",
        runbook=Runbook(
            meaning="The calls of 15 minutes, an hour or three hours are more than 4 deviations "
            "from the median of the same hours one, two and three weeks ago, or those of 15 "
            "minutes are less than a tenth of it.",
            impact="Fewer calls: somebody before it fails, or work is lost. More calls: a loop, "
            "a retry storm, or more use than was planned for, with its cost.",
            diagnosis="A holiday or a campaign explains itself. Otherwise compare with who asks: "
            "if all fell at once, look at what is before them; if one did, at its deployments. "
            "A series younger than two weeks and six hours has no usual level, and this alert is "
            "silent about it; so it is where fewer than 10 calls are both usual and seen, and "
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
