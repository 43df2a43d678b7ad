"""
psycopg2: what is executed by cursors.

Connections and cursors are of classes of ours below those that were asked for, since much of the
library takes nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.dbapi import Driver, below, cursor_class
from agentmon.instrumentation.adapters.psycopg import describe

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_DRIVER: Final = Driver("psycopg2", ("execute", "executemany", "callproc"), describe)


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what makes connections."""

    def connect(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # dsn, connection_factory, cursor_factory
        given = args[1] if len(args) > 1 else kwargs.get("connection_factory")
        base = given or module.extensions.connection
        measured = guarded(_DRIVER.name, _connection_class, base, patches)
        if measured is None:
            return wrapped(*args, **kwargs)
        if len(args) > 1:
            args = (args[0], measured, *args[2:])
        else:
            kwargs = {**kwargs, "connection_factory": measured}
        return wrapped(*args, **kwargs)

    patches.wrap(module, "connect", connect)


@lru_cache(64)
def _connection_class(base: Any, patches: Patches) -> Any:
    """A class of connections whose cursors are measured, below one that was asked for."""

    def cursor(connection: Any, name: Any = None, cursor_factory: Any = None, **others: Any) -> Any:
        wanted = {
            **others,
            **({} if cursor_factory is None else {"cursor_factory": cursor_factory}),
        }
        made = base.cursor(connection, name, **wanted)  # costs little, and says of which class
        wanted["cursor_factory"] = cursor_class(made.__class__, _DRIVER, patches)
        return base.cursor(connection, name, **wanted)

    return below(base, {"cursor": cursor})
