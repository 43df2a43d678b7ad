"""
The critical path of a run: which of the calls within it decided how long it took.

Everything here is pure: intervals in, sums out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = [
    "DEPENDENCY",
    "ESCALATION",
    "HANDOFF",
    "MOST",
    "QUEUEING",
    "SYNCHRONISING",
    "WORKING",
    "Budget",
    "Node",
    "Split",
    "split",
]

WORKING: Final = "working"
HANDOFF: Final = "handoff"
QUEUEING: Final = "queueing"
DEPENDENCY: Final = "dependency"
SYNCHRONISING: Final = "synchronising"
ESCALATION: Final = "escalation"

#: Calls and waits of one run that are remembered.
MOST: Final = 4096

#: Whose time it is, and of which kind.
Share = tuple[str, str]
#: A piece of time: begin, end, and whose it is.
Piece = tuple[int, int, Share]


class Budget:
    """How many more calls and waits of a run may be remembered."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST) -> None:
        self.left = left


class Node:
    """
    One call within a run, or the run itself.

    Assumptions:
        Threads and tasks may add to one node at once: each does so by one ``append``.

    Args:
        share: Whose its time is where no call within it has it.
        begun_ns: When it began.
        budget: Of the run; nodes within share it.
    """

    __slots__ = ("begun_ns", "budget", "children", "ended_ns", "lost", "share", "waits")

    def __init__(self, share: Share, begun_ns: int, budget: Budget) -> None:
        self.share = share
        self.begun_ns = begun_ns
        #: None while it is in flight.
        self.ended_ns: int | None = None
        self.budget = budget
        self.children: list[Node] = []
        #: Begin, end and kind of what it waited for by itself.
        self.waits: list[tuple[int, int, str]] = []
        #: Whether anything within it could not be remembered.
        self.lost = False

    def open(self, share: Share, begun_ns: int) -> Node | None:
        """A call within; None where no more is remembered."""
        if not self._room():
            return None
        child = Node(share, begun_ns, self.budget)
        self.children.append(child)
        return child

    def wait(self, kind: str, begun_ns: int, ended_ns: int) -> None:
        """Remember that it waited."""
        if ended_ns > begun_ns and self._room():
            self.waits.append((begun_ns, ended_ns, kind))

    def _room(self) -> bool:
        if self.budget.left <= 0:
            self.lost = True
            return False
        self.budget.left -= 1
        return True

    def every(self) -> Iterator[Node]:
        """It, and all that is within it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children)


class Split:
    """
    Where the time of a run went.

    Attributes:
        path: Time on the critical path, by whose it is and its kind.
        work_ns: Time that all worked, together.
        fan_out_ns: Time of parallel branches.
        straggler_ns: The part of it in which only the last branch ran.
        lost: Whether calls of the run were not remembered.
    """

    __slots__ = ("fan_out_ns", "lost", "path", "straggler_ns", "work_ns")

    def __init__(self) -> None:
        self.path: dict[Share, int] = {}
        self.work_ns = 0
        self.fan_out_ns = 0
        self.straggler_ns = 0
        self.lost = False

    def _add(self, share: Share, ns: int) -> None:
        if ns > 0:
            self.path[share] = self.path.get(share, 0) + ns


def split(root: Node) -> Split:
    """
    Where the time of a run went.

    The path is walked backwards from the end of the run. Within a call, from a moment on it is in
    the call that ended last of those that had ended by then; of several that ended at once, in the
    one that began first; then, from its begin on, likewise. What is left is the call's own time,
    of the kind of what it waited for, and working where it waited for nothing. A call that went on
    after the one around it had ended belongs, from there on, to the innermost one around that was
    still in flight. What was in flight when the run ended decided nothing.

    Args:
        root: The run, which has ended.

    Returns:
        The parts of the path sum up to the time of the run.
    """
    result = Split()
    adopted = _adopted(root)
    assert root.ended_ns is not None  # noqa: S101
    # Calls on the path, and the part of them that is: from, to.
    waiting = [(root, root.begun_ns, root.ended_ns)]
    while waiting:
        node, floor_ns, now_ns = waiting.pop()
        within = adopted.get(node)
        if within is None and not node.waits:  # as most are
            result._add(node.share, now_ns - floor_ns)  # noqa: SLF001
            continue
        gaps: list[tuple[int, int]] = []
        for child, begun_ns, ended_ns in sorted(within or (), key=_last_first, reverse=True):
            if floor_ns < ended_ns <= now_ns and begun_ns < ended_ns:
                gaps.append((ended_ns, now_ns))
                now_ns = max(begun_ns, floor_ns)
                waiting.append((child, now_ns, ended_ns))
        gaps.append((floor_ns, now_ns))
        for begun_ns, ended_ns, share in _own(node, gaps):
            result._add(share, ended_ns - begun_ns)  # noqa: SLF001
    for node in root.every():
        result.lost = result.lost or node.lost
        result.work_ns += _worked(node, root)
    for branches in adopted.values():
        if len(branches) > 1:
            _measure_branches(result, branches)
    return result


#: A call, and the part of its time that it is waited for within the call around it.
_Branch = tuple[Node, int, int]


def _adopted(root: Node) -> dict[Node, list[_Branch]]:
    """The calls that ended within each call, those included that went on after theirs had ended."""
    found: dict[Node, list[_Branch]] = {}
    waiting: list[tuple[Node, tuple[Node, ...]]] = [(root, ())]
    while waiting:
        node, around = waiting.pop()
        if node.children:
            inside = (*around, node)
            waiting.extend([(child, inside) for child in reversed(node.children)])
        if node.ended_ns is None or not around:
            continue
        begun_ns = node.begun_ns
        for outer in reversed(around):
            if outer.ended_ns is None or node.ended_ns <= outer.ended_ns:
                begun_ns = max(begun_ns, outer.begun_ns)
                found.setdefault(outer, []).append((node, begun_ns, node.ended_ns))
                break
            begun_ns = max(begun_ns, outer.ended_ns)
    return found


def _last_first(branch: _Branch) -> tuple[int, int]:
    return branch[2], -branch[1]


def _own(node: Node, gaps: list[tuple[int, int]]) -> Iterator[Piece]:
    """
    A call's own time by its kind.

    Args:
        node: The call.
        gaps: When no call within it was on the path, the last first.
    """
    agent, kind = node.share
    waits = _waits(node)
    at = 0
    for begun_ns, ended_ns in gaps:
        now_ns = ended_ns
        while at < len(waits) and waits[at][0] >= now_ns:
            at += 1
        index = at
        while index < len(waits) and waits[index][1] > begun_ns:
            first_ns, last_ns, why = waits[index]
            last_ns = min(last_ns, now_ns)
            yield last_ns, now_ns, (agent, kind)
            now_ns = max(first_ns, begun_ns)
            yield now_ns, last_ns, (agent, why)
            index += 1
        yield begun_ns, now_ns, (agent, kind)


def _waits(node: Node) -> list[tuple[int, int, str]]:
    """What a call waited for, the last first, without overlaps: what ended later goes first."""
    disjoint: list[tuple[int, int, str]] = []
    free_ns: int | None = None
    for begun_ns, ended_ns, kind in sorted(node.waits, key=lambda w: (w[1], -w[0]), reverse=True):
        last_ns = ended_ns if free_ns is None else min(ended_ns, free_ns)
        if begun_ns < last_ns:
            disjoint.append((begun_ns, last_ns, kind))
            free_ns = begun_ns
    return disjoint


def _worked(node: Node, root: Node) -> int:
    """How long a call worked itself: without the calls within it, and without waiting."""
    if node.share[1] != WORKING or root.ended_ns is None:
        return 0
    ended_ns = root.ended_ns if node.ended_ns is None else min(node.ended_ns, root.ended_ns)
    if not node.children and not node.waits:
        return max(0, ended_ns - node.begun_ns)
    taken = [
        (child.begun_ns, root.ended_ns if child.ended_ns is None else child.ended_ns)
        for child in node.children
    ]
    taken.extend((begun_ns, last_ns) for begun_ns, last_ns, _ in node.waits)
    worked_ns, now_ns = 0, node.begun_ns
    for begun_ns, last_ns in sorted(taken):
        worked_ns += max(0, min(begun_ns, ended_ns) - now_ns)
        now_ns = max(now_ns, last_ns)
    return worked_ns + max(0, ended_ns - now_ns)


def _measure_branches(result: Split, branches: list[_Branch]) -> None:
    """Add the time of calls that ran at once, and the part in which only the last of them ran."""
    first_ns = last_ns = second_ns = 0
    members = 0
    for _, begun_ns, ended_ns in sorted(branches, key=lambda each: each[1:]):
        if begun_ns >= ended_ns:
            continue
        if members and begun_ns < last_ns:
            members += 1
            second_ns = max(second_ns, min(ended_ns, last_ns))
            last_ns = max(last_ns, ended_ns)
            continue
        if members > 1:
            result.fan_out_ns += last_ns - first_ns
            result.straggler_ns += last_ns - second_ns
        members, first_ns, last_ns, second_ns = 1, begun_ns, ended_ns, begun_ns
    if members > 1:
        result.fan_out_ns += last_ns - first_ns
        result.straggler_ns += last_ns - second_ns
