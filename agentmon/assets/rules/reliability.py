"""
How reliable the parts and the whole are, over days: recorded, as reports and dashboards ask for it.

The score of resilience is the product of two shares, each between 0 and 1:

- what is kept under stress: the share of tasks that succeeded in the worst hour of 7 days, divided
  by the mean share of these days;
- how fast it recovers: ``1 / (1 + h)``, where *h* is the mean time of the outages of 7 days in
  hours; 1 where there were none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agentmon.assets.rules.levels import name_of
from agentmon.assets.rules.rule import Group, Record
from agentmon.model.catalogue import reliability
from agentmon.query.promql import Expression, count_of, over_time, rate, recorded, sum_of

__all__ = ["records"]

_BY: Final = ("component",)
_UP: Final = {"state": "up"}
_HOUR_S: Final = 3_600


def records() -> list[Group]:
    """What is recorded, after the groups of `levels`. Days are looked at, which change slowly."""
    return [Group("agentmon-reliability", "5m", tuple(_components())), _resilience()]


def _components() -> Iterator[Record]:
    """Rates first: what longer windows need is their average, which reads few samples."""
    outages = reliability.OUTAGE_DURATION
    for what, found in (
        ("up", rate(reliability.COMPONENT_TIME, "5m", _UP)),
        ("observed", rate(reliability.COMPONENT_TIME, "5m")),
        ("outages", rate(reliability.OUTAGES, "1h")),
        ("outages_ended", count_of(outages, "1h")),
        ("outages_lasted", sum_of(outages, "1h")),
    ):
        yield Record(_name(what), found.sum(_BY))
    for window in ("1d", "7d", "30d"):
        share = _mean("up", window) / (_mean("observed", window) > 0)
        yield Record(f"component:agentmon_uptime:ratio{window}", share)
    between = _mean("up", "30d") / (_mean("outages", "30d") > 0)
    yield Record("component:agentmon_between_failures:mean30d", between)
    yield Record("component:agentmon_recovery:mean30d", _recovery("30d"))


def _name(what: str) -> str:
    return f"component:agentmon_{what}:rate"


def _mean(what: str, window: str) -> Expression:
    return over_time("avg_over_time", recorded(_name(what), _BY), window)


def _recovery(window: str) -> Expression:
    """The mean time of the outages that ended."""
    return _mean("outages_lasted", window) / (_mean("outages_ended", window) > 0)


def _resilience() -> Group:
    failed = recorded(name_of("system", "failed", "ratio_rate1h"), ())
    worst = over_time("max_over_time", failed, "7d")
    usual = over_time("avg_over_time", failed, "7d")
    lasted, ended = (_mean(what, "7d").sum() for what in ("outages_lasted", "outages_ended"))
    took_h = (lasted / (ended > 0) / _HOUR_S).inner
    kept = Expression(f"(1 - {worst.text}) / (1 - {usual.text} > 0)", frozenset(), simple=False)
    fast = Expression(f"1 / (1 + {took_h}) or vector(1)", frozenset(), simple=False)
    return Group(
        "agentmon-resilience",
        "15m",
        (Record(name_of("system", "resilience", "score7d"), kept * fast),),
    )
