"""Statuses as a process might have them, and the real server to serve them to page and terminal."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agentmon.export.respond import Endpoint, Response
from agentmon.export.server import Server
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock

__all__ = [
    "HOSTILE",
    "NOW",
    "Stage",
    "call",
    "demo",
    "empty",
    "group",
    "many",
    "operation",
    "staged",
    "stats",
]

NOW = 1_790_000_000.0
CELLS = {"1m": (10.0, 7), "5m": (60.0, 6), "1h": (300.0, 13)}

#: What would run if any of it became markup.
HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>"\'&amp;'

NO_VALUE = "\u2013"

#: Durations in seconds, and how page and terminal write them.
DURATIONS: list[tuple[float | None, str]] = [
    (None, NO_VALUE),
    (0.0, "0 s"),
    (1e-6, "1.0 µs"),
    (0.00085, "850 µs"),
    (0.0009996, "1.0 ms"),
    (0.0123, "12.3 ms"),
    (0.09996, "100 ms"),
    (0.9996, "1.0 s"),
    (1.4, "1.4 s"),
    (59.94, "59.9 s"),
    (59.96, "1 m 00 s"),
    (125.0, "2 m 05 s"),
    (3599.6, "1 h 00 m"),
    (3780.0, "1 h 03 m"),
    (86399.0, "23 h 59 m"),
    (86400.0 + 7200.0, "1 d 02 h"),
]

#: Calls a second, and how they are written.
RATES = [(0.0, "0"), (0.004, "<0.01"), (0.17, "0.17"), (9.996, "10.0"), (31.2, "31.2")]
RATES += [(99.96, "100"), (1234.4, "1,234")]

#: Shares, and how they are written.
SHARES: list[tuple[float | None, str]] = [(None, NO_VALUE), (0.0, "0 %"), (0.0004, "<0.1 %")]
SHARES += [(0.034, "3.4 %"), (0.9996, ">99.9 %"), (1.0, "100 %")]

#: Counts, and how they are written.
COUNTS = [(0, "0"), (12345, "12,345"), (123456, "123k"), (999600, "1.0M"), (2.5e9, "2.5G")]

Json = dict[str, Any]


def stats(
    count: int, median: float = 0.5, spread: float = 0.8, seconds: float = 300.0, **outcomes: int
) -> Json:
    """Statistics of *count* calls whose durations lie log-normally around *median*."""
    rest = count - sum(outcomes.values())
    ends = {outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES} | {"ok": rest}
    if count == 0:
        names = ("mean", "variance", "stddev", "cv", "min", "max", "p50", "p90", "p99", "p999")
        numbers: Json = dict.fromkeys((*names, "error_rate", "timeout_rate"))
        return {"count": 0, "sum": 0.0, **numbers, "outcomes": ends, "per_second": 0.0}
    mean = median * math.exp(spread**2 / 2)
    variance = mean**2 * (math.exp(spread**2) - 1)
    p50, p90, p99, p999 = (median * math.exp(spread * z) for z in (0.0, 1.28, 2.33, 3.09))
    return {
        "count": count,
        "sum": mean * count,
        "mean": mean,
        "variance": variance,
        "stddev": math.sqrt(variance),
        "cv": math.sqrt(variance) / mean,
        "min": median * math.exp(-2.5 * spread),
        "max": median * math.exp(3.3 * spread),
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "p999": p999,
        "outcomes": ends,
        "error_rate": ends["error"] / count,
        "timeout_rate": ends["timeout"] / count,
        "per_second": count / seconds,
    }


def operation(
    kind: str,
    labels: tuple[str, ...],
    *,
    per_minute: float = 60.0,
    median: float = 0.5,
    spread: float = 0.8,
    failing: float = 0.0,
    late: float = 0.0,
    other: float = 0.0,
    info: tuple[str, str, str] = ("", "", ""),
    timeout: float | None = None,
    in_flight: int = 0,
    oldest: float = 0.0,
    errors: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Json:
    """One operation series with about *per_minute* calls, of which the shares given end badly."""
    chance = random.Random(f"{kind} {labels} {seed}")  # noqa: S311 - the same data each time

    def over(seconds: float) -> Json:
        count = round(per_minute * seconds / 60)
        ends = {"error": failing, "timeout": late, "cancelled": other, "interrupted": other / 2}
        return stats(
            count, median, spread, seconds, **{k: round(count * v) for k, v in ends.items()}
        )

    def points(seconds: float, n: int) -> list[Json]:
        result = []
        for i in range(n):
            full = per_minute * seconds / 60 * (0.4 if i == n - 1 else 1)
            count = round(full * chance.uniform(0.5, 1.4))
            failed = min(count, round(count * (failing + late) * chance.uniform(0, 2.5)))
            p50 = median * chance.uniform(0.8, 1.3) if count else None
            p99 = p50 * math.exp(spread * chance.uniform(1.5, 2.6)) if p50 else None
            at = NOW - (n - i - 0.4) * seconds
            result.append(
                {
                    "at": at,
                    "seconds": seconds,
                    "count": count,
                    "failed": failed,
                    "p50": p50,
                    "p99": p99,
                }
            )
        return result

    names = [label.name for label in catalogue.OPERATIONS[kind].labels]
    return {
        "kind": kind,
        "name": labels[0],
        "labels": dict(zip(names, labels, strict=True)),
        "info": dict(zip(("version", "team", "tier"), info, strict=True)),
        "timeout_seconds": timeout,
        "in_flight": in_flight,
        "oldest_seconds": oldest,
        "life": over(3780),
        "windows": {"1m": over(60), "5m": over(300), "1h": over(3600)},
        "history": {name: points(*cells) for name, cells in CELLS.items()},
        "errors": [{"type": name, "count": n} for name, n in (errors or {}).items()],
    }


def call(
    kind: str,
    labels: tuple[str, ...],
    seconds: float,
    outcome: str = "ok",
    *,
    ago: float = 10.0,
    error_type: str | None = None,
    trace_id: str | None = None,
) -> Json:
    """One call that ended."""
    names = [label.name for label in catalogue.OPERATIONS[kind].labels]
    return {
        "at": NOW - ago,
        "kind": kind,
        "name": labels[0],
        "labels": dict(zip(names, labels, strict=True)),
        "outcome": outcome,
        "error_type": error_type,
        "seconds": seconds,
        "trace_id": trace_id,
    }


def group(
    name: str,
    at: tuple[str, str, str],
    count: int,
    *,
    error_type: str = "ValueError",
    location: str = "support.desk.answer",
    first: float = 600.0,
    last: float = 5.0,
    trace_id: str | None = None,
) -> Json:
    """One error group at one operation: kind, name and agent."""
    kind, operation_name, agent = at
    return {
        "group": name,
        "type": error_type,
        "location": location,
        "kind": kind,
        "name": operation_name,
        "agent": agent,
        "count": count,
        "first_seen": NOW - first,
        "last_seen": NOW - last,
        "trace_id": trace_id,
    }


def empty() -> Json:
    """A process in which nothing has been called yet."""
    return {
        "service": "",
        "region": "",
        "version": "0.1.0",
        "pid": 4711,
        "now": NOW,
        "started": NOW - 12,
        "spans": "none",
        "windows": ["1m", "5m", "1h"],
        "operations": [],
        "recent": {"failed": [], "slow": []},
        "error_groups": [],
        "self": {
            "series": 0,
            "dropped": {},
            "scrapes": 0,
            "last_scrape": None,
            "scrape_seconds": None,
        },
    }


def demo() -> Json:
    """A support service at work: most is well, one agent fails, one call hangs."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    operations = [
        operation(
            "agent",
            ("triage", "invoke"),
            per_minute=182,
            median=0.42,
            failing=0.012,
            info=("3.2", "support", "frontline"),
            timeout=30,
            in_flight=3,
            oldest=0.8,
            errors={"ValueError": 21, "httpx.ReadTimeout": 4},
        ),
        operation(
            "agent",
            ("billing", "invoke"),
            per_minute=41,
            median=1.9,
            failing=0.11,
            late=0.03,
            other=0.02,
            info=("1.9.1", "payments", "specialist"),
            timeout=20,
            in_flight=2,
            oldest=47.2,
            errors={
                "payments.errors.LedgerUnavailableError": 310,
                "TimeoutError": 74,
                "KeyError": 9,
            },
        ),
        operation(
            "agent",
            ("researcher", "plan"),
            per_minute=3,
            median=95,
            spread=1.1,
            info=("2026.11", "insights", ""),
            timeout=3600,
            in_flight=4,
            oldest=611,
        ),
        operation("agent", ("researcher", "summarise"), per_minute=12, median=7.4, in_flight=1),
        operation("agent", ("router", "invoke"), per_minute=940, median=0.00042, spread=0.5),
        operation("agent", ("night-auditor", "invoke"), per_minute=0),
        operation(
            "agent",
            ("compliance_review_of_outgoing_correspondence_with_regulators_emea", "escalate"),
            per_minute=0.4,
            median=1400,
            spread=1.4,
            info=("0.0.1-rc.7+build.20261122", "governance-and-regulatory-affairs", "tier-0"),
            in_flight=1,
            oldest=3904,
        ),
        operation("workflow", ("ticket",), per_minute=60, median=4.2, failing=0.02),
        operation("step", ("classify", "ticket"), per_minute=60, median=0.5),
        operation("step", ("answer", "ticket"), per_minute=59, median=3.4, failing=0.02),
        operation(
            "tool",
            ("search_orders", "triage"),
            per_minute=240,
            median=0.012,
            late=0.004,
            errors={"TimeoutError": 5},
        ),
        operation("tool", ("search_orders", "billing"), per_minute=80, median=0.014),
        operation("tool", ("refund", "billing"), per_minute=9, median=0.3, failing=0.2),
        operation(
            "model_call",
            ("chat", "some-large-model-2026-08", "someone", "triage"),
            per_minute=190,
            median=0.38,
            in_flight=2,
            oldest=0.4,
        ),
        operation(
            "model_call",
            ("embeddings", "some-embedder", "someone", "researcher"),
            per_minute=44,
            median=0.06,
        ),
    ]
    researcher = ("researcher", "plan")
    billing = ("billing", "invoke")
    failed = [
        call(
            "agent",
            billing,
            0.31 * (i + 1),
            "timeout" if i % 4 == 3 else "error",
            ago=3 + 17 * i,
            error_type="TimeoutError" if i % 4 == 3 else "payments.errors.LedgerUnavailableError",
            trace_id=trace,
        )
        for i in range(14)
    ]
    slow = [
        call("agent", researcher, 1830 - 130 * i, ago=40 + 200 * i, trace_id=trace)
        for i in range(6)
    ]
    slow.append(call("agent", billing, 61.5, "timeout", ago=75, error_type="TimeoutError"))
    slow.append(call("tool", ("refund", "billing"), 9.81, "cancelled", ago=700))
    ledger: Json = {
        "error_type": "payments.errors.LedgerUnavailableError",
        "location": "payments.ledger.Ledger.connect",
        "trace_id": trace,
    }
    groups = [
        group("9c1f0a7be2d4", ("agent", "billing", "billing"), 310, last=3, first=3700, **ledger),
        group("9c1f0a7be2d4", ("tool", "refund", "billing"), 402, last=3.2, first=3700, **ledger),
        group("9c1f0a7be2d4", ("workflow", "ticket", ""), 118, last=33, first=3640, **ledger),
        group(
            "51d3c08b66fa",
            ("agent", "billing", "billing"),
            74,
            error_type="TimeoutError",
            location="payments.ledger.Ledger.connect",
            last=54,
            first=2400,
            trace_id=trace,
        ),
        group("0b7e93ad1c52", ("agent", "triage", "triage"), 21, last=140, first=3500),
        group(
            "e4420f1d9b38",
            ("tool", "search_orders", "triage"),
            5,
            error_type="timeout",
            location="",
            last=600,
            first=900,
        ),
        *(
            group(
                f"{n:012x}",
                ("agent", "billing", "billing"),
                9 - n,
                error_type="KeyError",
                location="support.customers.directory.lookup_by_reference_number.<locals>.of",
                last=700.0 + 60 * n,
                first=1800,
            )
            for n in range(4)
        ),
    ]
    return empty() | {
        "service": "support",
        "region": "eu-west",
        "started": NOW - 3780,
        "spans": "host",
        "operations": operations,
        "recent": {"failed": failed, "slow": slow},
        "error_groups": groups,
        "self": {
            "series": len(operations),
            "dropped": {"label_bound": 3, "ended_twice": 1},
            "scrapes": 252,
            "last_scrape": NOW - 9,
            "scrape_seconds": 0.0031,
        },
    }


