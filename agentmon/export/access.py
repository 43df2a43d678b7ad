"""
Who may ask the endpoint: credentials, the files of TLS, and the names it answers to.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final

from agentmon.errors import ConfigError
from agentmon.model.catalogue import REFUSAL_REASONS

if TYPE_CHECKING:
    from agentmon.export.tls import TLS

__all__ = ["Access", "Gate", "named_host"]

logger = logging.getLogger("agentmon")

_MOST_SECRET_BYTES: Final = 16 * 1024  # more than a request may hold is no credential
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%\w]*\]|[^:\[\]]*)(?::[0-9]*)?")
_ADDRESS = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")

#: Names that nobody can make point at somebody else's machine, besides ``localhost``.
_LOCAL_NAMES: Final = ("host.docker.internal", "host.containers.internal")
_ANY_NAME: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    Who may ask the endpoint, and over what.

    What it is given is checked at once, files included. Files are read again while serving, so
    that passwords, tokens and certificates can be changed without a restart: put the new file in
    the place of the old one.

    Args:
        user: Name for basic authentication. Without a colon.
        password: Its password.
        password_file: File that holds the password instead. White space around it is left out.
        token: Bearer token; letters, digits and ``-._~+/``, at the end also ``=``. Where both
            user and token are given, either will do.
        token_file: File that holds the token instead.
        certificate: File with the certificate of the endpoint, and the chain above it, in PEM.
            With it, only HTTPS is spoken.
        key: File with its private key in PEM, without a passphrase; by default it is looked for
            in the file of the certificate.
        client_ca: File with the authorities in PEM of whose clients one must be: whoever shows no
            certificate of theirs is refused.
        hosts: Names by which the endpoint may be asked, besides ``localhost`` and addresses. They
            are looked at where it listens on loopback, and elsewhere if some are given. ``*``
            means any.

    Raises:
        ConfigError: If something is missing, or is of no use.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | os.PathLike[str] | None = None
    token: str | None = field(default=None, repr=False)
    token_file: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    client_ca: str | os.PathLike[str] | None = None
    hosts: Iterable[str] = ()

    def __post_init__(self) -> None:
        for name in ("password_file", "token_file", "certificate", "key", "client_ca"):
            object.__setattr__(self, name, _path(name, getattr(self, name)))
        object.__setattr__(self, "hosts", _names(self.hosts))
        if not (self.authenticates or self.certificate or self.hosts):
            self._check_parts()
            raise ConfigError(
                "access: got nothing, allowed user with a password, token, certificate, hosts"
            )
        self._check_parts()
        if self.user is not None:
            _check_user(self.user)
        if self.password is not None:
            _check_password("password", self.password)
        if self.token is not None:
            _check_token("token", self.token)
        if self.password_file is not None:
            _check_password("password_file", _secret("password_file", str(self.password_file)))
        if self.token_file is not None:
            _check_token("token_file", _secret("token_file", str(self.token_file)))
        if self.certificate is not None:
            from agentmon.export import tls  # noqa: PLC0415  # loads ssl

            tls.TLS(self)

    @property
    def authenticates(self) -> bool:
        """Whether user and password, or a token, are asked for."""
        return not (self.user is None and self.token is None and self.token_file is None)

    def _check_parts(self) -> None:
        """Whether what belongs together is there, and what excludes each other is not."""
        for one, other in (("password", "password_file"), ("token", "token_file")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ConfigError(f"access: got {one} and {other}, allowed one of them")
        has_password = self.password is not None or self.password_file is not None
        if has_password != (self.user is not None):
            got, missing = ("a password", "user") if has_password else ("user", "a password")
            raise ConfigError(f"access: got {got} without {missing}, allowed both or neither")
        for name in ("key", "client_ca"):
            if getattr(self, name) is not None and self.certificate is None:
                raise ConfigError(
                    f"access: got {name} without certificate, which is needed for TLS"
                )


class Gate:
    """
    Decides on every request, and counts those that are refused.

    Guarantees:
        - Credentials are compared in a time that says nothing about them.
        - A file that cannot be used any more changes nothing: what it held last stays in force,
          and the log says so once.

    Args:
        access: What is asked for; None lets everybody in.
    """

    def __init__(self, access: Access | None = None) -> None:
        self._access = access
        self.tls: TLS | None = None  # what the server speaks, once it does
        self._lock = Lock()
        self._refused = dict.fromkeys(REFUSAL_REASONS, 0)
        self._known: dict[str, str] = {}
        self._warned: set[str] = set()

    @property
    def expiry(self) -> float | None:
        """When the certificate that is served ends, in seconds since 1970."""
        return None if self.tls is None else self.tls.expiry

    def refuse(self, reason: str) -> None:
        """Count a refusal, for one of `REFUSAL_REASONS`."""
        with self._lock:
            self._refused[reason] += 1

    def refused(self) -> dict[str, int]:
        """How many were refused, by reason."""
        with self._lock:
            return dict(self._refused)

    # ------------------------------------------------------------------ credentials

    def admits(self, authorization: str) -> bool:
        """
        Whether the credentials of a request will do; counts it if not.

        Args:
            authorization: The header field ``Authorization``, or empty.
        """
        access = self._access
        if access is None or not access.authenticates:
            return True
        scheme, _, given = authorization.strip().partition(" ")
        right = False
        if scheme.lower() == "basic" and access.user is not None:
            password = self._current("password_file", access.password, access.password_file)
            if password is not None:
                right = _same(_decoded(given.strip()), f"{access.user}:{password}".encode())
        elif scheme.lower() == "bearer":
            token = self._current("token_file", access.token, access.token_file)
            if token is not None:
                right = _same(given.strip().encode("latin-1", "replace"), token.encode())
        if not right:
            self.refuse("wrong_credentials" if scheme else "no_credentials")
        return right

    def challenges(self) -> tuple[tuple[str, str], ...]:
        """The header fields that tell a client what to show."""
        access = self._access
        if access is None:
            return ()
        found = []
        if access.user is not None:
            found.append(("WWW-Authenticate", 'Basic realm="agentmon", charset="UTF-8"'))
        if access.token is not None or access.token_file is not None:
            found.append(("WWW-Authenticate", 'Bearer realm="agentmon"'))
        return tuple(found)

    def _current(self, name: str, value: str | None, path: object) -> str | None:
        """
        A secret as it is now.

        The file is read each time: it is small, requests are rare, and neither its time nor its
        size would tell of every change.
        """
        if path is None:
            return value
        try:
            secret = _secret(name, str(path))
            (_check_token if name == "token_file" else _check_password)(name, secret)
        except ConfigError as error:
            with self._lock:
                first = name not in self._warned
                self._warned.add(name)
            if first:
                logger.warning("agentmon: %s; what it held last stays in force", error)
            return self._known.get(name)
        with self._lock:
            self._warned.discard(name)
            self._known[name] = secret
        return secret

    # ------------------------------------------------------------------ names

    def names(self, bound: str, *, loopback: bool) -> frozenset[str] | None:
        """
        The names by which the endpoint may be asked, or None for any.

        Args:
            bound: The name or address that it listens on, as it was given.
            loopback: Whether that is this machine only.
        """
        given = () if self._access is None else tuple(self._access.hosts)
        if _ANY_NAME in given or not (loopback or given):
            return None
        return frozenset(name.lower() for name in (*given, *_LOCAL_NAMES, bound))


def named_host(host: str, names: frozenset[str]) -> bool:
    """
    Whether a request is meant for this endpoint.

    A page of a stranger can ask a server on loopback by a name of its own that it has made point
    there, and read the answer. By an address or by ``localhost`` it cannot.

    Args:
        host: The header field ``Host``, or empty, as browsers never have it.
        names: What `Gate.names` returned.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().removesuffix(".")
    if not name or _ADDRESS.fullmatch(name):
        return True
    return name == "localhost" or name.endswith(".localhost") or name in names


