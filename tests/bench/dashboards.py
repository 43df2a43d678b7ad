"""
What the dashboards ask of a real Prometheus: ``python -m tests.bench.dashboards``.

A week of history of so many agents is written to a Prometheus, each with a tool, a model, a
dependency, a task and a workflow, a sample every five minutes. Then each dashboard is loaded as
Grafana loads it: over seven days, folded rows closed, six queries at a time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np

from agentmon.assets.dashboards import BOARDS, files
from agentmon.model import catalogue
from agentmon.model.buckets import EDGES_S
from agentmon.model.metric import Kind, Metric
from agentmon.model.objectives import Objectives
from agentmon.query.rates import RATES
from tests.bench.table import markdown, replace, where
from tests.servers.processes import _prometheus, _serving, required

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "dashboards-cost.md"
_DAY_S: Final = 86_400
_DAYS: Final = 7
_EVERY_S: Final = 300
_BATCH_S: Final = 3600
#: As many queries as a browser has connections to one server.
_AT_ONCE: Final = 6
#: How far apart the points of a week are, by how many there are at most, as Grafana rounds it.
_STEPS_S: Final = {300: 1800, 150: 3600}
_SCRAPE_S: Final = 15
#: How many of a thing there are, whatever the number of agents.
_FEW: Final = {
    "tool": 50,
    "model": 5,
    "provider": 2,
    "dependency": 10,
    "workflow": 20,
    "task": 20,
    "team": 7,
    "tier": 2,
    "queue": 5,
    "component": 10,
}
#: Labels that one thing has several of.
_EACH: Final = {
    "outcome": ("ok", "error"),
    "result": ("completed", "failed"),
    "token_type": ("input", "output"),
    "cost_type": ("input", "output"),
    "share": ("self", "total"),
    "state": ("up", "down"),
    "direction": ("sent", "received"),
    "path_kind": ("working", "queueing"),
}
#: Labels that tell agents apart.
_OF_AGENTS: Final = {"agent": "agent{}", "source": "agent{}", "target": "agent{}"}


@dataclass(frozen=True)
class Load:
    """
    What loading a dashboard takes.

    Args:
        uid: Of the dashboard.
        opened_s: Until everything is there that is seen at first.
        all_s: The same with all rows open.
        samples: What Prometheus reads for what is seen at first.
        slowest: Title of the panel whose query takes longest, and how long.
    """

    uid: str
    opened_s: float
    all_s: float
    samples: int
    slowest: tuple[str, float]


# ------------------------------------------------------------------ history


def _names(metric: Metric) -> Iterator[tuple[str, dict[str, str], float]]:
    """Names of the samples of a metric, a label of each, and its part of the whole."""
    if metric.kind is not Kind.HISTOGRAM:
        yield metric.sample, {}, 1.0
        return
    edges = metric.edges or EDGES_S
    for n, edge in enumerate((*edges, math.inf)):
        le = "+Inf" if edge == math.inf else f"{edge}"
        yield f"{metric.sample}_bucket", {"le": le}, min(1.0, n / len(edges) * 1.2)
    yield f"{metric.sample}_count", {}, 1.0
    yield f"{metric.sample}_sum", {}, 2.0


def _series(agents: int) -> Iterator[tuple[dict[str, str], float, float]]:
    """All series of the fleet: labels, by how much they grow a second, and what they stand at."""
    around = {"job": "agentmon", "instance": "a:9464", "service": "fleet", "region": "eu"}
    for metric in catalogue.CATALOGUE:
        found = set()
        for n in range(agents):
            of = {name: _named(name, n, agents) for name in metric.label_names if name not in _EACH}
            several = [name for name in metric.label_names if name in _EACH]
            for values in itertools.product(*(_EACH[name] for name in several)):
                found.add(tuple((of | dict(zip(several, values, strict=True))).items()))
        for labels in sorted(found):
            for name, more, part in _names(metric):
                grows = part * 0.1 if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM) else 0.0
                yield {"__name__": name, **dict(labels), **more, **around}, grows, 5.0
    yield from _recorded(agents)


def _recorded(agents: int) -> Iterator[tuple[dict[str, str], float, float]]:
    """What rules record of durations, from which percentiles are made."""
    for rates in RATES.values():
        found = {
            tuple(
                (name, _named(name, n, agents))
                for name in rates.labels
                if name not in ("service", "region")
            )
            for n in range(agents)
        }
        for labels in sorted(found):
            for name, more, part in _names(rates.metric):
                of_it = name.removeprefix(f"{rates.metric.sample}_")
                kept = {**dict(labels), **more, "service": "fleet", "region": "eu"}
                yield {"__name__": rates.name(of_it), **kept}, 0.0, part * 0.1


def _named(label: str, n: int, agents: int) -> str:
    """What the n-th of so many agents has for a label."""
    if label in _OF_AGENTS:
        return _OF_AGENTS[label].format(n if label != "target" else (n + 1) % agents)
    return f"{label}{n % _FEW.get(label, 1)}"


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # seven bits in a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(tag: int, body: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(body)) + body


def _labels(labels: dict[str, str]) -> bytes:
    return b"".join(
        _field(0x0A, _field(0x0A, name.encode()) + _field(0x12, value.encode()))
        for name, value in sorted(labels.items())
    )


def _write(url: str, agents: int, end: float) -> int:
    """A week of history, an hour at a time, as Prometheus's remote write has it."""
    every = [(_labels(labels), grows, level) for labels, grows, level in _series(agents)]
    speeds = np.array([grows for _, grows, _ in every])
    levels = np.array([level for _, _, level in every])
    per = _BATCH_S // _EVERY_S
    begin = int(end) - _DAYS * _DAY_S
    for hour in range(begin, int(end), _BATCH_S):
        times = hour + _EVERY_S * np.arange(1, per + 1)
        grown = speeds[:, None] * (times - begin + _DAY_S)[None, :]
        values = np.where(speeds[:, None] > 0, grown, levels[:, None])
        samples = np.empty((len(every), per, 18), np.uint8)
        samples[:, :, 0:3] = (0x12, 16, 0x09)
        samples[:, :, 3:11] = values.astype("<f8").view(np.uint8).reshape(len(every), per, 8)
        for n, at in enumerate(times):
            samples[:, n, 11:] = np.frombuffer(b"\x10" + _varint(int(at) * 1000), np.uint8)
        body = b"".join(
            _field(0x0A, head + samples[n].tobytes()) for n, (head, _, _) in enumerate(every)
        )
        # Snappy allows what is not compressed: one literal.
        packed = _varint(len(body)) + b"\xfc" + struct.pack("<I", len(body) - 1) + body
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        with urlopen(Request(f"{url}/api/v1/write", packed, headers)) as reply:
            if reply.status >= 300:  # what is no success
                raise RuntimeError(f"remote write: {reply.status}")
    return len(every)


