"""The command ``agentmon``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence

from agentmon._settings.explain import explain
from agentmon._version import __version__
from agentmon.export.terminal import SORTS
from agentmon.export.top import Source, StatusError, authorization, once, status_urls, watch
from agentmon.record.window import WINDOWS

__all__ = ["main"]

_LEAST_INTERVAL_SECONDS = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        arguments: What follows its name; by default what this process was started with.

    Returns:
        The exit status: 0; 1 if there was no status to show, or if the configuration is wrong.
    """
    chosen = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode shows question marks
            stream.reconfigure(errors="replace")
    try:
        run: Callable[[argparse.Namespace], int] = chosen.run
        return run(chosen)
    except StatusError as error:
        print(f"agentmon top: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has enough; the interpreter shall not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _top(chosen: argparse.Namespace) -> int:
    source = Source(
        chosen.url,
        authorization=authorization(
            os.environ, chosen.user, chosen.password_file, chosen.token_file
        ),
        ca=chosen.ca,
        certificate=chosen.certificate,
        key=chosen.key,
        insecure=chosen.insecure,
    )
    if chosen.once or not (sys.stdout.isatty() and sys.stdin.isatty()):
        once(source, chosen.window, chosen.sort)
    else:
        watch(source, chosen.window, chosen.sort, chosen.interval)
    return 0


def _config(chosen: argparse.Namespace) -> int:
    explanation = explain(os.environ)
    if chosen.json:
        print(explanation.json())
    else:
        sys.stdout.write(explanation.text(shutil.get_terminal_size().columns))
    sys.stdout.flush()
    return 0 if explanation.well else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentmon", description="See how AI agents perform.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"agentmon {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
    entry = top.add_argument_group(
        "to be let in",
        "User, password and token can also come from the variables AGENTMON_ACCESS_USER, "
        "AGENTMON_ACCESS_PASSWORD or ..._PASSWORD_FILE, AGENTMON_ACCESS_TOKEN or ..._TOKEN_FILE.",
    )
    entry.add_argument("--user", metavar="NAME", help="user to ask as")
    entry.add_argument("--password-file", metavar="FILE", help="file with the password")
    entry.add_argument("--token-file", metavar="FILE", help="file with a token to show instead")
    entry.add_argument("--ca", metavar="FILE", help="authority that the certificate is from")
    entry.add_argument("--certificate", metavar="FILE", help="certificate to show")
    entry.add_argument("--key", metavar="FILE", help="its key, if that is in another file")
    entry.add_argument(
        "--insecure",
        action="store_true",
        help="take any certificate; who is in between can read everything",
    )
    top.set_defaults(run=_top)
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
    config.set_defaults(run=_config)
    return parser


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