# ---------------------------------------------------------------------- checks


def _path(name: str, given: object) -> str | None:
    """The file as an absolute path: the process may change its folder before it is read again."""
    if given is None:
        return None
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise ConfigError(f"access: {name}: got {given!r:.80}, allowed the path of a file")
    return os.path.abspath(os.fsdecode(os.fspath(given)))  # noqa: PTH100  # keeps links, which may be turned


def _names(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ConfigError(f"access: hosts: got {given!r:.80}, allowed several names, as a list")
    try:
        names = tuple(given)
    except TypeError:
        names = (given,)  # type: ignore[assignment]
    for name in names:
        if not isinstance(name, str) or not (name == _ANY_NAME or _HOST_NAME.fullmatch(name)):
            raise ConfigError(
                f"access: hosts: got {name!r:.80}, allowed names without scheme and port, or '*'"
            )
    return names


def _check_user(user: object) -> None:
    if not isinstance(user, str) or not user or ":" in user or not user.isprintable():
        raise ConfigError(
            f"access: user: got {user!r:.80}, allowed printable characters without a colon"
        )


def _check_password(name: str, password: object) -> None:
    # The message must not hold what was got: it is secret, or nearly so.
    if not isinstance(password, str) or not password or not password.isprintable():
        raise ConfigError(
            f"access: {name}: got {_shape(password)}, allowed one line of printable characters"
        )


def _check_token(name: str, token: object) -> None:
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"access: {name}: got {_shape(token)}, allowed letters, digits and -._~+/ "
            "of ASCII, then any number of ="
        )


def _shape(secret: object) -> str:
    """What may be said of a secret that is none."""
    if not isinstance(secret, str):
        return type(secret).__name__
    if not secret:
        return "nothing"
    kinds = (
        ("white space", any(char.isspace() for char in secret)),
        ("characters outside ASCII", not secret.isascii()),
    )
    found = " and ".join(kind for kind, there in kinds if there) or "other characters"
    return f"a text with {found}"


def _secret(name: str, path: str) -> str:
    """What a file holds, without the white space around it."""
    content = read_file(name, path)
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"access: {name}: {path!r} is not in UTF-8") from None


def read_file(name: str, path: str, most_bytes: int = _MOST_SECRET_BYTES) -> bytes:
    """
    Everything in a file.

    Args:
        name: What it is to `Access`.
        path: Where it is.
        most_bytes: The most that it may hold.

    Raises:
        ConfigError: If it cannot be read, is no file, or is larger.
    """
    try:
        # Opening a pipe would wait for a writer, and its content could be had once only.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"access: {name}: {path!r} is no regular file")
            content = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"access: {name}: cannot read {path!r}: {reason}") from None
    if len(content) > most_bytes:
        raise ConfigError(f"access: {name}: {path!r} is longer than {most_bytes:,} bytes")
    return content


# ---------------------------------------------------------------------- comparing


def _decoded(given: str) -> bytes:
    """User and password of basic authentication; what is none matches nothing."""
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _same(given: bytes, wanted: bytes) -> bool:
    """Compare without telling by the time it takes how much is right, or how long it is."""
    import hashlib  # noqa: PLC0415  # loads OpenSSL, for those who ask for credentials only
    import hmac  # noqa: PLC0415  # likewise

    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(wanted).digest())
