"""
What the adapters of clients have in common: one call to a dependency, and what went to and fro.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.aftermath import mark
from agentmon.instrumentation.call import CURRENT, IDLE, activate, begin, deactivate, end_call
from agentmon.instrumentation.operation import dependency
from agentmon.instrumentation.propagate import inject
from agentmon.model.catalogue import resources
from agentmon.model.outcome import ERROR

__all__ = [
    "NAMES",
    "RECEIVED",
    "SENT",
    "Asking",
    "Request",
    "around",
    "around_async",
    "ask",
    "count_bytes",
    "count_failed",
    "guarded",
    "propagate",
    "server_name",
    "settle",
]

logger = logging.getLogger("agentmon")

T = TypeVar("T")

SENT: Final = "sent"
RECEIVED: Final = "received"

#: What to call dependencies, by what they are called by default.
NAMES: dict[str, str] = {}

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_PORTS: Final = {"http": 80, "https": 443, "postgresql": 5432, "redis": 6379}

#: Whether the present context is within an instrumented client, which may use another.
_within: ContextVar[bool] = ContextVar("agentmon_within_client", default=False)

_said: set[str] = set()


def count_failed(where: str) -> None:
    """Count an error of an adapter; to be called where it is handled."""
    if ACTIVE.registry is not None:
        ACTIVE.registry.drop("adapter_failed", 1)
    if where not in _said:
        _said.add(where)
        logger.debug("agentmon: the adapter of %s failed; said once", where, exc_info=True)  # noqa: LOG014  # as asked for


def guarded(where: str, do: Callable[..., T], *args: Any) -> T | None:
    """What *do* returns; None where it raises, which the library must not see."""
    try:
        return do(*args)
    except Exception:  # noqa: BLE001  # a version of the library that has other insides
        count_failed(where)
        return None


class Asking:
    """
    One call to a dependency in flight; see `ask`.

    Args:
        name: Of the dependency, by default.
        kind: What it is.
    """

    __slots__ = ("_before", "_token", "call", "open")

    def __init__(self, name: str, kind: str) -> None:
        operation = dependency(NAMES.get(name, name), kind=kind)
        self.call = begin(operation.site, CURRENT.get())
        self._before = activate(self.call)
        self._token = _within.set(True)
        #: Whether it has not ended.
        self.open = self.call is not IDLE

    def say(self, **facts: object) -> None:
        """Say more of it on its span, by the names of attributes with ``__`` for a dot."""
        span = self.call.span
        if span is not None:
            for name, value in facts.items():
                if value is not None:
                    span.set(name.replace("__", "."), value)

    def end(self, error: BaseException | None = None, outcome: str | None = None) -> None:
        """End it."""
        self.open = False
        with suppress(ValueError):  # ended in another context than begun
            _within.reset(self._token)
        deactivate(self.call, self._before)
        end_call(self.call, ACTIVE.clock(), error, outcome)

    def end_http(self, status: int, response: object) -> None:
        """
        End it as an answer by HTTP says.

        Args:
            status: Of the answer.
            response: The library's own, which an exception may be about later.
        """
        self.say(http__response__status_code=status)
        if status == _TOO_MANY:
            self.call.rate_limited()
        if status < _SERVER_ERROR and status != _TOO_MANY:
            self.end()
            return
        self.end(outcome=ERROR)
        aftermath = ACTIVE.aftermath
        if aftermath is not None and aftermath.latest is not None:
            mark(response, *aftermath.latest)


class Request(NamedTuple):
    """
    What is known of a call before it begins.

    Args:
        name: What the dependency is called by default.
        kind: What it is.
        facts: What its span says, by the names of attributes with ``__`` for a dot.
        headers: Where the present context goes along, if it can.
        sent: Bytes that it sends.
    """

    name: str
    kind: str
    facts: dict[str, object]
    headers: Any = None
    sent: int = 0


def ask(where: str, describe: Callable[..., Request | None], *args: Any) -> Asking | None:
    """
    Begin a call to a dependency.

    Args:
        where: Which library, for what is said of errors.
        describe: Says what is known of the call, from the arguments that follow.
        args: Those.

    Returns:
        None while recording is off, where another instrumented client makes this call, and where
        something of ours failed.
    """
    if ACTIVE.mode is OFF or _within.get():
        return None
    request = guarded(where, describe, *args)
    asking = None if request is None else guarded(where, Asking, request.name, request.kind)
    if request is None or asking is None:
        return None
    guarded(where, _prepare, asking, request)
    return asking


def _prepare(asking: Asking, request: Request) -> None:
    if request.headers is not None:
        propagate(request.headers)
    asking.say(**request.facts)
    count_bytes(SENT, request.sent)


def settle(where: str, after: Callable[[Asking, Any], None], asking: Asking, result: Any) -> None:
    """End a call that returned; also where what ends it fails."""
    guarded(where, after, asking, result)
    if asking.open:
        guarded(where, asking.end)


def around(
    where: str,
    describe: Callable[[Any, tuple[Any, ...], dict[str, Any]], Request | None],
    after: Callable[[Asking, Any], None],
) -> Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]:
    """
    A wrapper of a plain function that makes one call to a dependency.

    Args:
        where: Which library, for what is said of errors.
        describe: Says what is known of the call, from the instance and the arguments.
        after: Ends it, from what was returned.
    """

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        asking = ask(where, describe, instance, args, kwargs)
        if asking is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(where, asking.end, error)
            raise
        settle(where, after, asking, result)
        return result

    return wrapper


def around_async(
    where: str,
    describe: Callable[[Any, tuple[Any, ...], dict[str, Any]], Request | None],
    after: Callable[[Asking, Any], None],
) -> Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]:
    """The same of a coroutine function; see `around`."""

    async def wrapper(
        wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        asking = ask(where, describe, instance, args, kwargs)
        if asking is None:
            return await wrapped(*args, **kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(where, asking.end, error)
            raise
        settle(where, after, asking, result)
        return result

    return wrapper


def count_bytes(direction: str, n: int) -> None:
    """
    Count what a client sent or received, for the process and the agent around.

    Args:
        direction: SENT or RECEIVED.
        n: Bytes.
    """
    registry = ACTIVE.registry
    if registry is None or n <= 0:
        return
    registry.signals.add(resources.PROCESS_NETWORK, (direction,), n)
    frame = CURRENT.get()
    if frame is not None and frame.scope.agent:
        registry.signals.add(resources.AGENT_NETWORK, (frame.scope.agent, direction), n)


def propagate(headers: Any) -> None:
    """Put the present context into the headers of a request, unless it is there."""
    if "traceparent" not in headers:
        for name, value in inject().items():
            headers[name] = value


def server_name(scheme: str, host: object, port: object) -> str:
    """What a server is called by default: its host, with the port unless that is the usual one."""
    if not port or port == _PORTS.get(scheme):
        return str(host)
    return f"{host}:{port}"
