"""
The write side of a series: append now, fold later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agentmon.model.outcome import OK, TIMEOUT
from agentmon.record.batch import Batch
from agentmon.record.limits import CELL_NS, CROWDED, FULL
from agentmon.record.shared.form import LONGEST

if TYPE_CHECKING:
    from threading import RLock

    from agentmon.model.buckets import Layout
    from agentmon.model.failure import Failure
    from agentmon.record.clock import Clock
    from agentmon.record.declaration import Declaration, Scope
    from agentmon.record.exemplar import Examples, Found
    from agentmon.record.series import Series
    from agentmon.record.shared.journal import Journal
    from agentmon.record.shared.sharing import Sharing

__all__ = ["NO_JOURNAL", "Detail", "Notes", "Recorder"]

#: Start, end, outcome, error type or None, trace id or 0, and what the failure is like if known.
Detail = tuple[int, int, str, "str | None", int, "Failure | None"]

#: One for all that have none. It has no `append`, so nothing can get into it by mistake.
_NO_USAGE: Any = ()


class _Full:
    """Takes nothing."""

    take = iter(())


#: The journal of a process that has none.
NO_JOURNAL: Any = _Full()


class Notes(Protocol):
    """Where a recorder reports what is not for its series alone; the registry is it."""

    layout: Layout
    clock: Clock
    #: Held by whoever folds or reads.
    lock: RLock
    #: Whether the holder of the lock is folding or reading.
    busy: bool
    #: Keeps the file that others read in step; None where nobody else does.
    shared: Sharing | None
    #: What is to be logged once the lock is released.
    unsaid: list[Callable[[], object]]

    def say(self) -> None:
        """Log what is to be logged."""

    def drop(self, reason: str, n: int) -> None:
        """Count recordings that could not be kept as they came."""

    def note_returned(self, series: Series, ended_ns: int, longest_ns: int, trace_id: int) -> None:
        """Take note of the longest of some calls that returned, and of its trace or 0."""

    def note_detail(self, series: Series, detail: Detail) -> None:
        """Take note of one call."""

    def note_late(self, recorder: Recorder, ended_ns: int, duration_ns: int) -> None:
        """Take note of a call that returned, and took longer than it may."""

    def bounded_error(self, error_type: str) -> str:
        """The error type, or ``other`` where there are too many."""


class Recorder:
    """
    Takes the calls of one declaration within one scope, and folds them into their series.

    Assumptions:
        ``list.append``, and setting and removing an item of a ``dict``, are each one indivisible
        step: a promise of CPython for its built-in containers, with the GIL (no thread switch
        inside them) and without it (each holds the container's own lock).

    Guarantees:
        - Recording a call is one append: it takes no lock, does no I/O and never raises. Where
          several processes share their counts, the append is to a journal in the memory that they
          share, in place of `plain`.
        - What waits in `plain` ended within one cell of time, the one that ends at `until_ns`:
          whoever comes after that folds first. A thread that is held up between reading the clock
          and appending can put its call into the next cell.
        - Nothing is lost and nothing is counted twice with any number of threads: only the holder
          of the registry's lock removes, and it removes just the entries that it has copied;
          appends go behind them.
        - At most `CROWDED` entries and one for each thread wait: whoever finds `FULL` of them
          folds them, unless somebody else is folding; whoever finds them crowded waits for that.
        - A signal handler or finaliser that records while its own thread is folding or reading
          cannot deadlock, whichever series it records into: there is one lock for all of them,
          which its holder can take again, and which then leaves the fold alone.

    Args:
        notes: Where recent calls and losses are noted.
        series: What it folds into.
        scope: The names around calls made within its calls.
        declaration: The operation.
    """

    __slots__ = (
        "_notes",
        "declaration",
        "details",
        "examples",
        "journal",
        "live",
        "plain",
        "scope",
        "series",
        "tag",
        "until_ns",
        "usage",
    )

    def __init__(
        self, notes: Notes, series: Series, scope: Scope, declaration: Declaration
    ) -> None:
        self._notes = notes
        self.series = series
        self.scope = scope
        self.declaration = declaration
        #: Durations of calls that returned and that nothing more is to be said of; None where they
        #: are put into the journal of the process instead: `tag` and the duration in one word.
        self.plain: list[int] | None = []
        self.journal: Journal = NO_JOURNAL
        self.tag = 0
        #: End of the cell of time that `plain` belongs to.
        self.until_ns = 0
        #: All other calls.
        self.details: list[Detail] = []
        #: Token type and number, as calls reported them; only those of models do.
        self.usage: list[tuple[str, int]] = [] if declaration.kind == "model_call" else _NO_USAGE
        #: Traces of some of the calls; made for the first call that has a span.
        self.examples: Examples | None = None
        #: When each call in flight began, by an object that is the call's own.
        self.live: dict[object, int] = {}

    def keep(self, duration_ns: int) -> None:
        """Record a call that returned, and of which nothing more is to be said."""
        plain = self.plain
        if plain is not None:
            plain.append(duration_ns)
            if len(plain) >= FULL:
                self.relieve()
            return
        journal = self.journal
        try:
            journal.slots[next(journal.take)] = self.tag + min(duration_ns, LONGEST)
        except (StopIteration, ValueError):
            self.spill(duration_ns)

    def spill(self, duration_ns: int) -> None:
        """Record such a call where the journal is full or closed."""
        journal, plain = self.journal, self.plain  # in this order: the latter is set first
        if plain is None:
            journal.spilled.append((self, duration_ns))
        else:
            plain.append(duration_ns)
        self.fold()

    def enter_cell(self, now_ns: int) -> None:
        """Fold what belongs to the cell of time that has passed, and begin the present one."""
        self.fold()
        self.until_ns = now_ns - now_ns % CELL_NS + CELL_NS

    def relieve(self) -> None:
        """Fold what waits, unless another thread is folding and not too much waits."""
        lock = self._notes.lock
        # Eight threads that all wait for one lock would do little else.
        if lock.acquire(blocking=max(len(self.plain or ()), len(self.details)) >= CROWDED):
            try:
                folded = self._fold()
            finally:
                lock.release()
            if folded and self._notes.unsaid:
                self._notes.say()

    def press(self) -> None:
        """Fold what was just noted, if it must not wait: others may read it, or much waits."""
        if self._notes.shared is not None or len(self.usage) >= FULL:
            self.fold()
        elif len(self.details) >= FULL:
            self.relieve()

    def take(self, values: list[int]) -> None:
        """
        Add calls that returned, from the journal.

        Assumptions:
            The lock is held, and the registry busy.
        """
        found = () if self.examples is None else self.examples.take(OK)
        self._add_plain(values, found)
        for outcome, exemplar in found:
            self.series.show(outcome, exemplar)

    def fold(self) -> None:
        """Move everything that waits into the series."""
        notes = self._notes
        with notes.lock:
            folded = self._fold()
        if folded and notes.unsaid:
            notes.say()

    def _fold(self) -> bool:
        """Fold, with the lock held; False where its holder was interrupted while doing so."""
        notes = self._notes
        if notes.busy:
            return False
        notes.busy = True
        shared = notes.shared
        try:
            if shared is not None:
                shared.fold()
            found = () if self.examples is None else self.examples.take(OK)
            if self.plain:
                self._fold_plain(self.plain, found)
            if self.details:
                self._fold_details()
            for outcome, exemplar in found:
                self.series.show(outcome, exemplar)
            if self.usage:
                self._fold_usage()
            if shared is not None:
                shared.commit()
        finally:
            notes.busy = False
        return True

    # Both take what waits out of its list only when all that can be worked out before is: what a
    # signal handler raises up to then costs nothing.

    def _fold_plain(self, plain: list[int], found: Sequence[Found]) -> None:
        self._add_plain(plain[:], found, plain)

    def _add_plain(
        self, values: list[int], found: Sequence[Found], plain: list[int] | None = None
    ) -> None:
        taken = len(values)
        ended_ns = min(self.until_ns - 1, self._notes.clock())
        timeout = self.declaration.timeout_ns
        late: list[int] = []
        batch = Batch(self._notes.layout, OK, ended_ns, values)
        if timeout is not None and batch.max_ns > timeout:
            late = [value for value in values if value > timeout]
            values = [value for value in values if value <= timeout]
            if values:
                batch = Batch(self._notes.layout, OK, ended_ns, values)
        if plain is not None:
            del plain[:taken]
        if values:
            self._add(batch)
            longest = [each for _, each in found if each.duration_ns == batch.max_ns]
            trace_id = longest[0].trace_id if longest else 0
            self._notes.note_returned(self.series, ended_ns, batch.max_ns, trace_id)
        for value in late:
            self._add_detail((ended_ns - value, ended_ns, TIMEOUT, None, 0, None))
            self._notes.note_late(self, ended_ns, value)

    def _add_detail(self, detail: Detail) -> None:
        begun, ended, outcome, _, _, _ = detail
        self._add(Batch(self._notes.layout, outcome, ended, [ended - begun]))
        self._notes.note_detail(self.series, detail)

    def _add(self, batch: Batch) -> None:
        self.series.add(batch)
        shared = self._notes.shared
        if shared is not None:
            shared.mirror.calls(self.series, batch.outcome, batch.counts)
        if batch.clamped:
            self._notes.drop("clamped", batch.clamped)

    def _fold_details(self) -> None:
        for detail in self.details[:]:
            del self.details[0]
            self._add_detail(detail)
            error_type = detail[3]
            shared = self._notes.shared
            if error_type is not None:
                name = self._notes.bounded_error(error_type)
                self.series.add_error(name)
                if shared is not None:
                    shared.mirror.error(self.series, name)
            if shared is not None and shared.mirror.full:
                shared.commit()

    def _fold_usage(self) -> None:
        batch = self.usage[:]
        del self.usage[: len(batch)]
        for token_type, n in batch:
            self.series.add_tokens(token_type, n)
            shared = self._notes.shared
            if shared is not None:
                shared.mirror.tokens(self.series, token_type)
