"""
The tasks of a process: those that are open, and those that ended lately.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.agreement import Agreement
from agentmon.instrumentation.correlate import present_ids
from agentmon.instrumentation.recovery import Unit
from agentmon.model.catalogue import work
from agentmon.model.catalogue.declare import MONEY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agentmon.instrumentation.users import Users
    from agentmon.model.metric import Metric
    from agentmon.record.declaration import Scope
    from agentmon.record.registry import Registry

__all__ = [
    "ABANDONED",
    "COMPLETED",
    "FAILED",
    "RESULTS",
    "TIMED_OUT",
    "Desk",
    "Duty",
    "Work",
    "desk",
    "limit_ns",
    "micros",
    "text_id",
]

Result = Literal["completed", "failed", "abandoned", "timed_out"]
COMPLETED: Final = "completed"
FAILED: Final = "failed"
ABANDONED: Final = "abandoned"
TIMED_OUT: Final = "timed_out"
RESULTS: Final[tuple[Result, ...]] = (COMPLETED, FAILED, ABANDONED, TIMED_OUT)
_ELSEWHERE: Final = "elsewhere"
_AGAIN: Final = "attempted_again"

#: The most tasks that are found by their id: open ones, ended ones; and traces of either.
MOST_REMEMBERED: Final = 10_000
_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Duty:
    """
    A task as declared.

    Args:
        name: Kind of task.
        agent: The agent that answers for it; empty to find out.
        values: Its worth by result, in millionths of the currency.
        currency: Of that.
        timeout_ns: It has timed out when it takes longer.
    """

    name: str
    agent: str = ""
    values: Mapping[str, int] | None = None
    currency: str = "USD"
    timeout_ns: int | None = None


@dataclass(slots=True)
class _Ended:
    """What is remembered of a task that ended."""

    name: str
    agent: str
    picos: int
    tokens: int
    #: Whether what it cost is counted as wasted already.
    wasted: bool
    #: Whether it was counted as reworked; that is done once for a task.
    reworked: bool


class Work:
    """
    One task under way.

    Args:
        desk: Where it is kept.
        duty: What was declared of it.
        task_id: Its id.
        begun_ns: When it began, on the clock of the registry.
        scope: The agent and workflow around its begin.
    """

    __slots__ = (
        "agent",
        "begun_ns",
        "cpu_ns",
        "desk",
        "done",
        "duty",
        "expires",
        "here",
        "id",
        "paused",
        "picos",
        "result",
        "reworked",
        "shown",
        "tokens",
        "trace",
        "trouble",
        "workflow",
    )

    def __init__(self, desk: Desk, duty: Duty, task_id: str, begun_ns: int, scope: Scope) -> None:
        self.desk = desk
        self.duty = duty
        self.id = task_id
        self.begun_ns = begun_ns
        self.agent = duty.agent or scope.agent
        self.workflow = scope.workflow
        self.picos = 0
        self.tokens = 0
        self.cpu_ns = 0
        self.trace = ""
        self.result: str | None = None
        self.shown = False
        self.reworked = False
        #: Errors within it that wait for success, once there were any.
        self.trouble: Unit | None = None
        #: Whether it counts as in flight in this process.
        self.here = False
        #: Whether a block was left by an interruption, for somebody to go on with it.
        self.paused = False
        #: Whether it ends by itself when its time is over: nobody is in a block of it.
        self.expires = False
        #: Called when it leaves this process or ends.
        self.done: Callable[[], object] | None = None

    def spend(self, scope: Scope, picos: int, tokens: int, cpu_ns: int) -> None:
        """Take note of what was spent for it."""
        with ACTIVE.shelter:
            self.picos += picos
            self.tokens += tokens
            self.cpu_ns += cpu_ns
        self.meet(scope)

    def troubled(self) -> Unit:
        """The errors within it that wait for success."""
        with ACTIVE.shelter:
            if self.trouble is None:
                self.trouble = Unit(self.duty.name)
            return self.trouble

    def meet(self, scope: Scope) -> None:
        """Learn from where it is worked on, what is not known yet."""
        self.agent = self.agent or scope.agent
        self.workflow = self.workflow or scope.workflow
        if not self.trace:
            trace_id = present_ids()[0]
            if trace_id:
                self.trace = f"{trace_id:032x}"
                self.desk.remember_trace(self)


class Desk:
    """
    Takes tasks in, finds them by id, and records how they end.

    Guarantees:
        - Memory is bounded: `MOST_REMEMBERED` open tasks are found by their id, as many that
          ended, and as many traces; the oldest are forgotten first.
        - A task that is begun is counted once, one that is attempted again or flagged is counted as
          reworked once, and what it cost is wasted once.

    Args:
        registry: Takes what is recorded.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._signals = registry.signals
        self._open: OrderedDict[str, Work] = OrderedDict()
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        #: Agent and kind of task by trace.
        self._traces: OrderedDict[str, Work] = OrderedDict()
        #: Outputs of similar tasks, to be compared.
        self.agreement = Agreement()
        #: Users and sessions; made for the first of them.
        self.users: Users | None = None
        registry.looks.append(self._expire)

    # ------------------------------------------------------------------ begin and end

    def take(
        self,
        duty: Duty,
        given_id: object,
        scope: Scope,
        *,
        attempt: int | None = None,
        begun_ns: int | None = None,
    ) -> tuple[Work, bool]:
        """
        Begin a task, or go on with one.

        Args:
            duty: What is declared of it.
            given_id: Its id; None for a new one.
            scope: The agent and workflow around.
            attempt: Which attempt this is, if that is known.
            begun_ns: When another process began it; None where this is the first.

        Returns:
            The task, and whether the caller is the one to end it.
        """
        task_id = uuid.uuid4().hex if given_id is None else text_id(given_id)
        with ACTIVE.shelter:
            known = self._open.get(task_id)
            if known is not None and known.duty.name == duty.name:
                resumed, known.paused = known.paused, False
                return known, resumed
            now_ns = self.registry.clock()
            begun = now_ns if begun_ns is None else min(begun_ns, now_ns)
            task = Work(self, duty, task_id, begun, scope)
            task.here = True
            if begun_ns is None:
                before = self._ended.get(task_id)
                if before is not None:
                    self._rework(before, _AGAIN)
                    task.reworked = before.reworked
                elif attempt is not None and attempt > 1:
                    self._count_reworked(duty.name, task.agent, _AGAIN)
                    task.reworked = True
                else:
                    self._add(work.TASK_BEGUN, (duty.name,))
            self._add(work.TASK_IN_FLIGHT, (duty.name,))
            self._open[task_id] = task
            if len(self._open) > MOST_REMEMBERED:
                _, forgotten = self._open.popitem(last=False)
                ACTIVE.shelter.later(self.registry.drop, "task_bound", 1)
                _calm(forgotten)
        task.meet(scope)
        return task, True

    def visit(self, duty: Duty, given_id: str, scope: Scope, begun_ns: int) -> Work:
        """The task of another process that is worked on here, and ends there; or that of this."""
        with ACTIVE.shelter:
            known = self._open.get(given_id)
        return known or Work(self, duty, given_id, begun_ns, scope)

    def first_output(self, task: Work) -> None:
        """Record the time to the first output, once."""
        with ACTIVE.shelter:
            if task.shown or task.result is not None:
                return
            task.shown = True
        waited_ns = self.registry.clock() - task.begun_ns
        self._signals.observe(work.TASK_FIRST_OUTPUT, (task.duty.name, task.agent), waited_ns)

    def end(
        self, task: Work, result: str, value: int | None = None, *, duration_ns: int | None = None
    ) -> None:
        """
        Record the end of a task.

        Args:
            task: The task; nothing happens but a count if it has ended.
            result: How it ended.
            value: What it was worth, in millionths, if that is not as declared.
            duration_ns: How long it took, if not until now.
        """
        duty, signals = task.duty, self._signals
        with ACTIVE.shelter:
            if task.result is not None:
                ACTIVE.shelter.later(self.registry.drop, "ended_twice", 1)
                return
            if duration_ns is None:
                duration_ns = self.registry.clock() - task.begun_ns
            if result == COMPLETED and duty.timeout_ns is not None:
                result = TIMED_OUT if duration_ns > duty.timeout_ns else result
            task.result = result
            self._leave(task)
            _calm(task)
            wasted = result != COMPLETED
            self._settle(task, result)
            if wasted:
                self._waste(duty.name, task.agent, result, task.picos, task.tokens)
            if self._open.get(task.id) is task:
                del self._open[task.id]
            self._ended[task.id] = _Ended(
                duty.name, task.agent, task.picos, task.tokens, wasted, task.reworked
            )
            self._ended.move_to_end(task.id)
            if len(self._ended) > MOST_REMEMBERED:
                self._ended.popitem(last=False)
        labels = (duty.name, task.agent, result)
        signals.add(work.TASK_ENDED, labels)
        signals.observe(work.TASK_DURATION, labels, duration_ns)
        worth = (duty.values or {}).get(result, 0) if value is None else value
        if worth:
            signals.add(work.TASK_VALUE, (duty.name, task.workflow, result, duty.currency), worth)

    def pass_on(self, task: Work) -> None:
        """Let go of a task that goes on in another process."""
        with ACTIVE.shelter:
            if task.result is not None or not task.here:
                return
            self._leave(task)
            _calm(task)
            self._settle(task, _ELSEWHERE)
            self._open.pop(task.id, None)

    def settle_visit(self, task: Work) -> None:
        """Record what was spent here for a task that ends in another process."""
        with ACTIVE.shelter:
            _calm(task)
            if not task.here and task.result is None:
                self._settle(task, _ELSEWHERE)
                task.picos = task.tokens = task.cpu_ns = 0

    def _add(self, metric: Metric, labels: tuple[str, ...], n: int = 1) -> None:
        """Add to a counter or gauge, once the shelter is left."""
        ACTIVE.shelter.later(self._signals.add, metric, labels, n)

    def _leave(self, task: Work) -> None:
        if task.here:
            task.here = False
            self._add(work.TASK_IN_FLIGHT, (task.duty.name,), -1)
        done, task.done = task.done, None
        if done is not None:
            ACTIVE.shelter.later(done)

    def _settle(self, task: Work, result: str) -> None:
        """Record what was spent."""
        labels = (task.duty.name, task.agent, result)
        spending = ACTIVE.spending
        if spending is not None:
            task.picos += spending.of_cpu(task.cpu_ns)
            if task.picos > 0:
                ACTIVE.shelter.later(
                    spending.pay, work.TASK_COST, (*labels, spending.currency), task.picos
                )
        if task.tokens:
            self._add(work.TASK_TOKENS, labels, task.tokens)
        if task.cpu_ns:
            self._add(work.TASK_CPU, labels, task.cpu_ns)

    def _waste(self, name: str, agent: str, waste: str, picos: int, tokens: int) -> None:
        spending = ACTIVE.spending
        if picos > 0 and spending is not None:
            labels = (name, agent, waste, spending.currency)
            ACTIVE.shelter.later(spending.pay, work.WASTED_COST, labels, picos)
        if tokens:
            self._add(work.WASTED_TOKENS, (name, agent, waste), tokens)

    # ------------------------------------------------------------------ afterwards

    def rework(self, given_id: object, reason: str, name: str, agent: str) -> None:
        """Flag a task; *name* and *agent* are for where it is not remembered."""
        task_id = text_id(given_id)
        with ACTIVE.shelter:
            before = self._ended.get(task_id)
            if before is not None:
                self._rework(before, reason)
                return
            task = self._open.get(task_id)
            if task is not None:
                if not task.reworked:
                    task.reworked = True
                    self._count_reworked(task.duty.name, task.agent, reason)
                return
            self._count_reworked(name, agent, reason)
            # So that it is counted once here, though nothing is known of it.
            self._ended[task_id] = _Ended(name, agent, 0, 0, wasted=True, reworked=True)
        if not name:
            self.registry.drop("unknown_subject", 1)

    def _rework(self, before: _Ended, reason: str) -> None:
        if not before.reworked:
            before.reworked = True
            self._count_reworked(before.name, before.agent, reason)
        if not before.wasted:
            before.wasted = True
            self._waste(before.name, before.agent, "reworked", before.picos, before.tokens)

    def _count_reworked(self, name: str, agent: str, reason: str) -> None:
        self._add(work.TASK_REWORKED, (name, agent, reason))

    def remember_trace(self, task: Work) -> None:
        """Let what is said of a trace later find its task."""
        with ACTIVE.shelter:
            self._traces[task.trace] = task
            if len(self._traces) > MOST_REMEMBERED:
                self._traces.popitem(last=False)

    def subject(self, task_id: object, trace_id: str | None) -> tuple[str, str] | None:
        """
        Agent and kind of what is spoken of.

        Args:
            task_id: Id of a task, or None.
            trace_id: Id of a trace, or None.

        Returns:
            None where it is not remembered.
        """
        with ACTIVE.shelter:
            if task_id is not None:
                key = text_id(task_id)
                task = self._open.get(key)
                if task is not None:
                    return task.agent, task.duty.name
                ended = self._ended.get(key)
                if ended is not None:
                    return ended.agent, ended.name
            if trace_id is not None:
                task = self._traces.get(trace_id)
                if task is not None:
                    return task.agent, task.duty.name
        return None

    def _expire(self) -> None:
        """End the handles whose time is over."""
        now_ns = self.registry.clock()
        with ACTIVE.shelter:
            late = [
                task
                for task in self._open.values()
                if task.expires
                and task.duty.timeout_ns is not None
                and now_ns - task.begun_ns > task.duty.timeout_ns
            ]
        for task in late:
            self.end(task, TIMED_OUT, duration_ns=task.duty.timeout_ns)


