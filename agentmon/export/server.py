"""
The endpoint's own HTTP server: one daemon thread that waits on all connections at once.

A client that is slow costs a buffer, not a thread, and no number of clients adds threads to the
host. Answers are made one after the other; they take milliseconds.
"""

from __future__ import annotations

import errno
import logging
import re
import selectors
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from agentmon.errors import ConfigError, EndpointError
from agentmon.export.access import Gate, named_host
from agentmon.export.respond import OPEN, Response, error_response

if TYPE_CHECKING:
    from agentmon.export.respond import Responder
    from agentmon.export.tls import TLS, Session

__all__ = ["LOOPBACK", "Limits", "Server", "parse_address"]

logger = logging.getLogger("agentmon")

LOOPBACK: Final = "127.0.0.1"

_HIGHEST_PORT = 65535
_RECEIVE_BYTES = 16 * 1024
_SEAL_BYTES = 64 * 1024  # of an answer, while the client has not taken what was sealed before
_HANDSHAKE = 0x16  # what every connection of TLS begins with
_PAUSE_SECONDS = 0.5  # between attempts to accept while the process has no descriptor left
_JOIN_SECONDS = 30.0

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_address(address: str) -> tuple[str, int]:
    """
    Host and port of an address to serve on.

    Args:
        address: ``host:port``, ``[IPv6 address]:port``, or only a port, which means loopback.
            Port 0 takes any free one.

    Raises:
        ConfigError: If it is none of these.
    """
    match = re.fullmatch(r"(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:/\[\]]*)):)?([0-9]{1,5})", address)
    if match is None or int(match[3]) > _HIGHEST_PORT:
        raise ConfigError(
            f"address: got {address!r:.80}, allowed host:port, [IPv6 address]:port or a port, "
            f"with a port from 0 to {_HIGHEST_PORT}"
        )
    return match[1] or match[2] or LOOPBACK, int(match[3])


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What a client may ask of the server.

    Args:
        connections: Served at once. One more takes the place of the one that has kept the server
            waiting longest; if none has, it is turned away with status 503.
        line_bytes: Length of the first line of a request.
        head_bytes: Length of a request up to its body, which is never read.
        request_seconds: From the first byte of a request to the last; with TLS also from
            connecting to the end of the handshake.
        idle_seconds: From one request of a connection to the next.
        response_seconds: Until the client has taken the whole answer.
        drain_seconds: Until the client has closed its side after the answer.
        patience_seconds: A connection that has waited less is never closed in favour of another.
    """

    connections: int = 64
    line_bytes: int = 8 * 1024
    head_bytes: int = 16 * 1024
    request_seconds: float = 10.0
    idle_seconds: float = 30.0
    response_seconds: float = 30.0
    drain_seconds: float = 2.0
    patience_seconds: float = 1.0


class _Phase(Enum):
    """Where a connection stands."""

    HANDSHAKE = "before TLS is established"
    IDLE = "before the first byte of a request"
    READING = "within a request"
    WRITING = "within an answer"
    DRAINING = "after the last answer, until the client has read it"
    CLOSED = "after its end"


class _Connection:
    """One client, with a session if it speaks TLS."""

    __slots__ = (
        "deadline",
        "drained",
        "keep",
        "outgoing",
        "phase",
        "received",
        "session",
        "silent",
        "since",
        "sock",
        "unsealed",
    )

    def __init__(self, sock: socket.socket, phase: _Phase, now: float, patience: float) -> None:
        self.sock = sock
        self.phase = phase
        self.session: Session | None = None
        self.silent = True  # nothing has come yet
        self.since = now
        self.deadline = now + patience
        self.received = bytearray()
        self.outgoing = memoryview(b"")
        self.unsealed = memoryview(b"")  # what is still to be put into the words of TLS
        self.keep = False
        self.drained = 0

    def part(self) -> None:
        """Tell a client of TLS that nothing follows, if it can be told at once."""
        if self.session is not None and self.session.established and not self.outgoing:
            self.session.end()
            with suppress(OSError):
                self.sock.send(self.session.take())

    def enter(self, phase: _Phase, patience: float) -> None:
        self.phase = phase
        self.since = time.monotonic()
        self.deadline = self.since + patience

    def say(self, data: bytes) -> None:
        """Have something sent."""
        if self.session is None:
            self.outgoing = memoryview(data)
        else:
            self.unsealed = memoryview(data)

    def more(self) -> bool:
        """Whether there is something to send, of which a next part is sealed if need be."""
        session = self.session
        if session is None or self.outgoing:
            return bool(self.outgoing)
        if self.unsealed:
            session.seal(self.unsealed[:_SEAL_BYTES])
            self.unsealed = self.unsealed[_SEAL_BYTES:]
        if self.phase is _Phase.WRITING and not self.unsealed and not self.keep:
            session.end()
        self.outgoing = memoryview(session.take())
        return bool(self.outgoing)


class _RefusedError(Exception):
    """A request that is not one."""

    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    keep: bool


class Server:
    """
    Serves until it is closed; starts at once.

    Guarantees:
        - One thread and at most twice `Limits.connections` sockets, whatever clients do.
        - Nothing that a client does is logged, and nothing reaches the host.
        - After `close` neither its thread nor any of its sockets is left.

    Args:
        responder: Makes the answers.
        host: Name or address to listen on.
        port: Port to listen on; 0 takes any free one.
        limits: What a client may ask.
        gate: Decides on names, and counts those that are refused; the responder has the same.
        tls: Speak TLS only, with these certificates.

    Raises:
        EndpointError: If the address cannot be had.
    """

    def __init__(
        self,
        responder: Responder,
        host: str = LOOPBACK,
        port: int = 0,
        limits: Limits | None = None,
        *,
        gate: Gate | None = None,
        tls: TLS | None = None,
    ) -> None:
        self._responder = responder
        self._gate = gate or Gate()
        self._gate.tls = self._tls = tls
        self._limits = limits or Limits()
        self._listener = _listen(host, port)
        address, self.port = self._listener.getsockname()[:2]
        self._names = self._gate.names(host, loopback=_loopback(address))
        self.url = f"{'http' if tls is None else 'https'}://{_spoken(host)}:{self.port}"
        self._connections: dict[socket.socket, _Connection] = {}
        self._closing = False
        self._failed = False
        self._paused_until: float | None = None
        self._alarm, self._bell = socket.socketpair()
        self._alarm.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._thread = Thread(target=self._run, name="agentmon-endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving. Doing so again changes nothing."""
        if not self._closing:
            self._closing = True
            with suppress(OSError):
                self._bell.send(b"\0")
        if self._thread is not current_thread():
            self._thread.join(_JOIN_SECONDS)

    def abandon(self) -> None:
        """
        Let go of all sockets, in a forked child: there is no thread, and the parent serves on.

        Nothing is unregistered and nothing shut down, for that would reach the parent's.
        """
        self._closing = True
        self._selector.close()
        for sock in (self._listener, self._alarm, self._bell, *self._connections):
            sock.close()
        self._connections.clear()

    # ------------------------------------------------------------------ the loop

    def _run(self) -> None:
        try:
            while not self._closing:
                for key, _ in self._selector.select(self._patience()):
                    sock = key.fileobj
                    if sock is self._listener:
                        self._accept()
                    elif isinstance(sock, socket.socket) and sock in self._connections:
                        self._guard(self._connections[sock])
                self._expire()
        finally:
            for connection in list(self._connections.values()):
                self._drop(connection)
            self._selector.close()
            for sock in (self._listener, self._alarm, self._bell):
                sock.close()

    def _patience(self) -> float | None:
        """How long nothing needs to be done of itself, in seconds; None for ever."""
        moments = [connection.deadline for connection in self._connections.values()]
        if self._paused_until is not None:
            moments.append(self._paused_until)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _expire(self) -> None:
        now = time.monotonic()
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            self._selector.register(self._listener, selectors.EVENT_READ)
        for connection in list(self._connections.values()):
            if now >= connection.deadline:
                self._give_up(connection)

    def _give_up(self, connection: _Connection) -> None:
        if connection.phase is _Phase.READING:
            self._answer(connection, error_response(408), keep=False)
        else:
            self._lose(connection)

    def _guard(self, connection: _Connection) -> None:
        """Go on with a connection, and lose no more than that one if it goes wrong."""
        try:
            if connection.phase is _Phase.WRITING or connection.outgoing:
                self._write(connection)
            else:
                self._read(connection)
        except Exception:
            self._drop(connection)
            if not self._failed:
                self._failed = True
                logger.exception("agentmon: the endpoint dropped a connection; said once")

    # ------------------------------------------------------------------ connections

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            return
        except OSError:  # no descriptor is left: waiting would return at once, again and again
            self._selector.unregister(self._listener)
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            return
        limits = self._limits
        if len(self._connections) >= 2 * limits.connections:
            sock.close()
            return
        sock.settimeout(0)
        phase = _Phase.IDLE if self._tls is None else _Phase.HANDSHAKE
        connection = _Connection(sock, phase, time.monotonic(), limits.request_seconds)
        crowded = len(self._connections) >= limits.connections
        self._connections[sock] = connection
        self._selector.register(sock, selectors.EVENT_READ)
        if crowded and not self._make_room(connection):
            if self._tls is None:
                self._answer(connection, error_response(503), keep=False)
            else:
                self._drop(connection)  # nothing can be said before the handshake

    def _make_room(self, newcomer: _Connection) -> bool:
        """Close the connection that has kept the server waiting longest, if one has."""
        waiting = [
            connection
            for connection in self._connections.values()
            if connection.phase in (_Phase.HANDSHAKE, _Phase.IDLE, _Phase.READING)
            and connection is not newcomer
        ]
        longest = min(waiting, key=lambda connection: connection.since, default=None)
        if longest is None or newcomer.since - longest.since < self._limits.patience_seconds:
            return False
        self._lose(longest)
        return True

    def _lose(self, connection: _Connection) -> None:
        """Drop a connection, and count it if it got stuck in its handshake."""
        if connection.phase is _Phase.HANDSHAKE and not connection.silent:
            self._gate.refuse("tls_handshake")
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        if self._connections.pop(connection.sock, None) is not None:
            self._selector.unregister(connection.sock)
            connection.part()
            connection.sock.close()
            connection.phase = _Phase.CLOSED

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._lose(connection)
            return
        if connection.phase is _Phase.DRAINING:
            connection.drained += len(data)
            if connection.drained > 64 * _RECEIVE_BYTES:
                self._drop(connection)
            return
        if connection.silent and self._tls is not None:
            if data[0] != _HANDSHAKE:
                self._gate.refuse("tls_handshake")
                text = "Only TLS is spoken here; ask by https."
                self._answer(connection, error_response(400, text), keep=False)
                return
            connection.session = self._tls.session()
        connection.silent = False
        if connection.session is None:
            self._take(connection, data)
        else:
            self._open(connection, connection.session, data)

    def _open(self, connection: _Connection, session: Session, data: bytes) -> None:
        """Go on with a client that speaks TLS."""
        said = session.receive(data)
        if connection.phase is _Phase.HANDSHAKE and session.established:
            connection.enter(_Phase.IDLE, self._limits.request_seconds)
        if session.failed:
            if connection.phase is _Phase.HANDSHAKE:
                self._gate.refuse(session.failed)
            # OpenSSL has an alert for the client, which says why.
            connection.keep = False
            connection.enter(_Phase.WRITING, self._limits.response_seconds)
            self._write(connection)
            return
        if said:
            self._take(connection, said)
        if connection.phase not in (_Phase.WRITING, _Phase.DRAINING, _Phase.CLOSED):
            if session.ended:
                self._drop(connection)
            else:
                self._write(connection)  # what the handshake has to say

    def _take(self, connection: _Connection, data: bytes) -> None:
        """Take a part of a request, and answer it if it is the last."""
        if connection.phase is _Phase.IDLE:
            connection.enter(_Phase.READING, self._limits.request_seconds)
        connection.received += data
        try:
            request = _parse(connection.received, self._limits)
        except _RefusedError as refused:
            self._answer(connection, error_response(refused.status), keep=False)
            return
        if request is not None:
            self._answer(connection, self._response(request), keep=request.keep)

    def _response(self, request: _Request) -> Response:
        known = self._names is None or named_host(request.host, self._names)
        if not known and request.path.rstrip("/") not in OPEN:
            self._gate.refuse("unknown_host")
            return error_response(403)
        return self._responder.respond(request.method, request.path, request.query, request.headers)

    def _answer(self, connection: _Connection, response: Response, *, keep: bool) -> None:
        connection.received.clear()
        connection.keep = keep
        connection.say(_head(response, keep=keep) + response.body)
        connection.enter(_Phase.WRITING, self._limits.response_seconds)
        self._write(connection)

    def _write(self, connection: _Connection) -> None:
        try:
            while connection.more():
                sent = connection.sock.send(connection.outgoing)
                connection.outgoing = connection.outgoing[sent:]
        except (BlockingIOError, InterruptedError):
            self._selector.modify(connection.sock, selectors.EVENT_WRITE)
            return
        except OSError:
            self._drop(connection)
            return
        if connection.phase is _Phase.WRITING:
            if connection.keep:
                connection.enter(_Phase.IDLE, self._limits.idle_seconds)
            else:
                # Closing now could make the client's system throw away what it has not read yet.
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_WR)
                connection.enter(_Phase.DRAINING, self._limits.drain_seconds)
        self._selector.modify(connection.sock, selectors.EVENT_READ)


