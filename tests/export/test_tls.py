"""The HTTP server over TLS, as clients and raw sockets see it."""

from __future__ import annotations

import gc
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from unittest.mock import Mock

import pytest

from agentmon.errors import ConfigError
from agentmon.export.access import Access, Gate
from agentmon.export.respond import Endpoint
from agentmon.export.server import LOOPBACK, Limits, Server
from agentmon.export.tls import TLS, _expiry
from tests.export.certificates import Authority
from tests.export.recording import filled
from tests.export.test_server import (
    DEADLINE_SECONDS,
    GET,
    PATIENT,
    QUICK,
    Answering,
    connect,
    read_all,
    read_one,
    status,
    wait_until,
)

#: What a client of TLS begins with; the rest of the record never comes.
HELLO = b"\x16\x03\x01\x02\x00\x01\x00"

Serve = Callable[..., "Served"]


class Served(Server):
    """A server with what tests need to know of it."""

    def __init__(self, access: Access, **options: object) -> None:
        self.gate = Gate(access)
        endpoint = Endpoint(filled(), process_metrics=False, gate=self.gate)
        options.setdefault("responder", endpoint)
        super().__init__(**options, gate=self.gate, tls=TLS(access))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the endpoint's certificate, and those of its clients."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority) -> tuple[Path, Path]:
    """Certificate and key of the endpoint."""
    return authority.issue("endpoint")


