"""
Metrics of the conventions on the meter provider that the host has set.

The instruments of OpenTelemetry's API that are read by callback hold no histograms, and those that
do cost more for each value than all else of a call. So a thread gives them now and then what has
been counted since: as many values as there were, each within its cell, and with the same sum.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics

from agentmon._version import __version__
from agentmon.export.standard import Attributes, Reading, readings

if TYPE_CHECKING:
    from agentmon.model.attributes import Generation
    from agentmon.model.standard import Standard
    from agentmon.record.registry import Registry

__all__ = ["EVERY_S", "Meters"]

#: Between two times that values are given.
EVERY_S: Final = 5.0
#: Stands for what the host may set later; OpenTelemetry has no public name for it.
_PROXY: Final = "_ProxyMeterProvider"


class Meters:
    """
    Gives a host's meter provider the metrics of the conventions.

    Guarantees:
        - Each call is given once, and none of them by the thread that made it.
        - Counts and sums are exact. A duration is off by less than its cell, which is 0.8 % with 2
          significant digits; a number of tokens stays in its bucket.
        - A provider that is set later gets all from the beginning.
        - One daemon thread between `start` and `close`, and none before or after. Whatever the
          provider raises goes no further, and is counted in ``agentmon_dropped_total``.

    Args:
        registry: Returns what has been recorded; None while recording is off.
        generation: Which generation of the conventions.
        every: Seconds between two times that values are given.
    """

    def __init__(
        self,
        registry: Callable[[], Registry | None],
        generation: Generation,
        every: float = EVERY_S,
    ) -> None:
        self._registry = registry
        self._generation = generation
        self._every = every
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = Lock()
        self._over = Event()
        self._thread: Thread | None = None
        self._given: dict[tuple[str, Attributes], Reading] = {}
        self._instruments: dict[str, metrics.Histogram] = {}

    def start(self) -> None:
        """Begin to give values."""
        thread = Thread(target=self._run, args=(self._over,), name="agentmon-meters", daemon=True)
        with suppress(RuntimeError):  # no thread can be had: only `flush` gives them
            thread.start()
            self._thread = thread

    def flush(self, seconds: float) -> bool:
        """Give all values up to now; says whether that was done, within so many seconds."""
        return self._give(seconds)

    def close(self, seconds: float) -> None:
        """Give the last values, and end."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._give(0)

    def abandon(self) -> None:
        """In a forked child: use nothing that the parent uses. `start` begins anew."""
        self._begin_anew()

    def _run(self, over: Event) -> None:
        while not over.wait(self._every):
            self._give(-1)

    def _give(self, seconds: float) -> bool:
        registry, provider = self._registry(), metrics.get_meter_provider()
        if registry is None or _is_none(provider):
            return True
        if not self._lock.acquire(timeout=seconds):
            return False
        try:
            meter = provider.get_meter("agentmon", __version__)
            for standard, points in readings(registry.collect(cells=True), self._generation):
                instrument = self._instrument(meter, standard)
                for attributes, reading in points.items():
                    given = self._given.get((standard.name, attributes), Reading())
                    self._given[standard.name, attributes] = reading
                    for value, n in _values(given, reading):
                        for _ in range(n):
                            instrument.record(value, dict(attributes))
        except Exception:  # noqa: BLE001  # of the host's provider
            registry.drop("push_failed", 1)
        finally:
            self._lock.release()
        return True

    def _instrument(self, meter: metrics.Meter, standard: Standard) -> metrics.Histogram:
        found = self._instruments.get(standard.name)
        if found is None:
            found = self._instruments[standard.name] = meter.create_histogram(
                standard.name,
                standard.unit,
                standard.help,
                explicit_bucket_boundaries_advisory=standard.edges,
            )
        return found


def _values(given: Reading, reading: Reading) -> list[tuple[float, int]]:
    """Values that have come since, and how many of each: one for each cell, with the same sum."""
    fresh = [(cell, n - given.by_cell[cell]) for cell, n in reading.by_cell.items()]
    least = sum(lower * n for (lower, _), n in fresh)
    room = sum((upper - lower) * n for (lower, upper), n in fresh)
    share = (reading.total - given.total - least) / room if room else 0.0
    share = min(max(share, 0.0), 1.0)
    return [(lower + share * (upper - lower), n) for (lower, upper), n in fresh if n]


def _is_none(provider: Any) -> bool:
    """Whether the host has set no meter provider."""
    return isinstance(provider, metrics.NoOpMeterProvider) or type(provider).__name__ == _PROXY
