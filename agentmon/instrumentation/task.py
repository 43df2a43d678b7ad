"""
Tasks: units of work that a user sees, across agents, retries and processes.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT
from agentmon.instrumentation.desk import (
    ABANDONED,
    COMPLETED,
    FAILED,
    RESULTS,
    TIMED_OUT,
    Duty,
    Work,
    desk,
    limit_ns,
    micros,
)
from agentmon.instrumentation.spending import SPENDER
from agentmon.model.declared import check_text
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK, TIMEOUT
from agentmon.record.declaration import Scope

if TYPE_CHECKING:
    from agentmon.instrumentation.desk import Desk

__all__ = [
    "Task",
    "TaskOperation",
    "arrived",
    "business_event",
    "departing",
    "found",
    "rework",
    "task",
]

F = TypeVar("F", bound="Callable[..., Any]")

_NOWHERE = Scope("", "")
_RESULT_OF = {
    OK: COMPLETED,
    ERROR: FAILED,
    TIMEOUT: TIMED_OUT,
    CANCELLED: ABANDONED,
}
_CURRENCY_LENGTH = 20


class Task:
    """
    One task under way.

    What ``with agentmon.task(...) as task`` gives and what ``begin()`` returns. It may be ended by
    another thread or asyncio task than began it.

    Guarantees:
        A task ends once. Whoever ends it first decides the result; later ends change nothing and
        are counted in ``agentmon_dropped_total{reason="ended_twice"}``.
    """

    __slots__ = ("_work",)

    def __init__(self, work: Work | None) -> None:
        self._work = work

    @property
    def id(self) -> str:
        """Its id: what was given, or one that was made; empty while recording is off."""
        return "" if self._work is None else self._work.id

    @property
    def result(self) -> str | None:
        """``completed``, ``failed``, ``abandoned`` or ``timed_out``; None until it has ended."""
        return None if self._work is None else self._work.result

    def first_output(self) -> None:
        """Note that the user sees the first output now. What is noted again changes nothing."""
        if self._work is not None:
            self._work.meet(_around())
            self._work.desk.first_output(self._work)

    def complete(self, value: float | None = None) -> None:
        """
        End it: the user has the answer.

        Args:
            value: What that is worth, if not what was declared.
        """
        self._end(COMPLETED, value)

    def fail(self, error: BaseException | None = None) -> None:
        """
        End it: there is no answer.

        Args:
            error: Why; a timeout makes the result timed_out, a cancellation abandoned.
        """
        result = FAILED if error is None else _RESULT_OF.get(_meaning(error), FAILED)
        self._end(FAILED if result == COMPLETED else result, None)

    def abandon(self) -> None:
        """End it: nobody wants the answer any more."""
        self._end(ABANDONED, None)

    def pass_on(self) -> None:
        """
        Let go of it: another process has it now, and ends it.

        That process begins it by the same id, or within `agentmon.received`. What was spent here is
        counted under the result ``elsewhere``.
        """
        if self._work is not None:
            self._work.desk.pass_on(self._work)

    @contextmanager
    def active(self) -> Iterator[Task]:
        """Make it the current task within a ``with`` block, without ending it."""
        if self._work is None:
            yield self
            return
        work = self._work
        work.meet(_around())
        stay = _Stay(work, SPENDER.get(), None)
        SPENDER.set(stay)
        try:
            yield self
        finally:
            _leave(stay)

    def _end(self, result: str, value: float | None) -> None:
        work = self._work
        if work is None:
            return
        worth = None
        if value is not None:
            worth = micros(value)
            if worth is None:
                work.desk.registry.drop("invalid_value", 1)
        work.meet(_around())
        work.desk.end(work, result, worth)


class _Stay:
    """A block of a task that is current: what is spent within goes to the task."""

    __slots__ = ("by", "outer", "owns", "work")

    def __init__(
        self, work: Work, outer: Any, by: TaskOperation | None, *, owns: bool = False
    ) -> None:
        self.work = work
        self.outer = outer
        self.by = by
        self.owns = owns

    def spend(self, scope: Scope, picos: int, tokens: int, cpu_ns: int) -> None:
        """Let the task take note of it."""
        self.work.spend(scope, picos, tokens, cpu_ns)


class TaskOperation:
    """
    A declared task: decorate with it, enter it with ``with`` or ``async with``, or `begin` it.

    One object may be used for all of these, many times, and by many threads and tasks at once.
    """

    __slots__ = ("_attempt", "_duty", "_id", "_id_by", "_user")

    def __init__(
        self,
        duty: Duty,
        given_id: object,
        id_by: Callable[..., object] | None,
        user: object,
        attempt: int | None,
    ) -> None:
        self._duty = duty
        self._id = given_id
        self._id_by = id_by
        self._user = user
        self._attempt = attempt

    # -------------------------------------------------------------- context manager

    def __enter__(self) -> Task:
        return Task(self._enter(self._id))

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        stay = SPENDER.get()
        while stay is not None and getattr(stay, "by", None) is not self:
            stay = getattr(stay, "outer", None)
        if isinstance(stay, _Stay):  # else recording was off, or it is left in another context
            _leave(stay)
            if stay.owns:
                _conclude(stay.work, error)

    async def __aenter__(self) -> Task:
        return self.__enter__()

    async def __aexit__(
        self, type_: object, error: BaseException | None, traceback: object
    ) -> None:
        self.__exit__(type_, error, traceback)

    def _enter(self, given_id: object) -> Work | None:
        found = self._take(given_id)
        if found is None:
            return None
        work, owns = found
        SPENDER.set(_Stay(work, SPENDER.get(), self, owns=owns))
        return work

    def _take(self, given_id: object) -> tuple[Work, bool] | None:
        at = desk()
        if at is None:
            return None
        work, owns = _taken(at, self._duty, given_id, self._attempt)
        if owns and self._user is not None:
            _serve(work, self._user)
        return work, owns

    # -------------------------------------------------------------- handle

    def begin(self) -> Task:
        """
        Begin a task that somebody else may end, in another function, thread or asyncio task.

        It does not become current by itself; see `Task.active`. With a timeout it ends by itself
        when that has passed, as timed out.
        """
        found = self._take(self._id)
        if found is None:
            return Task(None)
        work, owns = found
        if owns:
            work.expires = True
        return Task(work)

    # -------------------------------------------------------------- decorator

    def __call__(self, target: F) -> F:
        """
        Make every call of a function a task.

        The first item of a generator is the first output.

        Args:
            target: A function of any kind.

        Raises:
            DeclarationError: If it is no function.
        """
        if not callable(target) or isinstance(target, type):
            raise DeclarationError(f"task: got {target!r}, allowed a function")
        wrapper: Any
        if inspect.isasyncgenfunction(target):
            wrapper = self._wrap_async_generator(target)
        elif inspect.isgeneratorfunction(target):
            wrapper = self._wrap_generator(target)
        elif inspect.iscoroutinefunction(target):
            wrapper = self._wrap_coroutine(target)
        else:
            wrapper = self._wrap(target)
        update_wrapper(wrapper, target)
        return wrapper  # type: ignore[no-any-return]  # of the kind that came

    def _entering(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The id that the arguments of a call say."""
        if self._id_by is None:
            return self._id
        try:
            return self._id_by(*args, **kwargs)
        except Exception:  # noqa: BLE001  # of the host, which is not to fail for it
            if ACTIVE.registry is not None:
                ACTIVE.registry.drop("naming_failed", 1)
            return None

    def _wrap(self, target: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _Block(self, self._entering(args, kwargs)):
                return target(*args, **kwargs)

        return wrapper

    def _wrap_coroutine(self, target: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _Block(self, self._entering(args, kwargs)):
                return await target(*args, **kwargs)

        return wrapper

    def _wrap_generator(self, target: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            steps = _Steps(self._take(self._entering(args, kwargs)))
            generator = target(*args, **kwargs)
            sent: Any = None
            thrown: BaseException | None = None
            try:
                while True:
                    try:
                        with steps:
                            item = (
                                generator.send(sent) if thrown is None else generator.throw(thrown)
                            )
                    except StopIteration as stop:
                        steps.end(thrown if isinstance(thrown, GeneratorExit) else None)
                        return stop.value
                    steps.put_out()
                    thrown = None
                    try:
                        sent = yield item
                    except BaseException as error:  # noqa: BLE001  # the generator decides
                        thrown = error
            except BaseException as error:
                steps.end(error)
                raise
            finally:
                thrown = None

        return wrapper

    def _wrap_async_generator(self, target: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            steps = _Steps(self._take(self._entering(args, kwargs)))
            generator = target(*args, **kwargs)
            sent: Any = None
            thrown: BaseException | None = None
            try:
                while True:
                    try:
                        with steps:
                            if thrown is None:
                                item = await generator.asend(sent)
                            else:
                                item = await generator.athrow(thrown)
                    except StopAsyncIteration:
                        steps.end(thrown if isinstance(thrown, GeneratorExit) else None)
                        return
                    steps.put_out()
                    thrown = None
                    try:
                        sent = yield item
                    except BaseException as error:  # noqa: BLE001  # the generator decides
                        thrown = error
            except BaseException as error:
                steps.end(error)
                raise
            finally:
                thrown = None

        return wrapper


class _Block:
    """The call of a decorated function."""

    __slots__ = ("_given_id", "_operation", "_stay")

    def __init__(self, operation: TaskOperation, given_id: object) -> None:
        self._operation = operation
        self._given_id = given_id
        self._stay: _Stay | None = None

    def __enter__(self) -> None:
        found = self._operation._take(self._given_id)  # noqa: SLF001  # of this module
        if found is not None:
            work, owns = found
            self._stay = _Stay(work, SPENDER.get(), None, owns=owns)
            SPENDER.set(self._stay)

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        stay = self._stay
        if stay is not None:
            _leave(stay)
            if stay.owns:
                _conclude(stay.work, error)


class _Steps:
    """The steps of a generator: its task is current while it runs, and not in between."""

    __slots__ = ("_owns", "_stay", "_work")

    def __init__(self, found: tuple[Work, bool] | None) -> None:
        self._work: Work | None = None
        self._owns = False
        if found is not None:
            self._work, self._owns = found
        self._stay: _Stay | None = None

    def __enter__(self) -> None:
        if self._work is not None:
            self._stay = _Stay(self._work, SPENDER.get(), None)
            SPENDER.set(self._stay)

    def __exit__(self, *_error: object) -> None:
        if self._stay is not None:
            _leave(self._stay)

    def put_out(self) -> None:
        """An item is out."""
        if self._work is not None:
            self._work.desk.first_output(self._work)

    def end(self, error: BaseException | None) -> None:
        """The generator has ended."""
        if self._work is not None and self._owns:
            _conclude(self._work, error)


def _around() -> Scope:
    """The agent and the workflow around the caller."""
    frame = CURRENT.get()
    registry = ACTIVE.registry
    if frame is None or registry is None:
        return _NOWHERE
    return frame.scope


def _taken(at: Desk, duty: Duty, given_id: object, attempt: int | None) -> tuple[Work, bool]:
    """A task that is begun, or the one that came with a message."""
    stay = SPENDER.get()
    if isinstance(stay, _Visit):
        visited = stay.work
        if visited.duty.name == duty.name and given_id in (None, visited.id):
            duty = replace(duty, agent=duty.agent or visited.agent)
            return at.take(duty, visited.id, _around(), attempt=attempt, begun_ns=visited.begun_ns)
    return at.take(duty, given_id, _around(), attempt=attempt)


def _serve(work: Work, user: object) -> None:
    """Count a user as waiting until the task has ended."""
    from agentmon.instrumentation.users import users  # noqa: PLC0415  # knows tasks

    at = users()
    if at is not None and work.done is None:
        hashed = at.hashed(user)
        at.enter(hashed)
        work.done = partial(at.leave, hashed)


def _leave(stay: _Stay) -> None:
    """Make current again what was so before, unless a later block is still open here."""
    if SPENDER.get() is stay:
        SPENDER.set(stay.outer)


def _conclude(work: Work, error: BaseException | None) -> None:
    """End a task as its block ended."""
    if work.result is not None:  # ended within
        return
    work.meet(_around())
    if error is None:
        work.desk.end(work, COMPLETED)
        return
    meant = _meaning(error)
    if meant == INTERRUPTED:  # a person is asked; it goes on later, by its id
        work.paused = True
        work.expires = True
        return
    work.desk.end(work, _RESULT_OF[meant])


def _meaning(error: BaseException) -> str:
    try:
        return ACTIVE.classifier.meaning(error)[0]
    except RecursionError:  # the stack is full, which is what ended it
        return ERROR


# ---------------------------------------------------------------------- between processes


class _Visit(_Stay):
    """A block of a task that came with a message from another process."""

    __slots__ = ()


def departing() -> str | None:
    """What a message says of the present task."""
    stay = SPENDER.get()
    if not isinstance(stay, _Stay):
        return None
    work = stay.work
    registry = work.desk.registry
    from agentmon.record.clock import epoch_offset_ns  # noqa: PLC0415  # only to send

    begun_us = (work.begun_ns + epoch_offset_ns(registry.clock)) // 1000
    return "\t".join((work.id, work.duty.name, work.agent, str(begun_us)))


@contextmanager
def arrived(said: object) -> Iterator[None]:
    """
    Let what is spent within a ``with`` block go to the task that a message speaks of.

    Args:
        said: What the message says of it.
    """
    at = desk()
    parts = said.split("\t") if isinstance(said, str) else []
    if at is None or len(parts) != 4 or not parts[3].isdecimal():  # noqa: PLR2004
        yield
        return
    from agentmon.record.clock import epoch_offset_ns  # noqa: PLC0415  # only to receive

    task_id, name, agent, begun_us = parts
    begun_ns = int(begun_us) * 1000 - epoch_offset_ns(at.registry.clock)
    work = at.visit(Duty(name, agent), task_id, _NOWHERE, begun_ns)
    stay = _Visit(work, SPENDER.get(), None)
    SPENDER.set(stay)
    try:
        yield
    finally:
        _leave(stay)
        at.settle_visit(work)


# ---------------------------------------------------------------------- what is said of a task


def found(task: object, trace: str | None) -> tuple[str, str] | None:
    """
    Agent and kind of a task that something is said of.

    Args:
        task: The `Task` or its id, or None.
        trace: Id of a trace, or None; without either, the present task is meant.

    Returns:
        None where it is not remembered.
    """
    at = desk()
    if at is None:
        return None
    if isinstance(task, Task):
        work = task._work  # noqa: SLF001  # of this module
        return None if work is None else (work.agent, work.duty.name)
    if task is None and trace is None:
        stay = SPENDER.get()
        return (stay.work.agent, stay.work.duty.name) if isinstance(stay, _Stay) else None
    return at.subject(task, None if trace is None else trace.lower())


# ---------------------------------------------------------------------- what users call


def task(
    name: str,
    /,
    *,
    id: object = None,  # noqa: A002  # as everybody calls it
    id_by: Callable[..., object] | None = None,
    user: object = None,
    agent: str = "",
    value: float | Mapping[str, float] | None = None,
    currency: str = "USD",
    timeout: float | None = None,
    attempt: int | None = None,
) -> TaskOperation:
    """
    A unit of work that a user sees, from the request to the final answer.

    What model calls cost within it is summed as its cost; of tasks within tasks, the innermost gets
    it. A block that ends with an exception has failed, timed out or been abandoned, as the
    exception means; one that an interruption ends stays open, and the block that is entered with
    its id next goes on with it. Entering a task that is open, by its id, joins it and does not end
    it.

    Args:
        name: Kind of task, such as ``answer_ticket``.
        id: Which one, such as the number of the ticket; by default a new one. A task that is begun
            again by the id of one that has ended is reworked.
        id_by: Called with the arguments of each call of a decorated function; returns the id.
        user: Who asked for it; counts as at work until it has ended, by a hash as in `session`.
        agent: The agent that answers for it; by default the innermost around its begin, else the
            first that is known to work on it.
        value: What it is worth when it is completed, or by result.
        currency: Of that.
        timeout: Seconds; it has timed out when it takes longer. It is not stopped.
        attempt: Which attempt this is, where another process may have made the one before.

    Returns:
        A `TaskOperation`.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    check_text("task", "name", name, empty=False)
    check_text("task", "agent", agent)
    check_text("task", "currency", currency, empty=False)
    if len(currency) > _CURRENCY_LENGTH:
        raise DeclarationError(
            f"task: currency: got {currency!r}, allowed at most {_CURRENCY_LENGTH} characters"
        )
    if id_by is not None and not callable(id_by):
        raise DeclarationError(f"task: id_by: got {id_by!r}, allowed a function")
    if attempt is not None and (isinstance(attempt, bool) or not isinstance(attempt, int)):
        raise DeclarationError(f"task: attempt: got {attempt!r}, allowed a whole number")
    duty = Duty(name, agent, _values(value), currency, limit_ns("task", "timeout", timeout))
    return TaskOperation(duty, id, id_by, user, attempt)


def _values(value: object) -> dict[str, int] | None:
    if value is None:
        return None
    given = value if isinstance(value, Mapping) else {COMPLETED: value}
    found: dict[str, int] = {}
    for result, each in given.items():
        worth = micros(each)
        if result not in RESULTS or worth is None:
            raise DeclarationError(
                f"task: value: got {value!r:.100}, allowed a number of 0 or more, or such numbers "
                f"by {', '.join(RESULTS)}"
            )
        found[result] = worth
    return found


def rework(
    task: object,
    /,
    *,
    reason: str = "flagged",
    kind: str = "",
    agent: str = "",
) -> None:
    """
    Flag a task for rework, in whatever process and however late.

    Its cost is then wasted. Each task is counted once, by the process that is told.

    Args:
        task: The `Task`, or its id.
        reason: Why, in few words of which there are few.
        kind: What kind of task it is, for a process that does not remember it.
        agent: Its agent, likewise.

    Raises:
        ValueError: If the reason, kind or agent is no usable name.
    """
    check_text("rework", "reason", reason, empty=False)
    check_text("rework", "kind", kind)
    check_text("rework", "agent", agent)
    at = desk()
    if at is not None:
        at.rework(task.id if isinstance(task, Task) else task, reason, kind, agent)


def business_event(name: str, /, *, count: int = 1) -> None:
    """
    Count a business event, such as a deflection or a conversion.

    Args:
        name: What happened.
        count: How often.

    Raises:
        ValueError: If the name is no usable one.
    """
    check_text("business_event", "name", name, empty=False)
    registry = ACTIVE.registry
    if registry is None:
        return
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        registry.drop("invalid_value", 1)
        return
    from agentmon.model.catalogue import work  # noqa: PLC0415  # only to record

    around = _around()
    registry.signals.add(work.BUSINESS_EVENTS, (name, around.workflow, around.agent), count)
