"""
What the process, its host and its control group use, looked at now and then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from time import thread_time_ns
from typing import TYPE_CHECKING, Final

import psutil

from agentmon.model.catalogue import resources as of
from agentmon.observe import cgroup
from agentmon.observe.garbage import Pauses
from agentmon.observe.storage import Walk

if TYPE_CHECKING:
    from agentmon.model.metric import Metric
    from agentmon.record.registry import Registry

__all__ = ["Sampler"]

#: What a reading that the system does not offer, or denies, raises.
_UNREADABLE: Final = (psutil.Error, OSError, AttributeError, NotImplementedError)


class Sampler:
    """
    Samples resources in a thread of its own.

    Guarantees:
        - One daemon thread between `start` and `close`, and none before or after.
        - What cannot be read is left out. Nothing here raises into the host.
        - Counters count what happened since the process began; those of the host, since sampling
          did, so that the values of several processes do not jump when one more begins.

    Args:
        registry: Returns what takes the samples; None while recording is off.
        every: Seconds between two samples.
        storage: Paths whose size is looked at, by name.
    """

    def __init__(
        self,
        registry: Callable[[], Registry | None],
        every: float,
        storage: Mapping[str, str] | None = None,
    ) -> None:
        self._registry = registry
        self._every = every
        self._storage = dict(storage or {})
        self._pauses = Pauses(self._paused)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = Lock()
        self._over = Event()
        self._thread: Thread | None = None
        self._process = psutil.Process()
        self._walks = {name: Walk(path) for name, path in self._storage.items()}
        #: What counters have counted up to now.
        self._counted: dict[tuple[Metric, tuple[str, ...]], int] = {}

    # ------------------------------------------------------------------ from the host

    def start(self) -> None:
        """Begin to sample, at once and then now and then."""
        self._pauses.start()
        thread = Thread(target=self._run, args=(self._over,), name="agentmon-sample", daemon=True)
        with suppress(RuntimeError):  # no thread can be had: only `flush` samples
            thread.start()
            self._thread = thread

    def flush(self, seconds: float) -> bool:
        """Sample now; says whether that was done, within so many seconds."""
        return self._sample(seconds)

    def close(self, seconds: float) -> None:
        """Sample once more, and end."""
        self._over.set()
        self._pauses.stop()
        if self._thread is not None:
            self._thread.join(seconds)
        self._sample(0)

    def abandon(self) -> None:
        """In a forked child: use nothing that the parent uses. `start` begins anew."""
        self._pauses.stop()
        self._begin_anew()

    # ------------------------------------------------------------------ sampling

    def _run(self, over: Event) -> None:
        while not over.is_set():
            self._sample(-1)
            over.wait(self._every)

    def _sample(self, seconds: float) -> bool:
        registry = self._registry()
        if registry is None:
            return True
        if not self._lock.acquire(timeout=seconds):
            return False
        try:
            begun_ns = thread_time_ns()
            for look in (self._of_process, self._of_host, self._of_control_group, self._of_storage):
                with suppress(Exception):  # of what is nobody's fault, nothing gets out
                    look(registry)
            self._pauses.hand_over()
            registry.signals.add(of.SAMPLING_CPU, (), max(0, thread_time_ns() - begun_ns))
        finally:
            self._lock.release()
        return True

    def _of_process(self, registry: Registry) -> None:
        signals, process = registry.signals, self._process
        with process.oneshot():
            with _where_there_is():
                cpu = process.cpu_times()
                self._count(registry, of.PROCESS_CPU, ("user",), round(cpu.user * 1e9))
                self._count(registry, of.PROCESS_CPU, ("system",), round(cpu.system * 1e9))
            with _where_there_is():
                signals.set(of.PROCESS_MEMORY, ("rss",), process.memory_info().rss)
            with _where_there_is():
                memory = process.memory_full_info()
                signals.set(of.PROCESS_MEMORY, ("uss",), memory.uss)
                signals.set(of.PROCESS_MEMORY, ("swap",), memory.swap)
            with _where_there_is():
                signals.set(of.PROCESS_THREADS, (), process.num_threads())
            with _where_there_is():
                switches = process.num_ctx_switches()
                self._count(registry, of.PROCESS_SWITCHES, ("voluntary",), switches.voluntary)
                self._count(registry, of.PROCESS_SWITCHES, ("involuntary",), switches.involuntary)
            with _where_there_is():
                moved = process.io_counters()
                self._count(registry, of.PROCESS_IO, ("read",), moved.read_bytes)
                self._count(registry, of.PROCESS_IO, ("written",), moved.write_bytes)
        with _where_there_is():
            signals.set(of.PROCESS_FILES, (), process.num_fds())
        with _where_there_is():
            limit, _ = process.rlimit(psutil.RLIMIT_NOFILE)
            if limit != psutil.RLIM_INFINITY:
                signals.set(of.PROCESS_FILES_LIMIT, (), limit)

    def _of_host(self, registry: Registry) -> None:
        signals = registry.signals
        cores = os.cpu_count()
        if cores:
            signals.set(of.HOST_CORES, (), cores)
        with _where_there_is():
            signals.set(of.HOST_LOAD, (), os.getloadavg()[0])
        with _where_there_is():
            memory = psutil.virtual_memory()
            signals.set(of.HOST_MEMORY, ("total",), memory.total)
            signals.set(of.HOST_MEMORY, ("available",), memory.available)
        with _where_there_is():
            swap = psutil.swap_memory()
            signals.set(of.HOST_MEMORY, ("swap_total",), swap.total)
            signals.set(of.HOST_MEMORY, ("swap_used",), swap.used)
        with _where_there_is():
            every = psutil.net_io_counters(pernic=True)
            moved = [each for name, each in every.items() if not _is_loopback(name)]
            sent = sum(each.bytes_sent for each in moved)
            received = sum(each.bytes_recv for each in moved)
            self._count(registry, of.HOST_NETWORK, ("sent",), sent, from_now=True)
            self._count(registry, of.HOST_NETWORK, ("received",), received, from_now=True)

    @staticmethod
    def _of_control_group(registry: Registry) -> None:
        found = cgroup.read(cgroup.ROOT, cgroup.MEMBERSHIP)
        for metric, value in (
            (of.CGROUP_CPU_LIMIT, found.cpu_limit),
            (of.CGROUP_MEMORY_LIMIT, found.memory_limit),
            (of.CGROUP_MEMORY, found.memory),
            (of.CGROUP_PERIODS, found.periods),
            (of.CGROUP_THROTTLED_PERIODS, found.throttled_periods),
            (of.CGROUP_THROTTLED, found.throttled_s),
            (of.CGROUP_OOM, found.oom_kills),
        ):
            if value is None:
                registry.signals.forget(metric, ())
            else:
                registry.signals.set(metric, (), value)

    def _of_storage(self, registry: Registry) -> None:
        signals = registry.signals
        for name, walk in self._walks.items():
            try:
                used = walk.advance()
                space = shutil.disk_usage(self._storage[name])
            except OSError:
                registry.drop("look_failed", 1)
                for metric in (of.STORAGE_USED, of.STORAGE_FREE, of.STORAGE_CAPACITY):
                    signals.forget(metric, (name,))
                continue
            if used is not None:
                signals.set(of.STORAGE_USED, (name,), used)
            signals.set(of.STORAGE_FREE, (name,), space.free)
            signals.set(of.STORAGE_CAPACITY, (name,), space.total)

    def _count(
        self,
        registry: Registry,
        metric: Metric,
        labels: tuple[str, ...],
        total: int,
        *,
        from_now: bool = False,
    ) -> None:
        """Add what a total of the system has grown by."""
        before = self._counted.get((metric, labels), total if from_now else 0)
        self._counted[metric, labels] = total
        registry.signals.add(metric, labels, max(0, total - before))

    def _paused(self, generation: str, took_ns: int) -> None:
        registry = self._registry()
        if registry is not None:
            registry.signals.observe(of.GC_PAUSE, (generation,), took_ns)


def _where_there_is() -> suppress:
    """Leaves out what this system does not offer, or denies."""
    return suppress(*_UNREADABLE)


def _is_loopback(name: str) -> bool:
    return name.startswith(("lo", "Loopback"))
