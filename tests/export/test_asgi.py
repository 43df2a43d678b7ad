"""The endpoint as an ASGI application: by the standard, and within FastAPI."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agentmon.export.asgi import ASGIApplication, asgi_app
from agentmon.export.respond import Endpoint, Response
from tests.export.recording import filled


@pytest.fixture
def endpoint() -> Endpoint:
    """An endpoint with calls to show."""
    return Endpoint(filled(), process_metrics=False)


def ask(application: Any, path: str, method: str = "GET") -> httpx.Response:
    """The answer of a whole application, redirects followed."""

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://host", follow_redirects=True
        ) as client:
            return await client.request(method, path)

    return asyncio.run(answer())


def run(application: ASGIApplication, scope: dict[str, Any], *received: str) -> list[Any]:
    """What the application sends in answer to messages of the given types."""
    sent: list[Any] = []
    waiting = list(received)

    async def receive() -> dict[str, Any]:
        return {"type": waiting.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent


def http(path: str, **more: Any) -> dict[str, Any]:
    """The scope of a GET with nothing optional in it."""
    return {"type": "http", "method": "GET", "path": path, "headers": [], **more}


def test_an_answer_has_two_messages(endpoint: Endpoint) -> None:
    """Start and body are sent as the standard has them, header names in small letters."""
    start, body = run(asgi_app(lambda: endpoint), http("/"))
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert (body["type"], body.get("more_body", False)) == ("http.response.body", False)
    assert b"agentmon_agent_calls_total{" in body["body"]


def test_request_headers_and_query_count(endpoint: Endpoint) -> None:
    """Headers are found whatever their case, and given twice they add up; so does the query."""
    headers = [
        (b"Accept", b"application/json"),
        (b"accept", b"application/openmetrics-text"),
        (b"accept", b"image/png"),
        (b"accept-encoding", b"gzip"),
    ]
    start, body = run(asgi_app(lambda: endpoint), http("/", headers=headers))
    assert dict(start["headers"])[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body["body"]).endswith(b"# EOF\n")
    query = b"name%5B%5D=agentmon_series"
    _, body = run(asgi_app(lambda: endpoint), http("/", query_string=query))
    assert body["body"].count(b"# TYPE") == 1


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/metrics", "/metrics", b"# HELP"),  # as the standard has it
        ("/metrics/", "/metrics", b"# HELP"),
        ("/metrics/api/status", "/metrics", b"{"),
        ("/", "/metrics", b"# HELP"),  # as some have it
        ("/api/status", "/metrics", b"{"),
        ("/metrics", "", b"# HELP"),
        ("/metricsx", "/metrics", b"There is nothing here"),
    ],
)
def test_it_can_be_mounted(endpoint: Endpoint, path: str, root_path: str, expected: bytes) -> None:
    """The path that it is mounted under is not part of what it is asked for."""
    _, body = run(asgi_app(lambda: endpoint), http(path, root_path=root_path))
    assert body["body"].startswith(expected)


def test_fastapi_serves_the_metrics(endpoint: Endpoint) -> None:
    """Mounted at ``/metrics`` it answers there, with and without a slash, and below."""
    app = FastAPI()
    app.mount("/metrics", asgi_app(lambda: endpoint))
    for path in ("/metrics", "/metrics/"):
        answer = ask(app, path)
        assert answer.status_code == 200
        assert "agentmon_agent_calls_total{" in answer.text
    assert ask(app, "/metrics/api/status").json()["operations"][0]["name"] == "triage"
    assert ask(app, "/metrics/nothing").status_code == 404
    assert ask(app, "/metrics/", "HEAD").text == ""
    assert ask(app, "/metrics/", "POST").status_code == 405


def test_fastapi_serves_the_page(endpoint: Endpoint) -> None:
    """Mounted elsewhere with ``root="page"`` it shows the page, and all the rest below it."""
    app = FastAPI()
    app.mount("/agentmon", asgi_app(lambda: endpoint, root="page"))
    assert ask(app, "/agentmon/").headers["content-type"] == "text/html; charset=utf-8"
    assert ask(app, "/agentmon/metrics").text.startswith("# HELP")
    assert ask(app, "/agentmon/hdr").text.startswith("#[Histogram log")


def test_it_can_be_the_whole_application(endpoint: Endpoint) -> None:
    """Nothing needs to be around it."""
    assert ask(asgi_app(lambda: endpoint), "/metrics").status_code == 200


def test_the_life_of_the_server_is_agreed_to() -> None:
    """Startup and shutdown are answered, and then it is over."""
    sent = run(
        asgi_app(lambda: None), {"type": "lifespan"}, "lifespan.startup", "lifespan.shutdown"
    )
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_websocket_is_refused() -> None:
    """There is nothing to talk about over a websocket."""
    sent = run(asgi_app(lambda: None), {"type": "websocket"}, "websocket.connect")
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_the_loop_goes_on_while_an_answer_is_made() -> None:
    """A slow answer is made in a thread: meanwhile the loop does other things."""
    released = threading.Event()

    class Slow:
        def respond(self, *_request: str | Mapping[str, str]) -> Response:
            assert released.wait(30)
            return Response(200, (), b"late")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def both() -> None:
        async def release() -> None:
            released.set()

        application = asgi_app(Slow)
        await asyncio.gather(application(http("/"), send, send), release())

    asyncio.run(both())
    assert sent[1]["body"] == b"late"


def test_without_an_endpoint_it_says_so() -> None:
    """Before `configure` it answers that nothing is configured."""
    start, body = run(asgi_app(lambda: None), http("/"))
    assert start["status"] == 503
    assert b"not configured" in body["body"]


def test_an_unknown_root_is_refused_at_once() -> None:
    """A mistyped root is an error where the application is made."""
    with pytest.raises(ValueError, match="root"):
        asgi_app(lambda: None, root="pages")  # type: ignore[arg-type]
