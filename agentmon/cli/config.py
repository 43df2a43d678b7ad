"""``agentmon config``: what the environment says, and what is wrong with it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TYPE_CHECKING

from agentmon._settings.explain import explain

if TYPE_CHECKING:
    from agentmon.cli.command import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    config = commands.add_parser(
        "config",
        help="show what the environment says, and what is wrong with it",
        description="Show the value of every setting in this environment and where it comes from. "
        "Arguments that a program gives to configure() win over it, and cannot be seen here. "
        "Secrets are not shown. The exit status is 1 if a value cannot be used or a variable is "
        "not known.",
        allow_abbrev=False,
    )
    config.add_argument("--json", action="store_true", help="write it as JSON")
    config.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    explanation = explain(os.environ)
    if chosen.json:
        print(explanation.json())
    else:
        sys.stdout.write(explanation.text(shutil.get_terminal_size().columns))
    sys.stdout.flush()
    return 0 if explanation.well else 1
