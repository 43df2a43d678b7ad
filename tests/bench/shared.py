"""Several processes that share their counts: what a scrape of all costs, and what a call does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import agentmon
from agentmon.export.text import Renderer
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.classify import Classifier
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.record.registry import Registry
from agentmon.record.shared.folder import Folder, fresh_name
from agentmon.record.shared.merged import Merged
from agentmon.record.shared.paper import Paper
from agentmon.record.shared.sharing import Sharing
from tests.bench.rounds import Case, interleave, loop_sync, one_call
from tests.bench.table import Row, at_least, at_most, no_target

__all__ = ["shared"]

_SERIES = 10_000
_PROCESSES = 8
_CALLS = 4 * 4096  # a whole number of journals
_LABELS = [(f"target{n // 100}", f"source{n % 100}") for n in range(_SERIES)]

_THEIRS = """
from prometheus_client import Counter
counter = Counter("handoff_begun", "d", ["target", "source"])
for n in range(10_000):
    counter.labels(f"target{n // 100}", f"source{n % 100}").inc()
"""


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder in memory, where there is one: no disk is measured."""
    memory = Path("/dev/shm")  # noqa: S108  # the folder below it has a name of its own
    path = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _sharer(path: Path) -> Registry:
    Folder(path).claim(Layout())
    registry = Registry(Layout(), perf_counter_ns, max_series=2 * _SERIES)
    paper = Paper(path, fresh_name(), {}, time.time_ns())
    registry.shared = Sharing(registry, paper)
    paper.show()
    return registry


def _count(registries: list[Registry]) -> Callable[[], None]:
    """Adds 1 to every counter of every process."""

    def count() -> None:
        for registry in registries:
            for labels in _LABELS:
                registry.signals.add(catalogue.coordination.HANDOFF_BEGUN, labels)

    return count


def _scrape(rounds: int) -> list[Row]:
    with _folder() as ours, _folder() as theirs:
        registries = [_sharer(ours) for _ in range(_PROCESSES)]
        count = _count(registries)
        count()
        merged = Merged(Folder(ours), Layout(), perf_counter_ns, 2 * _SERIES)
        renderer = Renderer({})
        begun_ns = perf_counter_ns()
        renderer.prometheus(merged.collect())
        first_ns = perf_counter_ns() - begun_ns
        for _ in range(_PROCESSES):
            subprocess.run(
                [sys.executable, "-c", _THEIRS],
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(theirs)},
                check=True,
            )
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(theirs))

        def quiet() -> bytes:
            return renderer.prometheus(merged.collect())

        busy = Case("busy", one_call(quiet), 1)
        cases = [Case("theirs", one_call(lambda: generate_latest(registry)), 1)]
        timings = interleave(cases, rounds)
        least_ns = []
        for _ in range(rounds):
            count()
            least_ns.append(busy.window(1))
        timings.update(interleave([Case("quiet", one_call(quiet), 1)], rounds))
        text = quiet().decode()
        total = len(registries) * (rounds + 1)
        line = f'agentmon_handoff_begun_total{{target="target0",source="source0"}} {total}\n'
        if line not in text:
            raise AssertionError("the counts of the processes are not what was counted")
        for each in registries:
            if each.shared is not None:
                each.shared.abandon()
    ms = {name: timing.least_ns / 1e6 for name, timing in timings.items()}
    ms["busy"] = min(least_ns) / 1e6
    return [
        at_least(
            "scrape of 10,000 counters of 8 processes",
            ms["theirs"] / ms["busy"],
            10,
            "{:.0f} × faster than prometheus_client",
            f"{ms['busy']:.0f} ms, where all of them changed in all processes; "
            f"{ms['theirs']:.0f} ms; {first_ns / 1e6:.0f} ms the first time",
        ),
        no_target(
            "the same, where nothing changed",
            f"{ms['theirs'] / ms['quiet']:.0f} × faster than prometheus_client",
            f"{ms['quiet']:.1f} ms",
        ),
    ]


def _record(rounds: int) -> list[Row]:
    @agentmon.tool("bench")
    def work(x: int) -> int:
        return x

    with _folder() as path:
        registries = {"alone": Registry(Layout(), perf_counter_ns), "shared": _sharer(path)}

        def window(name: str) -> Callable[[int], int]:
            loop = loop_sync(work)

            def run(calls: int) -> int:
                ACTIVE.turn_on(registries[name], Classifier())
                work(1)  # binds
                try:
                    return loop(calls)
                finally:
                    ACTIVE.turn_off()

            return run

        cases = [Case(name, window(name), _CALLS) for name in registries]
        timings = interleave(cases, rounds)
        sharing = registries["shared"].shared
        if sharing is not None:
            sharing.abandon()
    alone, together = timings["alone"].least_ns, timings["shared"].least_ns
    return [
        at_most(
            "a decorated call whose counts are shared",
            together / alone,
            1.2,
            "{:.2f} × one that is alone",
            f"{together:.0f} ns; {alone:.0f} ns",
        )
    ]


def shared(rounds: int) -> list[Row]:
    """A scrape of 8 processes against ``prometheus_client``, and a call against one alone."""
    return _scrape(max(2, rounds // 10)) + _record(rounds)
