"""Pushing by HTTP: what options may be, who one says to be, and what an answer means."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agentmon.errors import ConfigError
from agentmon.export.otlp.answer import Answer
from agentmon.export.push.pushgateway import Gateway, Pushgateway
from agentmon.export.push.remote_write import Receiver, RemoteWrite
from tests.export.otlp import certificates
from tests.export.push.exposed import ORIGIN, moment

SECRET = "hunter2"  # noqa: S105  # it is none
WAYS: list[Callable[..., Any]] = [Pushgateway, RemoteWrite]


@dataclass
class Server:
    """
    What takes pushes.

    Args:
        url: Where it listens.
        status: What it answers.
        headers: Sent along.
        body: Likewise.
        asked: Method, path and headers of each request, with names in lower case.
    """

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers as it is told."""
    with serving() as one:
        yield one


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers as it is told, over TLS if that is given."""
    one = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            one.asked.append((self.command, self.path, headers))
            self.send_response(one.status)
            for name, value in {**one.headers, "content-length": str(len(one.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(one.body)

        do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # as the library calls them

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    one.url = f"http{'s' if tls else ''}://127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    yield one
    http.shutdown()
    thread.join()
    http.server_close()


def pushed(options: Any) -> Answer:
    """What becomes of the first piece of a push."""
    target = (Gateway if isinstance(options, Pushgateway) else Receiver)(options, ORIGIN)
    try:
        return next(iter(target.prepare(moment())))(10.0)
    finally:
        target.close()


def basic(login: str) -> str:
    """The header of basic authentication."""
    return f"Basic {base64.b64encode(login.encode()).decode()}"


# ---------------------------------------------------------------------- who one says to be


@pytest.mark.parametrize("way", WAYS)
def test_credentials_are_shown(way: Callable[..., Any], server: Server, tmp_path: Path) -> None:
    """User and password, token, header or a login in the address arrive; files are read too."""
    (tmp_path / "password").write_text("pässword\n")
    (tmp_path / "token").write_text(" t.ok-en== \n")
    login = server.url.replace("//", "//us%20er:p%40ss@")
    for options, wanted in (
        (way(server.url), None),
        (way(server.url, user="u", password="p:w"), basic("u:p:w")),  # noqa: S106  # it is none
        (way(server.url, user="u"), basic("u:")),
        (way(server.url, user="u", password_file=tmp_path / "password"), basic("u:pässword")),
        (way(server.url, token="abc"), "Bearer abc"),  # noqa: S106  # it is none
        (way(server.url, token_file=tmp_path / "token"), "Bearer t.ok-en=="),
        (way(server.url, headers={"Authorization": "Own x"}), "Own x"),
        (way(login), basic("us er:p@ss")),
    ):
        assert pushed(options) == Answer("accepted")
        assert server.asked[-1][2].get("authorization") == wanted


def test_a_secret_may_change(server: Server, tmp_path: Path) -> None:
    """The file of a token is read for each push; one that is gone is a failure that says so."""
    file = tmp_path / "token"
    file.write_text("one")
    target = Gateway(Pushgateway(server.url, token_file=file), ORIGIN)

    def answer() -> Answer:
        return next(target.prepare(moment()))(10.0)

    assert answer().verdict == "accepted"
    file.write_text("two")
    assert answer().verdict == "accepted"
    assert [headers["authorization"] for _, _, headers in server.asked] == [
        "Bearer one",
        "Bearer two",
    ]
    file.write_text(f"{SECRET} \x07 {SECRET}")
    assert answer().verdict == "failed"
    assert SECRET not in answer().message
    file.unlink()
    assert answer() == Answer(
        "failed", f"token_file: cannot read {str(file)!r}: No such file or directory"
    )
    target.close()


@pytest.mark.parametrize("way", WAYS)
def test_nothing_secret_is_shown(way: Callable[..., Any], tmp_path: Path) -> None:
    """No representation, text or message of options holds a password, token, header or query."""
    for options in (
        way(f"http://u:{SECRET}@h/?k={SECRET}"),
        way("http://h", user="u", password=SECRET),
        way("http://h", token=SECRET),
        way("http://h", headers={"x": SECRET}),
    ):
        assert SECRET not in f"{options!r} {options}"
    (tmp_path / "f").write_text(f"{SECRET} {SECRET}")
    for arguments in (
        {"url": f"smtp://u:{SECRET}@h/?k={SECRET}"},
        {"url": f"http://u:{SECRET}@h", "token": SECRET},
        {"url": "http://h", "token": f"{SECRET} "},
        {"url": "http://h", "token_file": tmp_path / "f"},
        {"url": "http://h", "user": "u", "password": f"{SECRET}\n"},
        {"url": "http://h", "headers": {"x": f"{SECRET}\n"}},
    ):
        with pytest.raises(ConfigError) as caught:
            way(**arguments)
        assert SECRET not in str(caught.value), arguments
        assert caught.value.__cause__ is None


def test_a_server_that_repeats_a_secret_is_not_quoted(server: Server) -> None:
    """What an answer says is shown, unless a secret is in it."""
    server.status, server.body = 400, b"no such\n thing"
    assert pushed(Pushgateway(server.url)).message == "status 400 (Bad Request): no such thing"
    for options, body in (
        (Pushgateway(server.url, token=SECRET), f"got Bearer {SECRET}"),
        (Pushgateway(server.url, user="u", password=SECRET), f"got u and {SECRET}"),
        (Pushgateway(server.url, user="u", password=SECRET), basic(f"u:{SECRET}")),
        (Pushgateway(server.url, headers={"x-key": SECRET}), f"got {SECRET}"),
    ):
        server.body = body.encode()
        assert pushed(options).message == "status 400 (Bad Request)"


@pytest.mark.parametrize("way", WAYS)
def test_tls_with_certificates_of_ones_own(way: Callable[..., Any], tmp_path: Path) -> None:
    """With the authority's certificate and one's own, TLS works both ways; without, it does not."""
    made = certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.server_key)
    context.load_verify_locations(made.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    shown = {"client_certificate": made.client, "client_key": made.client_key}
    with serving(context) as server:
        for options, verdict in (
            ({"certificate": made.ca, **shown}, "accepted"),
            ({"certificate": made.ca}, "retry"),
            (shown, "retry"),
        ):
            assert pushed(way(server.url, **options)).verdict == verdict
        assert len(server.asked) == 1


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, "accepted") for status in (200, 202, 204)),
        *((status, "failed") for status in (301, 307, 400, 401, 404, 413)),
        *((status, "retry") for status in (429, 500, 502, 503, 504)),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_what_an_answer_means(
    way: Callable[..., Any], server: Server, status: int, verdict: str
) -> None:
    """2xx is accepted; 429 and 5xx may go well later, all else never will."""
    server.status = status
    server.headers = {"location": f"{server.url}/elsewhere"}
    assert pushed(way(server.url)).verdict == verdict
    assert len(server.asked) == 1


def test_a_server_may_say_when_to_come_back(server: Server) -> None:
    """Retry-After is passed on."""
    server.status, server.headers = 429, {"retry-after": "17"}
    assert pushed(RemoteWrite(server.url)).after_seconds == 17


def test_remote_write_says_what_it_is(server: Server) -> None:
    """The headers are those that the specification asks for, and one's own come on top."""
    options = RemoteWrite(f"{server.url}/api/v1/write?a=b", headers={"X-Scope-OrgID": "us"})
    assert pushed(options).verdict == "accepted"
    ((method, path, headers),) = server.asked
    assert (method, path) == ("POST", "/api/v1/write?a=b")
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == "snappy"
    assert headers["x-prometheus-remote-write-version"] == "0.1.0"
    assert headers["user-agent"].startswith("agentmon/")
    assert headers["x-scope-orgid"] == "us"


