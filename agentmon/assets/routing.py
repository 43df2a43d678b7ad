"""
Who is told of which alert, and when: the configuration of Alertmanager.

Two habits of Alertmanager shape it. A route that matches, and whose time is not now, swallows the
alert: so whatever is told at some times has a twin that is told at all others. And labels that are
missing on both sides count as equal: so whatever hides an alert names a label that both must have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agentmon.model.objectives import (
    LEVELS,
    PRIORITIES,
    Hours,
    Maintenance,
    Objectives,
    Receiver,
    Region,
)

__all__ = ["DEADMAN", "DEFAULT", "NOBODY", "Route", "configuration", "times", "tree"]

#: The receiver that is told all the time, so that its silence says something.
DEADMAN: Final = "deadman"
#: The receiver that tells nobody, by the name that tools know for it.
NOBODY: Final = "null"
#: The receiver of what nobody else is told of.
DEFAULT: Final = "default"
_GROUP: Final = ("service", "component", "agent", "workflow", "dependency", "region")
_REPEAT: Final = {"P1": "30m", "P2": "2h"}


@dataclass(frozen=True)
class Route:
    """
    A branch of the tree.

    Args:
        why: Why it is there, for people.
        matchers: What an alert must have: label, operator and value.
        receiver: Who is told; that of the branch above if empty.
        active: Times in which it tells; at all times if empty.
        muted: Times in which it tells nobody.
        go_on: Whether its siblings are asked too.
        settings: Intervals of grouping and repeating.
        routes: The branches below.
    """

    why: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    receiver: str = ""
    active: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    go_on: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()

    def rendered(self) -> dict[str, Any]:
        """As Alertmanager has it."""
        told: dict[str, Any] = {}
        if self.matchers:
            told["matchers"] = [f'{label}{sign}"{_escaped(v)}"' for label, sign, v in self.matchers]
        if self.receiver:
            told["receiver"] = self.receiver
        told.update(self.settings)
        if self.active:
            told["active_time_intervals"] = list(self.active)
        if self.muted:
            told["mute_time_intervals"] = list(self.muted)
        if self.go_on:
            told["continue"] = True
        if self.routes:
            told["routes"] = [route.rendered() for route in self.routes]
        return told


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def tree(objectives: Objectives) -> Route:
    """The tree of routes; its root is the one that everything reaches."""
    return _pruned(_planned(objectives), {}, ())


def _pruned(route: Route, has: Mapping[str, str], has_not: tuple[Mapping[str, str], ...]) -> Route:
    """
    A route without the branches that nothing can come to.

    Args:
        route: It.
        has: Labels that everything has that comes to it.
        has_not: Labels that nothing has, taken together, that comes to it.
    """
    kept = []
    for each in route.routes:
        wanted = {label: value for label, sign, value in each.matchers if sign == "="}
        both = {**has, **wanted}
        differs = any(has.get(label, value) != value for label, value in wanted.items())
        if differs or any(never.items() <= both.items() for never in has_not):
            continue
        kept.append(_pruned(each, both, has_not))
        if len(wanted) == len(each.matchers) and not each.go_on:
            has_not = (*has_not, wanted)
    return replace(route, routes=tuple(kept))


def _planned(objectives: Objectives) -> Route:
    return Route(
        "Everything that nobody else is told of.",
        receiver=DEFAULT,
        settings={
            "group_by": list(_GROUP),
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
        },
        routes=(
            Route(
                "The watchdog: told all the time, so that its silence says something.",
                (("alertname", "=", "AgentmonWatchdog"),),
                DEADMAN if DEADMAN in objectives.receivers else NOBODY,
                settings={"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1m"},
            ),
            *_maintained(objectives, objectives.maintenance),
        ),
    )


def _maintained(
    objectives: Objectives,
    windows: Sequence[Maintenance],
    muted: tuple[str, ...] = (),
    has: Mapping[str, str] | None = None,
    has_not: tuple[Mapping[str, str], ...] = (),
) -> tuple[Route, ...]:
    """
    The routes, once for what each window concerns, and once for what it does not.

    A route that is muted swallows, so an alert that two windows concern needs one that both mute.

    Args:
        objectives: What routes are made of.
        windows: Those that are left.
        muted: Those that concern what comes here.
        has: Labels that everything has that comes here.
        has_not: Labels that nothing has, taken together, that comes here.
    """
    if not windows:
        return _told(objectives, muted)
    first, rest = windows[0], windows[1:]
    has = has or {}
    both = {**has, **first.labels}
    differs = any(has.get(label, value) != value for label, value in first.labels.items())
    if differs or any(each.items() <= both.items() for each in has_not):
        return _maintained(objectives, rest, muted, has, has_not)
    # Whatever concerns all that comes to a branch mutes the branch itself.
    sure = [each for each in windows if each.labels.items() <= both.items()]
    others = [each for each in rest if each not in sure]
    mute = (*muted, *map(_window, sure))
    return (
        Route(
            f"What the maintenance {first.name!r} concerns.",
            tuple((label, "=", value) for label, value in sorted(first.labels.items())),
            muted=mute,
            routes=_maintained(objectives, others, mute, both, has_not),
        ),
        *_maintained(objectives, rest, muted, has, (*has_not, first.labels)),
    )


def _told(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """Who is told, outside the windows of maintenance."""
    return (
        Route(
            "Notices: to the team, or to nobody in particular; never a page, and seldom again.",
            (("severity", "=~", "info|none"),),
            muted=muted,
            settings={"repeat_interval": "24h"},
            routes=_teams(objectives, muted),
        ),
        *_escalations(objectives, muted),
        *(
            Route(
                f"Priority {priority}: told again sooner.",
                (("priority", "=", priority),),
                muted=muted,
                settings={"repeat_interval": interval},
                routes=_people(objectives, muted),
            )
            for priority, interval in _REPEAT.items()
            if _any_has(objectives, priority)
        ),
        *_people(objectives, muted),
    )


def _people(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """Those who are at work, and those who know the agent."""
    return (
        *_regions(objectives, muted),
        *_told_already(objectives, muted),
        *_teams(objectives, muted),
    )


def _any_has(objectives: Objectives, priority: str) -> bool:
    every = (objectives.defaults, *objectives.promises.values())
    return priority in PRIORITIES and any(promise.priority == priority for promise in every)


def _escalations(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """What fires for long goes to the next level of its team."""
    return tuple(
        Route(
            f"What team {team.name} did not mend in time.",
            (("escalated", "=", "true"), ("team", "=", team.name)),
            team.escalate_to,
            muted=muted,
        )
        for team in objectives.teams.values()
        if team.escalate_to is not None
    )


def _regions(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """Who pages: where people work now. Each region has two routes, so that one of them tells."""
    return tuple(
        route
        for region in objectives.regions.values()
        for route in (
            Route(
                f"Pages of region {region.name}, while people work there.",
                (("severity", "=", "critical"), ("region", "=", region.name)),
                region.receiver,
                active=(_office(region),),
                muted=muted,
                go_on=True,
            ),
            Route(
                f"Pages of region {region.name}, at other times.",
                (("severity", "=", "critical"), ("region", "=", region.name)),
                region.elsewhere,
                muted=(*muted, _office(region)),
                go_on=True,
            ),
        )
    )


def _teams(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """Those who know the agent."""
    return tuple(
        Route(
            f"What belongs to team {team.name}.",
            (("team", "=", team.name),),
            team.receiver,
            muted=muted,
        )
        for team in objectives.teams.values()
    )


def _told_already(objectives: Objectives, muted: tuple[str, ...]) -> tuple[Route, ...]:
    """Teams that are told of pages as their region's people: not twice at the same time."""
    return tuple(
        Route(
            f"Pages of region {region.name} for team {team.name}, when it was not told already.",
            (("severity", "=", "critical"), ("region", "=", region.name), ("team", "=", team.name)),
            NOBODY if region.receiver == region.elsewhere else team.receiver,
            active=(_office(region),) if team.receiver == region.elsewhere else (),
            muted=(*muted, _office(region)) if team.receiver == region.receiver else muted,
        )
        for team in objectives.teams.values()
        for region in objectives.regions.values()
        if team.receiver in (region.receiver, region.elsewhere)
    )


