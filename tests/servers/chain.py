"""
The live chain: rules in a real Prometheus, which tells a real Alertmanager, on a shortened clock.

Shortened means: every duration in the rules as they ship is divided by a factor, windows, holds and
intervals alike, and so is the number of seconds between two evaluations where a rule counts with
it. Thresholds stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from agentmon.assets import escalation, rules, scraping
from agentmon.assets.native import natively
from agentmon.model.objectives import Objectives
from tests.servers.processes import _open, _serving, required

__all__ = ["Chain", "chain", "shortened"]

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+)(ms|[smhdw])")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset \w+")


def _divided(text: str, factor: float) -> str:
    """A text whose durations are shorter."""

    def shorter(match: re.Match[str]) -> str:
        milliseconds = int(match[1]) * _SECONDS[match[2]] * 1000 / factor
        return f"{max(1, round(milliseconds))}ms" if int(match[1]) else match[0]

    return _DURATION.sub(shorter, text)


def shortened(groups: Sequence[dict[str, Any]], factor: float) -> list[dict[str, Any]]:
    """
    Groups of rules, as a rule file has them, on a clock that is so many times faster.

    Args:
        groups: They; not changed.
        factor: How many times.
    """

    def rule(told: dict[str, Any]) -> dict[str, Any]:
        text = _RANGE.sub(lambda match: _divided(match[0], factor), told["expr"])
        # The seconds from one evaluation to the next, by which a sum of rates is a count.
        text = re.sub(r"\* 60\b", f"* {60 / factor:g}", text)
        # The age of an alert.
        text = re.sub(
            r"(time\(\) - ALERTS_FOR_STATE\S*.*? > )(\d+)",
            lambda match: f"{match[1]}{int(match[2]) / factor:g}",
            text,
        )
        holds: dict[str, Any] = {
            name: _divided(told[name], factor)
            for name in ("for", "keep_firing_for")
            if name in told
        }
        return {**told, "expr": text, **holds}

    return [
        {
            **group,
            "interval": _divided(group["interval"], factor),
            "rules": [rule(each) for each in group["rules"]],
        }
        for group in groups
    ]


class Chain:
    """
    A running Prometheus with the shipped rules.

    Args:
        url: Where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str) -> Any:
        """The data of an answer of its API."""
        with _open(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series of a query now."""
        found: list[dict[str, Any]] = self.ask(f"query?query={quote(text)}")["result"]
        return found

    def firing(self) -> list[dict[str, str]]:
        """The labels of what fires."""
        return [
            each["labels"] for each in self.ask("alerts")["alerts"] if each["state"] == "firing"
        ]

    def failing(self) -> list[dict[str, Any]]:
        """The rules that cannot be worked out."""
        return [
            {name: rule[name] for name in ("name", "health", "lastError")}
            for group in self.ask("rules")["groups"]
            for rule in group["rules"]
            if rule["health"] == "err"
        ]


@contextmanager
def chain(
    key: str,
    objectives: Objectives,
    *,
    targets: Sequence[str],
    told: str,
    folder: Path,
    factor: float,
    native: bool = False,
) -> Iterator[Chain]:
    """
    A Prometheus with the rules of objectives, until the block ends.

    Args:
        key: ``prometheus2`` or ``prometheus3``.
        objectives: What is promised.
        targets: Whom it scrapes, ``host:port``.
        told: The Alertmanager that it tells, ``host:port``.
        folder: Where files are put.
        factor: How many times faster the clock of the rules is.
        native: Whether it takes native histograms, and its rules ask them.
    """
    program = required(key)
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    groups = [
        group.rendered(objectives)
        for group in (*rules.record_groups(objectives), *rules.alert_groups())
    ]
    if native:
        groups = natively(groups)
    groups += escalation.groups(objectives)
    (folder / "rules" / "all.yml").write_text(yaml.safe_dump({"groups": shortened(groups, factor)}))
    configuration = scraping.configuration(targets, alertmanager=told)
    configuration["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    configuration["scrape_configs"] = configuration["scrape_configs"][:1]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))

    def command(port: int) -> list[str]:
        return [
            str(program),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--rules.alert.resend-delay=1s",
            "--log.level=warn",
            *(["--enable-feature=native-histograms"] if native else ()),
        ]

    with _serving(command, folder / "prometheus.log") as url:
        yield Chain(url)