@pytest.fixture
def serve(
    authority: Authority, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> Iterator[Serve]:
    """Start a server; afterwards it must still answer, and have logged nothing."""
    servers: list[Served] = []

    def start(access: Access | None = None, **options: object) -> Served:
        certificate, key = files
        servers.append(Served(access or Access(certificate=certificate, key=key), **options))
        return servers[-1]

    with caplog.at_level(logging.DEBUG):
        yield start
        for server in servers:
            if not server._closing:
                own = authority.issue("last", "last@example.org")
                assert status(ask(server, GET, authority.trusting(*own))) == 200
                server.close()
        assert not caplog.records


@contextmanager
def talking(server: Server, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """A connection whose handshake is over, as far as the client can tell."""
    with (
        connect(server) as sock,
        # An end without a word, as from an attacker, is an error here.
        context.wrap_socket(sock, server_hostname=LOOPBACK, suppress_ragged_eofs=False) as secure,
    ):
        yield secure


def ask(server: Server, request: bytes, context: ssl.SSLContext) -> bytes:
    """The answer to one request."""
    with talking(server, context) as secure:
        secure.sendall(request)
        return read_one(secure)


def refused(server: Served) -> dict[str, int]:
    """What was refused, without what never was."""
    return {reason: n for reason, n in server.gate.refused().items() if n}


# ------------------------------------------------------------------ serving


def test_the_url_says_https(serve: Serve) -> None:
    """The endpoint is found by its URL."""
    server = serve()
    assert server.url == f"https://127.0.0.1:{server.port}"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_versions_are_spoken(
    serve: Serve, authority: Authority, version: ssl.TLSVersion
) -> None:
    """TLS 1.2 and 1.3 are answered, on a connection that is kept, and ended in order."""
    context = authority.trusting()
    context.minimum_version = context.maximum_version = version
    with talking(serve(), context) as secure:
        for _ in range(3):
            secure.sendall(GET)
            assert status(read_one(secure)) == 200
        secure.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert read_all(secure).endswith(b"healthy\n")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_versions_are_not_spoken(serve: Serve, authority: Authority) -> None:
    """TLS 1.1 is turned away with an alert, and counted."""
    server = serve()
    context = authority.trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"), talking(server, context):
        pass
    assert refused(server) == {"tls_handshake": 1}


def test_http_2_is_not_promised(serve: Serve, authority: Authority) -> None:
    """A client that would rather speak HTTP/2 is told that HTTP/1.1 is spoken."""
    context = authority.trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with talking(serve(), context) as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"


def test_a_large_answer_arrives_whole(serve: Serve, authority: Authority) -> None:
    """An answer that no buffer holds is sealed and sent piece by piece, as the client takes it."""
    body = os.urandom(8_000_000)
    server = serve(responder=Answering(body))
    with (
        connect(server, receive_buffer=65536) as sock,
        authority.trusting().wrap_socket(sock, server_hostname=LOOPBACK) as secure,
    ):
        secure.sendall(GET)
        wait_until(lambda: any(c.outgoing for c in server._connections.values()))
        (connection,) = server._connections.values()
        assert len(connection.outgoing) < 100_000
        assert read_one(secure).endswith(body)


def test_a_request_may_come_in_pieces(serve: Serve, authority: Authority) -> None:
    """Records of one byte, and records that arrive byte by byte, make a request."""
    context = authority.trusting()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
    with connect(serve()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send() -> None:
            for byte in outgoing.read():
                sock.send(bytes([byte]))

        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                incoming.write(sock.recv(65536))
        for byte in GET:
            client.write(bytes([byte]))
        send()
        answer = b""
        while b"healthy" not in answer:
            incoming.write(sock.recv(65536))
            try:
                answer += client.read(65536)
            except ssl.SSLWantReadError:
                continue
    assert status(answer) == 200


def test_many_clients_at_once_are_all_answered(serve: Serve, authority: Authority) -> None:
    """Each of many concurrent clients gets every one of its answers, whole."""
    server, context = serve(), authority.trusting()
    answers: list[bytes] = []

    def client() -> None:
        for _ in range(3):
            with talking(server, context) as secure:
                for _ in range(3):
                    secure.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    answers.append(read_one(secure))

    threads = [Thread(target=client) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(answers) == 90
    assert {status(answer) for answer in answers} == {200}


def test_credentials_and_names_are_asked_for_as_well(
    serve: Serve, authority: Authority, files: tuple[Path, Path]
) -> None:
    """Within TLS, passwords and names are looked at as without."""
    certificate, key = files
    server = serve(Access(certificate=certificate, key=key, token="t"))  # noqa: S106
    context = authority.trusting()
    for fields, expected in (
        (b"Host: localhost", 401),
        (b"Host: localhost\r\nAuthorization: Bearer t", 200),
        (b"Host: evil.example\r\nAuthorization: Bearer t", 403),
    ):
        answer = ask(server, b"GET /metrics HTTP/1.1\r\n" + fields + b"\r\n\r\n", context)
        assert status(answer) == expected
    assert refused(server) == {"no_credentials": 1, "unknown_host": 1}


# ------------------------------------------------------------------ client certificates


@pytest.fixture
def only_ours(authority: Authority, files: tuple[Path, Path]) -> Access:
    """Only clients of the authority may come in."""
    certificate, key = files
    return Access(certificate=certificate, key=key, client_ca=authority.path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_show_certificates(
    serve: Serve,
    authority: Authority,
    only_ours: Access,
    tmp_path: Path,
    version: ssl.TLSVersion,
) -> None:
    """With client_ca its clients are answered; others, and who shows none, are told why not."""
    server = serve(only_ours)
    stranger = Authority(tmp_path).issue("stranger", "stranger@example.org")
    ours = authority.issue("ours", "ours@example.org")
    for own, alert in (
        ((), "certificate required|handshake failure"),
        (stranger, "unknown ca"),
        (ours, ""),
    ):
        context = authority.trusting(*own)
        context.minimum_version = context.maximum_version = version
        if alert:
            with pytest.raises(ssl.SSLError, match=f"(?i)alert ({alert})"):
                ask(server, GET, context)
        else:
            assert status(ask(server, GET, context)) == 200
    assert refused(server) == {"client_certificate": 2}


def _resume(server: Server, context: ssl.SSLContext, session: ssl.SSLSession | None) -> None:
    """Come back with a session of before, and ask."""
    with (
        connect(server) as sock,
        context.wrap_socket(sock, server_hostname=LOOPBACK, session=session) as secure,
    ):
        secure.sendall(GET)
        read_one(secure)


def test_an_authority_below_another_is_trusted_alone(
    serve: Serve, authority: Authority, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Clients of the authority that is named come in, and not those of the one above it."""
    certificate, key = files
    below = Authority(tmp_path / "below", above=authority)
    server = serve(Access(certificate=certificate, key=key, client_ca=below.path))
    ours = below.issue("ours", "ours@example.org")
    assert status(ask(server, GET, authority.trusting(*ours))) == 200
    with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
        ask(server, GET, authority.trusting(*authority.issue("other", "other@example.org")))
    server.close()


def test_no_session_of_a_client_is_kept(serve: Serve, authority: Authority) -> None:
    """Clients of TLS 1.3 get no ticket by which to come in without a certificate later."""
    with talking(serve(), authority.trusting()) as secure:
        secure.sendall(GET)
        read_one(secure)
        assert secure.version() == "TLSv1.3"
        assert secure.session is not None
        assert not secure.session.has_ticket


def test_a_failing_handshake_costs_one_connection(
    files: tuple[Path, Path], authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """If TLS itself fails, which it must not, that is logged once and the server goes on."""
    certificate, key = files
    server = Served(Access(certificate=certificate, key=key))
    assert server._tls is not None
    session = server._tls.session
    server._tls.session = Mock(side_effect=RuntimeError("bug"))  # type: ignore[method-assign]
    for _ in range(3):
        with connect(server) as sock:
            sock.sendall(HELLO)
            assert read_all(sock) == b""
    server._tls.session = session  # type: ignore[method-assign]
    assert status(ask(server, GET, authority.trusting())) == 200
    server.close()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_new_authority_counts_at_once(
    serve: Serve,
    authority: Authority,
    files: tuple[Path, Path],
    tmp_path: Path,
    version: ssl.TLSVersion,
) -> None:
    """A client of the former authority is refused, also if it would resume its session."""
    certificate, key = files
    former, present = Authority(tmp_path / "former"), Authority(tmp_path / "present")
    named = tmp_path / "clients.pem"
    named.write_bytes(former.path.read_bytes())
    server = serve(Access(certificate=certificate, key=key, client_ca=named))
    context = authority.trusting(*former.issue("client", "client@example.org"))
    context.minimum_version = context.maximum_version = version
    with talking(server, context) as secure:
        secure.sendall(GET)
        read_one(secure)
        session = secure.session
    named.write_bytes(present.path.read_bytes())
    with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
        _resume(server, context, session)
    known = authority.trusting(*present.issue("client", "client@example.org"))
    assert status(ask(server, GET, known)) == 200
    named.write_bytes(authority.path.read_bytes())  # so that the fixture is answered


# ------------------------------------------------------------------ rotation


def _serial(server: Server, context: ssl.SSLContext) -> object:
    with talking(server, context) as secure:
        certificate = secure.getpeercert()
        assert certificate is not None
        return certificate["serialNumber"]


def test_a_new_certificate_is_served_without_a_restart(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Changed files count at the next handshake; while they do not fit, the former ones do."""
    certificate, key = authority.issue("rotated")
    (tmp_path / "tls.pem").write_bytes(certificate.read_bytes())
    (tmp_path / "tls.key").write_bytes(key.read_bytes())
    chosen = Access(certificate=tmp_path / "tls.pem", key=tmp_path / "tls.key")
    server, context = Served(chosen), authority.trusting()
    first = _serial(server, context)
    assert _serial(server, context) == first
    assert not caplog.records
    certificate, key = authority.issue("rotated")
    (tmp_path / "tls.pem").write_bytes(certificate.read_bytes())
    for _ in range(3):
        assert _serial(server, context) == first
    assert [entry.getMessage() for entry in caplog.records] == [
        f"agentmon: access: key: {str(chosen.key)!r} does not belong to the certificate "  # noqa: ISC004
        f"{str(chosen.certificate)!r}; the certificates in use stay"
    ]
    (tmp_path / "tls.key").write_bytes(key.read_bytes())
    second = _serial(server, context)
    assert second != first
    (tmp_path / "tls.key").unlink()
    for _ in range(3):
        assert _serial(server, context) == second
    assert len(caplog.records) == 2
    assert "cannot read" in caplog.text
    (tmp_path / "tls.key").write_bytes(key.read_bytes())
    assert _serial(server, context) == second
    server.close()


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2131])
def test_the_end_of_the_certificate_is_a_metric(
    authority: Authority, tmp_path: Path, year: int
) -> None:
    """When the certificate in use ends is told, whatever way it is written, after a change too."""
    until = datetime(year, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    certificate, key = authority.issue(f"until-{year}", until=until)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"# a note\n" + certificate.read_bytes() + authority.path.read_bytes())
    server, context = Served(Access(certificate=chain, key=key)), authority.trusting()
    ask_for = b"GET /metrics?name[]=agentmon_endpoint_certificate_expiry_timestamp_seconds HTTP/1.1"
    request = ask_for + b"\r\nHost: localhost\r\n\r\n"
    line = b"agentmon_endpoint_certificate_expiry_timestamp_seconds "
    assert line + f"{until.timestamp()}\n".encode() in ask(server, request, context)
    sooner = until - timedelta(days=1000)
    certificate, other = authority.issue(f"until-{year}", until=sooner)
    chain.write_bytes(certificate.read_bytes())
    key.write_bytes(other.read_bytes())
    assert line + f"{sooner.timestamp()}\n".encode() in ask(server, request, context)
    server.close()


def test_an_end_that_cannot_be_told_is_left_out() -> None:
    """What is no certificate has no end, and does no harm."""
    for content in (b"", b"\x30", b"\x30\x82\xff\xff\x30\x03\xa0\x01", b"\x30\x03" * 9):
        pem = ssl.DER_cert_to_PEM_cert(content).encode()
        assert _expiry(pem) is None


# ------------------------------------------------------------------ bad clients


def test_plain_http_is_told_to_speak_tls(serve: Serve) -> None:
    """Whoever forgot the s of https is told at once, in words that it understands."""
    server = serve(limits=PATIENT)
    with connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n")
        answer = read_all(sock)
    assert status(answer) == 400
    assert answer.endswith(b"Only TLS is spoken here; ask by https.\n")
    assert refused(server) == {"tls_handshake": 1}


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16" + os.urandom(4000),
        b"\x16\x03\x01\x00\x05hello" * 3,
        b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00" * 10,
    ],
    ids=["noise", "no hello", "too long", "empty hellos"],
)
def test_a_broken_handshake_is_ended(serve: Serve, sent: bytes) -> None:
    """What looks like TLS and is none is ended at once, and counted."""
    server = serve(limits=PATIENT)
    with connect(server) as sock:
        try:
            sock.sendall(sent)
            while sock.recv(65536):
                pass
        except ConnectionError:
            pass
    wait_until(lambda: not server._connections)
    assert refused(server) == {"tls_handshake": 1}


def test_a_stalled_handshake_costs_a_buffer_and_no_time(serve: Serve, authority: Authority) -> None:
    """Clients that begin a handshake and stop keep nobody waiting, and are let go and counted."""
    server, threads = serve(limits=replace(QUICK, connections=64)), threading.active_count()
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connect(server)).sendall(HELLO)
        wait_until(lambda: len(server._connections) == 30)
        assert threading.active_count() == threads
        assert status(ask(server, GET, authority.trusting())) == 200
        wait_until(lambda: not server._connections)
    assert refused(server) == {"tls_handshake": 30}


def test_dripping_a_handshake_gains_no_time(serve: Serve) -> None:
    """The time for a handshake runs from the beginning, however often something comes."""
    server = serve(limits=QUICK)
    with connect(server) as sock:
        sock.settimeout(0.02)
        sock.sendall(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")
        deadline = time.monotonic() + DEADLINE_SECONDS
        ended = False
        while not ended and time.monotonic() < deadline:
            try:
                sock.sendall(b"\0")
                ended = sock.recv(65536) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
        assert ended


def test_whoever_says_nothing_is_not_counted(serve: Serve) -> None:
    """A check that only connects, as load balancers do, is no refusal."""
    server = serve(limits=QUICK)
    connect(server).close()
    with connect(server) as sock:
        assert read_all(sock) == b""
    assert refused(server) == {}


def test_a_client_without_trust_is_counted(serve: Serve, tmp_path: Path) -> None:
    """A client that does not trust the certificate leaves, and the count tells."""
    server = serve()
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        talking(server, Authority(tmp_path).trusting()),
    ):
        pass
    wait_until(lambda: refused(server) == {"tls_handshake": 1})


def test_a_request_that_stops_is_told_so(serve: Serve, authority: Authority) -> None:
    """Limits of time hold within TLS, and the client is told within TLS."""
    with talking(serve(limits=QUICK), authority.trusting()) as secure:
        secure.sendall(b"GET / HT")
        assert status(read_all(secure)) == 408


def test_a_silent_client_is_let_go(serve: Serve, authority: Authority) -> None:
    """A connection without any request, or without another one, is closed."""
    server, context = serve(limits=QUICK), authority.trusting()
    with talking(server, context) as fresh, talking(server, context) as used:
        used.sendall(GET)
        assert status(read_one(used)) == 200
        wait_until(lambda: not server._connections)
        assert fresh.read(1) == used.read(1) == b""


def test_a_client_that_leaves_is_forgotten(serve: Serve, authority: Authority) -> None:
    """Connections that end, with or without a word, at any point leave nothing."""
    server = serve(responder=Answering(b"x" * 5_000_000), limits=PATIENT)
    context = authority.trusting()
    for sent in (b"", b"GET / HT", GET, GET + GET):
        for polite in (False, True):
            with talking(server, context) as secure:
                secure.sendall(sent)
                if polite and len(sent) < len(GET):
                    secure.unwrap()
    for sent in (b"", HELLO):
        with connect(server) as sock:
            sock.sendall(sent)
    wait_until(lambda: not server._connections)


def test_asked_and_ended_in_one_breath(serve: Serve, authority: Authority) -> None:
    """A request with the client's end of TLS right behind it is answered."""
    context = authority.trusting()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
    with connect(serve()) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        client.write(GET)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        sock.sendall(outgoing.read())
        assert len(read_all(sock)) > 200


def test_too_many_at_once_are_turned_away(serve: Serve, authority: Authority) -> None:
    """When nobody has waited long, a newcomer is closed; one stuck in its handshake makes room."""
    server = serve(limits=Limits(connections=5, patience_seconds=1000.0))
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(server)).sendall(HELLO)
        wait_until(lambda: len(server._connections) == 5)
        with connect(server) as one_more:
            assert read_all(one_more) == b""
        server._limits = replace(server._limits, patience_seconds=0.0)
        assert status(ask(server, GET, authority.trusting())) == 200
    wait_until(lambda: not server._connections)


