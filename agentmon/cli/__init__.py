"""The command ``agentmon``; each of its subcommands has a module of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from agentmon._version import __version__
from agentmon.cli import ask, build, collect, config, routes, run, serve, top

__all__ = ["main"]

_COMMANDS = (run, top, serve, ask, collect, config, build, routes)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        arguments: What follows its name; by default what this process was started with.

    Returns:
        The exit status: 0; 1 if what was asked for could not be had or is not well; 2 if the
        arguments cannot be used.
    """
    chosen = _parser().parse_args(arguments)
    do: Callable[[argparse.Namespace], int] = chosen.run
    if do is run.start:  # nothing of ours stands around somebody else's program
        return do(chosen)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode shows question marks
            stream.reconfigure(errors="replace")
    try:
        return do(chosen)
    except BrokenPipeError:
        # Whoever read the output has enough; the interpreter shall not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentmon", description="See how AI agents perform.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"agentmon {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add(commands)
    return parser
