"""
The one switch that every wrapper looks at. Off until ``configure()``, and off again afterwards.

Only `agentmon._runtime` and `agentmon.testing` turn it.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from agentmon.instrument.classify import Classifier

if TYPE_CHECKING:
    from agentmon.instrument.site import Site
    from agentmon.instrument.span import HostSpans, ProviderWatch
    from agentmon.record.clock import Clock
    from agentmon.record.registry import Registry

__all__ = ["ACTIVE", "METRICS", "OFF", "SPANS", "Active"]

OFF: Final = 0
METRICS: Final = 1
SPANS: Final = 2

_NEVER_NS = 1 << 63


class Active:
    """
    What is in force.

    Guarantees:
        Each attribute is replaced whole. A call that began under one registry ends in it, whatever
        is in force by then.
    """

    __slots__ = ("classifier", "clock", "look_ns", "mode", "registry", "sites", "spans", "watch")

    def __init__(self) -> None:
        self.mode = OFF
        self.clock: Clock = perf_counter_ns
        self.registry: Registry | None = None
        self.classifier = Classifier()
        self.spans: HostSpans | None = None
        #: Looks for a tracer provider that the host sets later, and when to look next.
        self.watch: ProviderWatch | None = None
        self.look_ns = _NEVER_NS
        self.sites: WeakSet[Site] = WeakSet()

    def turn_on(
        self,
        registry: Registry,
        classifier: Classifier,
        spans: HostSpans | None = None,
        watch: ProviderWatch | None = None,
    ) -> None:
        """
        Record into *registry* from now on.

        Args:
            registry: Takes the calls; its clock measures them.
            classifier: Tells outcomes.
            spans: Makes spans of calls as well.
            watch: Looked at now and then for a reason to make spans.
        """
        self.mode = OFF
        self.registry = registry
        self.clock = registry.clock
        self.classifier = classifier
        self.spans = spans
        self.watch = watch
        self.look_ns = 0 if watch is not None else _NEVER_NS
        self._forget_recorders()
        self.mode = METRICS if spans is None else SPANS

    def turn_off(self) -> None:
        """Let calls through unrecorded from now on."""
        self.mode = OFF
        self.registry = None
        self.spans = None
        self.watch = None
        self.look_ns = _NEVER_NS
        self._forget_recorders()

    def look(self, now_ns: int) -> None:
        """See whether the host has set a tracer provider; called when `look_ns` has come."""
        watch = self.watch
        if watch is None:
            self.look_ns = _NEVER_NS
            return
        self.look_ns = now_ns + watch.INTERVAL_NS
        spans = watch.look(self.clock)
        if spans is not None:
            self.spans = spans
            self.watch = None
            self.look_ns = _NEVER_NS
            self.mode = SPANS

    def _forget_recorders(self) -> None:
        for site in list(self.sites):
            site.recorders = {}


ACTIVE: Final = Active()
