"""``agentmon top``: the agents of a running process in the terminal."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from agentmon.cli.entry import add_entry, authorization_of
from agentmon.export.terminal import SORTS
from agentmon.export.top import Source, StatusError, once, status_urls, watch
from agentmon.record.window import WINDOWS

if TYPE_CHECKING:
    from agentmon.cli.command import Commands

__all__ = ["add"]

_LEAST_INTERVAL_SECONDS = 0.2


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    top = commands.add_parser(
        "top",
        help="show the agents of a running process in the terminal",
        description="Show the agents of a running process, live. Keys: 1, 5, h choose the window, "
        "s the order, q quits. Where the output is no terminal it is written once.",
        allow_abbrev=False,
    )
    top.add_argument(
        "url",
        metavar="URL",
        type=_address,
        help="where the process serves, such as 127.0.0.1:9464, 9464 or https://host:9464/metrics",
    )
    top.add_argument(
        "--window", choices=list(WINDOWS), default="5m", help="what to look back over (%(default)s)"
    )
    top.add_argument(
        "--sort", choices=list(SORTS), default="traffic", help="order of the rows (%(default)s)"
    )
    top.add_argument("--once", action="store_true", help="write the status once and exit")
    top.add_argument(
        "--interval",
        type=_interval,
        default=2.0,
        metavar="SECONDS",
        help="how often to ask (%(default)g)",
    )
    add_entry(top)
    top.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    try:
        _show(chosen)
    except StatusError as error:
        print(f"agentmon top: {error}", file=sys.stderr)
        return 1
    return 0


def _show(chosen: argparse.Namespace) -> None:
    source = Source(
        chosen.url,
        authorization=authorization_of(chosen),
        ca=chosen.ca,
        certificate=chosen.certificate,
        key=chosen.key,
        insecure=chosen.insecure,
    )
    if chosen.once or not (sys.stdout.isatty() and sys.stdin.isatty()):
        once(source, chosen.window, chosen.sort)
    else:
        watch(source, chosen.window, chosen.sort, chosen.interval)


def _address(text: str) -> str:
    try:
        status_urls(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _LEAST_INTERVAL_SECONDS <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, allowed {_LEAST_INTERVAL_SECONDS} seconds or more"
        )
    return seconds
