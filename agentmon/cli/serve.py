"""``agentmon serve``: the counts that processes share in a folder, on an address of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from threading import Event
from time import perf_counter_ns
from typing import TYPE_CHECKING

from agentmon.errors import AgentmonError

if TYPE_CHECKING:
    from agentmon.cli.command import Commands

__all__ = ["add"]

_PULSE_S = 1.0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    serve = commands.add_parser(
        "serve",
        help="serve the counts that processes share in a folder",
        description="Serve the metrics and the status page of all processes that share their "
        "counts in a folder, until it is stopped. The variables AGENTMON_SERVICE, AGENTMON_REGION, "
        "AGENTMON_NATIVE_HISTOGRAMS and AGENTMON_ACCESS_* apply as they do to those processes.",
        allow_abbrev=False,
    )
    serve.add_argument(
        "--dir",
        metavar="PATH",
        type=Path,
        default=os.environ.get("AGENTMON_SHARED_DIR") or None,
        help="the folder; else what AGENTMON_SHARED_DIR says",
    )
    serve.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1:9464",
        help="address to serve on (%(default)s)",
    )
    serve.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    if chosen.dir is None:
        print("agentmon serve: --dir: got nothing, allowed a folder", file=sys.stderr)
        return 2
    stopped = Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        _serve(chosen.dir, chosen.listen, stopped)
    except AgentmonError as error:
        print(f"agentmon serve: {error}", file=sys.stderr)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _serve(path: Path, address: str, stopped: Event) -> None:
    # Loaded here, because other subcommands need none of it.
    from agentmon._settings import resolve  # noqa: PLC0415
    from agentmon.export.access import Gate  # noqa: PLC0415
    from agentmon.export.respond import Endpoint  # noqa: PLC0415
    from agentmon.export.server import Server, parse_address  # noqa: PLC0415
    from agentmon.record.shared.folder import Folder  # noqa: PLC0415
    from agentmon.record.shared.member import View  # noqa: PLC0415
    from agentmon.record.shared.merged import Merged  # noqa: PLC0415

    settings = resolve(os.environ, {"serve": address, "traces": "none", "push": ()})
    folder = Folder(path)
    merged = Merged(folder, folder.layout(), perf_counter_ns, settings.max_series)
    merged.refresh()
    view = View(folder, merged)
    gate = Gate(settings.access)
    tls = None
    if settings.access is not None and settings.access.certificate is not None:
        from agentmon.export.tls import TLS  # noqa: PLC0415  # loads ssl

        tls = TLS(settings.access)
    endpoint = Endpoint(
        merged,
        service=settings.service,
        region=settings.region,
        process_metrics=False,
        gate=gate,
        native_histograms=settings.native_histograms,
    )
    server = Server(endpoint, *parse_address(settings.serve or address), gate=gate, tls=tls)
    try:
        print(f"serving {path} on {server.url}", flush=True)
        while not stopped.wait(_PULSE_S):
            view.tend()
    finally:
        server.close()
