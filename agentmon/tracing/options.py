"""
How spans are made and exported, as users say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from os import PathLike
from typing import Any, Literal, TypeAlias

from agentmon.tracing.limits import Limits

__all__ = ["FilePath", "Protocol", "Target", "Traces"]

#: The path of a file.
FilePath: TypeAlias = "str | PathLike[str]"
#: How OTLP travels.
Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
#: Where spans go: ``otlp``, a URL, or a ``SpanExporter`` or ``SpanProcessor`` of OpenTelemetry's
#: SDK, which is not imported here.
Target: TypeAlias = "str | Any"


@dataclass(frozen=True, slots=True)
class Traces:
    """
    Spans that agentmon makes and exports itself, for ``configure(traces=...)``.

    None is what was not said: then the standard variable of OpenTelemetry says it, then the
    default; see the table of configuration.

    Args:
        to: Where they go, one or several: ``otlp`` for where ``OTEL_EXPORTER_OTLP_*`` says, the
            URL of a collector (``http://host:4318`` or ``grpc://host:4317``, with TLS ``https://``
            or ``grpcs://``), or a ``SpanExporter`` or ``SpanProcessor``.
        protocol: How OTLP travels.
        headers: Sent along; never shown.
        compression: Of what is sent.
        timeout: Of one attempt to send, in seconds.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show to the collector.
        client_key: File with its key.
        sampler: Which traces are recorded: ``always_on``, ``always_off``, ``traceidratio``, one of
            them with ``parentbased_`` before it, or an object with OpenTelemetry's
            ``should_sample``.
        ratio: Share of the traces that ``traceidratio`` records, 0 to 1; without a sampler this
            asks for ``parentbased_traceidratio``.
        keep_errors: Record traces with an error even if they were not sampled.
        keep_slower_than: Likewise those with a span that took longer, in seconds.
        queue_size: The most ended spans that wait to be sent; more are dropped and counted.
        batch_size: The most spans sent at once.
        delay: The longest that spans wait for others to be sent with, in seconds.
        export_timeout: How long one batch is tried for, in seconds, all attempts together.
        limits: What a span may hold.
    """

    to: Target | Iterable[Target] = "otlp"
    _: KW_ONLY
    protocol: Protocol | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    compression: Literal["gzip", "none"] | None = None
    timeout: float | None = None
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    sampler: str | Any | None = None
    ratio: float | None = None
    keep_errors: bool = False
    keep_slower_than: float | None = None
    queue_size: int | None = None
    batch_size: int | None = None
    delay: float | None = None
    export_timeout: float | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        # What the caller may change later must not change what is compared.
        if isinstance(self.to, list | set):
            object.__setattr__(self, "to", tuple(self.to))
        if isinstance(self.headers, Mapping):
            object.__setattr__(self, "headers", dict(self.headers))
