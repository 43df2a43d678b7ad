"""
Modules after DB-API (PEP 249): cursors of classes of ours, below those that were asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from agentmon.instrumentation.adapters.client import Request, ask, guarded

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["Driver", "below", "cursor_class"]


class Driver(NamedTuple):
    """
    One such module.

    Args:
        name: What it is called.
        methods: Methods of its cursors, each of which makes one call.
        describe: Says from a cursor what is known of the call.
    """

    name: str
    methods: tuple[str, ...]
    describe: Callable[[Any], Request]


def below(base: Any, methods: dict[str, Callable[..., Any]]) -> Any:
    """
    A class below another that says of itself what that one says.

    Args:
        base: The class.
        methods: What it has of its own.
    """
    same = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(base)(base.__name__, (base,), {**same, **methods})


@lru_cache(64)
def cursor_class(base: Any, driver: Driver, patches: Patches) -> Any:
    """
    A class of cursors that are measured, as long as the patches are on.

    Args:
        base: The class of cursors that was asked for.
        driver: Whose they are.
        patches: What was wrapped.
    """
    return below(base, {name: _method(base, name, driver, patches) for name in driver.methods})


def _method(base: Any, name: str, driver: Driver, patches: Patches) -> Callable[..., Any]:
    execute = getattr(base, name)

    @wraps(execute)
    def measured(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        asking = ask(driver.name, driver.describe, cursor) if patches.on else None
        if asking is None:
            return execute(cursor, *args, **kwargs)
        try:
            result = execute(cursor, *args, **kwargs)
        except BaseException as error:
            guarded(driver.name, asking.end, error)
            raise
        guarded(driver.name, asking.end)
        return result

    return measured
