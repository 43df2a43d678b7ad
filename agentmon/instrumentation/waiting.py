"""
What calls wait for by themselves, for the critical path of the run that they are part of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT, Call

if TYPE_CHECKING:
    from agentmon.instrumentation.path import Node

__all__ = ["Waiting", "followed"]


def followed() -> Node | None:
    """The place of the current call in the run of a workflow; None outside any."""
    frame = CURRENT.get()
    return frame.node if isinstance(frame, Call) else None


class Waiting:
    """
    A block in which the current call waits.

    Args:
        kind: For what, in the words of `agentmon.instrumentation.path`.
    """

    __slots__ = ("_begun_ns", "_kind", "_node")

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        self._node = followed()
        self._begun_ns = ACTIVE.clock()

    def __exit__(self, *_error: object) -> None:
        if self._node is not None:
            self._node.wait(self._kind, self._begun_ns, ACTIVE.clock())
