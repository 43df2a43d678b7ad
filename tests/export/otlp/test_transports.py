"""The ways to a collector: HTTP and gRPC against a real one."""

from __future__ import annotations

import os
import socket
import time
from threading import Thread
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY

from agentmon.export.otlp import common, spans
from agentmon.export.otlp.answer import Answer, Transport
from agentmon.export.otlp.destination import destination
from agentmon.export.otlp.sender import transport
from tests.export.otlp.certificates import Certificates
from tests.export.otlp.test_spans import made
from tests.servers import otlp
from tests.servers.otlp import Collector
from tests.servers.processes import free_port

PROTOCOLS = ("http", "grpc")


def body(n: int = 1) -> bytes:
    """A request with so many spans."""
    requests, _ = spans.encode([made(span_id=i + 1) for i in range(n)], common.resource({}))
    return requests[0].body


def way_to(url: str, **options: Any) -> Transport:
    """The way to a URL."""
    return transport(destination("traces", {}, url=url, **options), "traces")


def sent(way: Transport, n: int = 1, timeout_s: float = 20.0) -> Answer:
    """The answer to one attempt; the way is closed after it."""
    try:
        return way.send(way.pack(body(n)), timeout_s)
    finally:
        way.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_spans_arrive(collector: Collector, protocol: str, compression: Any) -> None:
    """A request arrives whole, compressed or not, with the headers that were asked for."""
    way = way_to(collector.address(protocol), compression=compression, headers={"X-Team": "desk"})
    assert sent(way, 100) == Answer("accepted")
    (request,) = collector.kept()
    assert len(collector.spans()) == 100
    assert request.protocol == protocol
    assert request.headers["x-team"] == "desk"
    assert "agentmon/" in request.headers["user-agent"]
    if protocol == "http":
        assert request.path == "/v1/traces"
        assert request.headers.get("content-encoding") == (
            "gzip" if compression == "gzip" else None
        )
        assert (request.size < len(body(100)) / 2) is (compression == "gzip")


def test_connections_are_used_again(collector: Collector) -> None:
    """Batches one after the other go by one connection."""
    way = way_to(collector.url)
    for _ in range(3):
        assert way.send(body(), 20.0).verdict == "accepted"
    way.close()
    assert len({request.headers["x-client"] for request in collector.kept()}) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_partial_success_is_read(collector: Collector, protocol: str) -> None:
    """What the collector rejected of what it took is said, with its reason."""
    collector.behave(otlp.partial(3, "too old"))
    assert sent(way_to(collector.address(protocol)), 5) == Answer("accepted", "too old", 3)


@pytest.mark.parametrize("number", [429, 502, 503, 504])
def test_statuses_that_may_go_well_later(collector: Collector, number: int) -> None:
    """The statuses that OTLP lists as retryable are, at the moment the collector names."""
    collector.behave(otlp.status(number, retry_after="7"))
    answer = sent(way_to(collector.url))
    assert (answer.verdict, answer.after_seconds) == ("retry", 7.0)
    assert answer.message.startswith(f"status {number} (")


@pytest.mark.parametrize("number", [400, 401, 403, 404, 413, 500, 501])
def test_statuses_that_never_go_well(collector: Collector, number: int) -> None:
    """Other statuses are final."""
    collector.behave(otlp.status(number))
    assert sent(way_to(collector.url)).verdict == "failed"


@pytest.mark.parametrize("number", [302, 307])
def test_a_redirect_is_not_followed(collector: Collector, number: int) -> None:
    """Spans and headers go where they were meant to go and nowhere else."""
    elsewhere = f"{collector.url}/v1/traces"
    collector.behave(first=[otlp.status(number, location=elsewhere)])
    answer = sent(way_to(collector.url))
    assert answer.verdict == "failed"
    assert answer.message.endswith("redirects are not followed")
    assert len(collector.requests) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("-5", 0.0),
        ("soon", None),
        ("1e3", None),
        ("9" * 400, 86400.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
    ],
)
def test_any_retry_after_is_read(collector: Collector, text: str, seconds: float | None) -> None:
    """Seconds and dates are understood, nonsense is as if it were not there."""
    collector.behave(otlp.status(503, retry_after=text))
    assert sent(way_to(collector.url)).after_seconds == seconds