@contextmanager
def history(agents: int, end: float) -> Iterator[tuple[str, int]]:
    """A Prometheus with a week of history; its URL, and how many series it has."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        configuration = folder / "prometheus.yml"
        configuration.write_text("scrape_configs: []\n")
        program = required("prometheus3")

        def command(port: int) -> list[str]:
            words = _prometheus(configuration, folder / "data", port)
            more = ("--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=30d")
            return [str(program), *words, *more]

        with _serving(command, folder / "log") as url:
            yield url, _write(url, agents, end)


# ------------------------------------------------------------------ loading


def _panels(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Panels, and whether they are seen at first."""
    for panel in board["panels"]:
        yield panel, True
        for inner in panel.get("panels", []):
            yield inner, False


def _asked(url: str, target: dict[str, Any], end: float) -> tuple[float, int]:
    """How long a query takes, and how many samples Prometheus reads for it."""
    text, step_s = target["expr"], _STEPS_S[target["points"]]
    windows = {
        "$__rate_interval": f"{step_s + _SCRAPE_S}s",
        "$__range": f"{_DAYS}d",
        "$__interval": f"{step_s}s",
    }
    for name, window in windows.items():
        text = text.replace(name, window)
    for name in ("service", "region", "team", "tier", "agent", "workflow", "model", "version"):
        text = text.replace(f"${name}", ".*")
    if target.get("instant"):
        path, asked = "query", {"time": f"{end:.0f}"}
    else:
        begin = end - _DAYS * _DAY_S
        path, asked = "query_range", {"start": f"{begin:.0f}", "end": f"{end:.0f}"}
        asked["step"] = f"{step_s}"
    begun = time.perf_counter()
    body = urlencode({"query": text, "stats": "all", **asked}).encode()
    with urlopen(Request(f"{url}/api/v1/{path}", body)) as reply:
        answer = json.load(reply)
    took = time.perf_counter() - begun
    return took, answer["data"]["stats"]["samples"]["totalQueryableSamples"]


def _loaded(
    url: str, asked: Sequence[tuple[str, dict[str, Any]]], end: float
) -> tuple[float, int, tuple[str, float]]:
    begun = time.perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda each: _asked(url, each[1], end), asked))
    took = time.perf_counter() - begun
    slowest = max(range(len(asked)), key=lambda n: answers[n][0])
    return took, sum(each[1] for each in answers), (asked[slowest][0], answers[slowest][0])


def measure(agents: int) -> tuple[int, list[Load]]:
    """How many series so many agents have, and what loading each dashboard takes."""
    end = float(int(time.time()) // _BATCH_S * _BATCH_S)
    made = [json.loads(text) for path, text in files(Objectives()).items() if path[-5:] == ".json"]
    boards = {board["uid"]: board for board in made}
    found = []
    with history(agents, end) as (url, series):
        for board in BOARDS:
            every = [
                (panel["title"], {**target, "points": panel["maxDataPoints"]}, first)
                for panel, first in _panels(boards[board.uid])
                for target in panel.get("targets", [])
            ]
            opened = [(title, target) for title, target, first in every if first]
            took, samples, slowest = _loaded(url, opened, end)
            rest, _, _ = (
                _loaded(url, [(t, e) for t, e, first in every if not first], end)
                if len(opened) < len(every)
                else (0.0, 0, ("", 0.0))
            )
            found.append(Load(board.uid, took, took + rest, samples, slowest))
            print(agents, found[-1], file=sys.stderr, flush=True)
    return series, found


def _table(measured: dict[int, tuple[int, list[Load]]]) -> str:
    head = ["dashboard"]
    for agents in measured:
        head += [f"{agents} agents", "all rows open"]
    head += ["samples read", "slowest panel"]
    lines = []
    for n, board in enumerate(BOARDS):
        line = [f"[{board.title}](dashboards/{board.uid}.md)"]
        for _, loads in measured.values():
            line += [f"{loads[n].opened_s:.2f} s", f"{loads[n].all_s:.2f} s"]
        last = list(measured.values())[-1][1][n]
        title, took = last.slowest
        lines.append([*line, f"{last.samples / 1e6:,.1f} million", f"{title}, {took:.2f} s"])
    return markdown(head, lines)


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dashboards", description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.name}")
    options = parser.parse_args()
    measured = {agents: measure(agents) for agents in options.agents}
    series = ", ".join(f"{found:,} series of {n} agents" for n, (found, _) in measured.items())
    text = f"{where()} Prometheus 3, {series}.\n\n{_table(measured)}"
    print(text)
    if options.write:
        replace(DOCUMENT, "dashboards-cost", text)


if __name__ == "__main__":
    main()
