"""
OTLP by gRPC, through `grpcio`.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

import grpc

from agentmon._version import __version__
from agentmon.errors import ConfigError
from agentmon.export.otlp.answer import (
    LONGEST_ANSWER,
    Answer,
    accepted,
    printable,
    retry_delay,
)
from agentmon.export.otlp.destination import Destination, Signal
from agentmon.export.suppress import suppressed

__all__ = ["GRPCTransport"]

_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
#: Codes after which the same request may go well, as OTLP lists them.
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_DETAILS: Final = "grpc-status-details-bin"
_OPTIONS: Final = (
    ("grpc.primary_user_agent", f"agentmon/{__version__}"),
    ("grpc.max_receive_message_length", LONGEST_ANSWER),
    ("grpc.max_metadata_size", LONGEST_ANSWER),
    ("grpc.enable_retries", 0),  # `Sender` tries again
    # A collector that comes back is found soon, not after the two minutes that gRPC may wait.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Not shared with a channel of the host to the same address, nor with one from before a fork.
    ("grpc.use_local_subchannel_pool", 1),
)
#: Channels that a parent made: closing or freeing one in a forked child is undefined.
_of_parents: list[Any] = []
#: The longest that a fork is held up by calls under way.
_FORK_SECONDS: Final = 0.5
_alive: WeakSet[GRPCTransport] = WeakSet()
_held: list[Lock] = []


class GRPCTransport:
    """
    Calls one collector; see `agentmon.export.otlp.answer.Transport`.

    Args:
        destination: The collector.
        signal: What is sent.

    Raises:
        ConfigError: If a certificate cannot be read.
    """

    def __init__(self, destination: Destination, signal: Signal) -> None:
        self._destination = destination
        self._signal = signal
        self._metadata = tuple(destination.headers.items())
        self._credentials = None if destination.insecure else _credentials(destination)
        self._channel: Any = None
        self._export: Any = None
        #: Held during a call, which must not be under way when the process forks.
        self.calling = Lock()
        self._connect()
        _alive.add(self)

    def pack(self, body: bytes) -> bytes:
        """The body as it is sent: gRPC compresses it itself."""
        return body

    def send(self, packed: bytes, timeout_seconds: float) -> Answer:
        """Try once, for at most so long."""
        try:
            with suppressed(), self.calling:
                export = self._export or self._connect()
                body: bytes = export(packed, timeout=timeout_seconds, metadata=self._metadata)
            return accepted(body)
        except grpc.RpcError as error:
            return self._refusal(error, timeout_seconds)
        except Exception as error:  # noqa: BLE001  # whatever it is, the host must not see it
            return Answer("failed", type(error).__name__)

    def abort(self) -> None:
        """Close the channel on which a `send` in another thread waits."""
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        channel, self._channel, self._export = self._channel, None, None
        if channel is not None:
            with suppress(Exception):
                channel.close()

    def abandon(self) -> None:
        """In a forked child: do not touch the parent's channel; make one when it is needed."""
        _of_parents.append((self._channel, self._export))
        self._channel = self._export = None
        self.calling = Lock()

    def _connect(self) -> Any:
        destination = self._destination
        target = urlsplit(destination.url).netloc
        compression = (
            grpc.Compression.Gzip
            if destination.compression == "gzip"
            else grpc.Compression.NoCompression
        )
        if self._credentials is None:
            self._channel = grpc.insecure_channel(target, _OPTIONS, compression)
        else:
            self._channel = grpc.secure_channel(target, self._credentials, _OPTIONS, compression)
        # Without serialisers bytes go out and come back as they are.
        self._export = self._channel.unary_unary(_METHODS[self._signal])
        return self._export

    def _refusal(self, error: Any, timeout_seconds: float) -> Answer:
        code = error.code()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Answer("retry", f"no answer within {timeout_seconds:g} s")
        said = printable(error.details() or "")
        for secret in self._destination.headers.values():
            if secret and secret in said:
                said = ""  # a collector may repeat what it was sent
        name = getattr(code, "name", str(code))
        message = f"{name}: {said}" if said else name
        after = None
        for key, value in error.trailing_metadata() or ():
            if key == _DETAILS and isinstance(value, bytes):
                after = retry_delay(value)
        if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is not None):
            return Answer("retry", message, after_seconds=after)
        return Answer("failed", message, unknown=code is grpc.StatusCode.UNIMPLEMENTED)


def _before_fork() -> None:
    """Let calls under way end: gRPC can be used in a child only if none was at the fork."""
    until = time.monotonic() + _FORK_SECONDS
    _held.extend(
        way.calling
        for way in list(_alive)
        if way.calling.acquire(timeout=max(0.0, until - time.monotonic()))
    )


def _after_fork() -> None:
    while _held:
        _held.pop().release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _credentials(destination: Destination) -> Any:
    try:
        chain = _read(destination.client_certificate)
        return grpc.ssl_channel_credentials(
            root_certificates=_read(destination.certificate),
            private_key=_read(destination.client_key or destination.client_certificate),
            certificate_chain=chain,
        )
    except OSError as error:
        raise ConfigError(f"certificate: {error.filename} cannot be read") from error


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
