"""The HTTP server, as raw sockets see it."""

from __future__ import annotations

import errno
import gc
import logging
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any
from unittest.mock import Mock

import pytest

from agentmon.errors import ConfigError, EndpointError
from agentmon.export.access import Access, Gate
from agentmon.export.respond import Endpoint, Response
from agentmon.export.server import LOOPBACK, Limits, Server, parse_address
from tests.export.recording import filled

DEADLINE_SECONDS = 30.0
GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: Limits that a test can wait for.
QUICK = Limits(request_seconds=0.3, idle_seconds=0.3, response_seconds=0.3, drain_seconds=0.3)

#: Limits that no test reaches.
PATIENT = Limits(request_seconds=1e6, idle_seconds=1e6, response_seconds=1e6, drain_seconds=1e6)

Serve = Callable[..., Server]


@pytest.fixture
def serve(caplog: pytest.LogCaptureFixture) -> Iterator[Serve]:
    """Start a server; afterwards it must still answer, and have logged nothing."""
    servers: list[Server] = []

    def start(**options: object) -> Server:
        endpoint = Endpoint(filled(), process_metrics=False)
        options.setdefault("responder", endpoint)
        servers.append(Server(**options))  # type: ignore[arg-type]
        return servers[-1]

    with caplog.at_level(logging.DEBUG):
        yield start
        for server in servers:
            if not server._closing:
                assert status(ask(server, GET)) == 200
                server.close()
        assert not caplog.records


class Answering:
    """A responder that always gives one body, and counts how often."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[tuple[str, str, str, Mapping[str, str]]] = []

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """Give the body."""
        self.asked.append((method, path, query, headers))
        return Response(200, (("Content-Length", str(len(self.body))),), self.body)


def connect(server: Server, receive_buffer: int | None = None) -> socket.socket:
    """A connection to the server."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(DEADLINE_SECONDS)
    try:
        sock.connect((LOOPBACK, server.port))
    except OSError:
        sock.close()
        raise
    return sock


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes its side."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_one(sock: socket.socket) -> bytes:
    """One answer of a connection that stays open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(sock)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        body += _more(sock)
    assert len(body) == length
    return head + b"\r\n\r\n" + body


def _more(sock: socket.socket) -> bytes:
    part = sock.recv(65536)
    assert part, "closed too early"
    return part


def ask(server: Server, request: bytes) -> bytes:
    """The answer to one request that ends the connection."""
    with connect(server) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def status(answer: bytes) -> int:
    """The status of an answer."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@contextmanager
