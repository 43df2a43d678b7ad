"""
Who is told of which alert, and when: the configuration of Alertmanager.

Two habits of Alertmanager shape it. A route that matches, and whose time is not now, swallows the
alert: so whatever is told at some times has a twin that is told at all others. And labels that are
missing on both sides count as equal: so whatever hides an alert names a label that both must have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agentmon.model.objectives import (
    PRIORITIES,
    WEEKDAYS,
    Hours,
    Maintenance,
    Objectives,
    Receiver,
    Region,
)

__all__ = ["DEADMAN", "Route", "configuration", "tree"]

#: The receiver that is told all the time, so that its silence says something.
DEADMAN: Final = "deadman"
NOBODY: Final = "nobody"
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
            *_maintained(objectives, objectives.maintenance, ()),
        ),
    )


def _maintained(
    objectives: Objectives, windows: Sequence[Maintenance], muted: tuple[str, ...]
) -> tuple[Route, ...]:
    """The routes, once for what each window concerns, and once for what it does not."""
    if not windows:
        return _told(objectives, muted)
    first, rest = windows[0], windows[1:]
    return (
        Route(
            f"What the maintenance {first.name!r} concerns.",
            tuple((label, "=", value) for label, value in sorted(first.labels.items())),
            muted=(*muted, _window(first)),
            routes=_maintained(objectives, rest, (*muted, _window(first))),
        ),
        *_maintained(objectives, rest, muted),
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
                routes=(*_regions(objectives, muted), *_teams(objectives, muted)),
            )
            for priority, interval in _REPEAT.items()
            if _any_has(objectives, priority)
        ),
        *_regions(objectives, muted),
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


def _office(region: Region) -> str:
    return f"hours-{region.name}"


def _window(maintenance: Maintenance) -> str:
    return f"maintenance-{maintenance.name}"


# ------------------------------------------------------------------ the file


def configuration(objectives: Objectives) -> dict[str, Any]:
    """The configuration of Alertmanager."""
    known = dict(objectives.receivers)
    return {
        "global": {"resolve_timeout": "5m"},
        "templates": ["templates/*.tmpl"],
        "route": tree(objectives).rendered(),
        "inhibit_rules": _inhibitions(),
        "time_intervals": [
            *(_interval(_office(each), each.hours) for each in objectives.regions.values()),
            *(_interval(_window(each), each.hours) for each in objectives.maintenance),
        ],
        "receivers": [
            *({"name": name} for name in (DEFAULT, NOBODY) if name not in known),
            *(_receiver(each) for each in known.values()),
        ],
    }


def _inhibitions() -> list[dict[str, Any]]:
    """What hides what: only with a label that both have."""
    rules: list[dict[str, Any]] = [
        {
            "source_matchers": [
                'severity="critical"',
                f'{label}!=""',
                'objective!=""',
            ],
            "target_matchers": [
                'severity=~"warning|info"',
                f'{label}!=""',
                'objective!=""',
            ],
            "equal": [label, "objective", "region"],
        }
        for label in ("agent", "workflow", "dependency")
    ]
    rules.append(
        {
            "source_matchers": ['alertname="AgentmonTargetDown"', 'instance!=""'],
            "target_matchers": ['component="instance"', 'alertname!="AgentmonTargetDown"'],
            "equal": ["instance"],
        }
    )
    return rules


def _interval(name: str, hours: Hours) -> dict[str, Any]:
    times = {"start_time": hours.begin, "end_time": hours.end}
    return {
        "name": name,
        "time_intervals": [
            {"weekdays": [_days(hours)], "times": [times], "location": hours.timezone}
        ],
    }


def _days(hours: Hours) -> str:
    first, _, last = hours.days.partition(":")
    if last and WEEKDAYS.index(last) < WEEKDAYS.index(first):
        return f"{last}:{first}"
    return hours.days


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
                        "severity": "{{ .CommonLabels.severity }}",
                    }
                ]
            }
    return {"name": receiver.name, **told}
