"""
Pushing metrics by OTLP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from agentmon.errors import ConfigError
from agentmon.export.otlp import common
from agentmon.export.otlp.answer import Answer
from agentmon.export.otlp.destination import Destination, destination
from agentmon.export.otlp.metrics import encode
from agentmon.export.otlp.sender import transport
from agentmon.export.push.target import Attempt, FilePath, Moment, Origin, check_every, refuse

__all__ = ["Collector", "OTLPMetrics", "resolved"]


@dataclass(frozen=True, slots=True)
class OTLPMetrics:
    """
    A collector that takes metrics by OTLP, for ``configure(push=...)``.

    What is None is what the standard variables ``OTEL_EXPORTER_OTLP_*`` say, else the default.

    Args:
        to: The collector: ``otlp`` for where the standard variables say, or a URL:
            ``http://host:4318``, ``grpc://host:4317``, with TLS ``https://`` or ``grpcs://``.
        every: Push each so many seconds too; by default only at the end, and on `push`.
        protocol: How it travels.
        headers: Sent along; never shown.
        compression: Of what is sent.
        timeout: Of one attempt, in seconds.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key.

    Raises:
        ConfigError: If something cannot be used.
    """

    to: str | Destination = field(default="otlp", repr=False)
    every: float | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    compression: Literal["gzip", "none"] | None = None
    timeout: float | None = None
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_every("OTLPMetrics", self.every)
        if self.headers is not None:
            if not isinstance(self.headers, Mapping):
                raise ConfigError("OTLPMetrics: headers: got no mapping, allowed names and texts")
            object.__setattr__(self, "headers", dict(self.headers))
        _place(self, {})

    def __str__(self) -> str:
        if self.to == "otlp":
            return "otlp"
        return f"otlp={self.to if isinstance(self.to, Destination) else _place(self, {})}"


def resolved(options: OTLPMetrics, environ: Mapping[str, str]) -> OTLPMetrics:
    """
    The same with the collector in place of what the environment has to say.

    Args:
        options: Where and how.
        environ: Environment variables.

    Raises:
        ConfigError: If something cannot be used.
    """
    return replace(options, to=_place(options, environ))


def _place(options: OTLPMetrics, environ: Mapping[str, str]) -> Destination:
    given = options.to
    if isinstance(given, Destination):
        return given
    if not isinstance(given, str):
        refuse("OTLPMetrics: to", given, "otlp or the URL of a collector")
    try:
        return destination(
            "metrics",
            environ,
            url=None if given == "otlp" else given,
            protocol=options.protocol,
            headers=options.headers,
            timeout_seconds=options.timeout,
            compression=options.compression,
            certificate=options.certificate,
            client_certificate=options.client_certificate,
            client_key=options.client_key,
        )
    except ConfigError as error:
        message = str(error)
        if message.startswith("OTEL_"):
            raise
        raise ConfigError(f"OTLPMetrics: {message}") from None


class Collector:
    """
    Pushes to it; see `agentmon.export.push.target.Target`.

    Args:
        options: Where and how.
        origin: Where the metrics come from.
    """

    #: The resource tells processes apart.
    conflict = ""

    def __init__(self, options: OTLPMetrics, origin: Origin) -> None:
        self._options = options
        self._destination = _place(options, {})
        self._way = transport(self._destination, "metrics")
        self._origin = origin
        self._resource = common.resource(origin.resource())
        self.abort = self._way.abort
        self.close = self._way.close

    def __str__(self) -> str:
        return str(self._options)

    def prepare(self, moment: Moment) -> Iterator[Attempt]:
        """What sends the points, in pieces of about 3 MiB."""
        for request in encode(
            moment.families,
            self._resource,
            begun_ns=moment.begun_ns,
            at_ns=moment.at_ns,
            constant_labels=self._origin.constant_labels,
            standard=self._origin.standard,
        ):
            yield partial(self._send, self._way.pack(request.body), request.items)

    def _send(self, packed: bytes, points: int, timeout_seconds: float) -> Answer:
        answer = self._way.send(packed, min(timeout_seconds, self._destination.timeout_seconds))
        if answer.rejected:
            rejected = min(answer.rejected, points)
            why = answer.message or "it does not say why"
            return Answer("failed", f"it rejects {rejected} of {points} points: {why}")
        return answer

    def abandon(self) -> None:
        """In a forked child: connections and a resource of its own."""
        self._way.abandon()
        self._resource = common.resource(self._origin.resource())
