"""
A collector: it takes OTLP by HTTP and gRPC, keeps what it took, and misbehaves when told to.

The messages are those of `opentelemetry-proto`, and the servers those of the standard library and
of `grpcio`: what they can read, any collector can.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = [
    "OK",
    "Behaviour",
    "Collector",
    "Received",
    "code",
    "collector",
    "drip",
    "garbage",
    "hang",
    "partial",
    "reset",
    "slow",
    "status",
]

_REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
_REJECTED = {
    "traces": "rejected_spans",
    "logs": "rejected_log_records",
    "metrics": "rejected_data_points",
}
_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


@dataclass(frozen=True)
class Received:
    """
    One request.

    Args:
        signal: ``traces``, ``logs`` or ``metrics``.
        protocol: ``http`` or ``grpc``.
        path: What it was posted to, or the method that was called.
        headers: Its headers, with names in lower case; by HTTP also ``x-client``, the port from
            which it came.
        message: What it said.
        size: Of the body as it was sent, in bytes.
        kept: Whether it was accepted; a request that was refused is there as well.
        rejected: How much of it was rejected.
    """

    signal: str
    protocol: str
    path: str
    headers: Mapping[str, str]
    message: Any
    size: int
    kept: bool
    rejected: int = 0


@dataclass(frozen=True)
class Behaviour:
    """
    What becomes of a request. Make them with the functions below.

    Args:
        kind: What is done.
        status: Of HTTP.
        code: Of gRPC.
        headers: Sent along.
        body: Sent instead of a message of OTLP.
        seconds: How long it takes, or is to be waited for.
        rejected: How much of it is rejected.
        message: Said to the client.
    """

    kind: str = "accept"
    status: int = 200
    code: str = "OK"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float | None = None
    rejected: int = 0
    message: str = ""


#: It is accepted.
OK = Behaviour()


def status(
    number: int,
    *,
    retry_after: str | None = None,
    body: bytes = b"",
    code: str = "UNAVAILABLE",
    **headers: str,
) -> Behaviour:
    """By HTTP, this status; by gRPC, this code."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        given["retry-after"] = retry_after
    return Behaviour("status", status=number, code=code, headers=given, body=body)


def code(name: str, *, retry_seconds: float | None = None, message: str = "") -> Behaviour:
    """By gRPC, this status code, with a RetryInfo if seconds are given."""
    return Behaviour("code", code=name, seconds=retry_seconds, message=message)


def partial(rejected: int, message: str = "") -> Behaviour:
    """It is accepted but for so much."""
    return Behaviour(rejected=rejected, message=message)


def slow(seconds: float) -> Behaviour:
    """It is accepted, and the answer comes so much later."""
    return Behaviour(seconds=seconds)


def garbage(body: bytes = b"\xff\x00<html>") -> Behaviour:
    """It is accepted, and the answer makes no sense."""
    return Behaviour("garbage", body=body)


def hang() -> Behaviour:
    """No answer comes, until the collector is closed or told to `Collector.release`."""
    return Behaviour("hang")


def reset() -> Behaviour:
    """The connection is reset."""
    return Behaviour("reset")


def drip(seconds: float) -> Behaviour:
    """An answer comes a byte at a time, with so much between two, and never ends."""
    return Behaviour("drip", seconds=seconds)


