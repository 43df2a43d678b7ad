"""
Failures that are alike, counted together: a bounded table of error groups.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from agentmon.model.failure import Failure
from agentmon.model.metric import OVERFLOW
from agentmon.model.snapshot import ErrorGroup

__all__ = ["MOST_GROUPS", "FailureTable", "Key", "Row"]

#: Groups that are kept, each by operation; further ones are counted as one.
MOST_GROUPS: Final = 200

#: A failure; kind, name and agent of the operation.
Key: TypeAlias = "tuple[Failure, str, str, str]"


class Row:
    """One group at one operation."""

    __slots__ = ("count", "first_ns", "last_ns", "trace_id")

    def __init__(self, at_ns: int) -> None:
        self.count = 0
        self.first_ns = self.last_ns = at_ns
        self.trace_id = 0


class FailureTable:
    """
    Counts failures by group and operation.

    Assumptions:
        Whoever calls a method holds the registry's lock.

    Guarantees:
        At most *most* groups are kept, and one for all further ones. Nothing is kept of an
        exception but its type and where it was raised.

    Args:
        most: Groups that are kept.
    """

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self._most = most
        self.rows: dict[Key, Row] = {}
        #: What was noted last.
        self.latest: tuple[Key, Row] | None = None

    def note(  # noqa: PLR0917  # one by one is how they are known
        self, failure: Failure, kind: str, name: str, agent: str, at_ns: int, trace_id: int
    ) -> bool:
        """
        Count one failure.

        Args:
            failure: What it is like.
            kind: Kind of the operation.
            name: Its name.
            agent: The agent that it belongs to, or empty.
            at_ns: When it was, in nanoseconds since 1970.
            trace_id: Its trace, or 0.

        Returns:
            False if there was no room for its group, and it was counted with all that have none.
        """
        wanted = (failure, kind, name, agent)
        key = self.place(wanted)
        kept = key is wanted
        row = self.rows.get(key)
        if row is None:
            row = self.rows.setdefault(key, Row(at_ns))
        row.count += 1
        row.first_ns = min(row.first_ns, at_ns)
        if at_ns >= row.last_ns:
            row.last_ns = at_ns
            row.trace_id = trace_id or row.trace_id
        self.latest = key, row
        return kept

    def place(self, key: Key) -> Key:
        """Where failures are counted: by themselves, or with all that there is no room for."""
        return key if key in self.rows or len(self.rows) < self._most else _NO_ROOM

    def groups(self) -> list[ErrorGroup]:
        """Every group, that which was seen last first."""
        found = [
            ErrorGroup(
                group=failure.group,
                error_type=failure.error_type,
                location=failure.location,
                kind=kind,
                name=name,
                agent=agent,
                count=row.count,
                first_seen_ns=row.first_ns,
                last_seen_ns=row.last_ns,
                trace_id=f"{row.trace_id:032x}" if row.trace_id else None,
            )
            for (failure, kind, name, agent), row in self.rows.items()
        ]
        found.sort(key=_last_seen, reverse=True)
        return found


_NO_ROOM: Final = (Failure(OVERFLOW, OVERFLOW, OVERFLOW), OVERFLOW, OVERFLOW, OVERFLOW)


def _last_seen(group: ErrorGroup) -> int:
    return group.last_seen_ns
