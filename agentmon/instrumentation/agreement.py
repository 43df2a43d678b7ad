"""
How much the outputs of similar tasks agree.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentmon.instrumentation.active import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Agreement", "closeness"]

T = TypeVar("T")

#: Groups of similar tasks that are remembered, and outputs of each; the oldest go first.
MOST_GROUPS: Final = 1000
MOST_MEMBERS: Final = 16


class Agreement:
    """
    Keeps what similar tasks gave lately, to compare with it what comes next.

    Guarantees:
        At most `MOST_GROUPS` groups with `MOST_MEMBERS` outputs each are kept.
    """

    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[Any, ...], deque[Any]] = OrderedDict()

    def join(
        self, group: tuple[Any, ...], output: T, alike: Callable[[T, T], float]
    ) -> float | None:
        """
        Add an output to its group.

        Args:
            group: Which tasks are similar to it.
            output: What came out.
            alike: How alike two outputs are, from 0 to 1; called without any lock held.

        Returns:
            The mean likeness to those that are kept; None for the first.
        """
        with ACTIVE.shelter:
            members = self._groups.get(group)
            if members is None:
                members = self._groups[group] = deque(maxlen=MOST_MEMBERS)
                if len(self._groups) > MOST_GROUPS:
                    self._groups.popitem(last=False)
            self._groups.move_to_end(group)
            others = list(members)
            members.append(output)
        if not others:
            return None
        return sum(alike(output, other) for other in others) / len(others)


def closeness(one: float, other: float) -> float:
    """How close two scores from 0 to 1 are: 1 where they are the same."""
    return 1 - abs(one - other)
