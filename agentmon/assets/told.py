"""
Who would be told of an alert, at a time: the tree of routes, walked as Alertmanager walks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from agentmon.assets.routing import NOBODY, Route, times, tree
from agentmon.model.objectives import WEEKDAYS, Hours, Objectives

__all__ = ["Told", "walk"]


@dataclass(frozen=True)
class Told:
    """
    A branch that an alert comes to.

    Args:
        receiver: Who would be told.
        why: Why, branch by branch from the root.
        now: Whether it tells at that time.
        silent: What keeps it from telling, if it does not.
        repeat: How often it is told again.
    """

    receiver: str
    why: tuple[str, ...]
    now: bool
    silent: str
    repeat: str


def walk(objectives: Objectives, labels: Mapping[str, str], at: datetime) -> list[Told]:
    """
    The branches that an alert comes to.

    Args:
        objectives: What routes are made of.
        labels: Labels of the alert.
        at: When; with a time zone.

    Returns:
        At least one: what matches no branch stays at the root.
    """
    root = tree(objectives)
    return list(_walk(root, labels, at, times(objectives), (root.why,), root.receiver, ""))


def _walk(  # noqa: PLR0917  # what a branch inherits
    route: Route,
    labels: Mapping[str, str],
    at: datetime,
    named: Mapping[str, Hours],
    why: tuple[str, ...],
    receiver: str,
    repeat: str,
) -> Iterator[Told]:
    receiver = route.receiver or receiver
    repeat = route.settings.get("repeat_interval", repeat)
    matched = False
    for each in route.routes:
        if all(_matches(labels, *matcher) for matcher in each.matchers):
            matched = True
            yield from _walk(each, labels, at, named, (*why, each.why), receiver, repeat)
            if not each.go_on:
                break
    if matched:
        return
    muted = [name for name in route.muted if _within(named[name], at)]
    if muted:
        silent = f"muted by {muted[0]}"
    elif route.active and not any(_within(named[name], at) for name in route.active):
        silent = f"outside {route.active[0]}"
    elif receiver == NOBODY:
        silent = "it stands for nobody"
    else:
        silent = ""
    yield Told(receiver, why, not silent, silent, repeat)


def _matches(labels: Mapping[str, str], label: str, sign: str, value: str) -> bool:
    has = labels.get(label, "")
    if sign in ("=", "!="):
        return (has == value) == (sign == "=")
    return (re.fullmatch(value, has) is not None) == (sign == "=~")


def _within(hours: Hours, at: datetime) -> bool:
    there = at.astimezone(ZoneInfo(hours.timezone))
    today, now = WEEKDAYS[there.weekday()], f"{there:%H:%M}"
    return any(today in days and begin <= now < end for days, begin, end in hours.spans)
