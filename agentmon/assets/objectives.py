"""
Objectives from a file in TOML.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from agentmon.assets import rules
from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S
from agentmon.model.objectives import (
    Hours,
    Latency,
    Level,
    Maintenance,
    Objectives,
    Owner,
    Promise,
    Receiver,
    Region,
    Team,
)

__all__ = ["parse", "read"]

_TABLES: Final[Mapping[str, Level]] = {
    "agents": "agent",
    "workflows": "workflow",
    "dependencies": "dependency",
    "tiers": "tier",
    "regions": "region",
}
_PROMISE: Final = (
    "availability",
    "latency",
    "quality",
    "satisfaction",
    "cost_per_task",
    "priority",
)
_REGION: Final = ("receiver", "elsewhere", "days", "hours", "timezone")
_TOP: Final = (
    "window",
    "currency",
    "buckets",
    "dashboards_url",
    "runbooks_url",
    "defaults",
    "system",
    *_TABLES,
    "teams",
    "components",
    "receivers",
    "maintenance",
)


def read(path: str | Path) -> Objectives:
    """
    The objectives that a file declares.

    Args:
        path: A file in TOML.

    Raises:
        ConfigError: If it cannot be read, is no TOML, or says something that cannot be.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"objectives: cannot read {path}: {error}") from error
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(text: str) -> Objectives:
    """
    The objectives that a text declares.

    Args:
        text: TOML; an empty one declares the defaults.

    Raises:
        ConfigError: If it is no TOML, or says something that cannot be.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"objectives: {error}") from error
    _only(told, "the file", _TOP)
    promises: dict[tuple[Level, str], Promise] = {}
    regions: dict[str, Region] = {}
    for table, level in _TABLES.items():
        for name, facts in _tables(told, table).items():
            where = f"{table}.{name}"
            _only(facts, where, (*_PROMISE, *(_REGION if level == "region" else ())))
            promises[level, name] = _promise(facts, where)
            if level == "region" and any(key in facts for key in _REGION):
                regions[name] = _region(name, facts, where)
    if "system" in told:
        promises["system", ""] = _promise(_table(told, "system", _PROMISE), "system")
    objectives = Objectives(
        window=_days(told.get("window", "30d")),
        defaults=_promise(_table(told, "defaults", _PROMISE), "defaults").over(Objectives.defaults),
        promises=promises,
        currency=_text(told, "currency", "the file", "USD"),
        receivers={
            name: Receiver(
                name,
                _text(facts, "kind", f"receivers.{name}"),
                {key: str(value) for key, value in facts.items() if key != "kind"},
            )
            for name, facts in _tables(told, "receivers").items()
        },
        teams={name: _team(name, facts) for name, facts in _tables(told, "teams").items()},
        components=_components(told),
        regions=regions,
        maintenance=tuple(
            _maintenance(name, facts) for name, facts in _tables(told, "maintenance").items()
        ),
        edges=_edges(told),
        dashboards_url=_text(told, "dashboards_url", "the file", Objectives.dashboards_url),
        runbooks_url=_text(told, "runbooks_url", "the file", Objectives.runbooks_url),
    )
    objectives.check()
    return objectives


def _promise(facts: Mapping[str, Any], where: str) -> Promise:
    latency = facts.get("latency")
    if latency is not None:
        if not isinstance(latency, dict):
            raise ConfigError(
                f"{where}, latency: got {latency!r}, allowed such as "
                "{ threshold = 2.5, share = 0.95 }"
            )
        inner = f"{where}.latency"
        _only(latency, inner, ("threshold", "share"))
        latency = Latency(_number(latency, "threshold", inner), _number(latency, "share", inner))
    numbers = {
        name: _number(facts, name, where)
        for name in ("availability", "quality", "satisfaction", "cost_per_task")
        if name in facts
    }
    priority = _text(facts, "priority", where) if "priority" in facts else None
    return Promise(latency=latency, priority=priority, **numbers)


def _hours(facts: Mapping[str, Any], where: str) -> Hours:
    begin, dash, end = _text(facts, "hours", where).partition("-")
    if not dash:
        raise ConfigError(f"{where}, hours: got {begin!r}, allowed such as 09:00-17:00")
    return Hours(
        _text(facts, "days", where, "monday:friday"),
        begin.strip(),
        end.strip(),
        _text(facts, "timezone", where, "UTC"),
    )


def _region(name: str, facts: Mapping[str, Any], where: str) -> Region:
    receiver = _text(facts, "receiver", where)
    elsewhere = _text(facts, "elsewhere", where, "default")
    return Region(name, receiver, _hours(facts, where), elsewhere)


def _team(name: str, facts: Mapping[str, Any]) -> Team:
    where = f"teams.{name}"
    _only(facts, where, ("receiver", "escalate_to", "escalate_after"))
    return Team(
        name,
        _text(facts, "receiver", where),
        _text(facts, "escalate_to", where) if "escalate_to" in facts else None,
        _seconds(facts.get("escalate_after", "30m"), f"{where}, escalate_after"),
    )


def _components(told: Mapping[str, Any]) -> dict[str, Owner]:
    tables = _tables(told, "components")
    _only(tables, "components", tuple(sorted({alert.component for alert in rules.alerts()})))
    owners = {}
    for name, facts in tables.items():
        where = f"components.{name}"
        _only(facts, where, ("team", "priority"))
        owners[name] = Owner(**{key: _text(facts, key, where) for key in facts})
    return owners


def _maintenance(name: str, facts: Mapping[str, Any]) -> Maintenance:
    where = f"maintenance.{name}"
    _only(facts, where, ("days", "hours", "timezone", "labels"))
    labels = facts.get("labels", {})
    if not isinstance(labels, dict):
        raise ConfigError(f"{where}, labels: got {labels!r}, allowed a table")
    return Maintenance(name, _hours(facts, where), {k: str(v) for k, v in labels.items()})


# ------------------------------------------------------------------ values


def _only(facts: Mapping[str, Any], where: str, allowed: tuple[str, ...]) -> None:
    for name in facts:
        if name not in allowed:
            raise ConfigError(f"{where}: got {name!r}, allowed {', '.join(allowed)}")


def _table(told: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    facts = told.get(name, {})
    if not isinstance(facts, dict):
        raise ConfigError(f"{name}: got {facts!r}, allowed a table")
    _only(facts, name, allowed)
    return facts


def _tables(told: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    tables = told.get(name, {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise ConfigError(f"{name}: allowed tables, such as [{name}.example]")
    return tables


def _number(facts: Mapping[str, Any], name: str, where: str) -> float:
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{where}, {name}: got {value!r}, allowed a number")
    return float(value)


def _text(facts: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = facts.get(name, default)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}, {name}: got {value!r}, allowed a text")
    return value


_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: object, where: str) -> float:
    if isinstance(value, str) and value[-1:] in _SECONDS and value[:-1].isdigit():
        return int(value[:-1]) * _SECONDS[value[-1]]
    raise ConfigError(f"{where}: got {value!r}, allowed such as 30m")


def _days(value: object) -> int:
    seconds = _seconds(value, "window")
    if seconds % 86400:
        raise ConfigError(f"window: got {value!r}, allowed whole days, such as 30d")
    return int(seconds // 86400)


def _edges(told: Mapping[str, Any]) -> tuple[float, ...]:
    if "buckets" not in told:
        return EDGES_S
    edges = told["buckets"]
    if (
        not isinstance(edges, list)
        or not edges
        or not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in edges)
        or sorted(set(edges)) != edges
    ):
        raise ConfigError(f"buckets: got {edges!r}, allowed rising numbers, as in configure()")
    return tuple(float(edge) for edge in edges)
