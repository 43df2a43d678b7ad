"""
Measure other instrumentation libraries: ``python -m tests.bench.peers``.

Each is installed into an environment of its own, below ``$AGENTMON_PEERS`` or
``~/.cache/agentmon-peers``, and kept there. What cannot be installed or run is reported as such.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.table import markdown, plain, replace, where
from tests.servers.environments import EnvironmentFailed, environment, run

_HEAD = ("library", "decorator", "× raw span, def", "async def", "µs, def", "async def", "remarks")
_RUN_SECONDS = 120

_OFFLINE = {
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "LANGFUSE_MEDIA_UPLOAD_ENABLED": "false",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_METRICS_EXPORTER": "none",
    "TRACELOOP_TELEMETRY": "false",
}


@dataclass(frozen=True)
class Peer:
    """
    A library and what it needs.

    Args:
        name: As `tests.bench.peer` knows it.
        requires: Of its environment; the first is the library. None for this environment.
        variables: Settings of its own.
        remarks: What has to be known to read its numbers.
    """

    name: str
    requires: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    remarks: str = ""

    @property
    def folder(self) -> Path:
        """Its environment."""
        root = os.environ.get("AGENTMON_PEERS") or Path.home() / ".cache" / "agentmon-peers"
        return Path(root) / self.requires[0]

    @property
    def python(self) -> Path:
        """The interpreter that has it."""
        return self.folder / "bin" / "python" if self.requires else Path(sys.executable)


_SDK = "opentelemetry-sdk"
_HTTP = "opentelemetry-exporter-otlp-proto-http"
_METRICS = "metrics only, no span"

PEERS = (
    Peer("agentmon", remarks=_METRICS),
    Peer("agentmon-spans", remarks="one span of the host's provider included"),
    Peer("autometrics", ("autometrics", _SDK), remarks=_METRICS),
    Peer("autometrics-prometheus", ("autometrics", _SDK), remarks=_METRICS),
    Peer("openlit", ("openlit", _SDK), remarks="its async span ends before the await"),
    Peer("traceloop", ("traceloop-sdk", "httpx", _SDK), remarks="imports httpx, undeclared"),
    Peer("logfire", ("logfire", _SDK)),
    Peer("agentops", ("agentops", _SDK), remarks="without a key"),
    Peer("openinference", ("openinference-instrumentation", _SDK)),
    Peer("langfuse", ("langfuse", _SDK)),
    Peer(
        "mlflow",
        ("mlflow-tracing", _HTTP, _SDK),
        (
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        ),
        "over OTLP",
    ),
)


def _install(peer: Peer) -> None:
    """Make its environment, unless it needs none but this."""
    if peer.requires:
        environment(peer.folder, peer.requires)


def _version(peer: Peer) -> str:
    library = peer.requires[0] if peer.requires else "agentmon-telemetry"
    program = f"from importlib.metadata import version; print(version({library!r}))"
    return f"{library} {run([peer.python, '-c', program], 60, {}).strip()}"


def _line(peer: Peer, rounds: int) -> tuple[str, ...]:
    """One line of the table."""
    try:
        _install(peer)
    except EnvironmentFailed as reason:
        return (peer.requires[0], "", "", "", "", "", f"not installed: {reason}")
    library = _version(peer)
    variables = {**_OFFLINE, **dict(peer.variables)}
    command = [peer.python, "-m", "tests.bench.peer", peer.name, str(rounds)]
    try:
        found = json.loads(run(command, _RUN_SECONDS, variables))
    except EnvironmentFailed as reason:
        return (library, "", "", "", "", "", f"did not run: {reason}")
    ns = found["ns"]
    refused = f"tried to reach {', '.join(found['refused'])}" if found["refused"] else ""
    return (
        library,
        found["label"],
        f"{ns['sync'] / ns['span']:.2f}",
        f"{ns['async'] / ns['async span']:.2f}",
        f"{ns['sync'] / 1e3:.1f}",
        f"{ns['async'] / 1e3:.1f}",
        "; ".join(filter(None, (peer.remarks, refused))),
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="windows of each case")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="measure these only")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a document")
    options = parser.parse_args()
    context = where(("opentelemetry-sdk",))
    lines = []
    for peer in PEERS:
        if not options.only or peer.name in options.only:
            lines.append(_line(peer, options.rounds))
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
    print(f"{context}\n\n{plain(_HEAD, lines)}")
    if options.write is not None:
        replace(options.write, "peers", f"{context}\n\n{markdown(_HEAD, lines)}")


if __name__ == "__main__":
    main()
