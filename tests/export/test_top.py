"""How `agentmon top` gets in: credentials, TLS, and what it says where it does not."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from agentmon.cli import main
from agentmon.export.access import Access, Gate
from agentmon.export.respond import Endpoint, Mount, Response
from agentmon.export.server import Server
from agentmon.export.tls import TLS
from agentmon.export.top import Source, StatusError, authorization
from tests.export.certificates import Authority
from tests.export.recording import filled

Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs certificates."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def files(authority: Authority) -> dict[str, str]:
    """Certificate and key of an endpoint."""
    certificate, key = authority.issue("endpoint")
    return {"certificate": str(certificate), "key": str(key)}


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve the usual agents to those who may ask."""
    servers: list[Server] = []

    def start(**parts: object) -> Server:
        access = Access(**parts) if parts else None  # type: ignore[arg-type]
        gate = Gate(access)
        tls = TLS(access) if access is not None and access.certificate else None
        endpoint = Endpoint(filled(), process_metrics=False, gate=gate)
        servers.append(Server(endpoint, gate=gate, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def agents(source: Source) -> list[str]:
    """Names of the agents in the status."""
    return [each["name"] for each in source.fetch()["operations"]]


# ------------------------------------------------------------------ credentials


def test_credentials_come_from_options_or_variables(tmp_path: Path) -> None:
    """Options win over variables; of these a user with a password wins over a token."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xef\xbb\xbf from file\r\n")
    token = tmp_path / "token"
    token.write_text("t2\n")
    path = str(secret)

    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    by_user = {"AGENTMON_ACCESS_USER": "u", "AGENTMON_ACCESS_PASSWORD": "p"}
    by_token = {"AGENTMON_ACCESS_TOKEN": "t1"}
    by_files = {
        "AGENTMON_ACCESS_USER": "u",
        "AGENTMON_ACCESS_PASSWORD_FILE": path,
        "AGENTMON_ACCESS_TOKEN_FILE": str(token),
    }
    assert authorization({}) == ""
    assert authorization(by_user) == basic("u:p")
    assert authorization(by_token) == "Bearer t1"
    assert authorization(by_user | by_token) == basic("u:p")
    assert authorization(by_files) == basic("u:from file")
    assert authorization(by_user | by_token, token_file=str(token)) == "Bearer t2"
    assert authorization(by_user, user="other") == basic("other:p")
    assert authorization(by_user, password_file=path) == basic("u:from file")
    assert authorization({}, "ü", path) == basic("ü:from file")
    assert authorization({"AGENTMON_ACCESS_TOKEN_FILE": str(token)}) == "Bearer t2"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("u", None, None), "--password-file is missing"),
        ((None, "{secret}", None), "--user is missing"),
        ((None, None, "/nowhere/t"), "--token-file /nowhere/t: No such file"),
        (("u", "/nowhere/p", None), "--password-file /nowhere/p: No such file"),
        ((None, None, "{empty}"), "--token-file .*: it is empty"),
        ((None, None, "{secret}"), "--token-file: it holds more than a token"),
    ],
)
def test_credentials_of_no_use_are_said(
    tmp_path: Path, options: tuple[str | None, ...], words: str
) -> None:
    """What is missing or cannot be read is named by its option, without what it holds."""
    for name, content in (("secret", "gehäim\nnis"), ("empty", " ")):
        (tmp_path / name).write_text(content)
    chosen = [
        each and each.format(secret=tmp_path / "secret", empty=tmp_path / "empty")
        for each in options
    ]
    with pytest.raises(StatusError, match=words) as raised:
        authorization({}, *chosen)
    assert "geh" not in str(raised.value)


def test_a_user_in_the_address_is_refused() -> None:
    """A password on the command line is seen by others; the message does not repeat it."""
    with pytest.raises(ValueError, match="allowed --user and --password-file") as raised:
        Source("http://u:geheim@host:1")
    assert "geheim" not in str(raised.value)


def test_the_command_gets_in(  # noqa: PLR0917  # they are fixtures
    serve: Serve,
    authority: Authority,
    files: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By options and by variables, through TLS and with a certificate, the status is shown."""
    server = serve(**files, client_ca=authority.path, user="u", password="pä ss", token="t")  # noqa: S106
    own, key = authority.issue("own", "me@example.org")
    (tmp_path / "password").write_text("pä ss\n")
    (tmp_path / "token").write_text("t\n")
    tls = ("--ca", str(authority.path), "--certificate", str(own), "--key", str(key))
    for options in (
        (*tls, "--user", "u", "--password-file", str(tmp_path / "password")),
        (*tls, "--token-file", str(tmp_path / "token")),
        (*tls[2:], "--insecure", "--token-file", str(tmp_path / "token")),
    ):
        assert main(["top", f"{server.url}/metrics", "--once", *options]) == 0
        assert "triage" in capsys.readouterr().out
    monkeypatch.setenv("AGENTMON_ACCESS_TOKEN_FILE", str(tmp_path / "token"))
    assert main(["top", server.url, "--once", *tls]) == 0
    assert main(["top", server.url, "--once", *tls, "--user", "u"]) == 1
    assert "--password-file is missing" in capsys.readouterr().err


# ------------------------------------------------------------------ what is said


def test_who_is_not_let_in_is_told_why(
    serve: Serve, authority: Authority, files: dict[str, str], tmp_path: Path
) -> None:
    """Each way of not getting in has a message that says what to do."""
    token, tls = serve(token="t").url, serve(**files).url  # noqa: S106
    asking = serve(**files, client_ca=authority.path).url
    certificate, key = authority.issue("elsewhere", "elsewhere.example")
    elsewhere = serve(certificate=certificate, key=key).url
    trusted = {"ca": str(authority.path)}
    stranger = Authority(tmp_path).issue("stranger", "x@example.org")
    strange = {"certificate": str(stranger[0]), "key": str(stranger[1])}
    for make, words in (
        (lambda: Source(token), "answered 401 .*: it asks who you are; give --user and"),
        (
            lambda: Source(token, authorization="Bearer x"),
            "answered 401 .*: it does not take this user and password, or token",
        ),
        (lambda: Source(tls.replace("https", "http")), "answered 400 .*TLS. Ask by https"),
        (lambda: Source(token.replace("http", "https")), "does not speak TLS; ask by http://"),
        (lambda: Source(tls), r"certificate that is not trusted \(.*\); name .* by --ca"),
        (
            lambda: Source(elsewhere, **trusted),
            "certificate that is not trusted .*127.0.0.1",
        ),
        (lambda: Source(asking, **trusted), "asks for a certificate; give --certificate"),
        (lambda: Source(asking, **trusted, **strange), "does not take this certificate"),
        (lambda: Source(tls, ca="/nowhere"), "--ca /nowhere: No such file"),
        (lambda: Source(tls, ca=files["key"]), "--ca .*: of no use"),
        (lambda: Source(tls, certificate="/nowhere"), "--certificate /nowhere: No such file"),
        (
            lambda: Source(tls, certificate=files["certificate"], key=str(stranger[1])),
            "--certificate .*, --key .*: of no use: key values mismatch",
        ),
    ):
        with pytest.raises(StatusError, match=words):
            make().fetch()


def test_a_name_that_is_not_its_own_is_said(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the endpoint does not answer to a name, the ones that it answers to are told."""
    find = socket.getaddrinfo

    def finding(host: str, *arguments: object, **options: object) -> object:
        return find("127.0.0.1" if host == "box.example" else host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", finding)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(StatusError, match=r"answered 403 .*: ask by localhost or by its address"):
        Source(f"box.example:{serve().port}").fetch()


def test_a_foreign_server_of_tls_is_guessed() -> None:
    """What answers plain HTTP with an alert of TLS is taken for what it is."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(4096)
                sock.sendall(b"\x15\x03\x01\x00\x02\x02\x46\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(StatusError, match=r"does it speak TLS. Ask by https://"):
            Source(f"127.0.0.1:{listener.getsockname()[1]}").fetch()
        thread.join(30)


# ------------------------------------------------------------------ where it is


class Leading:
    """Leads every request on to another address."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.shown: list[str] = []

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """Lead on."""
        self.shown.append(headers.get("authorization", ""))
        there = (("Location", f"{self.to}{path}"), ("Content-Length", "0"))
        return Response(302, there, b"")


def test_credentials_are_not_carried_on(serve: Serve) -> None:
    """Where an address leads on to another, that one is not shown what was meant for the first."""
    server = serve(token="t")  # noqa: S106
    leading = Leading(server.url)
    first = Server(leading)
    with pytest.raises(StatusError, match="answered 401"):
        Source(first.url, authorization="Bearer t").fetch()
    assert leading.shown == ["Bearer t"]
    first.close()


def test_what_prometheus_asks_leads_to_the_status(serve: Serve) -> None:
    """An address that ends in /metrics is that of the server, or of an application of the host."""
    assert agents(Source(f"{serve().url}/metrics")) == ["triage"]
    endpoint = Endpoint(filled(), process_metrics=False)
    mount = Mount(lambda: endpoint)
    asked: list[str] = []

    class Host:
        def respond(
            self, method: str, path: str, query: str, headers: Mapping[str, str]
        ) -> Response:
            asked.append(path)
            if path.startswith("/ops/metrics"):
                return mount.respond(method, path.removeprefix("/ops/metrics"), query, headers)
            return replace(endpoint.respond("GET", "/-/healthy", "", {}), status=404)

    host = Server(Host())
    source = Source(f"{host.url}/ops/metrics")
    assert agents(source) == agents(source) == ["triage"]
    assert asked == ["/ops/metrics/api/status"] * 2
    host.close()


def test_the_place_that_was_found_is_remembered(serve: Serve) -> None:
    """After the first answer only one place is asked."""
    source = Source(f"{serve().url}/metrics")
    assert re.search(r"/metrics/api/status$", source.url)
    agents(source)
    assert re.search(r"[0-9]/api/status$", source.url)
    agents(source)