@pytest.mark.parametrize(
    ("name", "retry_seconds", "verdict"),
    [
        ("CANCELLED", None, "retry"),
        ("DEADLINE_EXCEEDED", None, "retry"),
        ("ABORTED", None, "retry"),
        ("OUT_OF_RANGE", None, "retry"),
        ("UNAVAILABLE", None, "retry"),
        ("UNAVAILABLE", 2.5, "retry"),
        ("DATA_LOSS", None, "retry"),
        ("RESOURCE_EXHAUSTED", 1.0, "retry"),
        ("RESOURCE_EXHAUSTED", None, "failed"),
        ("INVALID_ARGUMENT", None, "failed"),
        ("UNAUTHENTICATED", None, "failed"),
        ("PERMISSION_DENIED", None, "failed"),
        ("UNIMPLEMENTED", None, "failed"),
        ("INTERNAL", None, "failed"),
        ("UNKNOWN", None, "failed"),
    ],
)
def test_codes_of_grpc(
    collector: Collector, name: str, retry_seconds: float | None, verdict: str
) -> None:
    """The codes that OTLP lists as retryable are; an exhausted one only with a delay."""
    collector.behave(otlp.code(name, retry_seconds=retry_seconds, message="why"))
    answer = sent(way_to(collector.grpc_url))
    assert (answer.verdict, answer.after_seconds) == (verdict, retry_seconds)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_there(protocol: str) -> None:
    """An address that nobody listens at may be one that somebody will."""
    scheme = "grpc" if protocol == "grpc" else "http"
    answer = sent(way_to(f"{scheme}://127.0.0.1:{free_port()}"))
    assert answer.verdict == "retry"
    assert "refused" in answer.message.lower()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_name_that_is_none(protocol: str) -> None:
    """A host that cannot be found may be found later."""
    scheme = "grpc" if protocol == "grpc" else "http"
    assert sent(way_to(f"{scheme}://no.such.host.invalid:1")).verdict == "retry"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_an_attempt_ends_in_its_time(collector: Collector, protocol: str, fault: str) -> None:
    """A collector that never answers, or a byte at a time, holds up nobody for ever."""
    collector.behave(otlp.hang() if fault == "hang" else otlp.drip(0.05))
    begun = time.monotonic()
    answer = sent(way_to(collector.address(protocol)), timeout_s=0.5)
    assert answer == Answer("retry", "no answer within 0.5 s")
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_that_breaks(collector: Collector, protocol: str) -> None:
    """A connection that is reset may hold the next time."""
    collector.behave(otlp.reset())
    assert sent(way_to(collector.address(protocol))).verdict == "retry"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_of_garbage(collector: Collector, protocol: str) -> None:
    """An answer that makes no sense is no error; that it makes none is said."""
    collector.behave(otlp.garbage())
    answer = sent(way_to(collector.address(protocol)))
    assert answer == Answer("accepted", "the answer is not that of a collector")


def test_an_endless_answer_is_not_read(collector: Collector) -> None:
    """Of an answer only so much is read as an answer can have."""
    collector.behave(otlp.garbage(b"\x00" * (1 << 24)))
    assert sent(way_to(collector.url)).verdict == "accepted"


