"""
redis: commands and pipelines, what waits for a connection, and bytes through plain sockets.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import wrapt

from agentmon.instrumentation.adapters.client import (
    RECEIVED,
    SENT,
    Asking,
    Request,
    around,
    around_async,
    count_bytes,
    guarded,
    server_name,
)
from agentmon.instrumentation.call import current

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_WHERE = "redis"


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what sends commands, what takes connections from pools, and what opens sockets."""
    from importlib import import_module  # noqa: PLC0415  # parts of what is being loaded

    connection = import_module("redis.connection")
    asynchronous = import_module("redis.asyncio")
    patches.wrap(module.Redis, "execute_command", around(_WHERE, _describe_command, _after))
    patches.wrap(module.client.Pipeline, "execute", around(_WHERE, _describe_pipeline, _after))
    patches.wrap(
        asynchronous.Redis, "execute_command", around_async(_WHERE, _describe_command, _after)
    )
    patches.wrap(
        asynchronous.client.Pipeline, "execute", around_async(_WHERE, _describe_pipeline, _after)
    )
    patches.wrap(connection.BlockingConnectionPool, "get_connection", _get_connection)
    patches.wrap(connection.Connection, "_connect", _connect)
    patches.wrap(connection.UnixDomainSocketConnection, "_connect", _connect)


def _describe_command(client: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Request:
    return _described(client, str(args[0]).upper())


def _describe_pipeline(
    pipeline: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]
) -> Request | None:
    return _described(pipeline, "PIPELINE") if len(pipeline) else None


def _described(client: Any, command: str) -> Request:
    where = client.connection_pool.connection_kwargs
    path = where.get("path")  # of a socket of the machine's own
    host = None if path else where.get("host", "localhost")
    port = None if path else where.get("port", 6379)
    name = str(path) if path else server_name("redis", host, port)
    return Request(
        name,
        "cache",
        {
            "db__system__name": "redis",
            "db__operation__name": command,
            "server__address": host,
            "server__port": port,
        },
    )


def _after(asking: Asking, _result: Any) -> None:
    asking.end()


def _get_connection(wrapped: Any, _pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    begun_s = perf_counter()
    connection = wrapped(*args, **kwargs)
    guarded(_WHERE, _waited, perf_counter() - begun_s)
    return connection


def _waited(seconds: float) -> None:
    call = current()
    if call is not None and call.kind == "dependency":
        call.pool_waited(seconds)


def _connect(wrapped: Any, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    opened = wrapped(*args, **kwargs)
    if hasattr(connection, "ssl_context") or hasattr(connection, "cert_reqs"):
        return opened  # which TLS takes over
    return _CountedSocket(opened)


class _CountedSocket(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A socket that counts what goes through it."""

    def sendall(self, data: Any, *flags: Any) -> None:
        """Send all of it."""
        self.__wrapped__.sendall(data, *flags)
        guarded(_WHERE, count_bytes, SENT, len(data))

    def send(self, data: Any, *flags: Any) -> int:
        """Send some of it; returns how much."""
        n: int = self.__wrapped__.send(data, *flags)
        guarded(_WHERE, count_bytes, SENT, n)
        return n

    def recv(self, *args: Any) -> bytes:
        """Receive some."""
        data: bytes = self.__wrapped__.recv(*args)
        guarded(_WHERE, count_bytes, RECEIVED, len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        """Receive some into a buffer; returns how much."""
        n: int = self.__wrapped__.recv_into(*args)
        guarded(_WHERE, count_bytes, RECEIVED, n)
        return n