def many(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Several connections, all of them accepted."""
    with ExitStack() as stack:
        found = [stack.enter_context(connect(server)) for _ in range(count)]
        wait_until(lambda: len(server._connections) >= count)
        yield found


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104  # parsed, not bound
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9464", ("::1", 9464)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        (":9464", ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
        ("host.example:65535", ("host.example", 65535)),
    ],
)
def test_an_address_is_host_and_port(address: str, expected: tuple[str, int]) -> None:
    """Names, IPv4 and IPv6 addresses are understood; without a host it is loopback."""
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", "localhost", "localhost:", "::1:9464", "[::1]", "[::1]9464", "::1", "1:2:3"),
        *("127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", "http://127.0.0.1:9464", "a b:1"),
        *("127.0.0.1:9464/metrics", "[localhost:1", "127.0.0.1:9464\n", "x:\u0661"),
    ],
)
def test_a_malformed_address_is_refused(address: str) -> None:
    """What is no address is a configuration error that says what is allowed."""
    with pytest.raises(ConfigError, match=r"address: got .*, allowed host:port, \[IPv6 address\]"):
        parse_address(address)


def test_an_address_in_use_says_so() -> None:
    """A port that is taken is an error that names it and says what to do, and leaves nothing."""
    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EndpointError, match=f"127.0.0.1:{port}: it is in use; stop") as raised:
            Server(Mock(), LOOPBACK, port)
    assert raised.value.errno == errno.EADDRINUSE
    assert raised.value.strerror
    assert raised.value.strerror.startswith("cannot serve on 127.0.0.1:")
    gc.collect()  # a socket left behind would warn here


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("203.0.113.7", errno.EADDRNOTAVAIL),
        ("no-such-host.invalid", errno.EADDRNOTAVAIL),
        ("a..b", errno.EINVAL),
        ("\udc80", errno.EINVAL),
    ],
)
def test_an_address_of_elsewhere_says_so(host: str, number: int) -> None:
    """A host that is not this machine is an error that says so, with a number of the system."""
    words = r"cannot serve on .*; choose (an address|one of its)"
    with pytest.raises(EndpointError, match=words) as raised:
        Server(Mock(), host)
    assert raised.value.errno == number


def test_an_ipv6_address_is_served() -> None:
    """An IPv6 address stands in brackets in the URL, and answers."""
    try:
        server = Server(Endpoint(filled(), process_metrics=False), "::1")
    except EndpointError:
        pytest.skip("this machine has no IPv6")
    assert server.url == f"http://[::1]:{server.port}"
    with closing(socket.create_connection(("::1", server.port))) as sock:
        sock.sendall(GET)
        assert status(read_one(sock)) == 200
    server.close()


# ------------------------------------------------------------------ serving


def test_a_free_port_is_found(serve: Serve) -> None:
    """Port 0 takes any free port of the loopback address, and the URL tells which."""
    server = serve()
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server._listener.getsockname() == (LOOPBACK, server.port)


def test_a_request_reaches_the_endpoint(serve: Serve) -> None:
    """Method, decoded path, query and header fields arrive."""
    answering = Answering(b"x" * 200)
    server = serve(responder=answering)
    ask(
        server,
        b"GET /a%20b?name[]=c&d HTTP/1.1\r\nHOST: 127.0.0.1:9\r\nAccept:  x \r\nAccept: y\r\n\r\n",
    )
    assert answering.asked == [
        ("GET", "/a b", "name[]=c&d", {"host": "127.0.0.1:9", "accept": "x, y"}),
    ]


def test_an_absolute_target_is_understood(serve: Serve) -> None:
    """A request as proxies make them names the whole URL."""
    server = serve()
    assert (
        status(ask(server, b"GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        == 200
    )


def test_an_answer_is_complete(serve: Serve) -> None:
    """Status, date, length and body are there, and nothing names the software."""
    answer = ask(
        serve(), b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", head)
    assert b"\r\nContent-Length: 8\r\n" in head
    assert b"\r\nConnection: close" in head
    assert b"Server:" not in head
    assert body == b"healthy\n"


def test_head_is_answered_without_a_body(serve: Serve) -> None:
    """HEAD gets the length, no body, and keeps the connection."""
    with connect(serve()) as sock:
        sock.sendall(b"HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _more(sock)
        assert b"Content-Length: 8\r\n" in head
        sock.sendall(GET)
        assert read_one(sock).endswith(b"\r\n\r\nhealthy\n")


def test_a_large_answer_arrives_whole(serve: Serve) -> None:
    """An answer that no socket buffer holds is sent as the client takes it."""
    body = os.urandom(8_000_000)
    server = serve(responder=Answering(body))
    with connect(server, receive_buffer=65536) as sock:
        sock.sendall(GET)
        wait_until(lambda: any(c.outgoing for c in server._connections.values()))
        assert read_one(sock).endswith(body)


def test_a_connection_is_kept(serve: Serve) -> None:
    """HTTP/1.1 asks again and again on one connection."""
    with connect(serve()) as sock:
        for _ in range(3):
            sock.sendall(GET)
            answer = read_one(sock)
            assert status(answer) == 200
            assert b"Connection:" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: Close, x\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345",
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        GET + GET,
    ],
)
def test_a_connection_that_cannot_be_kept_is_closed(serve: Serve, request_: bytes) -> None:
    """After one answer it ends for HTTP/1.0, on request, and where more than a head was sent."""
    with connect(serve()) as sock:
        sock.sendall(request_)
        answer = read_all(sock)
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_is_not_read_yet_the_answer_arrives(serve: Serve) -> None:
    """A client that sends a large body gets its answer instead of a broken connection."""
    sent = threading.Event()

    class Waiting(Answering):
        def respond(self, *request: Any) -> Response:
            assert sent.wait(DEADLINE_SECONDS)  # so that a part of the body is there, unread
            return super().respond(*request)

    server = serve(responder=Waiting(b"answer"))
    with connect(server) as sock:
        head = b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n"
        sock.sendall(head + b"x" * 500_000)
        sent.set()
        assert read_all(sock).endswith(b"answer")


def test_an_endless_body_ends_the_connection(serve: Serve) -> None:
    """Whoever never stops sending is cut off."""
    with connect(serve()) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            sock.sendall(b"x" * 100_000_000)


def test_an_empty_line_before_a_request_is_ignored(serve: Serve) -> None:
    """Some clients end a body with one line too many."""
    assert status(ask(serve(), b"\r\n\r\n" + GET)) == 200


def test_a_request_may_come_in_pieces(serve: Serve) -> None:
    """A request that arrives byte by byte is a request."""
    with connect(serve()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET:
            sock.send(bytes([byte]))
        assert status(read_one(sock)) == 200


# ------------------------------------------------------------------ bad clients


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"G T / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
        (b"GET / http/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://[x/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\rc: d\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # begins like TLS
        (b"\x00" * 200 + b"\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 4000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 17000, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 17000 + b"\r\n\r\n", 431),
        (b"GET /<script> HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n", 403),
        (b"<script> / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"BREW /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
def test_a_bad_request_is_refused(serve: Serve, request_: bytes, expected: int) -> None:
    """What is no request gets a status that says why, a short text, and nothing of its own back."""
    server = serve()
    answer = ask(server, request_)
    assert status(answer) == expected
    assert b"script" not in answer.partition(b"\r\n\r\n")[2]
    assert b"Content-Security-Policy:" in answer
    assert len(answer) < 1000


@pytest.mark.parametrize("begin", [b"\x16\x03\x01\x02\x00\x01", b"\x00", b"\xff" * 3, b"\r\n{"])
def test_what_cannot_become_a_request_is_refused_at_once(serve: Serve, begin: bytes) -> None:
    """A greeting of TLS, or whatever begins as no request does, is answered without waiting."""
    with connect(serve(limits=PATIENT)) as sock:
        sock.sendall(begin)
        assert status(read_all(sock)) == 400


@pytest.mark.parametrize(
    ("host", "target", "expected"),
    [
        (b"localhost:1", b"/metrics", 200),
        (b"127.0.0.1", b"/metrics", 200),
        (b"192.0.2.1:80", b"/metrics", 200),
        (b"", b"/metrics", 200),
        (b"evil.example", b"/metrics", 403),
        (b"evil.example", b"/nothing", 403),
        (b"localhost", b"http://evil.example/metrics", 403),
        (b"evil.example", b"http://localhost/metrics", 200),
        (b"evil.example", b"/-/healthy", 200),
    ],
)
def test_a_strangers_name_is_refused_on_loopback(
    serve: Serve, host: bytes, target: bytes, expected: int
) -> None:
    """A page that has made its own name point to this machine reads nothing; it is counted."""
    gate = Gate()
    server = serve(gate=gate)
    request = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    answer = ask(server, request)
    assert status(answer) == expected
    assert (b"triage" in answer) == (target.endswith(b"/metrics") and expected == 200)
    assert gate.refused()["unknown_host"] == (expected == 403)


def test_without_a_host_field_there_is_no_stranger(serve: Serve) -> None:
    """HTTP/1.0 names no host, and no browser speaks it."""
    assert status(ask(serve(), b"GET /metrics HTTP/1.0\r\n\r\n")) == 200


def test_other_names_are_given_by_hosts(serve: Serve) -> None:
    """A proxy that passes its own name on is let in by naming it."""
    server = serve(gate=Gate(Access(hosts=["metrics.example"])))
    for name, expected in ((b"metrics.example:443", 200), (b"evil.example", 403)):
        assert status(ask(server, b"GET / HTTP/1.1\r\nHost: " + name + b"\r\n\r\n")) == expected


def test_elsewhere_any_name_will_do() -> None:
    """Where it listens on more than loopback, names are as many as there are networks."""
    server = Server(Endpoint(filled(), process_metrics=False), "0.0.0.0")  # noqa: S104
    assert status(ask(server, b"GET / HTTP/1.1\r\nHost: metrics.example\r\n\r\n")) == 200
    server.close()


def test_a_client_that_leaves_is_forgotten(serve: Serve) -> None:
    """Connections that are closed or reset, before, within or after a request, leave nothing."""
    server = serve(responder=Answering(b"x" * 5_000_000), limits=PATIENT)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # close by reset
    for sent in (b"", b"GET / HT", GET, GET + b"GET"):
        for abrupt in (False, True):
            sock = connect(server)
            if abrupt:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            sock.sendall(sent)
            sock.close()
    wait_until(lambda: not server._connections)


def test_a_slow_request_is_ended(serve: Serve) -> None:
    """Whoever drips a request, never pausing long, is told so when its time is over."""
    with connect(serve(limits=QUICK)) as sock:
        sock.settimeout(0.02)
        answer = b""
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not answer and time.monotonic() < deadline:
            try:
                sock.sendall(b"a: b\r\n")
                answer = sock.recv(65536)
            except TimeoutError:
                continue
        assert status(answer) == 408


def test_a_silent_client_is_let_go(serve: Serve) -> None:
    """A connection without any request is closed without a word, fresh or after an answer."""
    server = serve(limits=QUICK)
    with connect(server) as fresh, connect(server) as used:
        used.sendall(GET)
        assert status(read_one(used)) == 200
        assert read_all(fresh) == b""
        assert read_all(used) == b""


def test_a_client_that_does_not_read_is_let_go(serve: Serve) -> None:
    """An answer that nobody takes is given up."""
    server = serve(responder=Answering(b"x" * 20_000_000), limits=QUICK)
    with connect(server, receive_buffer=4096) as sock:
        sock.sendall(GET)
        wait_until(lambda: any(c.outgoing for c in server._connections.values()))
        wait_until(lambda: not server._connections)


def test_a_client_that_does_not_close_is_let_go(serve: Serve) -> None:
    """After the last answer the server waits for the client's close, and not for long."""
    server = serve(limits=QUICK)
    with connect(server) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        read_all(sock)
        wait_until(lambda: not server._connections)


def test_slow_clients_do_not_keep_others_waiting(serve: Serve) -> None:
    """While many clients drip, a good one is answered."""
    server = serve(limits=Limits(connections=100))
    with many(server, 60) as slow:
        for sock in slow:
            sock.sendall(b"GET / HT")
        for _ in range(5):
            assert status(ask(server, GET)) == 200


def test_the_one_that_waited_longest_makes_room(serve: Serve) -> None:
    """When all places are taken, a newcomer gets that of whoever has kept the server waiting."""
    server = serve(limits=replace(PATIENT, connections=5, patience_seconds=0.0))
    with many(server, 5) as slow:
        for sock in slow[1:]:
            sock.sendall(GET)
            read_one(sock)
        assert status(ask(server, GET)) == 200
        assert read_all(slow[0]) == b""
        slow[1].sendall(GET)
        assert status(read_one(slow[1])) == 200


def test_too_many_at_once_are_turned_away(serve: Serve) -> None:
    """When nobody has waited long, a newcomer is told to try again; later there is room."""
    server = serve(limits=Limits(connections=5, patience_seconds=1000.0))
    with many(server, 5):
        assert status(ask(server, GET)) == 503
    wait_until(lambda: len(server._connections) < 5)


def test_the_number_of_sockets_is_bounded(serve: Serve) -> None:
    """Even those who are turned away are not kept without limit."""
    server = serve(limits=Limits(connections=5, patience_seconds=1000.0))
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connect(server))
            assert len(server._connections) <= 10
        wait_until(lambda: len(server._connections) == 10)
    wait_until(lambda: not server._connections)