class Collector:
    """
    Listens on loopback, by HTTP and by gRPC.

    Args:
        certificate: File with the certificate to serve with TLS.
        key: File with its key.
        client_ca: File with the certificates that clients have to be certified by.
    """

    def __init__(
        self,
        certificate: Path | None = None,
        key: Path | None = None,
        client_ca: Path | None = None,
    ) -> None:
        self._tls = (certificate, key, client_ca)
        self._changed = Condition()
        self._requests: list[Received] = []
        self._once: list[Behaviour] = []
        self._always = OK
        self._released = Event()
        self._http_port = self._grpc_port = 0
        self._http: ThreadingHTTPServer | None = None
        self._grpc: Any = None
        self.start()

    # ------------------------------------------------------------------ addresses

    @property
    def url(self) -> str:
        """Its address by HTTP, without a path."""
        return f"{'https' if self._tls[0] else 'http'}://127.0.0.1:{self._http_port}"

    @property
    def grpc_url(self) -> str:
        """Its address by gRPC."""
        return f"{'grpcs' if self._tls[0] else 'grpc'}://127.0.0.1:{self._grpc_port}"

    def address(self, protocol: str) -> str:
        """Its address by ``http`` or ``grpc``."""
        return self.grpc_url if protocol == "grpc" else self.url

    # ------------------------------------------------------------------ what it took

    @property
    def requests(self) -> list[Received]:
        """Every request that could be read, also those that were refused."""
        with self._changed:
            return list(self._requests)

    def kept(self, signal: str = "traces") -> list[Received]:
        """The requests that were accepted."""
        return [r for r in self.requests if r.kept and r.signal == signal]

    def spans(self) -> list[Span]:
        """The spans that were accepted."""
        return [
            span
            for request in self.kept()
            for resource in request.message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[LogRecord]:
        """The log records that were accepted."""
        return [
            record
            for request in self.kept("logs")
            for resource in request.message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> list[Metric]:
        """The metrics that were accepted."""
        return [
            metric
            for request in self.kept("metrics")
            for resource in request.message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def wait(
        self, condition: Callable[[Collector], bool], *, timeout_s: float = 30.0, what: str = "it"
    ) -> None:
        """Wait until *condition* holds of it; fail the test by naming *what* did not happen."""
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {timeout_s:g} s in vain for {what}: {len(self.requests)} came"
            with self._changed:
                self._changed.wait(min(left, 0.1))

    def wait_for_spans(self, n: int, *, timeout_s: float = 30.0) -> list[Span]:
        """Wait until so many spans were accepted."""
        self.wait(lambda it: len(it.spans()) >= n, timeout_s=timeout_s, what=f"{n} spans")
        return self.spans()

    def forget(self) -> None:
        """Forget what came so far."""
        with self._changed:
            self._requests.clear()

    # ------------------------------------------------------------------ what it does

    def behave(self, always: Behaviour = OK, *, first: list[Behaviour] | None = None) -> None:
        """Treat the next requests as *first* says, one each, and all further ones as *always*."""
        with self._changed:
            self._once, self._always = list(first or ()), always

    def release(self) -> None:
        """Let those that hang go, without an answer."""
        self._released.set()
        self._released = Event()

    def start(self) -> None:
        """Listen, on the ports of before if there was a before."""
        if self._http is None:
            self._http = _http_server(self, self._http_port, self._tls)
            self._http_port = self._http.server_address[1]
            Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        if self._grpc is None:
            self._grpc, self._grpc_port = _grpc_server(self, self._grpc_port, self._tls)

    def die(self) -> None:
        """Stop listening at once: whoever comes is refused, whoever is there is cut off."""
        self.release()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http.drop_all()  # type: ignore[attr-defined]  # of _Server
            self._http = None
        if self._grpc is not None:
            self._grpc.stop(0).wait(10)
            self._grpc = None

    close = die

    def take(
        self, signal: str, protocol: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Behaviour:
        """Keep a request, and say what becomes of it."""
        with self._changed:
            behaviour = self._once.pop(0) if self._once else self._always
        if behaviour.kind in ("hang", "reset"):
            return behaviour
        kept = behaviour.kind in ("accept", "garbage")
        size = len(body)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            message = _REQUESTS[signal].FromString(body)
        except DecodeError:
            return Behaviour("status", status=400, code="INVALID_ARGUMENT")
        with self._changed:
            self._requests.append(
                Received(signal, protocol, path, headers, message, size, kept, behaviour.rejected)
            )
            self._changed.notify_all()
        return behaviour

    def hold(self, seconds: float = 120.0) -> None:
        """Wait until what hangs is let go."""
        self._released.wait(seconds)


@contextmanager
def collector(**options: Any) -> Iterator[Collector]:
    """A collector until the block ends."""
    one = Collector(**options)
    try:
        yield one
    finally:
        one.close()


def _answer(signal: str, behaviour: Behaviour) -> bytes:
    if behaviour.kind == "garbage":
        return behaviour.body
    response = _RESPONSES[signal]()
    if behaviour.rejected or behaviour.message:
        setattr(response.partial_success, _REJECTED[signal], behaviour.rejected)
        response.partial_success.error_message = behaviour.message
    return cast("bytes", response.SerializeToString())


# ---------------------------------------------------------------------- HTTP


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, owner: Collector) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of its business."""

    def drop_all(self) -> None:
        for request in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(request, socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        signal = self.path.partition("?")[0].rpartition("/")[2]
        if signal not in _REQUESTS:
            self._reply(404, {}, b"")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers["x-client"] = str(self.client_address[1])
        behaviour = self.server.owner.take(signal, "http", self.path, headers, body)
        if behaviour.kind == "hang":
            self.server.owner.hold()
            self.close_connection = True
        elif behaviour.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif behaviour.kind in ("status", "code"):
            self._reply(behaviour.status, behaviour.headers, behaviour.body)
        elif behaviour.kind == "drip":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Slow: " + b"x" * 10_000:
                self.wfile.write(bytes([byte]))
                time.sleep(behaviour.seconds or 0)
        else:
            if behaviour.seconds:
                time.sleep(behaviour.seconds)
            self._reply(200, {}, _answer(signal, behaviour))

    def _reply(self, number: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(number)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is printed."""


def _http_server(
    owner: Collector, port: int, tls: tuple[Path | None, Path | None, Path | None]
) -> _Server:
    server = _Server(port, owner)
    certificate, key, client_ca = tls
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


# ---------------------------------------------------------------------- gRPC


def _grpc_server(
    owner: Collector, port: int, tls: tuple[Path | None, Path | None, Path | None]
) -> tuple[Any, int]:
    server = grpc.server(
        ThreadPoolExecutor(16, "collector"),
        options=(("grpc.so_reuseport", 0),),
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                service, {"Export": grpc.unary_unary_rpc_method_handler(_method(owner, signal))}
            )
            for signal, service in _SERVICES.items()
        )
    )
    certificate, key, client_ca = tls
    where = f"127.0.0.1:{port}"
    if certificate is None or key is None:
        bound = server.add_insecure_port(where)
    else:
        credentials = grpc.ssl_server_credentials(
            [(key.read_bytes(), certificate.read_bytes())],
            None if client_ca is None else client_ca.read_bytes(),
            client_ca is not None,
        )
        bound = server.add_secure_port(where, credentials)
    server.start()
    return server, bound


def _method(owner: Collector, signal: str) -> Callable[[bytes, Any], bytes]:
    def export(body: bytes, context: Any) -> bytes:
        headers = {
            key: value for key, value in context.invocation_metadata() if isinstance(value, str)
        }
        behaviour = owner.take(signal, "grpc", _SERVICES[signal], headers, body)
        if behaviour.kind in ("hang", "drip"):
            owner.hold()
            context.abort(grpc.StatusCode.UNAVAILABLE, "it hung")
        elif behaviour.kind == "reset":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was reset")
        elif behaviour.kind in ("code", "status"):
            if behaviour.seconds is not None:
                context.set_trailing_metadata(
                    (("grpc-status-details-bin", _retry_info(behaviour.seconds)),)
                )
            context.abort(getattr(grpc.StatusCode, behaviour.code), behaviour.message)
        if behaviour.seconds:
            time.sleep(behaviour.seconds)
        return _answer(signal, behaviour)

    return export


def _retry_info(seconds: float) -> bytes:
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.duration_pb2 import Duration
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status

    delay = Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=delay))
    return cast("bytes", Status(code=14, details=[detail]).SerializeToString())
