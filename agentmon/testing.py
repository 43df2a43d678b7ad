"""
For users' tests: see what was recorded, with a clock that is moved by hand.

::

    def test_triage_reports_its_failures():
        with agentmon.testing.capture() as recorded:
            with pytest.raises(ValueError):
                triage("")
        assert [call.outcome for call in recorded.calls("agent", "triage")] == ["error"]
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns

from agentmon.errors import AgentmonError
from agentmon.instrumentation.active import ACTIVE, DETAILS, OFF
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.spending import Spending
from agentmon.model.buckets import Layout
from agentmon.model.snapshot import Distribution, HistogramState
from agentmon.record.clock import Clock
from agentmon.record.declaration import Declaration, Scope
from agentmon.record.recorder import Detail, Recorder
from agentmon.record.registry import Registry
from agentmon.record.series import Series

__all__ = ["Ended", "ManualClock", "Recorded", "capture"]


class ManualClock:
    """
    A clock that stands still until it is moved.

    Args:
        start_seconds: What it shows at first.
    """

    def __init__(self, start_seconds: float = 1000.0) -> None:
        self._now_ns = round(start_seconds * 1e9)

    def __call__(self) -> int:
        """What it shows, in nanoseconds."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """
        Move it on.

        Args:
            seconds: By how much; not below 0.

        Raises:
            ValueError: If *seconds* is below 0.
        """
        if seconds < 0:
            raise ValueError(f"seconds: got {seconds!r}, allowed 0 or more")
        self._now_ns += round(seconds * 1e9)


@dataclass(frozen=True, slots=True)
class Ended:
    """
    One call that ended.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow`` or ``step``.
        name: Name of the agent, tool, workflow or step; of a model call, its operation.
        outcome: How it ended.
        error_type: Qualified name of the exception, for error and timeout.
        seconds: How long it took.
    """

    kind: str
    name: str
    outcome: str
    error_type: str | None
    seconds: float


class _Details(list[Detail]):
    """The calls that wait to be folded; each is kept when it ends, in the order of the ends."""

    def __init__(self, series: Series, kept: list[Ended]) -> None:
        super().__init__()
        self._kind, self._name = series.metrics.kind, series.labels[0]
        self._kept = kept

    def append(self, detail: Detail) -> None:
        begun, ended, outcome, error_type, _, _ = detail
        self._kept.append(Ended(self._kind, self._name, outcome, error_type, (ended - begun) / 1e9))
        super().append(detail)


class _KeepingRegistry(Registry):
    """A registry that keeps every call."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Layout(), clock)
        self.kept: list[Ended] = []

    def bind(self, declaration: Declaration, outer: Scope | None) -> Recorder:
        with self.lock:
            recorder = super().bind(declaration, outer)
            if not isinstance(recorder.details, _Details):
                recorder.details = _Details(recorder.series, self.kept)
            return recorder


class Recorded:
    """What was recorded within `capture`."""

    def __init__(self, registry: _KeepingRegistry) -> None:
        self._registry = registry

    def calls(self, kind: str | None = None, name: str | None = None) -> list[Ended]:
        """
        The calls that have ended, in the order of their ends.

        Args:
            kind: Only of this kind.
            name: Only of this name.
        """
        return [
            call
            for call in list(self._registry.kept)
            if kind in (None, call.kind) and name in (None, call.name)
        ]

    def value(self, sample: str, **labels: str) -> float | None:
        """
        The value of one sample, by the name that Prometheus sees.

        Args:
            sample: For instance ``agentmon_agent_calls_total``; of a histogram, its ``_count`` or
                ``_sum``.
            labels: The labels that it must have; others are free. Values of several matching
                samples add up.

        Returns:
            None if no sample matches.
        """
        found: list[float] = []
        for family in self._registry.collect():
            names = family.metric.label_names
            for values, value in family.samples:
                if labels.items() <= dict(zip(names, values, strict=True)).items():
                    if not isinstance(value, HistogramState | Distribution):
                        if sample == family.metric.sample:
                            found.append(value)
                    elif sample == f"{family.metric.sample}_count":
                        found.append(value.count)
                    elif sample == f"{family.metric.sample}_sum":
                        found.append(value.total)
        return sum(found) if found else None


@contextmanager
def capture(clock: Clock = perf_counter_ns) -> Iterator[Recorded]:
    """
    Record into a place of its own within a ``with`` block, without any configuration.

    It concerns the whole process: do not use it in two threads at once.

    Args:
        clock: Measures the calls; usually a `ManualClock`.

    Returns:
        What was recorded, also after the block.

    Raises:
        AgentmonError: If agentmon is configured: call ``agentmon.shutdown()`` first.
    """
    if ACTIVE.mode is not OFF:
        raise AgentmonError("capture: recording is on already; call agentmon.shutdown() first")
    registry = _KeepingRegistry(clock)
    spending = Spending(registry, None)
    ACTIVE.turn_on(registry, Classifier(), mode=DETAILS, spending=spending)
    try:
        yield Recorded(registry)
    finally:
        if ACTIVE.registry is registry:
            ACTIVE.turn_off()
            ACTIVE.clock = perf_counter_ns
