"""
sqlite3: what is executed by cursors and connections.

The classes of the module cannot be changed, so `connect` makes connections of a class of ours below
the one that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import Request, guarded
from agentmon.instrumentation.adapters.dbapi import Driver, below, cursor_class

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

    def cursor(connection: Any, factory: Any = module.Cursor) -> Any:
        return base.cursor(connection, cursor_class(factory, _DRIVER, patches))

    def by_cursor(name: str) -> Callable[..., Any]:  # the base class does not ask `cursor`
        return lambda connection, *args: getattr(connection.cursor(), name)(*args)

    return below(base, {"cursor": cursor, **{name: by_cursor(name) for name in _DRIVER.methods}})


def _describe(cursor: Any) -> Request:
    name = getattr(cursor.connection, "agentmon_name", _WHERE)
    return Request(name, "database", {"db__system__name": "sqlite"})


_DRIVER: Final = Driver(_WHERE, ("execute", "executemany", "executescript"), _describe)
