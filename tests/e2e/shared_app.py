"""
A web application whose workers share their counts, as WSGI and as ASGI, for the tests.

Each request is an agent's call that uses a tool. ``/fail`` fails; ``/die`` is a worker that is
killed in the midst of a call, after a tool's call has ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import agentmon

agentmon.configure(service="shared", traces="none", failure_logs=False)


@agentmon.tool("measure")
def measure(path: str) -> int:
    """A tool of the agent."""
    return len(path)


@agentmon.agent("answerer")
def answer(path: str) -> str:
    """The agent."""
    n = measure(path)
    if path == "/fail":
        raise LookupError(path)
    if path == "/die":
        with Path(os.environ["DEATHS"]).open("ab") as deaths:
            deaths.write(b"x")
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{os.getpid()} {n}"


def _answered(path: str) -> tuple[int, bytes]:
    try:
        return 200, answer(path).encode()
    except LookupError:
        return 500, b"failed"


_metrics = agentmon.wsgi_app()


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    if environ["PATH_INFO"] == "/metrics":
        return _metrics(environ, start_response)
    status, body = _answered(environ["PATH_INFO"])
    start_response(f"{status} X", [("Content-Length", str(len(body)))])
    return [body]


_asgi_metrics = agentmon.asgi_app()


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Answer one request."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/metrics":
        await _asgi_metrics(scope, receive, send)
        return
    status, body = _answered(scope["path"])
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})
