"""The endpoint as a WSGI application, under the validator of the standard library."""

from __future__ import annotations

from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from agentmon.export.respond import Endpoint
from agentmon.export.wsgi import WSGIApplication, wsgi_app
from tests.export.recording import filled


@pytest.fixture
def endpoint() -> Endpoint:
    """An endpoint with calls to show."""
    return Endpoint(filled(), process_metrics=False)


def call(
    application: WSGIApplication, path: str, method: str = "GET", **environ: str
) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of an answer that passed the validator."""
    request: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": ""}
    request["SCRIPT_NAME"] = ""
    setup_testing_defaults(request)
    request.update(environ)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert exc_info is None
        started.append((status, headers))
        return lambda _data: None

    body = validator(application)(request, start_response)
    data = b"".join(body)
    body.close()
    ((status, headers),) = started
    return status, dict(headers), data


@pytest.mark.parametrize("path", ["", "/", "/metrics"])
def test_the_metrics_are_at_the_root(endpoint: Endpoint, path: str) -> None:
    """By default the path where it is mounted answers the metrics."""
    status, headers, body = call(wsgi_app(lambda: endpoint), path, SCRIPT_NAME="/metrics")
    assert status == "200 OK"
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert headers["Content-Length"] == str(len(body))
    assert b"agentmon_agent_calls_total{" in body


def test_the_page_can_be_at_the_root(endpoint: Endpoint) -> None:
    """With ``root="page"`` that path answers the page, and the rest is below it."""
    application = wsgi_app(lambda: endpoint, root="page")
    assert call(application, "/")[1]["Content-Type"] == "text/html; charset=utf-8"
    assert call(application, "/api/status")[1]["Content-Type"] == "application/json"


def test_request_headers_and_query_count(endpoint: Endpoint) -> None:
    """Format, compression and choice of families are up to the client."""
    _, headers, body = call(
        wsgi_app(lambda: endpoint),
        "/",
        HTTP_ACCEPT="application/openmetrics-text",
        HTTP_ACCEPT_ENCODING="gzip",
    )
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert headers["Content-Encoding"] == "gzip"
    assert body.startswith(b"\x1f\x8b")
    _, _, chosen = call(wsgi_app(lambda: endpoint), "/", QUERY_STRING="name[]=agentmon_series")
    assert chosen.count(b"# TYPE") == 1


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/nothing", "GET", "404 Not Found"),
        ("/metrics", "POST", "405 Method Not Allowed"),
        ("/metrics", "HEAD", "200 OK"),
    ],
)
def test_other_answers_pass_the_validator(
    endpoint: Endpoint, path: str, method: str, expected: str
) -> None:
    """Errors and HEAD are answers that WSGI allows."""
    status, _, body = call(wsgi_app(lambda: endpoint), path, method)
    assert status == expected
    assert (body == b"") == (method == "HEAD")


def test_without_an_endpoint_it_says_so() -> None:
    """Before `configure` it answers that nothing is configured."""
    status, _, body = call(wsgi_app(lambda: None), "/")
    assert status == "503 Service Unavailable"
    assert b"not configured" in body


def test_an_unknown_root_is_refused_at_once() -> None:
    """A mistyped root is an error where the application is made."""
    with pytest.raises(ValueError, match="root"):
        wsgi_app(lambda: None, root="pages")  # type: ignore[arg-type]
