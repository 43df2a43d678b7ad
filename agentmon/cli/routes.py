"""``agentmon routes explain``: who is told of an alert, when, and why."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from agentmon.errors import ConfigError

if TYPE_CHECKING:
    from agentmon.cli.command import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    routes = commands.add_parser("routes", help="say who is told of an alert", allow_abbrev=False)
    what = routes.add_subparsers(required=True, metavar="COMMAND")
    explain = what.add_parser(
        "explain",
        help="say who is told of an alert, when, and why",
        description="Walk the routes that `agentmon build` makes, as Alertmanager does.",
        allow_abbrev=False,
    )
    explain.add_argument(
        "labels",
        nargs="+",
        metavar="LABEL=VALUE",
        help="labels of the alert, such as severity=critical team=support region=eu",
    )
    explain.add_argument(
        "--objectives", metavar="FILE", type=Path, help="what you promise, as TOML"
    )
    explain.add_argument(
        "--at", metavar="TIME", help="such as 2026-01-31T12:00+01:00; UTC if it does not say"
    )
    explain.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from agentmon.assets.objectives import read  # noqa: PLC0415  # few need it
    from agentmon.assets.told import walk  # noqa: PLC0415
    from agentmon.model.objectives import Objectives  # noqa: PLC0415

    try:
        objectives = Objectives() if chosen.objectives is None else read(chosen.objectives)
        labels = _labels(chosen.labels)
        at = _moment(chosen.at)
    except ConfigError as error:
        print(f"agentmon routes: {error}", file=sys.stderr)
        return 2
    print(f"At {at:%A %Y-%m-%d %H:%M %Z}:")
    for told in walk(objectives, labels, at):
        again = f", again every {told.repeat}" if told.now else ""
        print(
            f"\n{told.receiver}: {'is told' + again if told.now else 'is not told: ' + told.silent}"
        )
        for depth, why in enumerate(told.why[1:] or told.why):
            print(f"{'  ' * (depth + 1)}{why}")
    return 0


def _labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise ConfigError(f"labels: got {each!r}, allowed LABEL=VALUE")
        labels[name] = value.strip('"')
    return labels


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(timezone.utc)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ConfigError(f"--at: got {text!r}, allowed such as 2026-01-31T12:00+01:00") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
