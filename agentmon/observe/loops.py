"""
How late event loops are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from agentmon.model.catalogue.resources import EVENT_LOOP_LAG

if TYPE_CHECKING:
    from agentmon.record.registry import Registry

__all__ = ["EVERY_S", "LoopWatch"]

#: Between two looks.
EVERY_S: Final = 0.1


class LoopWatch:
    """
    Looks at how late an event loop is, until it is closed or `stop` is called.

    It keeps a timer in the loop, which holds up neither the end of ``asyncio.run`` nor of the
    process. While recording is off, it goes on and records nothing.

    Args:
        loop: The event loop.
        name: Its name, for the label.
        registry: Returns what takes the lags; None while recording is off.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        registry: Callable[[], Registry | None],
    ) -> None:
        self._loop = loop
        self._labels = (name,)
        self._registry = registry
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        loop.call_soon_threadsafe(self._wait)

    def stop(self) -> None:
        """Look no more. May be called from any thread."""
        self._stopped = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        if not self._stopped:
            due = self._loop.time() + EVERY_S
            self._timer = self._loop.call_at(due, self._woken, due)

    def _woken(self, due: float) -> None:
        late = max(0.0, self._loop.time() - due)
        registry = self._registry()
        if registry is not None:
            registry.signals.observe(EVENT_LOOP_LAG, self._labels, round(late * 1e9))
        self._wait()
