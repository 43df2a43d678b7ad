"""
The one switch that every wrapper looks at. Off until ``configure()``, and off again afterwards.

Only `agentmon._runtime` and `agentmon.testing` turn it.
"""

from __future__ import annotations

from threading import RLock
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from weakref import WeakSet

from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.shelter import Shelter
from agentmon.model.attributes import Conventions

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from agentmon.instrumentation.aftermath import Aftermath
    from agentmon.instrumentation.content import Content
    from agentmon.instrumentation.coordination import Coordination
    from agentmon.instrumentation.desk import Desk
    from agentmon.instrumentation.failure_log import FailureLog
    from agentmon.instrumentation.metering import Metering
    from agentmon.instrumentation.site import Site
    from agentmon.instrumentation.span import Spans
    from agentmon.instrumentation.spending import Spending
    from agentmon.record.clock import Clock
    from agentmon.record.recorder import Recorder
    from agentmon.record.registry import Registry
    from agentmon.tracing.log import LogRecord

__all__ = ["ACTIVE", "DETAILS", "METRICS", "OFF", "SPANS", "Active", "Switched", "Watch"]

#: Makes a block that is one call at a site.
Block: TypeAlias = "Callable[[Site], AbstractContextManager[None]]"

OFF: Final = 0
#: A call that returns leaves its duration, and nothing else.
METRICS: Final = 1
#: Likewise, and a span.
SPANS: Final = 2
#: Every call leaves all that is known of it: a test wants to see it.
DETAILS: Final = 3


class Switched(Protocol):
    """What follows the switch."""

    def forget(self) -> None:
        """Drop what belongs to the registry that was in force."""

    def switch(self, mode: int) -> None:
        """Behave as the mode says from now on."""


class Watch(Protocol):
    """What looks now and then whether spans are to be made in another way."""

    def look(self, clock: Clock) -> Spans | None:
        """Spans, once there is a reason to make them so."""