def _calm(task: Work) -> None:
    """Let errors within a task wait for success no longer."""
    if task.trouble is not None:
        task.trouble.end()


def desk() -> Desk | None:
    """The desk of what is recorded into; None while that is nothing."""
    registry = ACTIVE.registry
    if registry is None:
        return None
    found = ACTIVE.desk
    if found is None or found.registry is not registry:
        with ACTIVE.lock:
            found = ACTIVE.desk
            if found is None or found.registry is not registry:
                found = ACTIVE.desk = Desk(registry)
    return found


def text_id(given: object) -> str:
    """An id as it is kept: as text, and a digest of one that is long."""
    try:
        text = str(given)
    except Exception:  # noqa: BLE001  # an object of the host's
        text = repr(type(given))
    if 0 < len(text) <= _LONGEST_ID and text.isprintable():
        return text
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def limit_ns(declaring: str, what: str, seconds: float | None) -> int | None:
    """
    A time limit in nanoseconds.

    Raises:
        DeclarationError: If it is neither None nor a number of seconds above 0.
    """
    if seconds is None:
        return None
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if number and math.isfinite(seconds) and seconds > 0:
        return round(seconds * 1e9)
    raise DeclarationError(f"{declaring}: {what}: got {seconds!r}, allowed seconds above 0")


def micros(value: object) -> int | None:
    """An amount of money in millionths, half to even; None for what is no amount."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        amount = Fraction(str(value))
    except ValueError:
        return None
    return round(amount * MONEY) if amount >= 0 else None
