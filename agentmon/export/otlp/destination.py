"""
Where OTLP is sent, and how: from a URL and from OpenTelemetry's standard variables.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter". Timeouts are in seconds, as
in OpenTelemetry's SDK for Python, and not in the milliseconds of the specification.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Final, Literal, cast
from urllib.parse import SplitResult, unquote, urlsplit

from agentmon.errors import ConfigError

__all__ = ["Compression", "Destination", "Protocol", "Signal", "destination"]

Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["gzip", "none"]
Signal = Literal["traces", "logs", "metrics"]

_PROTOCOLS: Final = ("http/protobuf", "grpc")
_COMPRESSIONS: Final = ("gzip", "none")
_SCHEMES: Final = ("http", "https", "grpc", "grpcs")
_TIMEOUT_SECONDS: Final = 10.0
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Destination:
    """
    A collector.

    Args:
        url: By HTTP the whole address that is posted to; by gRPC ``http://`` or ``https://`` with
            host and port.
        protocol: How it is spoken to.
        headers: Sent along. They hold secrets, and are never shown.
        timeout_seconds: How long an answer is waited for.
        compression: Of what is sent.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key.
        insecure: Whether it is spoken to without TLS.
    """

    url: str = field(repr=False)
    protocol: Protocol = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    timeout_seconds: float = _TIMEOUT_SECONDS
    compression: Compression = "none"
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)
    insecure: bool = True

    @property
    def shown(self) -> str:
        """The address without what may be a secret: for messages."""
        return self.url.partition("?")[0].partition("#")[0]

    def __str__(self) -> str:
        return f"{self.shown} ({'gRPC' if self.protocol == 'grpc' else 'HTTP'})"


def destination(
    signal: Signal,
    environ: Mapping[str, str],
    *,
    url: str | None = None,
    protocol: Protocol | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
    compression: Compression | None = None,
    certificate: str | PathLike[str] | None = None,
    client_certificate: str | PathLike[str] | None = None,
    client_key: str | PathLike[str] | None = None,
) -> Destination:
    """
    The collector for one signal.

    An argument that is None is taken from ``OTEL_EXPORTER_OTLP_TRACES_*`` (or ``LOGS``,
    ``METRICS``), else from ``OTEL_EXPORTER_OTLP_*``, else has its default.

    Args:
        signal: What is sent there.
        environ: Environment variables.
        url: ``http://host:4318`` or ``grpc://host:4317``, with TLS ``https://`` or ``grpcs://``. By
            HTTP the path of the signal, such as ``/v1/traces``, is added unless it is there.
        protocol: How it is spoken to.
        headers: Sent along.
        timeout_seconds: How long an answer is waited for.
        compression: Of what is sent.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key.

    Raises:
        ConfigError: If one of them cannot be used: what, what was got, what is allowed.
    """
    given = _Variables(environ, signal)
    chosen = protocol
    if url is not None:
        source, address, whole = "URL of a collector", url, False
        scheme = url.partition("://")[0].lower()
        if scheme in ("grpc", "grpcs"):
            if protocol not in (None, "grpc"):
                raise ConfigError(f"protocol: got {protocol!r} with {scheme}://, allowed 'grpc'")
            chosen = "grpc"
    else:
        source, address, whole = given.endpoint()
    if chosen is None:
        # An address by HTTP says nothing of gRPC: that is what the variable is for.
        name, text = given.find("PROTOCOL")
        chosen = cast("Protocol", text or "http/protobuf")
        _among(name, chosen, _PROTOCOLS)
    _among("protocol", chosen, _PROTOCOLS)
    if not address:
        address = "http://localhost:4317" if chosen == "grpc" else "http://localhost:4318"
    place, insecure, login = _place(source, address, chosen, given)
    if chosen != "grpc":
        place = _with_path(place, signal, whole=whole)
    name, text = given.find("COMPRESSION")
    packed = cast("Compression", compression or text or "none")
    _among("compression" if compression else name, packed, _COMPRESSIONS)
    return Destination(
        url=place.geturl(),
        protocol=chosen,
        headers={**login, **_headers(headers, given)},
        timeout_seconds=_timeout(timeout_seconds, given),
        compression=packed,
        insecure=insecure,
        **_files(given, certificate, client_certificate, client_key),
    )


class _Variables:
    """The standard variables as one signal sees them: its own win over the general ones."""

    def __init__(self, environ: Mapping[str, str], signal: Signal) -> None:
        self._environ = environ
        self._own = f"{_PREFIX}{signal.upper()}_"

    def find(self, what: str) -> tuple[str, str]:
        """Name and text of the variable that is in force; the text is empty if none is set."""
        for prefix in (self._own, _PREFIX):
            text = self._environ.get(prefix + what, "").strip()
            if text:
                return prefix + what, text
        return _PREFIX + what, ""

    def endpoint(self) -> tuple[str, str, bool]:
        """Name and text of the address, and whether it is the signal's own, to be used as it is."""
        name, text = self.find("ENDPOINT")
        return name, text, name.startswith(self._own)


