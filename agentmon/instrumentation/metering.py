"""
What agents use of processor and memory, step by step.

A coroutine runs in steps, between which others run; so does a generator. Each step is measured by
the CPU time of the thread that takes it. What is on top in a thread gets the time.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
import types
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from itertools import count
from time import thread_time_ns
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT
from agentmon.instrumentation.spending import SPENDER
from agentmon.model.catalogue.resources import AGENT_CPU, AGENT_MEMORY

if TYPE_CHECKING:
    from agentmon.instrumentation.call import Call
    from agentmon.record.declaration import Scope
    from agentmon.record.registry import Registry

__all__ = ["METER", "Meter", "Metering"]

#: So much waits at most before it is shown, of a call that goes on.
_SOON_NS: Final = 100_000_000

#: The innermost meter of the present context.
METER: ContextVar[Meter | None] = ContextVar("agentmon_meter", default=None)


class _Thread(threading.local):
    """The meters that run in a thread, the innermost last, and since when that one does."""

    def __init__(self) -> None:
        self.stack: list[Meter] = []
        self.since_ns = 0


class Meter:
    """
    Takes what one call of an agent uses, or a part of it that runs elsewhere.

    Assumptions:
        Its steps do not overlap.

    Args:
        metering: Keeps the stacks of the threads.
        scope: The names of the call.
        agents: The agent, and those around it, each once.
        every: One in so many calls has its memory measured, this one among them; 0 if not.
        ends: Whether somebody calls `end` after the last step.
    """

    __slots__ = (
        "_before",
        "_every",
        "_inside",
        "_memory",
        "_memory_before",
        "_parked",
        "_scope",
        "_soon_ns",
        "_spender",
        "agents",
        "loop",
        "metering",
        "own_ns",
    )

    def __init__(
        self,
        metering: Metering,
        scope: Scope,
        agents: tuple[str, ...],
        every: int = 0,
        *,
        ends: bool = True,
    ) -> None:
        self.metering = metering
        self._scope = scope
        self._every = every
        self._memory = self._memory_before = 0
        self._spender = SPENDER.get()
        self._soon_ns = _SOON_NS if ends else 0
        self._inside: Meter | None = self
        self._before: Meter | None = None
        #: The meters of blocks that were open when it last stood still.
        self._parked: list[Meter] = []
        self.agents = agents
        #: The event loop that was running when it was last entered.
        self.loop: object = None
        self.own_ns = 0
        if every:
            metering.trace()

    def __enter__(self) -> None:
        thread = self.metering.thread
        stack = thread.stack
        now_ns = thread_time_ns()
        if stack:
            stack[-1].own_ns += max(0, now_ns - thread.since_ns)  # a fork begins from 0
        stack.append(self)
        if self._parked:
            stack.extend(self._parked)
            self._parked = []
        self._before = METER.get()
        METER.set(self._inside)
        self.loop = running_loop()
        if self._every:
            self._memory_before = tracemalloc.get_traced_memory()[0]
        thread.since_ns = thread_time_ns() if self._every else now_ns

    def __exit__(self, *_error: object) -> None:
        self._leave(park=True)
        if self.own_ns >= self._soon_ns:
            self.show()

    def _leave(self, *, park: bool) -> None:
        thread = self.metering.thread
        stack = thread.stack
        if self not in stack:  # left in another thread than entered
            return
        now_ns = thread_time_ns()
        if self._every:
            self._memory += tracemalloc.get_traced_memory()[0] - self._memory_before
        stack[-1].own_ns += max(0, now_ns - thread.since_ns)
        thread.since_ns = now_ns
        place = stack.index(self)
        if park:
            self._parked = stack[place + 1 :]
            del stack[place:]
        else:
            del stack[place]
        self._inside = METER.get()
        METER.set(self._before)

    def awaiting(self, awaited: Awaitable[Any]) -> Awaitable[Any]:
        """Something awaited, with each step taken."""
        return _drive(self, awaited)

    def leave_block(self) -> None:
        """Leave for good, whatever was entered since stays."""
        self._leave(park=False)
        self.end()

    def end(self) -> None:
        """Show all that is not shown yet; there are no more steps."""
        self.show()
        if self._every:
            self.metering.trace_no_more()
            allocated = max(0, self._memory) * self._every
            self._every = 0
            self.metering.registry.signals.add(AGENT_MEMORY, (self.agents[0],), allocated)

    def show(self) -> None:
        """Record what is not recorded yet."""
        own_ns, self.own_ns = self.own_ns, 0
        if not own_ns or not self.metering.cpu:
            return
        signals = self.metering.registry.signals
        signals.add(AGENT_CPU, (self.agents[0], "self"), own_ns)
        for agent in self.agents:
            signals.add(AGENT_CPU, (agent, "total"), own_ns)
        if ACTIVE.spending is not None:
            ACTIVE.spending.cpu(self._scope, own_ns, self._spender)


class Metering:
    """
    Measures what agents use, where that is asked for.

    Guarantees:
        - CPU time goes to the innermost agent that runs, once, and in total to each agent around
          it, once each.
        - What calls return, raise and await passes through unchanged.

    Args:
        registry: Takes what is measured.
        cpu: Whether CPU time is.
        memory: One in so many calls of each agent has its memory measured; 0 for none.
    """

    def __init__(self, registry: Registry, *, cpu: bool, memory: int) -> None:
        self.registry = registry
        self.cpu = cpu
        self.thread = _Thread()
        self._memory = memory
        self._calls: dict[str, count[int]] = {}
        self._blocks: dict[Call, Meter] = {}
        self._lock = threading.Lock()
        self._tracing = 0
        self._ours = False

    # ------------------------------------------------------------------ what wrappers call

    def call(
        self, kind: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function within the call that is current."""
        meter = self._meter(kind)
        if meter is None:
            return _run(kind, fn, args, kwargs)
        try:
            with meter:
                return _run(kind, fn, args, kwargs)
        finally:
            meter.end()

    async def call_async(
        self, kind: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a coroutine function likewise."""
        content = ACTIVE.content
        if content is not None and kind == "tool":
            awaited: Awaitable[Any] = content.observe_async(fn, args, kwargs)
        else:
            awaited = fn(*args, **kwargs)
        meter = self._meter(kind)
        return await (awaited if meter is None else meter.awaiting(awaited))

    def meter_of_steps(self, call: Call) -> Meter | None:
        """What takes the steps of a generator, whose consumer is around it anew each time."""
        return self._meter(call.kind, call.scope, steps=True)

    def _meter(self, kind: str, scope: Scope | None = None, *, steps: bool = False) -> Meter | None:
        """What takes the use of a call; None where the meter around it does, or there is none."""
        around = METER.get()
        if around is not None and around.metering is not self:
            around = None
        if scope is None:
            frame = CURRENT.get()
            if frame is None:
                return None
            scope = frame.scope
        if kind == "agent":
            outer = () if around is None else around.agents
            agents = (scope.agent, *(each for each in outer if each != scope.agent))
            sampled = 0 if steps else self._sampled(scope.agent)
            return Meter(self, scope, agents, sampled, ends=not steps)
        if around is None:
            return None
        stack = self.thread.stack
        if not steps and stack and stack[-1] is around:
            return None
        return Meter(self, scope, around.agents, ends=not steps)

    def enter(self, call: Call) -> None:
        """Measure a block of an agent, where no step can end within it unseen."""
        stack = self.thread.stack
        loop = running_loop()
        if loop is not None and not (stack and stack[-1].loop is loop):
            return
        meter = self._meter(call.kind, call.scope)
        if meter is not None:
            self._blocks[call] = meter
            meter.__enter__()

    def leave(self, call: Call) -> None:
        """End what `enter` began."""
        meter = self._blocks.pop(call, None)
        if meter is not None:
            meter.leave_block()

    # ------------------------------------------------------------------ memory

    def _sampled(self, agent: str) -> int:
        every = self._memory
        if not every:
            return 0
        calls = self._calls.setdefault(agent, count(1))  # one for each label value
        return every if next(calls) % every == 0 else 0

    def trace(self) -> None:
        """Trace what is allocated, from now on."""
        with self._lock:
            if not self._tracing and not tracemalloc.is_tracing():
                tracemalloc.start()
                self._ours = True
            self._tracing += 1

    def trace_no_more(self) -> None:
        """Trace no more, once nobody else wants it."""
        with self._lock:
            self._tracing -= 1
            if not self._tracing and self._ours:
                self._ours = False
                tracemalloc.stop()


def _run(kind: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    content = ACTIVE.content
    if content is not None and kind == "tool":
        return content.observe(fn, args, kwargs)
    return fn(*args, **kwargs)


@types.coroutine
def _drive(meter: Meter, awaited: Awaitable[Any]) -> Generator[Any, Any, Any]:
    """
    Await something as ``await`` does, with each step taken by a meter.

    Args:
        meter: Takes the steps, and ends with the last.
        awaited: What is awaited.
    """
    steps: Any = awaited.__await__()
    sent: Any = None
    thrown: BaseException | None = None
    try:
        while True:
            try:
                with meter:
                    waited = steps.send(sent) if thrown is None else steps.throw(thrown)
            except StopIteration as stop:
                return stop.value
            thrown = None
            try:
                sent = yield waited
            except BaseException as error:  # noqa: BLE001  # what is awaited decides
                thrown = error
    finally:
        thrown = None  # an exception that holds this frame is not held by it
        meter.end()


def running_loop() -> object:
    """The event loop of asyncio that runs in this thread, if one does."""
    asyncio = sys.modules.get("asyncio.events")
    return None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001  # raises not
