"""What a collection sees while another thread is folding."""

from __future__ import annotations

from threading import Event, Thread, current_thread
from time import perf_counter_ns

import pytest

from agentmon.model.buckets import Layout
from agentmon.model.snapshot import Family
from agentmon.record.batch import Batch
from agentmon.record.declaration import Declaration
from agentmon.record.histogram import Histogram
from agentmon.record.registry import Registry

DEADLINE_SECONDS = 30.0


def test_a_collection_waits_for_a_fold_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that another thread is just folding has ended, so a collection must count it."""
    folding, go_on = Event(), Event()

    add = Histogram.add

    def add_slowly(histogram: Histogram, batch: Batch) -> None:
        if current_thread().name == "folder":
            folding.set()
            assert go_on.wait(DEADLINE_SECONDS)
        add(histogram, batch)

    monkeypatch.setattr(Histogram, "add", add_slowly)
    found: list[Family] = []
    registry = Registry(Layout(), perf_counter_ns)
    recorder = registry.bind(Declaration("tool", "search"), None)
    folder = Thread(target=recorder.fold, name="folder")
    collector = Thread(target=lambda: found.extend(registry.collect()))
    recorder.enter_cell(perf_counter_ns())
    recorder.plain.append(5)
    folder.start()
    assert folding.wait(DEADLINE_SECONDS)
    assert not recorder.plain
    collector.start()
    collector.join(0.2)  # ends within this time only if it does not wait
    go_on.set()
    for thread in (folder, collector):
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()
    calls = next(f for f in registry.collect() if f.metric.sample == "agentmon_tool_calls_total")
    seen = next(f for f in found if f.metric.sample == "agentmon_tool_calls_total")
    assert seen.samples[0] == calls.samples[0] == (("search", "", "ok"), 1)