def test_sessions_are_not_hoarded(serve: Serve, authority: Authority) -> None:
    """Clients cannot fill the memory with sessions that they might come back to."""
    server = serve()
    context = authority.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    most = 0
    for _ in range(300):
        with talking(server, context):
            pass
        assert server._tls is not None
        most = max(most, server._tls._context.session_stats()["number"])
    assert 100 < most <= 257


# ------------------------------------------------------------------ its life


def test_closing_leaves_nothing(serve: Serve, authority: Authority) -> None:
    """After closing there is no thread and no connection, whatever these were doing."""
    before = set(threading.enumerate())
    server = serve()
    (thread,) = set(threading.enumerate()) - before
    with connect(server) as stuck, talking(server, authority.trusting()) as idle:
        stuck.sendall(HELLO)
        wait_until(lambda: [c.silent for c in server._connections.values()] == [False] * 2)
        server.close()
        assert not thread.is_alive()
        assert read_all(stuck) == idle.read(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    gc.collect()  # a socket left behind would warn here


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_lets_go_and_the_parent_serves_on(
    serve: Serve, authority: Authority
) -> None:
    """In a child the sockets are closed and nothing is said; sessions of the parent live on."""
    server = serve()
    with talking(server, authority.trusting()) as kept:
        kept.sendall(GET)
        read_one(kept)
        child = os.fork()
        if child == 0:
            try:
                server.abandon()
            finally:
                os._exit(0 if server._listener.fileno() == -1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        kept.sendall(GET)
        assert status(read_one(kept)) == 200


def test_the_interpreter_exits_at_once(files: tuple[Path, Path], authority: Authority) -> None:
    """A client that is connected, or stuck in its handshake, does not hold up the exit."""
    certificate, key = files
    code = (
        "import socket, ssl, sys\n"
        "from agentmon.export.access import Access\n"
        "from agentmon.export.tls import TLS\n"
        "from agentmon.export.server import Server\n"
        "from agentmon.export.respond import Endpoint\n"
        "from tests.export.recording import filled\n"
        "tls = TLS(Access(certificate=sys.argv[1], key=sys.argv[2]))\n"
        "server = Server(Endpoint(filled()), tls=tls)\n"
        "stuck = socket.create_connection(('127.0.0.1', server.port))\n"
        "stuck.sendall(b'\\x16\\x03')\n"
        "stuck.detach()\n"
        "sock = socket.create_connection(('127.0.0.1', server.port))\n"
        "secure = ssl.create_default_context(cafile=sys.argv[3]).wrap_socket(\n"
        "    sock, server_hostname='127.0.0.1')\n"
        "secure.sendall(b'GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\n"
        "assert secure.recv(9) == b'HTTP/1.1 '\n"
        "secure.detach()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, certificate, key, authority.path],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_files_that_are_gone_by_then_are_said(tmp_path: Path, authority: Authority) -> None:
    """If the files go between being checked and being used, starting fails."""
    certificate, key = authority.issue("going")
    access = Access(certificate=certificate, key=key)
    key.unlink()
    with pytest.raises(ConfigError, match="key: cannot read"):
        TLS(access)
