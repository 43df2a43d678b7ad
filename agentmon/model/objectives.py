"""
What is promised, of whom, and who is told when a promise is at risk.

Plain data; `agentmon.assets.objectives` reads it from a file. An empty declaration already means
something: every promise has a default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S

__all__ = [
    "LEVELS",
    "PRIORITIES",
    "WEEKDAYS",
    "Hours",
    "Latency",
    "Level",
    "Maintenance",
    "Objectives",
    "Owner",
    "Promise",
    "Receiver",
    "Region",
    "Team",
]

#: Of what a promise can be made.
Level: TypeAlias = Literal["agent", "workflow", "dependency", "region", "tier", "system"]
LEVELS: Final[tuple[Level, ...]] = ("agent", "workflow", "dependency", "region", "tier", "system")

#: Business priorities, the most urgent first.
PRIORITIES: Final = ("P1", "P2", "P3", "P4")
WEEKDAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z|24:00\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_RECEIVERS: Final = ("webhook", "email", "slack", "pagerduty")
#: What each kind of receiver needs, beside its kind; what ends in a question mark, it may have.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "webhook": ("url", "credentials_file?"),
    "email": ("to", "from", "smarthost", "user?", "password_file?"),
    "slack": ("url_file", "channel"),
    "pagerduty": ("key_file",),
}


@dataclass(frozen=True, slots=True)
class Latency:
    """
    A promise of speed: so many of the calls take at most so long.

    Args:
        threshold: In seconds; an edge of the buckets, so that it can be counted exactly.
        share: Of the calls, between 0 and 1.
    """

    threshold: float
    share: float


@dataclass(frozen=True, slots=True)
class Promise:
    """
    What is promised of one thing. None is what is not promised.

    Args:
        availability: Share of the calls that do not end in error or timeout.
        latency: How fast they are.
        quality: Mean evaluation score, 0 to 1.
        satisfaction: Mean rating by users, 0 to 1.
        cost_per_task: In the currency of the price table.
        priority: ``P1`` to ``P4``: how much the business needs it.
    """

    availability: float | None = None
    latency: Latency | None = None
    quality: float | None = None
    satisfaction: float | None = None
    cost_per_task: float | None = None
    priority: str | None = None

    def over(self, other: Promise) -> Promise:
        """What it says, and what it leaves open as the other says it."""
        mine = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Promise(**{k: getattr(other, k) if v is None else v for k, v in mine.items()})


#: What holds where nothing is said.
DEFAULT: Final = Promise(
    availability=0.99,
    latency=Latency(30.0, 0.95),
    quality=0.7,
    satisfaction=0.7,
    cost_per_task=1.0,
    priority="P3",
)


@dataclass(frozen=True, slots=True)
class Hours:
    """
    A time of some days of the week.

    Args:
        days: Such as ``monday:friday``, ``saturday`` or ``friday:monday``.
        begin: Such as ``09:00``.
        end: Such as ``17:00``, or ``24:00``; of the next day if it is before the begin.
        timezone: Name in the IANA database, such as ``Europe/Berlin``.
    """

    days: str
    begin: str
    end: str
    timezone: str

    @property
    def spans(self) -> tuple[tuple[tuple[str, ...], str, str], ...]:
        """Days, begin and end, none of which goes past midnight; the end is not in it."""
        first, _, last = self.days.partition(":")
        begin = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last or first) - begin) % 7 + 1
        days = tuple(WEEKDAYS[(begin + n) % 7] for n in range(length))
        if self.begin < self.end:
            return ((days, self.begin, self.end),)
        evening = (days, self.begin, "24:00")
        if self.end == "00:00":
            return (evening,)
        after = tuple(WEEKDAYS[(begin + n + 1) % 7] for n in range(length))
        return (evening, (after, "00:00", self.end))


@dataclass(frozen=True, slots=True)
class Receiver:
    """
    Where a notification goes.

    Args:
        name: Its name.
        kind: ``webhook``, ``email``, ``slack`` or ``pagerduty``.
        settings: What the kind needs; secrets are names of files.
    """

    name: str
    kind: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Team:
    """
    Who owns agents.

    Args:
        name: As in ``agent(..., team=...)``.
        receiver: Who is told.
        escalate_to: Who is told of what fires for longer than `escalate_after`; or nobody.
        escalate_after: Seconds.
    """

    name: str
    receiver: str
    escalate_to: str | None = None
    escalate_after: float = 1800.0


@dataclass(frozen=True, slots=True)
class Owner:
    """
    Who has to be told of what no agent owns, such as queues or backups.

    Args:
        team: Of those that are declared.
        priority: ``P1`` to ``P4``.
    """

    team: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """
    Where processes run.

    Args:
        name: As in ``configure(region=...)``.
        receiver: Who is told while people work there.
        hours: When they do.
        elsewhere: Who is told at other times.
    """

    name: str
    receiver: str
    hours: Hours
    elsewhere: str


@dataclass(frozen=True, slots=True)
class Maintenance:
    """
    A time in which nobody is told of some alerts.

    Args:
        name: Its name.
        hours: When, each week.
        labels: Which alerts, by labels that they have.
    """

    name: str
    hours: Hours
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Objectives:
    """
    All that is declared.

    Args:
        window: Days over which error budgets are counted.
        defaults: What holds where nothing else is said.
        promises: By level and name.
        currency: Of the costs.
        receivers: By name; ``default`` is told of what nobody else is.
        teams: By name.
        components: Owners by the component of alerts, for those that name no owner by themselves.
        regions: By name.
        maintenance: Weekly windows.
        edges: Upper edges of the classic buckets, as `configure` got them.
        links: Where dashboards and runbooks are, without a slash at the end.
    """

    window: int = 30
    defaults: Promise = DEFAULT
    promises: Mapping[tuple[Level, str], Promise] = field(default_factory=dict)
    currency: str = "USD"
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    components: Mapping[str, Owner] = field(default_factory=dict)
    regions: Mapping[str, Region] = field(default_factory=dict)
    maintenance: tuple[Maintenance, ...] = ()
    edges: tuple[float, ...] = EDGES_S
    dashboards_url: str = "http://localhost:3000/d"
    runbooks_url: str = "https://github.com/agentmon/agentmon/blob/main/docs/runbooks"

    def promise(self, level: Level, name: str) -> Promise:
        """What is promised of something, defaults included."""
        return self.promises.get((level, name), Promise()).over(self.defaults)

    def named(self, level: Level) -> dict[str, Promise]:
        """What is promised of those of a level that are named, defaults included."""
        return {name: self.promise(of, name) for of, name in self.promises if of == level}

    def check(self) -> None:
        """
        Look whether it makes sense.

        Raises:
            ConfigError: If it does not: where, what, and what is allowed.
        """
        if not 1 <= self.window <= 90:  # noqa: PLR2004  # what a Prometheus keeps and people review
            raise ConfigError(f"window: got {self.window!r} days, allowed 1 to 90")
        _check_promise("defaults", self.defaults, self.edges)
        for (level, name), promise in self.promises.items():
            if level not in LEVELS:
                raise ConfigError(f"{level}: got a level, allowed {', '.join(LEVELS)}")
            _check_promise(f"{level} {name}", promise, self.edges)
        for receiver in self.receivers.values():
            _check_receiver(receiver)
        told = {"default", *self.receivers}
        for team in self.teams.values():
            for role in ("receiver", "escalate_to"):
                _check_told(f"team {team.name}, {role}", getattr(team, role), told)
            if team.escalate_after < 60:  # noqa: PLR2004  # seconds: rules are worked out each minute
                raise ConfigError(
                    f"team {team.name}, escalate_after: got {team.escalate_after:g} s, allowed 60 "
                    "or more"
                )
        for component, owner in self.components.items():
            _check_told(f"component {component}, team", owner.team, set(self.teams))
            _check_priority(f"component {component}", owner.priority)
        for region in self.regions.values():
            for role in ("receiver", "elsewhere"):
                _check_told(f"region {region.name}, {role}", getattr(region, role), told)
            _check_hours(f"region {region.name}", region.hours)
        for each in self.maintenance:
            _check_hours(f"maintenance {each.name}", each.hours)
            if not each.labels:
                raise ConfigError(
                    f"maintenance {each.name}: got no labels, allowed at least one: it would hush "
                    "everything"
                )
            for label in each.labels:
                if not _LABEL.match(label):
                    raise ConfigError(
                        f"maintenance {each.name}, labels: got {label!r}, allowed letters, digits "
                        "and underscores"
                    )


def _check_promise(where: str, promise: Promise, edges: tuple[float, ...]) -> None:
    if promise.availability is not None and not 0.5 <= promise.availability < 1:  # noqa: PLR2004
        raise ConfigError(
            f"{where}, availability: got {promise.availability!r}, allowed 0.5 to less than 1"
        )
    for name in ("quality", "satisfaction"):
        value = getattr(promise, name)
        if value is not None and not 0 < value <= 1:
            raise ConfigError(f"{where}, {name}: got {value!r}, allowed more than 0, at most 1")
    if promise.cost_per_task is not None and not promise.cost_per_task > 0:
        raise ConfigError(
            f"{where}, cost_per_task: got {promise.cost_per_task!r}, allowed more than 0"
        )
    _check_priority(where, promise.priority)
    if promise.latency is not None:
        if not 0.5 <= promise.latency.share < 1:  # noqa: PLR2004
            raise ConfigError(
                f"{where}, latency: got share {promise.latency.share!r}, allowed 0.5 to less than 1"
            )
        if promise.latency.threshold not in edges:
            near = sorted(edges, key=lambda edge: abs(edge - promise.latency.threshold))[:3]  # type: ignore[union-attr]
            raise ConfigError(
                f"{where}, latency: got threshold {promise.latency.threshold:g} s, allowed an edge "
                f"of the buckets, such as {', '.join(f'{edge:g}' for edge in sorted(near))}"
            )


def _check_priority(where: str, priority: str | None) -> None:
    if priority is not None and priority not in PRIORITIES:
        raise ConfigError(f"{where}, priority: got {priority!r}, allowed {', '.join(PRIORITIES)}")


def _check_receiver(receiver: Receiver) -> None:
    if receiver.kind not in _RECEIVERS:
        raise ConfigError(
            f"receiver {receiver.name}: got kind {receiver.kind!r}, allowed {', '.join(_RECEIVERS)}"
        )
    needs = _NEEDS[receiver.kind]
    for name in needs:
        if not name.endswith("?") and not receiver.settings.get(name):
            raise ConfigError(f"receiver {receiver.name}: {name} is missing")
    allowed = [name.rstrip("?") for name in needs]
    for name in receiver.settings:
        if name not in allowed:
            raise ConfigError(
                f"receiver {receiver.name}: got {name!r}, allowed {', '.join(allowed)}: secrets "
                "are given by file"
            )


def _check_told(where: str, name: str | None, told: set[str]) -> None:
    if name is not None and name not in told:
        raise ConfigError(f"{where}: got {name!r}, allowed {', '.join(sorted(told)) or 'none'}")


def _check_hours(where: str, hours: Hours) -> None:
    try:
        ZoneInfo(hours.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"{where}, timezone: got {hours.timezone!r}, allowed a name such as Europe/Berlin"
        ) from error
    for name in ("begin", "end"):
        if not _CLOCK.match(getattr(hours, name)):
            raise ConfigError(
                f"{where}, {name}: got {getattr(hours, name)!r}, allowed a time such as 09:00"
            )
    if hours.begin in (hours.end, "24:00"):
        raise ConfigError(
            f"{where}, hours: got {hours.begin}-{hours.end}, allowed such as 09:00-17:00, or "
            "00:00-24:00 for whole days"
        )
    first, colon, last = hours.days.partition(":")
    for day in (first, last if colon else first):
        if day not in WEEKDAYS:
            raise ConfigError(
                f"{where}, days: got {hours.days!r}, allowed such as monday:friday or saturday"
            )
