"""
Formats of our own: deployments, backups, evaluations, controls and capacities.

What each entry may say is in ``docs/collect.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentmon.collect.history import commits
from agentmon.collect.rows import rows
from agentmon.collect.source import Node, Report, Source
from agentmon.instrumentation.facts import (
    Fact,
    backup_facts,
    capacity_facts,
    control_facts,
    deployment_facts,
)
from agentmon.model.catalogue import facts
from agentmon.model.metric import Kind

__all__ = [
    "parse_backups",
    "parse_capacity",
    "parse_controls",
    "parse_deployments",
    "parse_evaluations",
]


def parse_deployments(sources: Sequence[Source]) -> Report:
    """
    A history of deployments: counts, lead times, and times to restore, which follow from it.

    Raises:
        CollectError: If a file is not what it should be.
    """
    history = []
    for source in sources:
        for row in rows(source, "deployments"):
            row.only(
                *("component", "environment", "deployed_at"),
                *("committed_at", "result", "id", "rollback_of"),
            )
            history.append((row["deployed_at"].moment(), row))
    history.sort(key=lambda each: each[0])
    return Report(_newest(_told(history)))


def _told(history: list[tuple[float, Node]]) -> list[Fact]:
    """What a history of deployments says, in the order of time."""
    made: list[Fact] = []
    ended: dict[tuple[str, str, str], tuple[float, str]] = {}
    broken: dict[tuple[str, str], float] = {}
    for at, row in history:
        place = (row["component"].string(), row["environment"].string())
        result = "succeeded"
        if (said := row.get("result")) is not None:
            result = said.choice("succeeded", "failed")
        committed = row.get("committed_at")
        committed_at = None if committed is None else committed.moment()
        if committed_at is not None and committed_at > at:
            row["committed_at"].fail("a time before deployed_at")
        taken_back = row.get("rollback_of")
        if taken_back is not None:
            before = ended.get((*place, taken_back.string()))
            if before is None:
                taken_back.fail("the id of a deployment before it")
            if result == "succeeded":
                if before[1] == "succeeded":  # it had seemed well
                    result = "rolled_back"
                broken.setdefault(place, before[0])
        since = broken.pop(place, None) if result != "failed" else None
        if result == "failed":
            broken.setdefault(place, at)
        made += _built(
            row,
            deployment_facts,
            *place,
            result,
            at,
            committed_at=None if taken_back is not None else committed_at,
            broken_since=since,
        )
        if (name := row.get("id")) is not None:
            key = (*place, name.string())
            ended[key] = (at, result)
    return made


def parse_backups(sources: Sequence[Source]) -> Report:
    """
    A history of backups and restore tests.

    Raises:
        CollectError: If a file is not what it should be.
    """
    history = []
    for source in sources:
        for row in rows(source, "backups"):
            row.only("backup", "run", "result", "at", "size_bytes", "seconds")
            history.append((row["at"].moment(), row))
    history.sort(key=lambda each: each[0])
    made: list[Fact] = []
    for at, row in history:
        run, size, seconds = row.get("run"), row.get("size_bytes"), row.get("seconds")
        made += _built(
            row,
            backup_facts,
            row["backup"].string(),
            "backup" if run is None else run.choice("backup", "restore_test"),
            row["result"].choice("succeeded", "failed"),
            at,
            size=None if size is None else size.number(),
            seconds=None if seconds is None else seconds.number(),
        )
    return Report(_newest(made))


def parse_evaluations(sources: Sequence[Source]) -> Report:
    """
    Scores of an evaluation run, on average by agent, version and dimension.

    Raises:
        CollectError: If a file is not what it should be.
    """
    scores: dict[tuple[str, str, str], list[float]] = {}
    for source in sources:
        for row in rows(source, "scores"):
            row.only("agent", "version", "dimension", "score")
            labels = (
                row["agent"].string(),
                str(row["version"].value),
                row["dimension"].string(),
            )
            scores.setdefault(labels, []).append(row["score"].number(0, 1))
    return Report(
        [
            Fact(facts.EVALUATION_RUN, labels, sum(values) / len(values))
            for labels, values in scores.items()
        ]
    )


def parse_controls(source: Source) -> Report:
    """
    Controls, each with its evidence; one whose evidence is not there is not met.

    Raises:
        CollectError: If the file is not what it should be.
    """
    report = Report()
    for row in rows(source, "controls"):
        row.only("control", "framework", "met", "evidence", "evidence_at")
        name = row["control"].string()
        framework, met, evidence = row.get("framework"), row.get("met"), row.get("evidence")
        if met is None and evidence is None:
            row.wrong("got neither 'met' nor 'evidence', allowed one or both")
        is_met = True if met is None else met.flag()
        at = None
        if evidence is not None:
            path = source.path.parent / evidence.string()
            if path.exists():
                at = _evidence_at(row, path)
            else:
                is_met = False
                report.notes.append(f"control {name}: the evidence {path} is not there")
        if (said := row.get("evidence_at")) is not None:
            at = said.moment()
        what = "" if framework is None else framework.string()
        report.facts.extend(_built(row, control_facts, name, what, met=is_met, evidence_at=at))
    return report


def _evidence_at(row: Node, path: Path) -> float:
    try:
        known = commits(path if path.is_dir() else path.parent)
    except ValueError as error:
        row["evidence"].wrong(str(error))
    whole = path.resolve()
    times = [at for each, at in known.items() if each == whole or each.is_relative_to(whole)]
    return max(times, default=path.stat().st_mtime)


def parse_capacity(source: Source) -> Report:
    """
    How much there is of something, and how much of it is used.

    Raises:
        CollectError: If the file is not what it should be.
    """
    report = Report()
    for row in rows(source, "capacity"):
        row.only("resource", "limit", "used")
        limit, used = row["limit"].number(), row.get("used")
        amount = None if used is None else used.number()
        name = row["resource"].string()
        report.facts.extend(_built(row, capacity_facts, name, limit=limit, used=amount))
    return report


def _built(row: Node, make: Any, *args: Any, **kwargs: Any) -> Iterator[Fact]:
    """Facts of an entry; what they say is wrong is wrong there."""
    try:
        yield from make(*args, **kwargs)
    except ValueError as error:
        row.wrong(str(error))


def _newest(made: list[Fact]) -> list[Fact]:
    """Facts in the order of time, of each gauge the last only."""
    last = {(fact.metric, fact.labels): fact for fact in made}
    return [
        fact
        for fact in made
        if fact.metric.kind is not Kind.GAUGE or last[fact.metric, fact.labels] is fact
    ]
