"""Real Alertmanagers on loopback, and receivers that remember what they were told."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request

from tests.servers.processes import _open, _serving, required

__all__ = ["ALERTMANAGERS", "Alertmanager", "Notification", "Sink", "alertmanager", "sink"]

ALERTMANAGERS = ("alertmanager2", "alertmanager")


@dataclass(frozen=True)
class Notification:
    """
    What a receiver was told.

    Args:
        to: The receiver: the path that was posted to.
        at: When, in epoch seconds.
        body: The payload.
    """

    to: str
    at: float
    body: Mapping[str, Any]

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts in it."""
        return list(self.body.get("alerts", ()))

    def firing(self) -> list[dict[str, str]]:
        """The labels of those that fire."""
        return [each["labels"] for each in self.alerts if each["status"] == "firing"]


@dataclass
class Sink:
    """
    Takes notifications by HTTP; a receiver is a path below its address.

    Args:
        url: Where it listens.
        notifications: What came, in order.
    """

    url: str = ""
    notifications: list[Notification] = field(default_factory=list)

    def to(self, receiver: str) -> list[Notification]:
        """What a receiver was told."""
        return [each for each in list(self.notifications) if each.to == receiver]

    def told_of(self, **labels: str) -> set[str]:
        """Who was told of a firing alert with these labels."""
        return {
            each.to
            for each in list(self.notifications)
            if any(labels.items() <= alert.items() for alert in each.firing())
        }


@contextmanager
def sink() -> Iterator[Sink]:
    """Receivers that answer 200 to everything until the block ends."""
    it = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            it.notifications.append(Notification(self.path.strip("/"), time.time(), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    it.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Alertmanager:
    """
    A running Alertmanager.

    Args:
        url: Where it listens.
    """

    url: str

    def post(self, alerts: Sequence[Mapping[str, str]], *, ended: bool = False) -> None:
        """
        Say that alerts fire, or fire no more.

        Args:
            alerts: Their labels; what begins with an underscore is an annotation.
            ended: Whether they are over.
        """
        now = datetime.now(timezone.utc).isoformat()
        body = [
            {
                "labels": {k: v for k, v in labels.items() if not k.startswith("_")},
                "annotations": {
                    k.removeprefix("_"): v for k, v in labels.items() if k.startswith("_")
                },
                **({"endsAt": now} if ended else {}),
            }
            for labels in alerts
        ]
        request = Request(
            f"{self.url}/api/v2/alerts",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        _open(request, timeout=10).close()

    def alerts(self) -> list[dict[str, Any]]:
        """What it knows of, with its state."""
        with _open(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


def quicker(configuration: Any, factor: float) -> Any:
    """
    A configuration whose intervals of grouping and repeating are shorter.

    Args:
        configuration: As `agentmon.assets.routing` makes it.
        factor: How much shorter.
    """
    if isinstance(configuration, list):
        return [quicker(each, factor) for each in configuration]
    if isinstance(configuration, dict):
        return {
            key: (
                _shorter(value, factor)
                if re.fullmatch(r"group_wait|(group|repeat)_interval", key)
                else quicker(value, factor)
            )
            for key, value in configuration.items()
        }
    return configuration


def _shorter(text: str, factor: float) -> str:
    seconds = int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
    return f"{max(round(seconds / factor * 1000), 1 if seconds else 0)}ms"


@contextmanager
def alertmanager(key: str, folder: Path) -> Iterator[Alertmanager]:
    """
    An Alertmanager that runs until the block ends.

    Args:
        key: Of `ALERTMANAGERS`.
        folder: Has its ``alertmanager.yml``; data and log are put there.
    """
    program = required(key)

    def command(port: int) -> list[str]:
        return [
            str(program),
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    with _serving(command, folder / "alertmanager.log") as url:
        yield Alertmanager(url)
