"""A WSGI application that is set up before its server forks workers, for the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import agentmon

agentmon.configure(service="prefork", traces=os.environ["COLLECTOR"])


@agentmon.tool("measure")
def measure(path: str) -> int:
    """A tool of the agent."""
    return len(path)


@agentmon.agent("answerer")
def answer(path: str) -> str:
    """The agent; says which process it is."""
    return f"{os.getpid()} {measure(path)}"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request within the trace of its sender."""
    headers = {k[5:].replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")}
    with agentmon.received(headers):
        body = answer(environ["PATH_INFO"]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
