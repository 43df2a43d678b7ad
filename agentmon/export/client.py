"""
HTTP as our own exporting speaks it, through `requests`.

So proxies, TLS and client certificates are as users know them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock, Timer
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from agentmon._version import __version__
from agentmon.export.otlp.answer import LONGEST_ANSWER, Answer, printable
from agentmon.export.suppress import suppressed

__all__ = ["Client", "Reply", "refusal"]

_CONNECT_SECONDS: Final = 5.0
_JOIN_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What a server answered.

    Args:
        status: Of HTTP.
        headers: Its header fields, whatever the case of their names.
        body: At most 64 KiB of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """
    Asks one server.

    Guarantees:
        - Nothing here raises, and what is done here makes no spans.
        - An attempt ends in its time, even if the server answers a byte at a time. Connecting is
          bounded for each address that its name has; the look-up of that name is not.
        - Redirects are not followed, and no more than 64 KiB of an answer are read.

    Args:
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key, if that is another one.
    """

    def __init__(
        self,
        certificate: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
    ) -> None:
        self._verify = certificate or True
        self._cert = (
            (client_certificate, client_key)
            if client_certificate and client_key
            else client_certificate
        )
        self._wire = _Wire()
        self._session = self._connected()

    def ask(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> Reply | Answer:
        """
        Try once.

        Args:
            method: Of HTTP.
            url: The whole address.
            body: Sent as it is.
            headers: Sent along, with names in small letters.
            timeout_seconds: How long it may take.

        Returns:
            What the server answered; where it did not, what to make of that.
        """
        stop = self._wire.begin(timeout_seconds)
        try:
            with suppressed():
                return self._ask(method, url, body, headers, timeout_seconds)
        except Exception as error:  # noqa: BLE001  # whatever it is, the host must not see it
            if self._wire.late:
                return Answer("retry", f"no answer within {timeout_seconds:g} s")
            return _failure(error, timeout_seconds)
        finally:
            stop()

    def abort(self) -> None:
        """Cut the connection on which an attempt in another thread waits."""
        self._wire.cut()

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def abandon(self) -> None:
        """In a forked child: forget all connections; that closes this process's copies only."""
        self._wire = _Wire()
        self._session = self._connected()

    def _connected(self) -> requests.Session:
        session = requests.Session()
        # Keeps `requests` from reading a login for this host out of a .netrc.
        session.auth = _as_it_is
        adapter = _Adapter(self._wire)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> Reply:
        said = {
            "accept-encoding": "identity",
            "user-agent": f"agentmon/{__version__}",
            **headers,
        }
        with self._session.request(
            method,
            url,
            data=body,
            headers=said,
            timeout=(min(timeout_seconds, _CONNECT_SECONDS), timeout_seconds),
            verify=self._verify,
            cert=self._cert,
            allow_redirects=False,
            stream=True,
        ) as response:
            found: bytes = response.raw.read(LONGEST_ANSWER, decode_content=False)
            return Reply(response.status_code, response.headers, found)


def refusal(reply: Reply, said: str, *, retryable: bool, secrets: Iterable[str]) -> Answer:
    """
    What to make of an answer that is no success.

    Args:
        reply: The answer.
        said: What it says to people, fit to be shown.
        retryable: Whether the same request may go well later.
        secrets: What must not be shown, and which a server may repeat.
    """
    status = reply.status
    message = f"status {status}"
    with suppress(ValueError):
        message = f"{message} ({HTTPStatus(status).phrase})"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Answer("failed", f"{message}: redirects are not followed")
    if said and not any(secret and secret in said for secret in secrets):
        message = f"{message}: {said}"
    if retryable:
        return Answer("retry", message, after_seconds=_retry_after(reply))
    unknown = status in (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED)
    return Answer("failed", message, unknown=unknown)


class _Wire:
    """The connection in use, which can be cut from another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sock: socket.socket | None = None
        self._turn = 0
        self._busy = False
        #: Whether the attempt was cut.
        self.late = False

    def begin(self, timeout_seconds: float) -> Any:
        """Begin an attempt, to be cut after so long; returns what ends it."""
        with self._lock:
            self._turn += 1
            self._busy, self.late = True, False
            turn = self._turn
        timer = Timer(timeout_seconds, self.cut, (turn,))
        timer.daemon, timer.name = True, "agentmon-timeout"
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending, and starts no threads any more
            return self._end

        def stop() -> None:
            timer.cancel()
            self._end()
            timer.join(_JOIN_SECONDS)  # so that no thread is left once the worker's has ended

        return stop

    def _end(self) -> None:
        with self._lock:
            self._busy = False

    def connected(self, sock: Any) -> None:
        """Note the connection that is used from here on."""
        with self._lock:
            self._sock = sock
            if self.late:
                self._shut()

    def cut(self, turn: int | None = None) -> None:
        """Cut it, if that attempt is still under way."""
        with self._lock:
            if self._busy and turn in (None, self._turn):
                self.late = True
                self._shut()

    def _shut(self) -> None:
        if self._sock is not None:
            with suppress(OSError):
                # Not the method of an SSL socket, which the other thread is using.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Tells which connection is in use. Nothing is tried again here: `Sender` does that."""

    def __init__(self, wire: _Wire) -> None:
        self._pools = _pools(wire)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        if type(manager) is ProxyManager:  # a manager for SOCKS has connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(wire: _Wire) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            wire.connected(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            wire.connected(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _retry_after(reply: Reply) -> float | None:
    """When to try again, in seconds, if the server said so: in seconds, or as a date."""
    said = reply.headers.get("retry-after")
    if said is None:
        return None
    try:
        seconds = float(int(said))
    except ValueError:
        import time  # noqa: PLC0415
        from email.utils import parsedate_to_datetime  # noqa: PLC0415  # few say a date

        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    except OverflowError:
        return _LONGEST_PAUSE_SECONDS
    return min(max(0.0, seconds), _LONGEST_PAUSE_SECONDS)


def _failure(error: Exception, timeout_seconds: float) -> Answer:
    """
    What an exception means.

    Its text is not shown, as it may hold the address with all that is in it.
    """
    if isinstance(error, requests.exceptions.Timeout):
        return Answer("retry", f"no answer within {timeout_seconds:g} s")
    reason = _innermost(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return Answer("retry", f"the proxy cannot be used: {reason}")
    if isinstance(error, requests.exceptions.SSLError):
        return Answer("retry", f"TLS fails: {reason}")
    if isinstance(error, requests.exceptions.RequestException | OSError):
        verdict_is_final = isinstance(error, ValueError)  # such as a URL that is none
        return Answer("failed" if verdict_is_final else "retry", reason)
    return Answer("failed", reason)


def _innermost(error: BaseException) -> str:
    """The operating system's word on it, if there is one, else the name of its class."""
    seen: list[BaseException] = []
    within: Any = error
    while isinstance(within, BaseException) and within not in seen:
        seen.append(within)
        within = (
            getattr(within, "reason", None)
            or within.__cause__
            or within.__context__
            or next((arg for arg in within.args if isinstance(arg, BaseException)), None)
        )
    for each in reversed(seen):
        if isinstance(each, OSError) and each.strerror:
            return printable(each.strerror)
    return type(seen[-1]).__name__
