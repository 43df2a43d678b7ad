"""
The history on real servers: backfilled, and the recording rules replayed level by level.

A rule that reads what other rules record is replayed when these are there; `promtool tsdb
create-blocks-from rules` knows one level only, so the expressions are evaluated by the server
itself over the range and its answers are backfilled.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from agentmon.assets import rules
from agentmon.assets.rules.rule import Record
from agentmon.model.objectives import Objectives
from tests.history.fleet import Fleet
from tests.history.written import DAYS, EVERY_S, HALF_HOUR_S, lines, told
from tests.servers.processes import (
    Scraper,
    _prometheus,
    _serving,
    _victoriametrics,
    required,
)

__all__ = ["Served", "levels", "prometheus", "served", "victoriametrics"]

#: The last hours are replayed each minute, as they would be; before, each half-hour.
_LAST_S: Final = 6 * 3600
_DAY_S: Final = 86_400
_SCRAPE: Final = "scrape_configs: []\n"


@dataclass(frozen=True)
class Served:
    """
    Servers that hold the history.

    Args:
        fleet: What is true.
        scrapers: The servers, by their keys.
        empty: A Prometheus without any data.
    """

    fleet: Fleet
    scrapers: dict[str, Scraper]
    empty: Scraper


def levels() -> list[list[Record]]:
    """The recording rules: those of a level read only what is scraped, and levels before it."""
    left = [
        rule
        for group in rules.record_groups(Objectives())
        for rule in group.rules
        if isinstance(rule, Record)
    ]
    found = []
    while left:
        names = {rule.name for rule in left}
        ready = [rule for rule in left if not any(name in rule.expression.text for name in names)]
        assert ready, f"rules that read each other: {sorted(names)}"
        found.append(ready)
        left = [rule for rule in left if rule not in ready]
    return found


def _backfill(text: Path, data: Path) -> None:
    command = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1500h", "-q"]
    run = subprocess.run(
        [required("promtool3"), *command, text, data], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@contextmanager
def prometheus(folder: Path, name: str = "data") -> Iterator[Scraper]:
    """A Prometheus 3 with what is in *folder*, that scrapes nothing."""
    configuration = folder / "prometheus.yml"
    configuration.write_text(_SCRAPE)
    program = required("prometheus3")

    def command(port: int) -> list[str]:
        kept = "--storage.tsdb.retention.time=100d"
        return [str(program), *_prometheus(configuration, folder / name, port), kept]

    with _serving(command, folder / "log") as url:
        yield Scraper("prometheus3", url, ())


@contextmanager
def victoriametrics(folder: Path, texts: Iterable[Path]) -> Iterator[Scraper]:
    """A VictoriaMetrics that has read the texts."""
    configuration = folder / "none.yml"
    configuration.write_text(_SCRAPE)
    program = required("victoriametrics")

    def command(port: int) -> list[str]:
        words = _victoriametrics(configuration, folder / "vm", port)
        return [str(program), *words, "-retentionPeriod=100d"]

    with _serving(command, folder / "vm.log") as url:
        for text in texts:
            with text.open("rb") as body:
                told = {"Content-Length": str(text.stat().st_size)}
                request = Request(f"{url}/api/v1/import/prometheus", body, told)
                with urlopen(request) as reply:
                    assert reply.status == 204
        yield Scraper("victoriametrics", url, ())


def _replayed(server: Scraper, rule: Record, end: float) -> Iterator[str]:
    before = server.range(
        rule.expression.text,
        start=end - DAYS * _DAY_S,
        end=end - _LAST_S - 1,
        step_s=HALF_HOUR_S,
    )
    last = server.range(rule.expression.text, start=end - _LAST_S, end=end, step_s=EVERY_S)
    points: dict[str, list[tuple[float, float]]] = {}
    for sample in (*before, *last):
        labels = {k: v for k, v in sample.labels.items() if k != "__name__"} | dict(rule.labels)
        spelled = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        points.setdefault(spelled, []).extend(sample.points)
    for spelled, each in points.items():
        yield from told(rule.name, spelled, each)


def _written(path: Path, text: Iterable[str]) -> Path:
    with path.open("w") as file:
        file.writelines(text)
        file.write("# EOF\n")
    return path


@contextmanager
def served(folder: Path, end: float) -> Iterator[Served]:
    """The history that ends at *end*, a whole half-hour, on Prometheus 3 and VictoriaMetrics."""
    fleet = Fleet.until(end)
    texts = [_written(folder / "raw.txt", lines(fleet))]
    _backfill(texts[0], folder / "data")
    for n, level in enumerate(levels()):
        with prometheus(folder) as server:
            replayed = (line for rule in level for line in _replayed(server, rule, end))
            texts.append(_written(folder / f"level{n}.txt", replayed))
        _backfill(texts[-1], folder / "data")
    empty = folder / "empty"
    empty.mkdir()
    with (
        prometheus(folder) as full,
        victoriametrics(folder, texts) as other,
        prometheus(empty) as nothing,
    ):
        yield Served(fleet, {full.key: full, other.key: other}, nothing)
