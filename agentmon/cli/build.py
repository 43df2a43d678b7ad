"""``agentmon build``: rules, alerts and their runbooks, from objectives."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentmon.errors import ConfigError

if TYPE_CHECKING:
    from agentmon.cli.command import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    build = commands.add_parser(
        "build",
        help="write rules and alerts for your objectives",
        description="Write what Prometheus and its companions load, made from objectives; without "
        "a file of objectives, from their defaults. The exit status is 1 if --check finds a file "
        "that is not as it would be written.",
        allow_abbrev=False,
    )
    build.add_argument("--objectives", metavar="FILE", type=Path, help="what you promise, as TOML")
    build.add_argument(
        "--to", metavar="DIR", type=Path, default=Path(), help="where to write (%(default)s)"
    )
    build.add_argument("--check", action="store_true", help="write nothing, say what is not fresh")
    build.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from agentmon.assets.objectives import read  # noqa: PLC0415  # few need it
    from agentmon.assets.render import render, stale, write  # noqa: PLC0415
    from agentmon.model.objectives import Objectives  # noqa: PLC0415

    try:
        objectives = Objectives() if chosen.objectives is None else read(chosen.objectives)
        files = render(objectives)
        if chosen.check:
            found = stale(files, chosen.to)
            for path in found:
                print(f"not fresh: {chosen.to / path}", file=sys.stderr)
            return 1 if found else 0
        for path in write(files, chosen.to):
            print(f"wrote {chosen.to / path}")
    except (ConfigError, OSError) as error:
        print(f"agentmon build: {error}", file=sys.stderr)
        return 2
    return 0