def test_many_clients_at_once_are_all_answered(serve: Serve) -> None:
    """Each of many concurrent clients gets every one of its answers, whole."""
    server = serve()
    answers: list[bytes] = []

    def client() -> None:
        with connect(server) as sock:
            for _ in range(10):
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answers.append(read_one(sock))

    threads = [Thread(target=client) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(answers) == 200
    assert {status(answer) for answer in answers} == {200}


def test_without_descriptors_it_waits_and_goes_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the process may open nothing more, accepting pauses; then it goes on."""
    server = serve()
    failures = []
    accept = socket.socket.accept

    def failing(self: socket.socket) -> tuple[socket.socket, object]:
        if len(failures) < 2:
            failures.append(time.monotonic())
            raise OSError(24, "Too many open files")
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", failing)
    assert status(ask(server, GET)) == 200
    assert failures[1] - failures[0] >= 0.4


def test_a_failing_responder_costs_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    """An endpoint that raises, which it must not, is logged once; the server goes on."""
    answering = Answering(b"fine")
    server = Server(answering)
    healthy = answering.respond
    answering.respond = Mock(side_effect=RuntimeError("bug"))  # type: ignore[method-assign]
    for _ in range(3):
        assert ask(server, GET) == b""
    answering.respond = healthy  # type: ignore[method-assign]
    assert status(ask(server, GET)) == 200
    server.close()
    assert len(caplog.records) == 1


# ------------------------------------------------------------------ its life


def test_closing_leaves_nothing(serve: Serve) -> None:
    """After closing there is no thread, no socket and no connection, and the port is free."""
    before = set(threading.enumerate())
    server = serve()
    (thread,) = set(threading.enumerate()) - before
    assert thread.name.startswith("agentmon-")
    assert thread.daemon
    with connect(server) as idle, connect(server) as asked:
        asked.sendall(b"GET")
        wait_until(lambda: len(server._connections) == 2)
        server.close()
        assert not thread.is_alive()
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    assert server._listener.fileno() == -1
    assert server._alarm.fileno() == server._bell.fileno() == -1
    socket.create_server((LOOPBACK, server.port)).close()


def test_closing_again_changes_nothing(serve: Serve) -> None:
    """Closing twice, also from two threads at once, is closing."""
    server = serve()
    threads = [Thread(target=server.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()
    server.close()
    assert not server._thread.is_alive()


@pytest.mark.parametrize("end", ["", "server.close()", "import os; os._exit(0)"])
def test_the_interpreter_exits_at_once(end: str) -> None:
    """A server that serves, with a client connected, does not hold up the exit, nor complain."""
    code = (
        "import socket\n"
        "from agentmon.export.server import Server\n"
        "from agentmon.export.respond import Endpoint\n"
        "from tests.export.recording import filled\n"
        "server = Server(Endpoint(filled()))\n"
        "sock = socket.create_connection(('127.0.0.1', server.port))\n"
        "sock.sendall(b'GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "assert sock.recv(9) == b'HTTP/1.1 '\n"
        "sock.detach()\n"  # stays connected
        f"{end}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def _in_child(server: Server, answer: multiprocessing.connection.Connection) -> None:
    sockets = [server._listener, server._alarm, server._bell, *server._connections]
    server.abandon()
    server.abandon()
    server.close()
    answer.send([sock.fileno() for sock in sockets])
    answer.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_lets_go_and_the_parent_serves_on(serve: Serve) -> None:
    """In a child the sockets are closed; connections of the parent live on, kept and new."""
    server = serve()
    with connect(server) as kept:
        kept.sendall(GET)
        read_one(kept)
        context = multiprocessing.get_context("fork")
        answers, answer = context.Pipe(duplex=False)
        child = context.Process(target=_in_child, args=(server, answer))
        child.start()
        assert answers.poll(DEADLINE_SECONDS)
        assert answers.recv() == [-1, -1, -1, -1]
        child.join(DEADLINE_SECONDS)
        assert child.exitcode == 0
        answers.close()
        answer.close()
        kept.sendall(GET)
        assert status(read_one(kept)) == 200
        assert status(ask(server, GET)) == 200
    server.close()
    with pytest.raises(ConnectionRefusedError):
        connect(server)