def _office(region: Region) -> str:
    return f"hours-{region.name}"


def _window(maintenance: Maintenance) -> str:
    return f"maintenance-{maintenance.name}"


# ------------------------------------------------------------------ the file


def times(objectives: Objectives) -> dict[str, Hours]:
    """The times that routes name."""
    return {
        **{_office(each): each.hours for each in objectives.regions.values()},
        **{_window(each): each.hours for each in objectives.maintenance},
    }


def configuration(objectives: Objectives) -> dict[str, Any]:
    """The configuration of Alertmanager."""
    known = dict(objectives.receivers)
    return {
        "global": {"resolve_timeout": "5m"},
        "templates": ["templates/*.tmpl"],
        "route": tree(objectives).rendered(),
        "inhibit_rules": _inhibitions(),
        "time_intervals": [
            {"name": name, "time_intervals": _intervals(hours)}
            for name, hours in times(objectives).items()
        ],
        "receivers": [
            *({"name": name} for name in (DEFAULT, NOBODY) if name not in known),
            *(_receiver(each) for each in known.values()),
        ],
    }


def _inhibitions() -> list[dict[str, Any]]:
    """What hides what: only with a label that both have."""
    rules: list[dict[str, Any]] = []
    for level in LEVELS:
        # A page about a promise hides the ticket about the same promise of the same thing.
        named = [] if level == "system" else [f'{level}!=""']
        same = [f'component="{level}"', *named, 'objective!=""']
        rules.append(
            {
                "source_matchers": ['severity="critical"', 'kind!="escalation"', *same],
                "target_matchers": ['severity=~"warning|info"', *same],
                "equal": ["component", *([] if level == "system" else [level]), "objective"]
                + (["region"] if level in ("agent", "workflow", "dependency") else []),
            }
        )
    rules.append(
        {
            "source_matchers": ['alertname="AgentmonTargetDown"', 'instance!=""'],
            "target_matchers": [
                'component="instance"',
                'alertname!="AgentmonTargetDown"',
                'instance!=""',
            ],
            "equal": ["instance"],
        }
    )
    return rules