def _among(what: str, got: object, allowed: tuple[str, ...]) -> None:
    if got not in allowed:
        raise ConfigError(f"{what}: got {got!r:.80}, allowed {', '.join(allowed)}")


def _place(
    source: str, address: str, protocol: Protocol, given: _Variables
) -> tuple[SplitResult, bool, dict[str, str]]:
    """The address as it is used, whether it is without TLS, and what it said of a login."""
    allowed = "http://host:4318, https://host:4318, grpc://host:4317 or grpcs://host:4317"
    if "://" not in address and protocol == "grpc":
        # Only here does the specification let a variable say whether there is TLS.
        name, text = given.find("INSECURE")
        _among(name, text.lower() or "false", ("true", "false"))
        address = f"{'http' if text.lower() == 'true' else 'https'}://{address}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    # The whole address is not shown: it may hold a password.
    if not host or parts.scheme.lower() not in _SCHEMES or re.search(r"[\s\x00-\x1f]", address):
        raise ConfigError(f"{source}: got {_harmless(address)!r:.120}, allowed {allowed}")
    scheme = parts.scheme.lower()
    if scheme in ("grpc", "grpcs") and protocol != "grpc":
        raise ConfigError(f"{source}: got {scheme}:// with protocol {protocol!r}, allowed 'grpc'")
    insecure = scheme in ("http", "grpc")
    login = {}
    if parts.username is not None:
        import base64  # noqa: PLC0415  # few addresses have a login

        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login["authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    spoken = f"[{host}]" if ":" in host else host
    where = spoken if port is None else f"{spoken}:{port}"
    if protocol == "grpc":
        where = f"{spoken}:{port or 4317}"
        return SplitResult("http" if insecure else "https", where, "", "", ""), insecure, login
    return parts._replace(scheme=scheme, netloc=where, fragment=""), insecure, login


def _harmless(address: str) -> str:
    """An address that cannot be used, without a login and what stands behind a question mark."""
    return re.sub(r"//[^/]*@", "//...@", address).partition("?")[0]


def _with_path(place: SplitResult, signal: Signal, *, whole: bool) -> SplitResult:
    if whole:
        return place._replace(path=place.path or "/")
    path = f"/v1/{signal}"
    if place.path.rstrip("/").endswith(path):
        return place
    return place._replace(path=place.path.rstrip("/") + path)


def _headers(given: Mapping[str, str] | None, variables: _Variables) -> dict[str, str]:
    name, text = variables.find("HEADERS")
    pairs: list[tuple[str, str]]
    if given is not None:
        name = "headers"
        pairs = [(str(key), str(value)) for key, value in given.items()]
    else:
        pairs = []
        for item in filter(None, (item.strip() for item in text.split(","))):
            key, equals, value = item.partition("=")
            if not equals:
                raise ConfigError(f"{name}: got an item without '=', allowed key=value,key=value")
            pairs.append((unquote(key).strip(), unquote(value).strip()))
    headers = {}
    for key, value in pairs:
        if not _HEADER_NAME.fullmatch(key):
            raise ConfigError(f"{name}: got the name {key!r:.40}, allowed names of HTTP headers")
        if not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(f"{name}: got a value of {key} with control or non-Latin characters")
        headers[key.lower()] = value
    return headers


def _timeout(given: float | None, variables: _Variables) -> float:
    name, text = variables.find("TIMEOUT")
    try:
        seconds = float(text or _TIMEOUT_SECONDS) if given is None else float(given)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        what, got = (name, text) if given is None else ("timeout", given)
        raise ConfigError(f"{what}: got {got!r}, allowed seconds above 0")
    return seconds


def _files(
    variables: _Variables,
    certificate: str | PathLike[str] | None,
    client_certificate: str | PathLike[str] | None,
    client_key: str | PathLike[str] | None,
) -> dict[str, str]:
    files = {}
    for what, given in (
        ("certificate", certificate),
        ("client_certificate", client_certificate),
        ("client_key", client_key),
    ):
        name, text = variables.find(what.upper()) if given is None else (what, os.fspath(given))
        if text:
            if not os.path.isfile(text):  # noqa: PTH113  # pathlib is not needed for this
                raise ConfigError(f"{name}: got {text!r}, allowed a file that exists")
            files[what] = text
    if "client_key" in files and "client_certificate" not in files:
        raise ConfigError("client_key: got one without a client_certificate, allowed both or none")
    return files
