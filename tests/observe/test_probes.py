"""What probes ask, wherever the endpoint is mounted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

import agentmon
from agentmon.observe.health import CHECKS
from tests.servers.processes import wait_until


@pytest.fixture(autouse=True)
def failing() -> Iterator[None]:
    """Recording, without a server of its own, and with one check that fails."""
    CHECKS.clear()
    agentmon.health_check("search", interval=0.01, failures=1)(lambda: False)
    agentmon.configure(traces="none")
    yield
    agentmon.shutdown()
    CHECKS.clear()


def by_wsgi(path: str) -> tuple[int, Any]:
    """Ask the application as a WSGI server does."""
    said: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    body = b"".join(agentmon.wsgi_app()(environ, lambda status, _headers: said.append(status)))
    return int(said[0].split()[0]), json.loads(body)


def by_asgi(path: str) -> tuple[int, Any]:
    """Ask the application as an ASGI server does."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(agentmon.asgi_app()(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize("ask", [by_wsgi, by_asgi])
def test_mounted_in_an_application_it_answers_too(ask: Any) -> None:
    """Below the mount of either kind are both paths, for the process that answers."""
    wait_until(lambda: ask("/readyz")[1]["failing"] == ["search"], timeout_s=30, what="failing")
    assert ask("/readyz")[0] == 503
    assert ask("/healthz") == (200, {"status": "alive", "failing": []})
