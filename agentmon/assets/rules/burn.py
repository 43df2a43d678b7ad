"""
Alerts on error budgets that are used up too fast, over two windows each.

The long window says that it matters, the short one that it goes on. With few calls, single failures
are large shares: so there must be some failures before anybody is told.

Source of the windows and factors: Google, "The Site Reliability Workbook", chapter 5, table 5-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from agentmon.assets.rules.levels import SUBJECTS, Subject, name_of, owner
from agentmon.assets.rules.rule import Alert, Group, Runbook, Severity
from agentmon.query.promql import Expression, over_time, recorded

__all__ = ["alerts"]

#: Calls that must have been bad within the long window.
FEWEST: Final = 5


class _Burn(NamedTuple):
    """How fast, over which windows, and what that is worth."""

    name: str
    pairs: tuple[tuple[float, str, str], ...]
    severity: Severity
    meaning: str


_BURNS: Final = (
    _Burn(
        "Fast",
        ((14.4, "1h", "5m"), (6.0, "6h", "30m")),
        "critical",
        "within hours: 2 % of the budget in one hour, or 5 % in six",
    ),
    _Burn(
        "Slow",
        ((3.0, "1d", "2h"), (1.0, "3d", "6h")),
        "warning",
        "within days: 10 % of the budget in one day, or in three",
    ),
)
_HEALTH: Final = "health_monitoring.performance_health."
_CLASSES: Final = "alerting_framework.alert_classification."


def alerts() -> list[Group]:
    """A group for each level."""
    return [
        Group(
            f"agentmon-burn-{subject.level}",
            "1m",
            tuple(
                alert
                for burn in _BURNS
                for alert in (
                    _availability(subject, burn),
                    _latency(subject, burn),
                )
            ),
        )
        for subject in SUBJECTS.values()
    ]


def _availability(subject: Subject, burn: _Burn) -> Alert:
    whose = f"{{{{ $labels.{subject.label} }}}}" if subject.label else ""
    return Alert(
        name=f"Agentmon{subject.level.title()}AvailabilityBurn{burn.name}",
        expression=_burning(subject, burn, "failed", "availability"),
        severity=burn.severity,
        kind="burn",
        component=subject.level,
        summary=f"{subject.noun} {whose} fails too often to keep its promise.".replace("  ", " "),
        description="{{ $value | humanizePercentage }} of the calls failed over the longer window; "
        f"at this rate the error budget is used up {burn.meaning}.",
        runbook=Runbook(
            meaning=f"So many calls end in error or timeout that the error budget goes "
            f"{burn.meaning}.",
            impact="Whoever asks gets no answer, or none in time.",
            diagnosis="Look at the error groups first: one type from one place is a fault, many "
            "are an outage of something below. Compare dependencies, versions and regions.",
            action="Roll back what was deployed last, or switch to a fallback. Where a dependency "
            "fails, follow its own alert.",
        ),
        hold="2m" if burn.severity == "critical" else "15m",
        keep="5m",
        why="The windows hold long enough by themselves; a little more keeps out a late scrape.",
        dashboard=subject.dashboard,
        variables=subject.named,
        serves=(*subject.serves, _HEALTH + "error_rate_health", _class(burn)),
        labels={"objective": "availability"},
    )


def _latency(subject: Subject, burn: _Burn) -> Alert:
    whose = f"{{{{ $labels.{subject.label} }}}}" if subject.label else ""
    return Alert(
        name=f"Agentmon{subject.level.title()}LatencyBurn{burn.name}",
        expression=_burning(subject, burn, "slow", "latency"),
        severity=burn.severity,
        kind="burn",
        component=subject.level,
        summary=f"{subject.noun} {whose} is too slow to keep its promise.".replace("  ", " "),
        description="{{ $value | humanizePercentage }} of the calls took longer than was promised, "
        f"over the longer window; at this rate the error budget is used up {burn.meaning}.",
        runbook=Runbook(
            meaning="So many calls take longer than was promised that the error budget goes "
            f"{burn.meaning}.",
            impact="Whoever asks waits too long.",
            diagnosis="See whether the model, a tool, a dependency or a queue takes the time; the "
            "critical path of the workflow says it. Compare traffic: more of it fills queues.",
            action="Take away what is slow: scale what waits, switch the model, cut the context. "
            "Where a dependency is slow, follow its own alert.",
        ),
        hold="2m" if burn.severity == "critical" else "15m",
        keep="5m",
        why="The windows hold long enough by themselves; a little more keeps out a late scrape.",
        dashboard=subject.dashboard,
        variables=subject.named,
        serves=(_HEALTH + "response_time_health", _class(burn)),
        labels={"objective": "latency"},
    )


def _class(burn: _Burn) -> str:
    return _CLASSES + f"{burn.severity}_alerts"


def _burning(subject: Subject, burn: _Burn, what: str, promised: str) -> Expression:
    """The share over the long window of each pair, where both windows say that it is too much."""
    pairs = list(_pairs(subject, burn, what, promised))
    first = pairs[0]
    for each in pairs[1:]:
        first = first.otherwise(each)
    owners = owner(subject.level)
    add = sorted(owners.labels - set(subject.named) - {"tier"})
    return first.rounded(0.001).taking(owners, subject.named, add)


def _pairs(subject: Subject, burn: _Burn, what: str, promised: str) -> Iterator[Expression]:
    level, by = subject.level, subject.by
    promise = recorded(name_of(level, f"{promised}_objective", "ratio"), subject.named)
    calls = recorded(name_of(level, "calls", "rate5m"), by)
    for factor, long, short in burn.pairs:
        share = recorded(name_of(level, what, f"ratio_rate{long}"), by)
        now = recorded(name_of(level, what, f"ratio_rate{short}"), by)
        budget = Expression(f"{factor:g} * (1 - {promise.text})", promise.labels, simple=False)
        # Worked out each minute, so each of the rates stands for one. An average would take the
        # few minutes that a new agent has been there for all of the window.
        bad = share * over_time("sum_over_time", calls, long) * 60
        yield (
            share.combine(">", budget, subject.named, many=True)
            .also(now.combine(">", budget, subject.named, many=True))
            .also(bad >= FEWEST - 0.5)
        )
