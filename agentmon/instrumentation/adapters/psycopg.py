"""
psycopg: what is executed by cursors, asynchronous ones too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentmon.instrumentation.adapters.client import (
    Asking,
    Request,
    around,
    around_async,
    server_name,
)

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["describe", "wrap"]

_WHERE = "psycopg"
_METHODS = ("execute", "executemany")


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what executes; whatever else does, such as a connection, does it by these."""
    for owner in (module.Cursor, module.ServerCursor):
        for name in _METHODS:
            patches.wrap(owner, name, around(_WHERE, _describe, _after))
    for owner in (module.AsyncCursor, module.AsyncServerCursor):
        for name in _METHODS:
            patches.wrap(owner, name, around_async(_WHERE, _describe, _after))


def describe(cursor: Any) -> Request:
    """What is known of a call before it begins, from a cursor of a connection by libpq."""
    info = cursor.connection.info
    host, port = info.host, info.port
    if not host or host.startswith("/"):  # a socket
        return Request(info.dbname, "database", {"db__system__name": "postgresql"})
    facts = {
        "db__system__name": "postgresql",
        "server__address": host,
        "server__port": port,
    }
    return Request(server_name("postgresql", host, port), "database", facts)


def _describe(cursor: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Request:
    return describe(cursor)


def _after(asking: Asking, _result: Any) -> None:
    asking.end()
