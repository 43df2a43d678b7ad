"""
OTLP by HTTP.
"""

from __future__ import annotations

import gzip
from http import HTTPStatus
from typing import Final

from agentmon.export.client import Client, refusal
from agentmon.export.otlp.answer import Answer, accepted, status_message
from agentmon.export.otlp.destination import Destination

__all__ = ["HTTPTransport"]

#: Statuses after which the same request may go well, as OTLP lists them.
_RETRYABLE: Final = (429, 502, 503, 504)
#: Of gzip: a little smaller takes much longer.
_EFFORT: Final = 1


class HTTPTransport:
    """
    Posts to one collector; see `agentmon.export.otlp.answer.Transport`.

    Args:
        destination: The collector.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._headers = {"content-type": "application/x-protobuf", **destination.headers}
        if destination.compression == "gzip":
            self._headers["content-encoding"] = "gzip"
        self._client = Client(
            destination.certificate, destination.client_certificate, destination.client_key
        )

    def pack(self, body: bytes) -> bytes:
        """The body as it is sent."""
        if self._destination.compression == "gzip":
            return gzip.compress(body, _EFFORT, mtime=0)
        return body

    def send(self, packed: bytes, timeout_seconds: float) -> Answer:
        """Try once, for at most so long."""
        reply = self._client.ask(
            "POST", self._destination.url, packed, self._headers, timeout_seconds
        )
        if isinstance(reply, Answer):
            return reply
        if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            return accepted(reply.body)
        return refusal(
            reply,
            status_message(reply.body),
            retryable=reply.status in _RETRYABLE,
            secrets=self._destination.headers.values(),
        )

    def abort(self) -> None:
        """Cut the connection on which a `send` in another thread waits."""
        self._client.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def abandon(self) -> None:
        """In a forked child: forget all connections; that closes this process's copies only."""
        self._client.abandon()
