"""
The status of the process as JSON: what the page and ``agentmon top`` show.

Times are seconds; moments are seconds since 1970; what has no value is null.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agentmon._version import __version__
from agentmon.model import catalogue
from agentmon.model.outcome import ERROR, TIMEOUT
from agentmon.model.snapshot import CallRecord, ErrorGroup, OperationSnapshot, Point, Snapshot
from agentmon.model.statistics import Statistics
from agentmon.model.summary import summarise
from agentmon.record.window import WINDOWS

__all__ = ["Facts", "status", "status_json"]

_LEAST_NS = 10**9  # a rate over less than a second would say nothing


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What the status says besides the snapshot.

    Args:
        begun_ns: When recording began, on the clock of the snapshot.
        epoch_offset_ns: What to add to that clock to get nanoseconds since 1970.
        service: Name of the service, or empty.
        region: Where it runs, or empty.
        spans: ``host`` or ``none``.
        scrapes: Times that the metrics were rendered.
        last_scrape_ns: When that was done last, on the clock of the snapshot; None if never.
        scrape_ns: How long it took; None if never.
    """

    begun_ns: int
    epoch_offset_ns: int
    service: str = ""
    region: str = ""
    spans: str = "none"
    scrapes: int = 0
    last_scrape_ns: int | None = None
    scrape_ns: int | None = None


def status_json(snapshot: Snapshot, facts: Facts) -> bytes:
    """The status as JSON text."""
    return json.dumps(status(snapshot, facts), allow_nan=False, separators=(",", ":")).encode()


def status(snapshot: Snapshot, facts: Facts) -> dict[str, Any]:
    """
    The status as plain values.

    Args:
        snapshot: The process at one moment.
        facts: What it does not know.
    """
    view = _View(snapshot, facts)
    operations = [view.operation(operation) for operation in snapshot.operations]
    return {
        "service": facts.service,
        "region": facts.region,
        "version": __version__,
        "pid": os.getpid(),
        "now": view.moment(snapshot.now_ns),
        "started": view.moment(facts.begun_ns),
        "spans": facts.spans,
        "windows": list(WINDOWS),
        "operations": operations,
        "recent": {
            "failed": [view.call(call) for call in snapshot.failed],
            "slow": [view.call(call) for call in snapshot.slow],
        },
        "error_groups": [_group(group) for group in snapshot.groups],
        "self": {
            "series": len(operations),
            "dropped": dict(snapshot.dropped),
            "scrapes": facts.scrapes,
            "last_scrape": view.moment(facts.last_scrape_ns),
            "scrape_seconds": _seconds(facts.scrape_ns),
        },
    }


class _View:
    """One snapshot, with what it takes to put its parts into words."""

    def __init__(self, snapshot: Snapshot, facts: Facts) -> None:
        self._snapshot = snapshot
        self._facts = facts

    def moment(self, at_ns: int | None) -> float | None:
        """A reading of the clock, as seconds since 1970."""
        return None if at_ns is None else (at_ns + self._facts.epoch_offset_ns) / 1e9

    def operation(self, operation: OperationSnapshot) -> dict[str, Any]:
        """One operation series."""
        labels = _labels(operation.kind, operation.labels)
        version, team, tier = "", "", ""
        if operation.kind == "agent":
            version, team, tier = self._snapshot.agents.get(operation.labels[0], ("", "", ""))
        return {
            "kind": operation.kind,
            "name": operation.labels[0],
            "labels": labels,
            "info": {"version": version, "team": team, "tier": tier},
            "timeout_seconds": _seconds(operation.timeout_ns),
            "in_flight": operation.in_flight,
            "oldest_seconds": operation.oldest_ns / 1e9,
            "life": self._statistics(operation.life, self._facts.begun_ns),
            "windows": {
                name: self._statistics(statistics, operation.history[name][0].begin_ns)
                for name, statistics in operation.windows.items()
            },
            "history": {
                name: [self._point(point) for point in points]
                for name, points in operation.history.items()
            },
            "errors": [
                {"type": error_type, "count": count}
                for error_type, count in sorted(
                    operation.errors.items(), key=lambda item: (-item[1], item[0])
                )
            ],
        }

    def call(self, call: CallRecord) -> dict[str, Any]:
        """One call that ended."""
        return {
            "at": self.moment(call.ended_ns),
            "kind": call.kind,
            "name": call.labels[0],
            "labels": _labels(call.kind, call.labels),
            "outcome": call.outcome,
            "error_type": call.error_type,
            "seconds": call.duration_ns / 1e9,
            "trace_id": call.trace_id,
        }

    def _statistics(self, statistics: Statistics, begin_ns: int) -> dict[str, Any]:
        """Statistics of the calls that ended since *begin_ns*."""
        covered_ns = self._snapshot.now_ns - max(begin_ns, self._facts.begun_ns)
        summary = {
            name: _number(value) if isinstance(value, float) else value
            for name, value in asdict(summarise(statistics)).items()
        }
        per_second = statistics.count / (max(covered_ns, _LEAST_NS) / 1e9)
        return {**summary, "per_second": per_second}

    def _point(self, point: Point) -> dict[str, Any]:
        statistics = point.statistics
        p50, p99 = statistics.quantiles((0.5, 0.99))
        return {
            "at": self.moment(point.begin_ns),
            "seconds": point.length_ns / 1e9,
            "count": statistics.count,
            "failed": sum(statistics.outcomes.get(outcome, 0) for outcome in (ERROR, TIMEOUT)),
            "p50": _number(p50.value_ns / 1e9),
            "p99": _number(p99.value_ns / 1e9),
        }


def _group(group: ErrorGroup) -> dict[str, Any]:
    return {
        "group": group.group,
        "type": group.error_type,
        "location": group.location,
        "kind": group.kind,
        "name": group.name,
        "agent": group.agent,
        "count": group.count,
        "first_seen": group.first_seen_ns / 1e9,
        "last_seen": group.last_seen_ns / 1e9,
        "trace_id": group.trace_id,
    }


def _labels(kind: str, values: tuple[str, ...]) -> Mapping[str, str]:
    names = (label.name for label in catalogue.OPERATIONS[kind].labels)
    return dict(zip(names, values, strict=True))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9
