"""
SQLAlchemy: what any engine executes, and what waits for a connection of its pool.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.adapters.client import NAMES, Request, ask, guarded, server_name
from agentmon.instrumentation.operation import dependency
from agentmon.instrumentation.site import Site

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_WHERE = "sqlalchemy"
_KEY = "agentmon"


def wrap(module: Any, patches: Patches) -> None:
    """Listen to what every engine does."""
    event, engine = module.event, import_module("sqlalchemy.engine").Engine
    for name, listener in (
        ("before_cursor_execute", _before),
        ("after_cursor_execute", _after),
        ("handle_error", _failed),
    ):
        event.listen(engine, name, listener)
        patches.add(partial(event.remove, engine, name, listener))
    patches.wrap(engine, "raw_connection", _raw_connection)


def _name(url: Any) -> str:
    if url.host:
        return server_name("", url.host, url.port)
    return str(url.database or "").rpartition("/")[2] or str(url.drivername)


def _before(
    connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any
) -> None:
    asking = ask(_WHERE, _describe, connection)
    if asking is not None and context is not None:
        setattr(context, _KEY, asking)


def _describe(connection: Any) -> Request:
    url = connection.engine.url
    facts = {
        "db__system__name": connection.dialect.name,
        "server__address": url.host,
        "server__port": url.port,
    }
    return Request(_name(url), "database", facts)


def _after(
    _connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any
) -> None:
    asking = getattr(context, _KEY, None)
    if asking is not None:
        guarded(_WHERE, asking.end)


def _failed(context: Any) -> None:
    asking = getattr(context.execution_context, _KEY, None)
    if asking is not None:
        guarded(_WHERE, asking.end, context.original_exception)


def _raw_connection(
    wrapped: Any, engine: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    begun_s = perf_counter()
    connection = wrapped(*args, **kwargs)
    guarded(_WHERE, _waited, engine, perf_counter() - begun_s)
    return connection


def _waited(engine: Any, seconds: float) -> None:
    aftermath = ACTIVE.aftermath
    if aftermath is not None:
        name = _name(engine.url)
        site: Site = dependency(NAMES.get(name, name), kind="database").site
        recorder = site.bind(None)
        if recorder is not None:
            aftermath.pool_waited(recorder, seconds)