class _Mumbling:
    """Listens, and says the same to everybody, whatever it hears."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(100)
                sock.sendall(self._says)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"\x00" * 100,
    ],
    ids=lambda value: repr(value[:24]),
)
def test_whoever_answers_nothing_raises(protocol: str, says: bytes) -> None:
    """A server that is no collector, or speaks no HTTP, is told of in words, and raises nothing."""
    other = _Mumbling(says)
    scheme = "grpc" if protocol == "grpc" else "http"
    try:
        assert sent(way_to(f"{scheme}://127.0.0.1:{other.port}")).message
    finally:
        other.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_attempt_can_be_cut_off(collector: Collector, protocol: str) -> None:
    """Another thread can make an attempt return that would wait for long."""
    collector.behave(otlp.hang())
    way = way_to(collector.address(protocol))
    answers: list[Answer] = []
    thread = Thread(target=lambda: answers.append(way.send(body(), 120.0)))
    thread.start()
    deadline = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < deadline:
        way.abort()
        thread.join(0.05)
    assert [answer.verdict for answer in answers] == ["retry"]
    way.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_cut_off_can_be_tried_again(collector: Collector, protocol: str) -> None:
    """After an attempt that took too long the next one works."""
    collector.behave(first=[otlp.hang()])
    way = way_to(collector.address(protocol))
    assert way.send(body(), 0.3).verdict == "retry"
    assert sent(way).verdict == "accepted"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_secret_comes_back(collector: Collector, protocol: str) -> None:
    """A collector that repeats what it was sent does not get it into the log."""
    collector.behave(
        otlp.status(401, body=b"\x12\x0e" + b"bad: hush-hush")
        if protocol == "http"
        else otlp.code("UNAUTHENTICATED", message="bad: hush-hush")
    )
    answer = sent(way_to(collector.address(protocol), headers={"api-key": "hush-hush"}))
    assert answer.verdict == "failed"
    assert "hush" not in answer.message


def test_what_a_collector_says_of_a_refusal_is_passed_on(collector: Collector) -> None:
    """The message of a refusal is there to be read."""
    collector.behave(otlp.status(400, body=b"\x12\x07" + b"bad key"))
    assert sent(way_to(collector.url)).message == "status 400 (Bad Request): bad key"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_instrumentation_is_told_to_look_away(
    collector: Collector, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While spans are sent, instrumented libraries see that they shall make none."""
    seen: list[object] = []

    def look() -> None:
        seen.extend(
            context.get_value(key)
            for key in (
                _SUPPRESS_INSTRUMENTATION_KEY,
                _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
                "suppress_instrumentation",
            )
        )

    way: Any = way_to(collector.address(protocol))
    if protocol == "http":
        post = way._client._session.request
        monkeypatch.setattr(
            way._client._session, "request", lambda *a, **k: (look(), post(*a, **k))[1]
        )
    else:
        export = way._export
        way._export = lambda *a, **k: (look(), export(*a, **k))[1]
    assert sent(way).verdict == "accepted"
    assert seen == [True, True, True]
    assert context.get_value("suppress_instrumentation") is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tls_with_certificates_of_ones_own(protocol: str, certificates: Certificates) -> None:
    """With the authority's certificate and one's own, TLS works both ways."""
    with otlp.collector(
        certificate=certificates.server, key=certificates.server_key, client_ca=certificates.ca
    ) as one:
        way = way_to(
            one.address(protocol),
            certificate=certificates.ca,
            client_certificate=certificates.client,
            client_key=certificates.client_key,
        )
        assert sent(way) == Answer("accepted")
        assert len(one.spans()) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("lacking", ["authority", "client"])
def test_tls_that_cannot_be_trusted(
    protocol: str, lacking: str, certificates: Certificates
) -> None:
    """Nothing is sent to a collector with a foreign certificate, nor taken from such a client."""
    with otlp.collector(
        certificate=certificates.server, key=certificates.server_key, client_ca=certificates.ca
    ) as one:
        options = {"certificate": certificates.ca} if lacking == "client" else {}
        assert sent(way_to(one.address(protocol), **options)).verdict == "retry"
        assert one.requests == []


def test_a_proxy_is_used(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the environment names is asked, and one that is not there is said to be."""
    monkeypatch.setenv("http_proxy", collector.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert sent(way_to("http://collector.invalid:4318")).verdict == "accepted"
    assert collector.kept()[0].path == "http://collector.invalid:4318/v1/traces"
    monkeypatch.setenv("http_proxy", f"http://me:hush@127.0.0.1:{free_port()}")
    answer = sent(way_to("http://collector.invalid:4318"))
    assert answer.message == "the proxy cannot be used: Connection refused"


def test_no_login_is_taken_from_a_netrc(
    collector: Collector, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is meant for other programs is not sent to a collector."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", os.fspath(tmp_path / ".netrc"))
    sent(way_to(collector.url))
    assert "authorization" not in collector.kept()[0].headers
