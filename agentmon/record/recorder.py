"""
The write side of a series: append now, fold later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentmon.model.outcome import ERROR, OK, TIMEOUT

if TYPE_CHECKING:
    from agentmon.record.declaration import Scope
    from agentmon.record.registry import Registry
    from agentmon.record.series import Series

__all__ = ["FULL", "Detail", "LiveCall", "Recorder"]

#: Calls that may wait to be folded before the next caller folds them.
FULL = 256

#: Start, end, outcome, error type or None, trace id or 0.
Detail = tuple[int, int, str, "str | None", int]


class LiveCall(Protocol):
    """A call in flight, as far as recording knows it."""

    begun_ns: int


class Recorder:
    """
    Takes the calls of one declaration within one scope, and folds them into their series.

    Assumptions:
        ``list.append``, ``set.add`` and ``set.discard`` are each one indivisible step: a promise
        of CPython for its built-in containers, with the GIL (no thread switch inside them) and
        without it (each holds the container's own lock).

    Guarantees:
        - Recording a call is one append: it takes no lock, does no I/O and never raises.
        - Nothing is lost and nothing is counted twice with any number of threads: only the holder
          of the series' lock removes, and it removes just the entries that it has copied; appends
          go behind them.
        - At most `FULL` entries and one for each thread wait: whoever finds the list full folds
          it, or waits until somebody has.
        - A signal handler or finaliser that records while its own thread is folding cannot
          deadlock: the lock can be taken again by its holder, which then leaves the fold alone.

    Args:
        registry: Where recent calls and losses are noted.
        series: What it folds into.
        scope: The names around calls made within its calls.
        timeout_ns: A call that takes longer has the outcome timeout.
    """

    __slots__ = ("_registry", "details", "live", "plain", "scope", "series", "timeout_ns", "usage")

    def __init__(
        self, registry: Registry, series: Series, scope: Scope, timeout_ns: int | None
    ) -> None:
        self._registry = registry
        self.series = series
        self.scope = scope
        self.timeout_ns = timeout_ns
        #: Start and end of calls that returned, untraced.
        self.plain: list[tuple[int, int]] = []
        #: All other calls.
        self.details: list[Detail] = []
        #: Token type and number, as calls reported them.
        self.usage: list[tuple[str, int]] = []
        self.live: set[LiveCall] = set()

    def fold(self) -> None:
        """Move everything that waits into the series."""
        series = self.series
        with series.lock:
            if series.folding:
                return
            series.folding = True
            try:
                if self.plain:
                    self._fold_plain()
                if self.details:
                    self._fold_details()
                if self.usage:
                    self._fold_usage()
            finally:
                series.folding = False

    def _fold_plain(self) -> None:
        batch = self.plain[:]
        del self.plain[: len(batch)]
        timeout = self.timeout_ns
        if timeout is not None and max([ended - begun for begun, ended in batch]) > timeout:
            late = [pair for pair in batch if pair[1] - pair[0] > timeout]
            batch = [pair for pair in batch if pair[1] - pair[0] <= timeout]
            self._add(TIMEOUT, late)
            for begun, ended in late:
                self._registry.note_failure(self.series, (begun, ended, TIMEOUT, None, 0))
        if batch:
            self._add(OK, batch)

    def _add(self, outcome: str, batch: list[tuple[int, int]]) -> None:
        clamped = self.series.add(outcome, batch)
        if clamped:
            self._registry.drop("clamped", clamped)
        begun, ended = max(batch, key=_duration)
        self._registry.note_slow(self.series, (begun, ended, outcome, None, 0))

    def _fold_details(self) -> None:
        batch = self.details[:]
        del self.details[: len(batch)]
        registry = self._registry
        errors = self.series.errors
        for detail in batch:
            begun, ended, outcome, error_type, _ = detail
            clamped = self.series.add(outcome, [(begun, ended)])
            if clamped:
                registry.drop("clamped", clamped)
            registry.note_slow(self.series, detail)
            if outcome in (ERROR, TIMEOUT):
                registry.note_failure(self.series, detail)
                if error_type is not None:
                    name = registry.bounded_error(error_type)
                    errors[name] = errors.get(name, 0) + 1

    def _fold_usage(self) -> None:
        batch = self.usage[:]
        del self.usage[: len(batch)]
        tokens = self.series.tokens
        for token_type, n in batch:
            tokens[token_type] = tokens.get(token_type, 0) + n


def _duration(pair: tuple[int, int]) -> int:
    return pair[1] - pair[0]
