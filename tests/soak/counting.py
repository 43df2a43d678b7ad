"""
A collector that only counts: for a soak, in a process of its own.

It prints its addresses, takes OTLP until its standard input ends, and prints how many spans there
were.
"""

from __future__ import annotations

import gzip
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_taken = [0]
_lock = Lock()


def _take(body: bytes) -> None:
    request = ExportTraceServiceRequest.FromString(body)
    with _lock:
        _taken[0] += sum(
            len(scope.spans) for whole in request.resource_spans for scope in whole.scope_spans
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


def _by_grpc(body: bytes, _context: object) -> bytes:
    _take(body)
    return ExportTraceServiceResponse().SerializeToString()


def main() -> None:
    """Serve until the input ends."""
    by_http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    Thread(target=by_http.serve_forever, daemon=True).start()
    by_grpc = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(_by_grpc)
    by_grpc.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": handler}
            )
        ]
    )
    port = by_grpc.add_insecure_port("127.0.0.1:0")
    by_grpc.start()
    print(f"http http://127.0.0.1:{by_http.server_port}")
    print(f"grpc grpc://127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    print(_taken[0], flush=True)
    by_grpc.stop(None)


if __name__ == "__main__":
    main()
