"""
What users write to mark operations.

``agent``, ``tool``, ``model_call``, ``workflow``, ``step``, ``handoff`` and ``dependency``: each
makes an `Operation`, which is a decorator, a context manager and the source of handles.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any, TypeAlias, TypeVar, overload

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import (
    CURRENT,
    IDLE,
    Before,
    Call,
    activate,
    begin,
    deactivate,
    end_call,
)
from agentmon.instrumentation.site import Naming, Site
from agentmon.instrumentation.wrap import wrap
from agentmon.model.declared import LONGEST_NAME, check_text
from agentmon.record.declaration import Declaration

__all__ = [
    "DEPENDENCY_KINDS",
    "Operation",
    "agent",
    "dependency",
    "handoff",
    "model_call",
    "step",
    "tool",
    "workflow",
]

#: What can be depended on.
DEPENDENCY_KINDS = (
    "llm",
    "database",
    "vector_store",
    "cache",
    "http",
    "queue",
    "storage",
    "other",
)

T = TypeVar("T")
#: What can be decorated without parentheses; a name, above all, is not such a thing.
F = TypeVar(
    "F",
    bound="Callable[..., Any] | property | classmethod[Any, Any, Any]"
    " | functools.cached_property[Any] | functools.partialmethod[Any]",
)

#: Objects of a class body that stand for a method without being callable.
_METHOD_OBJECTS = (
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    functools.partialmethod,
)

#: Objects that hold a function as ``func``.
_FUNC_HOLDERS = (functools.partial, functools.partialmethod, functools.cached_property)

#: An exception class or several, by which an operation steers itself.
Interrupts: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...]"


class Operation:
    """
    A declared operation: decorate with it, enter it with ``with`` or ``async with``, or `begin` it.

    One object may be used for all of these, many times, and by many threads and tasks at once.
    """

    __slots__ = ("_entered", "_methods", "_named_by", "_packing", "_site", "_unrecorded")

    def __init__(
        self,
        site: Site,
        *,
        named_by: Callable[..., str] | None = None,
        methods: tuple[str, ...] = (),
    ) -> None:
        self._site = site
        self._named_by = named_by
        self._methods = methods
        #: Says what a handoff takes along.
        self._packing: Callable[[Call], None] | None = None
        self._entered: dict[Call, Before | None] = {}
        self._unrecorded: list[Call] = []  # entered while recording was off

    @property
    def site(self) -> Site:
        """What its calls are recorded as."""
        return self._block_site()

    # -------------------------------------------------------------- decorator

    def __call__(self, target: T) -> T:
        """
        Measure every call of *target*.

        Args:
            target: A function of any kind, a method object of a class body, a class, or another
                callable. Of a class, ``__call__`` is measured, or the methods that the
                declaration names.

        Returns:
            The same kind of thing with the same signature and metadata; a class itself.

        Raises:
            DeclarationError: If *target* cannot be called, or methods are named and it is no class.
        """
        if isinstance(target, type):
            self._decorate_class(target)
            return target
        if self._methods:
            raise self._misplaced("methods", self._methods, "a decorated class")
        if self._packing is not None:
            raise self._misplaced("context", "a context", "a block or a handle")
        decorated: T = wrap(self._decorating_site(_default_name(target)), target)
        return decorated

    def _decorating_site(self, default_name: str, operation: str = "") -> Site:
        declared = self._site.declaration
        site = self._site
        if not declared.name or operation:
            declared = dataclasses.replace(
                declared,
                name=declared.name or default_name,
                operation=operation or declared.operation,
            )
            site = Site(declared)
        if self._named_by is not None:
            site = Site(declared, _naming(declared.kind, self._named_by))
        return site

    def _decorate_class(self, cls: type) -> None:
        for method in self._methods or ("__call__",):
            # Not getattr: a class inherits from its metaclass too, but its instances do not.
            target = next((vars(c)[method] for c in cls.__mro__ if method in vars(c)), None)
            if target is None:
                hint = "" if self._methods else "; name its methods with methods=(...)"
                raise DeclarationError(f"{cls.__qualname__} has no method {method!r}{hint}")
            site = self._decorating_site(cls.__name__, method if self._methods else "")
            setattr(cls, method, wrap(site, target))

    # -------------------------------------------------------------- context manager

    def __enter__(self) -> Call:
        around = CURRENT.get()
        call = begin(self._block_site(), around)
        if call is IDLE:
            self._unrecorded.append(call)
            return call
        if self._packing is not None:
            self._packing(call)
        try:
            self._entered[call] = activate(call)
            if ACTIVE.metering is not None:
                ACTIVE.metering.enter(call)
        except BaseException as error:  # raised by a signal handler: there will be no exit
            CURRENT.set(around)
            end_call(call, ACTIVE.clock(), error)
            raise
        return call

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        ended_ns = ACTIVE.clock()
        entered = self._entered
        frame = CURRENT.get()
        call = frame if isinstance(frame, Call) else None
        while call is not None and call not in entered:
            call = call.parent
        # Each of the removals is one step, so that no two threads leave the same call.
        if call is not None:
            before = entered.pop(call)
        elif self._unrecorded:
            self._unrecorded.pop()
            return
        else:  # left in another context than entered
            call, before = entered.popitem()
        try:
            if ACTIVE.metering is not None:
                ACTIVE.metering.leave(call)
            deactivate(call, before)
        finally:
            end_call(call, ended_ns, error)

    async def __aenter__(self) -> Call:
        return self.__enter__()

    async def __aexit__(
        self, type_: object, error: BaseException | None, traceback: object
    ) -> None:
        self.__exit__(type_, error, traceback)

    # -------------------------------------------------------------- handle

    def begin(self, *, parent: Call | None = None) -> Call:
        """
        Begin a call that somebody else may end, in another function, thread or task.

        The call does not become current by itself; see `Call.active`.

        Args:
            parent: The call around it; by default the one that is current.

        Returns:
            The call; `Call.end` ends it.

        Raises:
            DeclarationError: If the operation has no name, or one by arguments, or *parent* is no
                call.
        """
        if parent is not None and not isinstance(parent, Call):
            raise DeclarationError(f"parent: got {parent!r}, allowed a Call or None")
        around = CURRENT.get() if parent is None else parent
        call = begin(self._block_site(), around, explicit_parent=parent is not None)
        if self._packing is not None and call is not IDLE:
            self._packing(call)
        return call

    def _block_site(self) -> Site:
        if not self._site.declaration.name:
            raise DeclarationError(
                f"{self._site.declaration.kind}() needs a name when it does not decorate a function"
            )
        if self._named_by is not None:
            what = "model_by" if self._site.declaration.kind == "model_call" else "named_by"
            raise self._misplaced(what, self._named_by, "a decorated function, by its arguments")
        if self._methods:
            raise self._misplaced("methods", self._methods, "a decorated class")
        return self._site

    def _misplaced(self, what: str, value: object, where: str) -> DeclarationError:
        kind = self._site.declaration.kind
        return DeclarationError(f"{kind}: {what}: got {value!r}, allowed only for {where}")


# ------------------------------------------------------------------ the seven kinds


@overload
def agent(target: F, /) -> F: ...
@overload
def agent(
    name: str | None = None,
    /,
    *,
    operation: str = "invoke",
    version: str = "",
    team: str = "",
    tier: str = "",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
    methods: Iterable[str] = (),
) -> Operation: ...
def agent(
    name: Any = None,
    /,
    *,
    operation: str = "invoke",
    version: str = "",
    team: str = "",
    tier: str = "",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
    methods: Iterable[str] = (),
) -> Any:
    """
    Measure the calls of an agent.

    Args:
        name: Name of the agent; by default that of the function or class.
        operation: Which entry point of the agent this is, where it has several.
        version: Version of the agent, for ``agentmon_agent_info``.
        team: Team that owns it, likewise.
        tier: Its tier, likewise.
        timeout: Seconds; a call that takes longer has the outcome timeout. It is not stopped.
        named_by: Called with the arguments of each call; returns the name instead.
        interrupts: Exceptions by which the agent steers itself, such as a pause for a human; they
            have the outcome interrupted.
        methods: Of a decorated class, the methods to measure, each as an operation of its name;
            by default ``__call__``.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    return _operation(
        name,
        "agent",
        operation=operation,
        facts=(version, team, tier),
        timeout=timeout,
        named_by=named_by,
        interrupts=interrupts,
        methods=methods,
    )


