"""
Pushing by HTTP: how a server is reached, and who one says to be.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from agentmon.errors import ConfigError
from agentmon.export.otlp.answer import Answer, printable
from agentmon.export.push.target import FilePath, positive, refuse

__all__ = ["Line", "Web", "check_web"]

_MOST_SECRET_BYTES: Final = 16 * 1024
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_FILES: Final = ("certificate", "client_certificate", "client_key")
_SECRET_FILES: Final = ("password_file", "token_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """How a server is reached; what the arguments mean is said where they are users'."""

    timeout: float = 10.0
    headers: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: FilePath | None = None
    token: str | None = field(default=None, repr=False)
    token_file: FilePath | None = None
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = field(default=None, repr=False)


def check_web(what: str, options: Any) -> None:
    """
    Check the address of a server and how it is reached, and put them into order.

    A login in the address becomes user and password, so that the address may be shown.

    Args:
        what: The class, for messages.
        options: A `Web` with a field ``url``.

    Raises:
        ConfigError: If something cannot be used.
    """
    if not positive(options.timeout):
        refuse(f"{what}: timeout", options.timeout, "seconds above 0")
    _check_address(what, options)
    _check_headers(what, options)
    _check_files(what, options)
    _check_login(what, options)


def _check_address(what: str, options: Any) -> None:
    url, allowed = options.url, "http:// or https:// with a host"
    if not isinstance(url, str):
        refuse(f"{what}: url", url, allowed)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    # The whole address is not shown: it may hold a password.
    harmless = re.sub(r"//[^/]*@", "//...@", url).partition("?")[0]
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s\x00-\x1f]", url):
        refuse(f"{what}: url", harmless, allowed)
    if parts.username is not None:
        if options.user is not None or options.token or options.token_file:
            raise ConfigError(
                f"{what}: got a login in the address and another one, allowed one of them"
            )
        object.__setattr__(options, "user", unquote(parts.username))
        object.__setattr__(options, "password", unquote(parts.password or "") or None)
    spoken = f"[{host}]" if ":" in host else host
    where = spoken if port is None else f"{spoken}:{port}"
    object.__setattr__(options, "url", parts._replace(netloc=where, fragment="").geturl())


def _check_headers(what: str, options: Any) -> None:
    if options.headers is None:
        return
    if not isinstance(options.headers, Mapping):
        raise ConfigError(f"{what}: headers: got no mapping, allowed names and texts")
    headers = {}
    for name, value in options.headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            refuse(f"{what}: headers", name, "names of HTTP headers")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(
                f"{what}: headers: got a value of {name} that is no text of HTTP, allowed one line "
                "of Latin characters"
            )
        headers[name.lower()] = value
    object.__setattr__(options, "headers", headers)


def _check_files(what: str, options: Any) -> None:
    for name in (*_FILES, *_SECRET_FILES):
        given = getattr(options, name)
        if given is None:
            continue
        if not isinstance(given, str | os.PathLike) or not os.path.isfile(given):  # noqa: PTH113  # pathlib is not needed for this
            refuse(f"{what}: {name}", given, "a file that exists")
        # The process may change its folder before it is read.
        object.__setattr__(options, name, os.path.abspath(os.fsdecode(os.fspath(given))))  # noqa: PTH100  # keeps links, which may be turned
    if options.client_key is not None and options.client_certificate is None:
        raise ConfigError(
            f"{what}: got client_key without client_certificate, allowed both or none"
        )


def _check_login(what: str, options: Any) -> None:
    for one, other in (("password", "password_file"), ("token", "token_file")):
        if getattr(options, one) is not None and getattr(options, other) is not None:
            raise ConfigError(f"{what}: got {one} and {other}, allowed one of them")
    by_token = options.token is not None or options.token_file is not None
    has_password = options.password is not None or options.password_file is not None
    if has_password and options.user is None:
        raise ConfigError(f"{what}: got a password without user, allowed both or none")
    given = [
        name
        for name, there in (
            ("a user", options.user is not None),
            ("a token", by_token),
            ("the header authorization", "authorization" in (options.headers or {})),
        )
        if there
    ]
    if len(given) > 1:
        raise ConfigError(f"{what}: got {' and '.join(given)}, allowed one of them")
    user = options.user
    if user is not None and (not isinstance(user, str) or ":" in user or not user.isprintable()):
        refuse(f"{what}: user", user, "printable characters without a colon")
    try:
        _authorization(options)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None


def _authorization(options: Any) -> str | None:
    """
    What to show to the server, with secrets as their files hold them now.

    Raises:
        ConfigError: If a secret cannot be had, or is none. It does not hold what was got.
    """
    if options.user is not None:
        password = _secret("password", options.password, options.password_file) or ""
        if not password.isprintable():
            raise ConfigError("the password is not one line of printable characters")
        login = f"{options.user}:{password}".encode(errors="replace")
        return f"Basic {base64.b64encode(login).decode()}"
    token = _secret("token", options.token, options.token_file)
    if token is None:
        return None
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            "the token holds other characters than letters, digits and -._~+/ of ASCII, or is empty"
        )
    return f"Bearer {token}"


def _secret(name: str, given: object, path: str | None) -> str | None:
    if path is None:
        if given is not None and not isinstance(given, str):
            raise ConfigError(f"the {name} is no text")
        return given
    try:
        # Opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{name}_file: {path!r} is no regular file")
            content = file.read(_MOST_SECRET_BYTES + 1)
        if len(content) > _MOST_SECRET_BYTES:
            raise ConfigError(f"{name}_file: {path!r} is longer than {_MOST_SECRET_BYTES:,} bytes")
        return content.decode("utf-8-sig").strip()
    except OSError as error:
        raise ConfigError(f"{name}_file: cannot read {path!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}_file: {path!r} is not in UTF-8") from None


class Line:
    """
    The line to a server.

    Args:
        options: How it is reached.
    """

    def __init__(self, options: Any) -> None:
        from agentmon.export.client import Client  # noqa: PLC0415  # loads requests

        self._options = options
        self._client = Client(options.certificate, options.client_certificate, options.client_key)
        self.abort = self._client.abort
        self.close = self._client.close
        self.abandon = self._client.abandon

    def ask(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> Answer:
        """
        Try once.

        Args:
            method: Of HTTP.
            url: The whole address.
            body: What is sent.
            headers: What it is; the options' own win.
            timeout_seconds: The most that it may take, if the options do not say less.
        """
        from agentmon.export.client import refusal  # noqa: PLC0415  # likewise

        options = self._options
        own = dict(options.headers or {})
        try:
            authorization = _authorization(options)
        except ConfigError as error:
            return Answer("failed", str(error))
        if authorization is not None:
            own["authorization"] = authorization
        seconds = min(timeout_seconds, options.timeout)
        reply = self._client.ask(method, url, body, {**headers, **own}, seconds)
        if isinstance(reply, Answer):
            return reply
        if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            return Answer("accepted")
        secrets = [part for value in own.values() for part in (value, value.partition(" ")[2])]
        return refusal(
            reply,
            printable(reply.body),
            retryable=reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or reply.status == HTTPStatus.TOO_MANY_REQUESTS,
            secrets=[*secrets, options.password, options.token],
        )