class Active:
    """
    What is in force.

    Guarantees:
        Each attribute is replaced whole. A call that began under one registry ends in it, whatever
        is in force by then.
    """

    __slots__ = (
        "aftermath",
        "block",
        "classifier",
        "clock",
        "content",
        "conventions",
        "coordination",
        "desk",
        "events",
        "failures",
        "followers",
        "heeded",
        "lock",
        "metering",
        "mode",
        "plain_block",
        "redact",
        "registry",
        "shelter",
        "sites",
        "spans",
        "spending",
        "user_key",
        "watch",
    )

    #: A block that is one call, for the wrappers of functions; and the one without spans.
    block: Block
    plain_block: Block

    def __init__(self) -> None:
        self.mode = OFF
        self.clock: Clock = perf_counter_ns
        self.registry: Registry | None = None
        self.classifier = Classifier()
        #: How spans are named.
        self.conventions = Conventions()
        self.spans: Spans | None = None
        #: Puts on spans what was said, if that is asked for.
        self.content: Content | None = None
        #: What texts of exceptions pass through; None for the standard hook.
        self.redact: Callable[[str], str] | None = None
        #: Takes failures, for what follows from them; there is one while recording is on.
        self.aftermath: Aftermath | None = None
        #: How many wait for a call to succeed: while any does, no call takes the fast path.
        self.heeded = 0
        #: Measures what agents use of processor and memory, if that is asked for: then no call
        #: takes the fast path.
        self.metering: Metering | None = None
        #: Prices what model calls use, and tells tasks of it.
        self.spending: Spending | None = None
        #: Keeps tasks; made for the first of them.
        self.desk: Desk | None = None
        #: What ids of users are hashed with; None for a random key.
        self.user_key: bytes | None = None
        #: Follows handoffs and runs of workflows; there is one while recording is on.
        self.coordination: Coordination | None = None
        #: Told of each registry that is recorded into from now on.
        self.followers: list[Callable[[Registry], object]] = []
        #: Reports failures, if they are to be logged.
        self.failures: FailureLog | None = None
        #: Takes log records for a collector, if there is a way to one.
        self.events: Callable[[LogRecord], object] | None = None
        #: Looks for a tracer provider that the host sets later.
        self.watch: Watch | None = None
        self.sites: WeakSet[Switched] = WeakSet()
        #: Entered by whoever changes what is kept of tasks, users and prices.
        self.shelter = Shelter()
        #: Held by whoever changes what is in force.
        self.lock = RLock()

    def turn_on(
        self,
        registry: Registry,
        classifier: Classifier,
        spans: Spans | None = None,
        watch: Watch | None = None,
        mode: int | None = None,
        *,
        failures: FailureLog | None = None,
        events: Callable[[LogRecord], object] | None = None,
        spending: Spending | None = None,
    ) -> None:
        """
        Record into *registry* from now on.

        Args:
            registry: Takes the calls; its clock measures them.
            classifier: Tells outcomes.
            spans: Makes spans of calls as well.
            watch: Asked now and then whether there is a reason to make spans by now.
            mode: By default SPANS where there are any, else METRICS.
            failures: Reports failures.
            events: Takes log records for a collector.
            spending: Prices what model calls use.
        """
        with self.lock:
            self._switch(OFF)
            self.heeded = 0
            self.registry = registry
            self.clock = registry.clock
            self.classifier = classifier
            self._make_spans(spans)
            self.watch = watch
            self.failures = failures
            self.events = events
            self.spending = spending
            self.aftermath = aftermath = _aftermath(registry)
            registry.late = aftermath.late if failures is None else _both(aftermath, failures)
            self.coordination = _coordination(registry)
            for follow in self.followers:
                follow(registry)
            for site in self._every_site():
                site.forget()
            self._switch(mode or (METRICS if spans is None else SPANS))

    def turn_off(self) -> None:
        """Let calls through unrecorded from now on."""
        with self.lock:
            self._switch(OFF)
            self.registry = None
            self._make_spans(None)
            self.watch = self.metering = None
            self.content = self.redact = self.user_key = None
            self.failures = None
            self.events = None
            self.spending = None
            self.desk = None
            self.aftermath = self.coordination = None
            for site in self._every_site():
                site.forget()

    def look(self) -> None:
        """
        See whether the host has set a tracer provider by now.

        Called when an operation is met for the first time, and by each in use every 10 seconds.
        """
        watch = self.watch
        spans = None if watch is None else watch.look(self.clock)
        if spans is None:
            return
        with self.lock:
            if self.watch is watch:  # else something else is in force by now
                self._make_spans(spans)
                self.watch = None
                self._switch(SPANS)

    def heed(self, n: int) -> None:
        """
        Look at each call that succeeds from now on, or no longer.

        Args:
            n: 1, or -1 for what a 1 was said of before.
        """
        with self.lock:
            before, self.heeded = self.heeded, max(0, self.heeded + n)
            if bool(before) is not bool(self.heeded):
                self._choose_block()
                self._switch(self.mode)

    def abandon_lock(self) -> None:
        """Replace the lock: in a forked child, its holder may not exist."""
        self.lock = RLock()
        self.shelter = Shelter()

    def _make_spans(self, spans: Spans | None) -> None:
        self.spans = spans
        self._choose_block()

    def _choose_block(self) -> None:
        spans = self.spans
        self.block = self.plain_block if spans is None or self.heeded else spans.block

    def _switch(self, mode: int) -> None:
        self.mode = mode
        for site in self._every_site():
            site.switch(mode)

    def _every_site(self) -> list[Switched]:
        while True:
            try:
                return list(self.sites)
            except RuntimeError:  # another thread has declared one meanwhile
                continue


def _aftermath(registry: Registry) -> Aftermath:
    # Loads the catalogue, which programs that never record do without.
    from agentmon.instrumentation.aftermath import Aftermath  # noqa: PLC0415

    return Aftermath(registry)


def _coordination(registry: Registry) -> Coordination:
    # Likewise.
    from agentmon.instrumentation.coordination import Coordination  # noqa: PLC0415

    return Coordination(registry)


def _both(aftermath: Aftermath, failures: FailureLog) -> Callable[[Recorder, int, int], object]:
    """Tells both of a call that returned, and took longer than it may."""

    def late(recorder: Recorder, ended_ns: int, duration_ns: int) -> None:
        aftermath.late(recorder, ended_ns, duration_ns)
        failures.late(recorder, ended_ns, duration_ns)

    return late


ACTIVE: Final = Active()
