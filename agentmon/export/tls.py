"""
TLS of the endpoint's server. Nothing here touches a socket.
"""

from __future__ import annotations

import logging
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agentmon.errors import ConfigError
from agentmon.export.access import read_file
from agentmon.model.certificate import expiries

if TYPE_CHECKING:
    from agentmon.export.access import Access

__all__ = ["TLS", "Session"]

logger = logging.getLogger("agentmon")

_MOST_FILE_BYTES: Final = 1024 * 1024
_MOST_SESSIONS: Final = 256
_READ_BYTES: Final = 64 * 1024
_FILES: Final = ("certificate", "key", "client_ca")


class TLS:
    """
    The certificates in force.

    Args:
        access: Where they are.

    Raises:
        ConfigError: If they are of no use.
    """

    def __init__(self, access: Access) -> None:
        self._paths = {
            name: str(path) for name in _FILES if (path := getattr(access, name)) is not None
        }
        self._tried = self._read()
        self._context = _context(self._paths, self._tried)
        #: When the certificate ends, in seconds since 1970; None if it cannot be told.
        self.expiry = _expiry(self._tried["certificate"])

    def session(self) -> Session:
        """A new client, met with the certificates as they are now."""
        self._refresh()
        return Session(self._context)

    def _read(self) -> dict[str, bytes]:
        return {name: read_file(name, path, _MOST_FILE_BYTES) for name, path in self._paths.items()}

    def _refresh(self) -> None:
        """
        Take what the files hold now.

        Reading costs microseconds, a handshake a thousand. While one file is new and another is
        not yet, or one is broken, what worked last stays in force.
        """
        try:
            found = self._read()
        except ConfigError as error:
            if self._tried:
                self._tried = {}
                logger.warning("agentmon: %s; the certificates in use stay", error)
            return
        # OpenSSL keeps sessions of clients that may come back, and has no way to be told not to.
        crowded = self._context.session_stats()["number"] > _MOST_SESSIONS
        if found == self._tried and not crowded:
            return
        self._tried = found
        try:
            self._context = _context(self._paths, found)
            self.expiry = _expiry(found["certificate"])
        except ConfigError as error:
            logger.warning("agentmon: %s; the certificates in use stay", error)


def _context(paths: dict[str, str], contents: dict[str, bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # clients may ask for it in OpenSSL before 3
    context.num_tickets = 0  # a resumed session would not be asked for its certificate again
    context.set_alpn_protocols(["http/1.1"])
    certificate, key = paths["certificate"], paths.get("key", paths["certificate"])
    if b"-----BEGIN CERTIFICATE-----" not in contents["certificate"]:
        raise ConfigError(f"access: certificate: {certificate!r} holds no certificate in PEM")
    if b"PRIVATE KEY-----" not in contents.get("key", contents["certificate"]):
        raise ConfigError(
            f"access: key: {key!r} holds no private key in PEM"
            + ("" if "key" in paths else "; name the file that does by key")
        )
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"access: key: {key!r} does not belong to the certificate {certificate!r}"
        else:
            message = f"access: certificate {certificate!r} with key {key!r}: {_said(error)}"
        raise ConfigError(message) from None
    except OSError as error:
        raise ConfigError(f"access: certificate, key: cannot read them: {error}") from None
    if "client_ca" in paths:
        _ask_for_certificates(context, paths["client_ca"])
    return context


def _ask_for_certificates(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(
            f"access: client_ca: {path!r} holds no certificate in PEM: {_said(error)}"
        ) from None
    except OSError as error:
        raise ConfigError(f"access: client_ca: cannot read it: {error}") from None
    context.verify_mode = ssl.CERT_REQUIRED
    # What is named is trusted, also if it is an authority below another.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _no_passphrase() -> str:
    """Called for an encrypted key; without it OpenSSL would ask on the terminal, and wait."""
    raise ConfigError("access: key: it has a passphrase; give one without")


def _said(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _expiry(certificate: bytes) -> float | None:
    """The end of the first certificate in a file, which `ssl` does not tell."""
    return next(iter(expiries(certificate)), None)


class Session:
    """
    One client's side of TLS, from bytes to bytes.

    Args:
        context: The certificates.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "ended", "established", "failed")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False
        self.ended = False
        self.failed = ""

    def receive(self, data: bytes) -> bytes:
        """
        What the client says, as far as it has come.

        `established` is true after the handshake, `ended` once the client has said that nothing
        follows. If it cannot go on, `failed` is the reason, one of `REFUSAL_REASONS`.
        """
        self._incoming.write(data)
        parts = []
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
            while part := self._tls.read(_READ_BYTES):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failed = _reason(error)
        return b"".join(parts)

    def seal(self, data: memoryview) -> None:
        """Say something to the client; `take` has it for sending."""
        self._tls.write(data)

    def end(self) -> None:
        """Say that nothing follows."""
        with suppress(ssl.SSLError):  # wants to read the client's own end, which need not come
            self._tls.unwrap()

    def take(self) -> bytes:
        """What is to be sent."""
        return self._outgoing.read()


def _reason(error: ssl.SSLError) -> str:
    missing = error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    wrong = isinstance(error, ssl.SSLCertVerificationError)
    return "client_certificate" if missing or wrong else "tls_handshake"