# ---------------------------------------------------------------------- sockets


def _listen(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
        listener.settimeout(0)
    except (OSError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        number = getattr(error, "errno", None) or errno.EINVAL
        if isinstance(error, socket.gaierror):  # whose numbers are of another kind
            number = errno.EADDRNOTAVAIL
        advice = {
            errno.EADDRINUSE: "it is in use; stop what listens there or choose another port "
            "(0 takes any free one)",
            errno.EACCES: "this user may not listen on it; choose a port above 1023",
            errno.EADDRNOTAVAIL: "this machine has no such address; choose one of its own",
        }.get(number)
        if advice is None or isinstance(error, socket.gaierror):
            advice = f"{error}; choose an address of this machine"
        message = f"cannot serve on {_spoken(host)}:{port}: {advice}"
        raise EndpointError(number, message) from error
    return listener


def _loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def _spoken(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


# ---------------------------------------------------------------------- HTTP


def _parse(received: bytearray, limits: Limits) -> _Request | None:
    """The request, or None as long as it is incomplete."""
    while received[:2] == b"\r\n":  # left over by some clients after their last request
        del received[:2]
    if bytes(received[:2]) not in (b"", b"\r") and not _TOKEN.match(received):
        raise _RefusedError(400)  # now, since the rest might never come: it may be TLS
    end = re.search(rb"\r?\n\r?\n", received)
    first_line = received.find(b"\n")
    if max(first_line, len(received) if first_line < 0 else 0) > limits.line_bytes:
        raise _RefusedError(414)
    if (end.start() if end else len(received)) > limits.head_bytes:
        raise _RefusedError(431)
    if end is None:
        return None
    first, *rest = re.split(r"\r?\n", received[: end.start()].decode("latin-1"))
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise _RefusedError(400)
    method, target, major, minor = line.groups()
    if major != "1":
        raise _RefusedError(505)
    headers = _fields(rest)
    if minor != "0" and "host" not in headers:
        raise _RefusedError(400)
    host, path, query = _target(target, headers.get("host", ""))
    bodiless = "transfer-encoding" not in headers and int(headers.get("content-length", "0")) == 0
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    # A request that follows at once is not waited for: its client asks again after the close.
    keep = minor != "0" and bodiless and "close" not in options and end.end() == len(received)
    return _Request(method, host, path, query, headers, keep)


def _fields(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise _RefusedError(400)
        name, value = field[1].lower(), field[2]
        if name in headers:
            if name in ("host", "content-length"):
                raise _RefusedError(400)
            value = f"{headers[name]}, {value}"
        headers[name] = value
    if not re.fullmatch(r"[0-9]{1,18}", headers.get("content-length", "0")):
        raise _RefusedError(400)
    return headers


def _target(target: str, host: str) -> tuple[str, str, str]:
    """Host, path, decoded, and query."""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise _RefusedError(400) from None
        if parts.scheme not in ("http", "https"):
            raise _RefusedError(400)
        target, host = f"{parts.path or '/'}?{parts.query}", parts.netloc
    path, _, query = target.partition("?")
    return host, unquote(path), query


def _head(response: Response, *, keep: bool) -> bytes:
    status = HTTPStatus(response.status)
    now = time.gmtime()
    date = (
        f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
        f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT"
    )
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {date}"]
    lines.extend(f"{name}: {value}" for name, value in response.headers)
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1")
