"""
The thread that lets a process speak up in the file that others read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final

__all__ = ["PULSE_S", "Pulse"]

logger = logging.getLogger("agentmon")

#: How often; so old are calls in flight, and gauges, at most.
PULSE_S: Final = 1.0


class Pulse:
    """
    Does some things each second.

    Args:
        tasks: What to do; what they raise is logged once.
        every_s: How often.
    """

    def __init__(self, tasks: Sequence[Callable[[], object]], every_s: float = PULSE_S) -> None:
        self._tasks = tasks
        self._every_s = every_s
        self._stopped = Event()
        self._said = False
        self._thread = Thread(target=self._run, name="agentmon-shared", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for what is being done."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            for task in self._tasks:
                try:
                    task()
                except Exception:
                    if not self._said:
                        self._said = True
                        logger.exception("agentmon: sharing counts failed; said once")
