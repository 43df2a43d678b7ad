"""Access and labels of the endpoint, from configure() to what a client sees."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import pytest
from prometheus_client import CollectorRegistry

import agentmon
from agentmon.errors import ConfigError
from tests.export.certificates import Authority

ROOT = Path(__file__).parents[1]
TOKEN = "t0ken"  # noqa: S105  # of a test


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test begins and ends without configuration, and without variables."""
    for name in [name for name in os.environ if name.startswith(("AGENTMON_", "OTEL_"))]:
        monkeypatch.delenv(name)
    agentmon.shutdown()
    yield
    agentmon.shutdown()


def status(path: str = "/metrics", token: str = "", authority: Authority | None = None) -> int:
    """What a client of the endpoint gets."""
    handlers: list[Any] = [ProxyHandler({})]
    if authority is not None:
        handlers.append(HTTPSHandler(context=authority.trusting()))
    request = Request(f"{agentmon.endpoint()}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with build_opener(*handlers).open(request, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_configured_credentials_are_asked_for() -> None:
    """Only who shows the token is answered; health is told to anybody."""
    agentmon.configure(
        serve="127.0.0.1:0", traces="none", access=agentmon.Access(token=TOKEN), service="s"
    )
    assert [status(), status(token="x"), status(token=TOKEN)] == [401, 401, 200]  # noqa: S106
    assert status("/-/healthy") == 200
    agentmon.configure(
        serve="127.0.0.1:0", traces="none", access=agentmon.Access(token=TOKEN), service="s"
    )
    with pytest.raises(ConfigError, match="configured already") as raised:
        agentmon.configure(
            serve="127.0.0.1:0", traces="none", access=agentmon.Access(token=TOKEN + "x")
        )
    assert TOKEN not in str(raised.value)


def test_variables_make_an_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates, token and names from the environment are in force; files are read anew."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("endpoint")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    for name, value in (("CERTIFICATE", certificate), ("KEY", key), ("TOKEN_FILE", token)):
        monkeypatch.setenv(f"AGENTMON_ACCESS_{name}", str(value))
    agentmon.configure(serve="127.0.0.1:0", traces="none")
    url = agentmon.endpoint()
    assert url is not None
    assert url.startswith("https://127.0.0.1:")
    assert status(authority=authority) == 401
    assert status(token=TOKEN, authority=authority) == 200
    token.write_text("changed")
    assert status(token=TOKEN, authority=authority) == 401
    assert status(token="changed", authority=authority) == 200  # noqa: S106


def test_no_secret_is_logged_or_served(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log nor any page holds the password or the token."""
    access = agentmon.Access(user="scraper", password="p4ssword", token=TOKEN)  # noqa: S106
    with caplog.at_level(0):
        agentmon.configure(serve="127.0.0.1:0", traces="none", access=access)
        for path in ("/", "/metrics", "/api/status", "/hdr", "/nothing"):
            request = Request(f"{agentmon.endpoint()}{path}")
            request.add_header("Authorization", f"Bearer {TOKEN}")
            try:
                with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
                    body = answer.read()
            except HTTPError as error:
                body = error.read()
            assert TOKEN.encode() not in body
            assert b"p4ssword" not in body
        status(token="wrong-one")  # noqa: S106
    for secret in (TOKEN, "p4ssword", "wrong-one"):
        assert secret not in caplog.text


def test_mounted_in_wsgi_the_same_is_asked_for() -> None:
    """A WSGI application of the host asks for the same credentials."""
    agentmon.configure(traces="none", access=agentmon.Access(token=TOKEN))
    said: list[tuple[str, list[tuple[str, str]]]] = []
    for more in ({}, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", **more}
        list(agentmon.wsgi_app()(environ, lambda *head: said.append(head)))
    assert [line for line, _ in said] == ["401 Unauthorized", "200 OK"]
    assert ("WWW-Authenticate", 'Bearer realm="agentmon"') in said[0][1]


def test_mounted_in_asgi_the_same_is_asked_for() -> None:
    """An ASGI application of the host asks for the same credentials."""
    agentmon.configure(traces="none", access=agentmon.Access(token=TOKEN))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for headers in ([], [(b"authorization", f"Bearer {TOKEN}".encode())]):
        scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": headers}
        asyncio.run(agentmon.asgi_app()(scope, None, send))  # type: ignore[arg-type]
    statuses = [message["status"] for message in sent if "status" in message]
    assert statuses == [401, 200]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_asks_for_the_same() -> None:
    """A child that mounts the endpoint asks for the credentials too, and counts for itself."""
    program = """
        import os, agentmon

        def ask(**more):
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", **more}
            heads = []
            body = b"".join(agentmon.wsgi_app()(environ, lambda *head: heads.append(head)))
            return heads[0][0][:3], [
                line for line in body.decode().splitlines() if 'reason="no_credentials"' in line
            ]

        agentmon.configure(traces="none", access=agentmon.Access(token="t"))
        assert ask()[0] == "401"
        if (child := os.fork()) == 0:
            status, _ = ask(HTTP_AUTHORIZATION="Bearer wrong")
            ok, lines = ask(HTTP_AUTHORIZATION="Bearer t")
            right = (status, ok) == ("401", "200") and lines[0].endswith(" 0")
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ask(HTTP_AUTHORIZATION="Bearer t")[1][0].endswith(" 1")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, cwd=ROOT)


def test_a_taken_address_has_a_number() -> None:
    """The error of an address that is taken is an OSError like any other."""
    import errno
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="it is in use") as raised:
            agentmon.configure(serve=f"127.0.0.1:{taken.getsockname()[1]}", traces="none")
        assert raised.value.errno == errno.EADDRINUSE


def test_a_collector_takes_the_labels_of_each_scrape() -> None:
    """A collector made before configure(), or between two, shows service and region as they are."""
    registry = CollectorRegistry()
    registry.register(agentmon.prometheus_collector())
    assert list(registry.collect()) == []
    for labels in ({"service": "a"}, {"service": "b", "region": "r"}):
        agentmon.configure(traces="none", **labels)  # type: ignore[arg-type]
        with agentmon.tool("t"):
            pass
        samples = [sample for family in registry.collect() for sample in family.samples]
        assert len(samples) > 10
        for sample in samples:
            found = {n: v for n, v in sample.labels.items() if n in ("service", "region")}
            assert found == labels
        agentmon.shutdown()