def _intervals(hours: Hours) -> list[dict[str, Any]]:
    # A range of days that goes past Saturday is refused: so each day is named.
    return [
        {
            "weekdays": list(days),
            "times": [{"start_time": begin, "end_time": end}],
            "location": hours.timezone,
        }
        for days, begin, end in hours.spans
    ]


def _receiver(receiver: Receiver) -> dict[str, Any]:
    settings = receiver.settings
    titles = {
        "title": '{{ template "agentmon.title" . }}',
        "text": '{{ template "agentmon.text" . }}',
    }
    match receiver.kind:
        case "webhook":
            hook: dict[str, Any] = {"url": settings["url"], "send_resolved": True}
            if "credentials_file" in settings:
                hook["http_config"] = {
                    "authorization": {"credentials_file": settings["credentials_file"]}
                }
            told: dict[str, Any] = {"webhook_configs": [hook]}
        case "email":
            mail: dict[str, Any] = {
                "to": settings["to"],
                "from": settings["from"],
                "smarthost": settings["smarthost"],
                "send_resolved": True,
                "headers": {"Subject": '{{ template "agentmon.title" . }}'},
                "text": '{{ template "agentmon.text" . }}',
                "html": '{{ template "agentmon.html" . }}',
            }
            if "user" in settings:
                mail["auth_username"] = settings["user"]
            if "password_file" in settings:
                mail["auth_password_file"] = settings["password_file"]
            told = {"email_configs": [mail]}
        case "slack":
            told = {
                "slack_configs": [
                    {
                        "api_url_file": settings["url_file"],
                        "channel": settings["channel"],
                        "send_resolved": True,
                        **titles,
                    }
                ]
            }
        case _:
            told = {
                "pagerduty_configs": [
                    {
                        "routing_key_file": settings["key_file"],
                        "description": '{{ template "agentmon.title" . }}',
                        "severity": '{{ template "agentmon.severity" . }}',
                    }
                ]
            }
    return {"name": receiver.name, **told}
