"""A real HTTP server on loopback that answers as it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Served", "serving"]


class Served:
    """What the server was asked, and where it is."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """What it is called by default."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def serving() -> Iterator[Served]:
    """Answer ``/STATUS/BYTES`` with that status and so many bytes; ``/redirect`` leads to 200."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            served.requests.append(
                {name.lower(): value for name, value in self.headers.items()} | {"path": self.path}
            )
            if self.path == "/redirect":
                self.send_response(302)
                self.send_header("Location", "/200/10")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path == "/broken":
                self.connection.close()
                return
            _, status, size = self.path.split("/")
            self.send_response(int(status))
            self.send_header("Content-Length", size)
            self.end_headers()
            self.wfile.write(b"x" * int(size))

        do_POST = do_GET  # noqa: N815  # its name there

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