def many(n: int = 200) -> Json:
    """A process with *n* agents."""
    agents = [
        operation(
            "agent",
            (f"agent-{i:03d}", "invoke"),
            per_minute=1 + i * 7 % 300,
            median=0.01 * (1 + i * 13 % 97),
            failing=0.1 if i % 9 == 0 else 0.0,
            in_flight=i % 4,
            oldest=float(i % 4),
        )
        for i in range(n)
    ]
    return demo() | {"operations": agents}


class Stage:
    """
    Answers with the real page and with whatever status is set.

    Args:
        status: What ``/api/status`` answers at first.
        prefix: Where the endpoint is mounted, such as ``/ops/agents``.
    """

    def __init__(self, status: Json, prefix: str = "") -> None:
        self.body = b""
        self.answer = 200
        self.set(status)
        self.asked: list[str] = []
        self._prefix = prefix
        self._real = Endpoint(Registry(Layout(), ManualClock()), process_metrics=False)

    def set(self, status: Json) -> None:
        """Answer with another status from now on."""
        self.status = status
        self.body = json.dumps(status).encode()

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """Answer one request."""
        self.asked.append(path)
        below = path.removeprefix(self._prefix) if path.startswith(self._prefix) else "/outside"
        real = self._real.respond(method, below or "/", query, headers)
        if below != "/api/status" or real.status != 200:
            return real
        kept = [
            pair for pair in real.headers if pair[0] not in ("Content-Length", "Content-Encoding")
        ]
        length = ("Content-Length", str(len(self.body)))
        return Response(self.answer, (*kept, length), self.body)


@contextmanager
def staged(stage: Stage, port: int = 0) -> Iterator[str]:
    """The stage served for as long as the block runs; yields its URL, without a last slash."""
    server = Server(stage, port=port)
    try:
        yield server.url
    finally:
        server.close()
