"""
The history of the fleet as text, 35 days of it.

The last hours and the same hours a week ago are sampled each minute, the rest in pairs of samples,
one pair for each half-hour. A pair is what a rate over five minutes needs. What is read only as it
is now has the last hours alone; buckets that no rule reads have these and those a week ago.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from agentmon.assets import rules
from agentmon.assets.dashboards import BOARDS
from agentmon.assets.dashboards.grafana import expression
from agentmon.model.objectives import Objectives
from tests.history.fleet import Fleet, Series

__all__ = ["DAYS", "EVERY_S", "HALF_HOUR_S", "lines", "told"]

EVERY_S: Final = 60
HALF_HOUR_S: Final = 1800
_WEEK_S: Final = 7 * 86_400
#: How long history is.
DAYS: Final = 35
#: As long as what dashboards look back over, and an hour more.
_RECENT_S: Final = 7 * 3600
#: How far apart the samples of a pair are.
_PAIR_S: Final = 240


def recent(end: float) -> list[float]:
    """The moments that everything is sampled at."""
    return [end - _RECENT_S + EVERY_S * n for n in range(_RECENT_S // EVERY_S + 1)]


def weekly(end: float) -> list[float]:
    """These, and the same a week ago."""
    return [*(at - _WEEK_S for at in recent(end)), *recent(end)]


def moments(end: float) -> list[float]:
    """The moments that the past is sampled at."""
    pairs = {end - HALF_HOUR_S * n - apart for n in range(DAYS * 48 + 1) for apart in (0, _PAIR_S)}
    return sorted(pairs.union(weekly(end)))


def _long_read() -> tuple[frozenset[str], frozenset[str]]:
    """The names of what rules read, and of what is compared with last week."""
    by_rules = [
        rule.expression.text for group in rules.record_groups(Objectives()) for rule in group.rules
    ]
    compared = [
        text
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
        if " offset " in (text := expression(query, board))
    ]
    first, second = (re.findall(r"\bagentmon_\w+", " ".join(each)) for each in (by_rules, compared))
    return frozenset(first), frozenset(second)


_BY_RULES, _COMPARED = _long_read()
#: The only buckets that rules read: those of what is quick enough.
_QUICK: Final = 'le="30.0"'


def _samples(series: Series, end: float) -> Iterator[tuple[str, str, float, float]]:
    """Name, labels, growth a second and value at the end of each sample of a series."""
    spelled = ",".join(f'{name}="{value}"' for name, value in sorted(series.labels.items()))
    name = series.metric.sample
    # What counts has been counting since before history began.
    since = 2.0 * DAYS * 86_400
    if series.values:
        for edge in series.edges:
            below = series.below(edge)
            yield f"{name}_bucket", f'{spelled},le="{edge}"', below, below * since
        speed = series.speed
        yield f"{name}_bucket", f'{spelled},le="+Inf"', speed, speed * since
        yield f"{name}_count", spelled, speed, speed * since
        yield f"{name}_sum", spelled, speed * series.mean, speed * series.mean * since
    elif series.is_time:
        yield name, spelled, 0.0, end + series.level
    elif series.level:
        yield name, spelled, series.speed, series.level
    else:
        yield name, spelled, series.speed, series.speed * since


def told(name: str, labels: str, points: Iterable[tuple[float, float]]) -> Iterator[str]:
    """One series in OpenMetrics."""
    for at, value in points:
        yield f"{name}{{{labels}}} {value!r} {at:.0f}\n"


def lines(fleet: Fleet) -> Iterator[str]:
    """The whole history."""
    end = fleet.end
    long, short, twice = moments(end), recent(end), weekly(end)
    for series in fleet.series:
        for name, labels, speed, last in _samples(series, end):
            at_all = short
            if name in _BY_RULES and (not name.endswith("_bucket") or _QUICK in labels):
                at_all = long
            elif name in _BY_RULES or name in _COMPARED:
                at_all = twice
            points = ((at, last - speed * (end - at)) for at in at_all)
            yield from told(name, labels, points)
    for severity, alert in (("critical", "AgentmonA"), ("warning", "AgentmonB")):
        labels = f'alertname="{alert}",alertstate="firing",severity="{severity}"'
        yield from told("ALERTS", labels, ((at, 1.0) for at in short))
