"""
sqlite3: what is executed by cursors and connections.

The classes of the module cannot be changed, so `connect` makes connections of a class of ours below
the one that was asked for.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from agentmon.instrumentation.adapters.client import Request, ask, guarded

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_WHERE = "sqlite3"


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what makes connections; `module` and ``sqlite3.dbapi2`` both have it."""

    def connect(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # database, timeout, detect_types, isolation_level, check_same_thread, factory
        given = args[5] if len(args) > 5 else kwargs.get("factory", module.Connection)  # noqa: PLR2004
        measured = guarded(_WHERE, _connection_class, given, module, patches)
        if measured is None:
            return wrapped(*args, **kwargs)
        if len(args) > 5:  # noqa: PLR2004
            args = (*args[:5], measured, *args[6:])
        else:
            kwargs = {**kwargs, "factory": measured}
        connection = wrapped(*args, **kwargs)
        database = args[0] if args else kwargs.get("database")
        connection.agentmon_name = guarded(_WHERE, _name, database) or _WHERE
        return connection

    for owner in (module, module.dbapi2):
        patches.wrap(owner, "connect", connect)


def _name(database: Any) -> str:
    """The last part of the path, or what stands for a database in memory."""
    text = os.fsdecode(database)
    if text.startswith("file:"):
        text = text[5:].partition("?")[0]
    return os.path.basename(text) or _WHERE  # noqa: PTH119  # no need of pathlib


@lru_cache(64)
def _connection_class(base: Any, module: Any, patches: Patches) -> Any:
    """A class of connections whose cursors are measured, below one that was asked for."""

    class Connection(base):  # type: ignore[misc]
        agentmon_name = _WHERE

        def cursor(self, factory: Any = module.Cursor) -> Any:
            return super().cursor(_cursor_class(factory, patches))

        # The base class makes its cursors without asking `cursor`.

        def execute(self, *args: Any) -> Any:
            return self.cursor().execute(*args)

        def executemany(self, *args: Any) -> Any:
            return self.cursor().executemany(*args)

        def executescript(self, *args: Any) -> Any:
            return self.cursor().executescript(*args)

    return _named_as(Connection, base)


@lru_cache(64)
def _cursor_class(base: Any, patches: Patches) -> Any:
    class Cursor(base):  # type: ignore[misc]
        def execute(self, *args: Any) -> Any:
            return _measured(patches, self, super().execute, args)

        def executemany(self, *args: Any) -> Any:
            return _measured(patches, self, super().executemany, args)

        def executescript(self, *args: Any) -> Any:
            return _measured(patches, self, super().executescript, args)

    return _named_as(Cursor, base)


def _named_as(made: Any, base: Any) -> Any:
    """A class that says of itself what the one above it says."""
    made.__name__, made.__qualname__ = base.__name__, base.__qualname__
    made.__module__, made.__doc__ = base.__module__, base.__doc__
    return made


def _measured(patches: Patches, cursor: Any, execute: Any, args: tuple[Any, ...]) -> Any:
    asking = ask(_WHERE, _describe, cursor) if patches.on else None
    if asking is None:
        return execute(*args)
    try:
        result = execute(*args)
    except BaseException as error:
        guarded(_WHERE, asking.end, error)
        raise
    guarded(_WHERE, asking.end)
    return result


def _describe(cursor: Any) -> Request:
    return Request(cursor.connection.agentmon_name, "database", {"db__system__name": "sqlite"})