def test_a_pushgateway_may_be_below_a_path(server: Server) -> None:
    """A path and a query of the address are kept around that of the group."""
    pushed(Pushgateway(f"{server.url}/gw/?a=b", job="j", grouping={"shard": "a/b"}))
    pushed(Pushgateway(server.url, job="j", replace=False))
    assert [asked[:2] for asked in server.asked] == [
        ("PUT", "/gw/metrics/job/j/shard@base64/YS9i?a=b"),
        ("POST", "/metrics/job/j"),
    ]


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "gw:9091"}, "url: got 'gw:9091', allowed http:// or https:// with a host"),
        ({"url": "http://"}, "url: got 'http://', allowed"),
        ({"url": "http://a b"}, "url: got 'http://a b', allowed"),
        ({"url": "http://h:port"}, "url: got 'http://h:port', allowed"),
        ({"url": 5}, "url: got 5, allowed"),
        ({"every": 0}, "every: got 0, allowed None or seconds above 0"),
        ({"every": float("inf")}, "every: got inf, allowed None or seconds above 0"),
        ({"timeout": 0}, "timeout: got 0, allowed seconds above 0"),
        ({"timeout": "5"}, "timeout: got '5', allowed seconds above 0"),
        ({"timeout": True}, "timeout: got True, allowed seconds above 0"),
        ({"headers": 5}, "headers: got no mapping, allowed names and texts"),
        ({"headers": {"a b": "c"}}, "headers: got 'a b', allowed names of HTTP headers"),
        ({"headers": {"a": 5}}, "headers: got a value of a that is no text of HTTP, allowed"),
        ({"user": "a:b"}, "user: got 'a:b', allowed printable characters without a colon"),
        ({"user": 5}, "user: got 5, allowed printable characters without a colon"),
        ({"password": "p"}, "got a password without user, allowed both or none"),
        ({"user": "u", "password": 5}, "the password is no text"),
        (
            {"user": "u", "password": "p", "password_file": __file__},
            "got password and password_file, allowed one of them",
        ),
        ({"token": "t", "token_file": __file__}, "got token and token_file, allowed one of them"),
        ({"user": "u", "token": "t"}, "got a user and a token, allowed one of them"),
        (
            {"token": "t", "headers": {"Authorization": "x"}},
            "got a token and the header authorization, allowed one of them",
        ),
        ({"url": "http://u:p@h", "user": "v"}, "got a login in the address and another one"),
        ({"token": ""}, "the token holds other characters than"),
        ({"token_file": "/none"}, "token_file: got '/none', allowed a file that exists"),
        ({"token_file": "/"}, "token_file: got '/', allowed a file that exists"),
        ({"certificate": "/none"}, "certificate: got '/none', allowed a file that exists"),
        ({"client_key": __file__}, "got client_key without client_certificate, allowed both or"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_options_that_cannot_be_used(
    way: Callable[..., Any], arguments: dict[str, Any], message: str
) -> None:
    """What cannot be used is refused when it is said: what, got, allowed."""
    with pytest.raises(ConfigError) as caught:
        way(**{"url": "http://h", **arguments})
    assert str(caught.value).startswith(f"{way.__name__}: {message}")


@pytest.mark.parametrize("name", ["job", "agent", "le", "__x", "a-b", "", 5])
def test_labels_that_cannot_be_given(name: Any) -> None:
    """A label of the group or run must be a name of a label that no sample has already."""
    with pytest.raises(ConfigError, match=r"^Pushgateway: grouping: got .*, allowed names"):
        Pushgateway("http://h", grouping={name: "x"})
    if name != "job":
        with pytest.raises(ConfigError, match=r"^RemoteWrite: labels: got .*, allowed names"):
            RemoteWrite("http://h", labels={name: "x"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pushgateway("http://h", job=""), "Pushgateway: job: got '', allowed text"),
        (lambda: Pushgateway("http://h", job=5), "Pushgateway: job: got 5, allowed text"),
        (lambda: Pushgateway("http://h", grouping=5), "Pushgateway: grouping: got 5, allowed"),
        (lambda: Pushgateway("http://h", grouping={"a": 5}), "Pushgateway: grouping: a: got 5"),
        (lambda: Pushgateway("http://h", replace=1), "Pushgateway: replace: got 1, allowed True"),
        (lambda: Pushgateway("http://h", remove=None), "Pushgateway: remove: got None, allowed"),
        (lambda: RemoteWrite("http://h", labels={"service": "s"}), "RemoteWrite: labels: got"),
        (lambda: RemoteWrite("http://h", labels=["a"]), "RemoteWrite: labels: got ['a'], allowed"),
    ],
)
def test_more_options_that_cannot_be_used(make: Callable[[], Any], message: str) -> None:
    """What cannot be used is refused when it is said: what, got, allowed."""
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("way", WAYS)
def test_options_that_are_equal_are_the_same_settings(way: Callable[..., Any]) -> None:
    """Equal options compare equal and have one hash, whatever becomes of what was given."""
    name = "grouping" if way is Pushgateway else "labels"
    headers, labels = {"a": "b"}, {"shard": "1"}
    one = way("http://h", headers=headers, **{name: labels})
    headers["a"] = labels["shard"] = "2"
    same = way("http://h", headers={"a": "b"}, **{name: {"shard": "1"}})
    assert one == same
    assert hash(one) == hash(same)
    assert one != way("http://h", headers={"a": "b"}, **{name: {"shard": "2"}})