@overload
def tool(target: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Operation: ...
def tool(
    name: Any = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Any:
    """
    Measure the calls of a tool; they are told apart by the agent that makes them.

    Args:
        name: Name of the tool; by default that of the function or class.
        timeout: Seconds; a call that takes longer has the outcome timeout. It is not stopped.
        named_by: Called with the arguments of each call; returns the name instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    return _operation(name, "tool", timeout=timeout, named_by=named_by, interrupts=interrupts)


@overload
def model_call(target: F, /) -> F: ...
@overload
def model_call(
    operation: str = "chat",
    /,
    *,
    model: str = "",
    provider: str = "",
    timeout: float | None = None,
    model_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Operation: ...
def model_call(
    operation: Any = "chat",
    /,
    *,
    model: str = "",
    provider: str = "",
    timeout: float | None = None,
    model_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Any:
    """
    Measure calls to a model; they are told apart by the agent that makes them.

    Args:
        operation: Kind of call, such as ``chat``, ``embeddings`` or ``text_completion``.
        model: Model asked for.
        provider: Who serves it.
        timeout: Seconds; a call that takes longer has the outcome timeout. It is not stopped.
        model_by: Called with the arguments of each call; returns the model instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    return _operation(
        operation,
        "model_call",
        model=model,
        provider=provider,
        timeout=timeout,
        named_by=model_by,
        interrupts=interrupts,
    )


@overload
def workflow(target: F, /) -> F: ...
@overload
def workflow(
    name: str | None = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Operation: ...
def workflow(
    name: Any = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Any:
    """
    Measure the runs of a workflow, from its request to its final answer.

    Args:
        name: Name of the workflow; by default that of the function or class.
        timeout: Seconds; a run that takes longer has the outcome timeout. It is not stopped.
        named_by: Called with the arguments of each run; returns the name instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    return _operation(name, "workflow", timeout=timeout, named_by=named_by, interrupts=interrupts)


@overload
def step(target: F, /) -> F: ...
@overload
def step(
    name: str | None = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Operation: ...
def step(
    name: Any = None,
    /,
    *,
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Any:
    """
    Measure a stage of a workflow; stages are told apart by the workflow around them.

    Args:
        name: Name of the step; by default that of the function or class.
        timeout: Seconds; a step that takes longer has the outcome timeout. It is not stopped.
        named_by: Called with the arguments of each call; returns the name instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    return _operation(name, "step", timeout=timeout, named_by=named_by, interrupts=interrupts)


@overload
def handoff(target: F, /) -> F: ...
@overload
def handoff(
    target: str | None = None,
    /,
    *,
    source: str = "",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
    context: object = None,
    tokens: Callable[[str], int] | None = None,
    confirmed: bool = False,
) -> Operation: ...
def handoff(
    target: Any = None,
    /,
    *,
    source: str = "",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
    context: object = None,
    tokens: Callable[[str], int] | None = None,
    confirmed: bool = False,
) -> Any:
    """
    Measure handing work over from one agent to another.

    It lasts from the decision to hand over until the other agent has done its part; where that is
    elsewhere, until the message is sent. The first agent call within it, or within `received` in
    another process, accepts it and is linked to it; see `accepting` for all else.

    Args:
        target: Name of the agent that is handed to; by default that of the function.
        source: Name of the agent that hands over; by default the innermost agent around.
        timeout: Seconds; a handoff that takes longer has the outcome timeout, and one that is not
            accepted in this time is lost. It is not stopped.
        named_by: Called with the arguments of each call; returns the target instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.
        context: What is handed over: a mapping, a text, or bytes. It is measured, not kept.
        tokens: Counts the tokens of a text, where the context is to be measured in those too.
        confirmed: Whether other processes that get it say so to `handoff_confirmed`. Then one that
            was sent to another process is lost as well if nobody did so in time; without, nobody
            here can tell.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    made = _operation(
        target,
        "handoff",
        operation=source,
        timeout=timeout,
        named_by=named_by,
        interrupts=interrupts,
    )
    if tokens is not None and not callable(tokens):
        raise DeclarationError(f"handoff: tokens: got {tokens!r}, allowed a function")
    if isinstance(made, Operation) and (context is not None or confirmed):
        made._packing = functools.partial(_pack, context, tokens, confirmed)  # noqa: SLF001
    return made


def _pack(
    context: object,
    tokens: Callable[[str], int] | None,
    confirmed: bool,  # noqa: FBT001  # bound by functools.partial
    call: Call,
) -> None:
    """Say what a handoff takes along."""
    if call.passing is None:
        return
    call.passing.confirmed = confirmed
    if context is not None:
        from agentmon.instrumentation.luggage import weigh  # noqa: PLC0415  # few handoffs need it

        luggage = weigh(context, tokens)
        if luggage is not None:
            call.passing.pack(luggage)


@overload
def dependency(target: F, /) -> F: ...
@overload
def dependency(
    name: str | None = None,
    /,
    *,
    kind: str = "other",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Operation: ...
def dependency(
    name: Any = None,
    /,
    *,
    kind: str = "other",
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
) -> Any:
    """
    Measure the calls to something that agents depend on: a database, a service, a queue.

    `instrument` does so for the clients that it knows. Of a service whose availability is to be
    watched, see `component`.

    Args:
        name: Name of the dependency, such as ``orders-db``; by default that of the function.
        kind: ``llm``, ``database``, ``vector_store``, ``cache``, ``http``, ``queue``, ``storage``
            or ``other``.
        timeout: Seconds; a call that takes longer has the outcome timeout. It is not stopped.
        named_by: Called with the arguments of each call; returns the name instead.
        interrupts: Exceptions that are no failures; they have the outcome interrupted.

    Returns:
        An `Operation`; used without parentheses, the decorated function.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    if kind not in DEPENDENCY_KINDS:
        raise DeclarationError(
            f"dependency: kind: got {kind!r}, allowed {', '.join(DEPENDENCY_KINDS)}"
        )
    return _operation(
        name,
        "dependency",
        operation=kind,
        timeout=timeout,
        named_by=named_by,
        interrupts=interrupts,
    )


# ------------------------------------------------------------------ checking


def _operation(
    name: Any,
    kind: str,
    *,
    operation: str = "",
    model: str = "",
    provider: str = "",
    facts: tuple[str, str, str] = ("", "", ""),
    timeout: float | None = None,
    named_by: Callable[..., str] | None = None,
    interrupts: Interrupts = (),
    methods: Iterable[str] = (),
) -> Any:
    bare = not isinstance(name, str) and (callable(name) or isinstance(name, _METHOD_OBJECTS))
    default = "chat" if kind == "model_call" else ""
    name_given = default if bare or name is None else name
    declared: Any = (
        kind,
        name_given,
        operation,
        model,
        provider,
        facts,
        timeout,
        interrupts,
    )
    try:
        site = _site(*declared)
    except TypeError:  # an argument that cannot be hashed cannot be right either: say which
        site = _site.__wrapped__(*declared)
    if named_by is not None and not callable(named_by):
        raise DeclarationError(f"{kind}: named_by: got {named_by!r}, allowed a callable")
    listed = isinstance(methods, Iterable) and not isinstance(methods, str)
    named_methods = tuple(methods) if listed else ()
    if not listed or not all(isinstance(m, str) for m in named_methods):
        raise DeclarationError(f"{kind}: methods: got {methods!r}, allowed names in a tuple")
    made = Operation(site, named_by=named_by, methods=named_methods)
    return made(name) if bare else made


@functools.lru_cache(4096, typed=True)  # or True would pass for a 1 seen before
def _site(  # noqa: PLR0917  # lru_cache is fastest by position
    kind: str,
    name: str,
    operation: str,
    model: str,
    provider: str,
    facts: tuple[str, str, str],
    timeout: float | None,
    interrupts: Interrupts,
) -> Site:
    """The site of a declaration, checked; the same one for the same declaration."""
    version, team, tier = facts
    for what, value in (
        ("name", name),
        ("source" if kind == "handoff" else "operation", operation),
        ("model", model),
        ("provider", provider),
        ("version", version),
        ("team", team),
        ("tier", tier),
    ):
        check_text(kind, what, value)
    if isinstance(interrupts, type):
        interrupts = (interrupts,)
    if not isinstance(interrupts, tuple) or not all(
        isinstance(i, type) and issubclass(i, BaseException) for i in interrupts
    ):
        raise DeclarationError(
            f"{kind}: interrupts: got {interrupts!r}, allowed exception classes in a tuple"
        )
    timeout_ns = None if timeout is None else _timeout_ns(kind, timeout)
    declaration = Declaration(
        kind,
        name,
        operation,
        model,
        provider,
        timeout_ns,
        version,
        team,
        tier,
        interrupts,
    )
    return Site(declaration)


def _timeout_ns(kind: str, timeout: float) -> int:
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if number and math.isfinite(timeout) and timeout > 0:
        return round(timeout * 1e9)
    raise DeclarationError(f"{kind}: timeout: got {timeout!r}, allowed seconds above 0")


def _default_name(target: Any) -> str:
    """What a callable is called: its name, with its class, without the functions around it."""
    while True:
        if isinstance(target, property):
            target = target.fget
        elif isinstance(target, staticmethod | classmethod | MethodType):
            target = target.__func__
        elif isinstance(target, _FUNC_HOLDERS):
            target = target.func
        else:
            break
    qualified: str = getattr(target, "__qualname__", type(target).__qualname__)
    return qualified.rpartition("<locals>.")[2][:LONGEST_NAME]


def _naming(kind: str, named_by: Callable[..., str]) -> Naming:
    """Makes names from arguments, and None where that fails."""

    def naming(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        try:
            name = named_by(*args, **kwargs)
            check_text(kind, "name", name or None)
        except Exception:  # noqa: BLE001  # the host's call goes on whatever this function does
            if ACTIVE.registry is not None:
                ACTIVE.registry.drop("naming_failed", 1)
            return None
        return name

    return naming
