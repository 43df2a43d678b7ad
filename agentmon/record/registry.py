"""
All series of the process: binding of label sets, bounds, and the way out.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING

from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.failure import unlocated
from agentmon.model.metric import OVERFLOW, Label
from agentmon.model.outcome import ERROR, OK, OUTCOMES, TIMEOUT
from agentmon.model.snapshot import ByOutcome, CallRecord, ErrorGroup, Family, Sample, Snapshot
from agentmon.record.clock import Clock, epoch_offset_ns
from agentmon.record.declaration import Declaration, Scope
from agentmon.record.failures import MOST_GROUPS, FailureTable
from agentmon.record.limits import MAX_SERIES
from agentmon.record.recorder import Detail, Recorder
from agentmon.record.series import Series
from agentmon.record.signals import Signals

if TYPE_CHECKING:
    from agentmon.record.shared.sharing import Sharing

__all__ = ["Registry"]

logger = logging.getLogger("agentmon")

_RECENT = 50  # failed calls, and slow calls, that are remembered
_SLOW_AGE_NS = 3600 * 10**9
_NO_FACTS = ("", "", "")
_NO_CALLS = (0,) * len(OUTCOMES)


class Registry:
    """
    Holds every series, and hands out the recorders that write to them.

    Guarantees:
        - Memory is bounded: at most `max_series` series, and one of each kind for what is beyond;
          at most twice as many recorders, and one for each series for what is beyond; at most each
          label's bound of distinct values. What is beyond folds into ``other``, is counted in
          ``agentmon_dropped_total`` and warned of once for each label.
        - `collect` and `snapshot` see every call that ended before they began.
        - One lock guards everything that is folded. Nothing else is locked within it and nothing is
          logged within it, so it cannot be part of a deadlock; `busy` keeps whatever interrupts its
          holder, such as a signal handler or a finaliser, from changing what the holder works on.

    Args:
        layout: The cells of the histograms.
        clock: Measures the calls.
        max_series: The most series kept.
    """

    def __init__(self, layout: Layout, clock: Clock, max_series: int = MAX_SERIES) -> None:
        self.layout = layout
        self.clock = clock
        self.begun_ns = clock()
        self.root = Scope("", "")
        self.lock = RLock()
        #: Whether the holder of the lock is folding or reading.
        self.busy = False
        #: Keeps the file that other processes read in step; None where none does.
        self.shared: Sharing | None = None
        #: What is to be logged once the lock is released.
        self.unsaid: list[Callable[[], object]] = []
        #: Told of a call that returned, and took longer than it may: its recorder, its end on the
        #: clock, and how long it took.
        self.late: Callable[[Recorder, int, int], object] | None = None
        self._max_series = max_series
        self._crowd = Scope(OVERFLOW, OVERFLOW)
        self._scopes: dict[tuple[str, str], Scope] = {("", ""): self.root}
        #: By kind, then by label values: the latter are there anyway, a tuple of both is not.
        self._series: dict[str, dict[tuple[str, ...], Series]] = {k: {} for k in catalogue.KINDS}
        self._recorders: dict[tuple[Series, Scope, Declaration], Recorder] = {}
        self._values: dict[Label, set[str]] = {}
        self._warned: set[str] = set()
        #: Version, team and tier of the agents of which any is known.
        self.facts: dict[str, tuple[str, str, str]] = {}
        self.dropped = dict.fromkeys(catalogue.DROP_REASONS, 0)
        self.groups = FailureTable()
        #: What is recorded besides operations.
        self.signals = Signals(self)
        #: Called before anything is read, to record what is only looked at when somebody asks.
        self.looks: list[Callable[[], object]] = []
        self._failed: deque[CallRecord] = deque(maxlen=_RECENT)
        self._slow: list[CallRecord] = []
        self._slow_floor_ns = -1
        self._slow_expiry_ns = 0

    # ------------------------------------------------------------------ binding

    def bind(self, declaration: Declaration, outer: Scope | None) -> Recorder:
        """
        The recorder for calls of *declaration* made within *outer*.

        Args:
            declaration: The operation.
            outer: The names around the call; None outside any.

        Returns:
            Always the same recorder for the same arguments, to be kept by the caller.
        """
        with self.lock:
            recorder = self._bind(declaration, outer or self.root)
        if self.unsaid:
            self.say()
        return recorder

    # What is bound goes into its place by `dict.setdefault`, in one step: a signal handler or
    # finaliser may be binding the same just now.

    def _bind(self, declaration: Declaration, scope: Scope) -> Recorder:
        metrics = catalogue.OPERATIONS[declaration.kind]
        values = tuple(
            self.bounded(label, value)
            for label, value in zip(metrics.labels, declaration.label_values(scope), strict=True)
        )
        alike = self._series[declaration.kind]
        series = alike.get(values)
        if series is None and not self.room():
            values = (OVERFLOW,) * len(values)
            series = alike.get(values)
        if series is None:
            series = alike.setdefault(values, Series(metrics, values, self.layout))
        if declaration.timeout_ns is not None:
            series.timeout_ns = declaration.timeout_ns
        if self.shared is not None:
            self.shared.mirror.series(series)
        workflow, agent = scope.workflow, scope.agent
        if declaration.kind == "agent":
            agent = values[0]
            # An agent may have several entry points, which do not all say everything.
            version, team, tier = self.facts.get(agent, _NO_FACTS)
            facts = (
                declaration.version or version,
                declaration.team or team,
                declaration.tier or tier,
            )
            if facts != _NO_FACTS and facts != self.facts.get(agent):
                self.facts[agent] = facts
                if self.shared is not None:
                    self.shared.mirror.agent(agent, facts)
        elif declaration.kind == "workflow":
            workflow = values[0]
        inner = self._intern(workflow, agent)
        recorder = self._recorders.get((series, inner, declaration))
        if recorder is None and len(self._recorders) >= 2 * self._max_series:
            self._overflow("declarations", "declaration_bound", 2 * self._max_series)
            inner, declaration = self._crowd, Declaration(declaration.kind, values[0])
            recorder = self._recorders.get((series, inner, declaration))
        if recorder is None:
            fresh_recorder = Recorder(self, series, inner, declaration)
            recorder = self._recorders.setdefault((series, inner, declaration), fresh_recorder)
            if self.shared is not None and recorder is fresh_recorder:
                self.shared.attach(recorder)
        return recorder

    def _intern(self, workflow: str, agent: str) -> Scope:
        scope = self._scopes.get((workflow, agent))
        if scope is None:
            if len(self._scopes) >= self._max_series:
                self._overflow("agents within workflows", "label_bound", self._max_series)
                return self._crowd
            scope = self._scopes.setdefault((workflow, agent), Scope(workflow, agent))
        return scope

    def room(self) -> bool:
        """Whether there may be one series more; where there may not, that is counted."""
        if self._size() < self._max_series:
            return True
        self._overflow("series", "series_bound", self._max_series)
        return False

    def bounded(self, label: Label, value: str) -> str:
        """The value, or ``other`` where the label has as many values as it may have."""
        if not value:
            return value
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) < label.bound:
            known.add(value)
            return value
        self._overflow(f"label {label.name!r}", "label_bound", label.bound)
        return OVERFLOW

    def bounded_error(self, error_type: str) -> str:
        """The error type, or ``other`` where there are too many."""
        with self.lock:
            return self.bounded(catalogue.ERROR_TYPE, error_type)

    def _overflow(self, what: str, reason: str, bound: int) -> None:
        self.drop(reason, 1)
        if what not in self._warned:
            self._warned.add(what)
            self.unsaid.append(partial(_warn_of_bound, what, bound))

    def say(self) -> None:
        """Log what is to be logged; not to be called with the lock held."""
        while self.unsaid:
            try:
                log = self.unsaid.pop(0)
            except IndexError:  # another thread was faster
                return
            with suppress(Exception):  # a filter or handler of the host
                log()

    # ------------------------------------------------------------------ notes

    def drop(self, reason: str, n: int) -> None:
        """
        Count recordings that could not be kept as they came.

        Args:
            reason: One of `agentmon.model.catalogue.DROP_REASONS`.
            n: How many.
        """
        with self.lock:
            self.dropped[reason] += n
            if self.shared is not None:
                self.shared.mirror.dropped(reason, self.dropped[reason])

    def note_returned(self, series: Series, ended_ns: int, longest_ns: int, trace_id: int) -> None:
        """Remember the longest of some calls that returned, if it is worth it."""
        if longest_ns > self._slow_floor_ns or ended_ns >= self._slow_expiry_ns:
            begun_ns = ended_ns - longest_ns
            self._note_slow(_record(series, (begun_ns, ended_ns, OK, None, trace_id, None)))

    def note_detail(self, series: Series, detail: Detail) -> None:
        """Remember a call that failed or is among the slowest."""
        begun, ended, outcome, _, _, _ = detail
        if outcome in (ERROR, TIMEOUT):
            self._failed.append(_record(series, detail))
            self._note_failure(series, detail)
        if ended - begun > self._slow_floor_ns or ended >= self._slow_expiry_ns:
            self._note_slow(_record(series, detail))

    def note_late(self, recorder: Recorder, ended_ns: int, duration_ns: int) -> None:
        """Tell, once the lock is released, of a call that returned and took longer than it may."""
        if self.late is not None:
            self.unsaid.append(partial(self.late, recorder, ended_ns, duration_ns))

    def _note_failure(self, series: Series, detail: Detail) -> None:
        _, ended_ns, outcome, error_type, trace_id, failure = detail
        kind, name = series.metrics.kind, series.labels[0]
        if failure is None:
            failure = unlocated(error_type or outcome, kind, name)
        at_ns = ended_ns + epoch_offset_ns(self.clock)
        kept = self.groups.note(failure, kind, name, agent_of(series), at_ns, trace_id)
        if self.shared is not None and self.groups.latest is not None:
            self.shared.mirror.group(*self.groups.latest)
        if not kept:
            self._overflow("error groups", "group_bound", MOST_GROUPS)

    def _note_slow(self, call: CallRecord) -> None:
        """Keep a call if it is among the slowest of the hour before it."""
        with self.lock:
            slow = [each for each in self._slow if call.ended_ns - each.ended_ns < _SLOW_AGE_NS]
            slow.append(call)
            slow.sort(key=_slowness, reverse=True)
            self._slow = slow[:_RECENT]
            self._slow_floor_ns = self._slow[-1].duration_ns if len(slow) >= _RECENT else -1
            self._slow_expiry_ns = min(each.ended_ns for each in self._slow) + _SLOW_AGE_NS

    # ------------------------------------------------------------------ the way out

    def _folded(self) -> dict[str, list[Series]]:
        """Every series, by kind, with what waited folded into it."""
        every = {kind: list(alike.values()) for kind, alike in self._series.items()}
        self._fold_journal()
        for recorder in list(self._recorders.values()):
            if recorder.plain or recorder.details or recorder.usage:
                recorder.fold()
        with self.lock:  # whoever was folding what did not wait any more has finished now
            return every

    def _fold_journal(self) -> None:
        shared = self.shared
        if shared is not None:
            with self.lock:
                if not self.busy:
                    with self.still():
                        shared.fold()
            if self.unsaid:
                self.say()

    def settle(self) -> None:
        """Look at what is only looked at when asked, and fold all that waits."""
        self._look()
        self._folded()
        self.signals.fold()

    def every_series(self) -> list[Series]:
        """Every series of operations."""
        return [series for alike in self._series.values() for series in alike.values()]

    def _size(self) -> int:
        return sum(map(len, self._series.values())) + len(self.signals)

    def live(self) -> dict[Series, list[int]]:
        """When each call in flight began, by its series."""
        begun: dict[Series, list[int]] = {}
        for recorder in list(self._recorders.values()):
            if recorder.live:
                begun.setdefault(recorder.series, []).extend(recorder.live.copy().values())
        return begun

    def _agents(self, members: list[Series]) -> dict[str, tuple[str, str, str]]:
        """Version, team and tier of each agent that has series."""
        return {series.labels[0]: self.facts.get(series.labels[0], _NO_FACTS) for series in members}

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let nothing that is folded change within a ``with`` block."""
        with self.lock:
            busy, self.busy = self.busy, True
            try:
                yield
            finally:
                self.busy = busy

    def collect(self, *, cells: bool = False) -> list[Family]:
        """
        Every metric of the catalogue that recording fills, with its samples.

        Args:
            cells: Whether durations come with the counts of all cells.

        Returns:
            Families in the order of the catalogue, ready to be rendered.
        """
        self._look()
        by_kind = self._folded()
        live = self.live()
        families = [
            family
            for kind, members in by_kind.items()
            if members
            for family in self._operation_families(
                catalogue.OPERATIONS[kind], members, live, cells=cells
            )
        ]
        tokens: list[Sample] = [
            ((*series.labels, token_type), n)
            for series in by_kind["model_call"]
            for token_type, n in list(series.tokens.items())
        ]
        if tokens:
            families.append(Family(catalogue.MODEL_TOKENS, tokens))
        self.signals.fold()
        with self.still():
            families.extend(self.signals.families(cells=cells))
            groups = self.groups.groups()
            dropped: list[Sample] = [((reason,), n) for reason, n in self.dropped.items()]
        families.extend(_group_families(groups))
        agents = self._agents(by_kind["agent"])
        if agents:
            infos: list[Sample] = [((name, *facts), 1) for name, facts in agents.items()]
            families.append(Family(catalogue.AGENT_INFO, infos))
        families.append(Family(catalogue.DROPPED, dropped))
        families.append(Family(catalogue.SERIES, [((), self._size())]))
        families.append(Family(catalogue.SERIES_LIMIT, [((), self._max_series)]))
        return sorted(families, key=_place)

    def _look(self) -> None:
        for look in list(self.looks):
            try:
                look()
            except Exception:  # noqa: BLE001  # what is looked at may be a host's
                self.drop("look_failed", 1)

    def _operation_families(
        self,
        metrics: catalogue.OperationMetrics,
        members: list[Series],
        live: dict[Series, list[int]],
        *,
        cells: bool,
    ) -> Iterator[Family]:
        calls: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
        durations: list[Sample] = []
        squares: list[Sample] = []
        errors: list[Sample] = []
        in_flight: list[Sample] = []
        oldest: list[Sample] = []
        now_ns = self.clock()
        for series in members:
            labels = series.labels
            if series.histograms:
                with self.still():
                    counts = [0] * len(OUTCOMES)
                    for n, outcome in enumerate(OUTCOMES):
                        histogram = series.histograms.get(outcome)
                        if histogram is not None:
                            key = (*labels, outcome)
                            counts[n] = histogram.count
                            durations.append((key, histogram.state(cells=cells)))
                            squares.append((key, histogram.squares_ns2 / 1e18))
                    calls.append((labels, tuple(counts)))
                    errors.extend(((*labels, name), n) for name, n in series.errors.items())
            else:  # declared and never called, as most series are in a process that has just begun
                calls.append((labels, _NO_CALLS))
            begun = live.get(series)
            in_flight.append((labels, len(begun) if begun else 0))
            oldest.append((labels, max(0, now_ns - min(begun)) / 1e9 if begun else 0.0))
        yield Family(metrics.calls, ByOutcome(calls))
        yield Family(metrics.duration, durations)
        yield Family(metrics.duration_squared, squares)
        if errors:
            yield Family(metrics.errors, errors)
        yield Family(metrics.in_flight, in_flight)
        yield Family(metrics.oldest_in_flight, oldest)

    def version_of(self, agent: str) -> str:
        """The version that an agent has declared; empty where that is not known."""
        return self.facts.get(agent, _NO_FACTS)[0]

    def histograms(self) -> list[tuple[str, tuple[str, ...], str, dict[int, int]]]:
        """Kind, label values, outcome and counts by cell of every lifetime histogram."""
        found: list[tuple[str, tuple[str, ...], str, dict[int, int]]] = []
        for series in chain.from_iterable(self._folded().values()):
            with self.still():
                found.extend(
                    (series.metrics.kind, series.labels, outcome, histogram.cells())
                    for outcome, histogram in series.histograms.items()
                )
        return found

    def snapshot(self) -> Snapshot:
        """Everything known, for people to look at."""
        by_kind = self._folded()
        live = self.live()
        now_ns = self.clock()
        operations = []
        for series in chain.from_iterable(by_kind.values()):
            with self.still():
                operations.append(series.snapshot(now_ns, live.get(series, ())))
        with self.still():
            return Snapshot(
                now_ns=now_ns,
                operations=tuple(operations),
                agents=self._agents(by_kind["agent"]),
                failed=tuple(sorted(self._failed, key=_end)[::-1]),
                groups=tuple(self.groups.groups()),
                slow=tuple(call for call in self._slow if now_ns - call.ended_ns < _SLOW_AGE_NS),
                dropped=dict(self.dropped),
            )

    def abandon_lock(self) -> None:
        """Replace the lock: in a forked child, its holder may not exist."""
        self.lock = RLock()
        self.busy = False


def _warn_of_bound(what: str, bound: int) -> None:
    logger.warning(
        "%s reached its bound of %d; further values are recorded as %r", what, bound, OVERFLOW
    )


def _record(series: Series, detail: Detail) -> CallRecord:
    begun, ended, outcome, error_type, trace_id, _ = detail
    return CallRecord(
        kind=series.metrics.kind,
        labels=series.labels,
        ended_ns=ended,
        duration_ns=ended - begun,
        outcome=outcome,
        error_type=error_type,
        trace_id=f"{trace_id:032x}" if trace_id else None,
    )


def agent_of(series: Series) -> str:
    """The agent that an operation belongs to, as its labels say it; empty if they do not."""
    for label, value in zip(series.metrics.labels, series.labels, strict=True):
        if label in (catalogue.AGENT, catalogue.SOURCE):
            return value
    return ""


def _group_families(groups: list[ErrorGroup]) -> Iterator[Family]:
    if not groups:
        return
    counts: list[Sample] = []
    first: list[Sample] = []
    last: list[Sample] = []
    for each in groups:
        of_it = (each.group, each.error_type, each.location, each.kind, each.name, each.agent)
        counts.append((of_it, each.count))
        # To the millisecond: more digits would only be the jitter of two clocks.
        first.append((of_it, round(each.first_seen_ns / 1e9, 3)))
        last.append((of_it, round(each.last_seen_ns / 1e9, 3)))
    yield Family(catalogue.ERROR_GROUP, counts)
    yield Family(catalogue.ERROR_GROUP_FIRST_SEEN, first)
    yield Family(catalogue.ERROR_GROUP_LAST_SEEN, last)


_PLACES = {metric: place for place, metric in enumerate(catalogue.CATALOGUE)}


def _place(family: Family) -> int:
    return _PLACES[family.metric]


def _end(call: CallRecord) -> int:
    return call.ended_ns


def _slowness(call: CallRecord) -> int:
    return call.duration_ns
