"""What several processes recorded, read as one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmon.errors import ConfigError
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.metric import Across, Kind, Metric
from agentmon.model.statistics import merge
from agentmon.record.registry import Registry
from agentmon.record.shared import form, paper
from agentmon.record.shared.folder import Folder
from tests.record.shared.sharers import LAYOUT, Sharer, merged, numbers

COUNTER = catalogue.work.TASK_BEGUN
CALLS = "agentmon_tool_calls_total"


def value(registry: Registry, sample: str, **_: Any) -> Any:
    """The samples of a name, by label values."""
    return {
        labels: n
        for family in registry.collect()
        if family.metric.sample == sample
        for labels, n in family.samples
    }


@settings(max_examples=25, deadline=None)
@given(
    plans=st.lists(st.lists(st.integers(0, 10**11), max_size=60), min_size=1, max_size=4),
    folded=st.booleans(),
)
def test_processes_merge_to_what_one_would_have_recorded(
    tmp_path_factory: pytest.TempPathFactory, plans: list[list[int]], folded: bool
) -> None:
    """Counts, sums, squares, cells, extremes, errors and groups are those of one process."""
    path = tmp_path_factory.mktemp("shared")
    alone = Registry(LAYOUT, time.perf_counter_ns)
    sharers = [Sharer(path) for _ in plans]
    one = Sharer(tmp_path_factory.mktemp("one"))
    alone = one.registry
    for sharer, plan in zip(sharers, plans, strict=True):
        for who in (sharer, one):
            tool = who.tool(timeout_ns=10**10)
            for n, duration_ns in enumerate(plan):
                if n % 5 == 4:
                    who.fail(tool, duration_ns, f"Error{n % 3}")
                else:
                    tool.keep(duration_ns)
            who.registry.signals.add(COUNTER, ("t",), len(plan))
            if folded:
                tool.fold()
    together = merged(path)
    got, want = numbers(together), numbers(alone)
    times = {key for key in got if "seen_timestamp" in str(key[0])}
    assert {k: v for k, v in got.items() if k not in times and k[0] != "agentmon_series"} == {
        k: v
        for k, v in want.items()
        if "seen_timestamp" not in str(k[0]) and k[0] != "agentmon_series"
    }
    for mine, theirs in zip(together.every_series(), alone.every_series(), strict=True):
        assert mine.life() == theirs.life()
        assert merge(LAYOUT, [mine.life()]) == merge(LAYOUT, [theirs.life()])
    for each in (*sharers, one):
        each.die()


def test_calls_count_before_they_are_folded(tmp_path: Path) -> None:
    """A call is read by others as soon as it has ended, and no second time once it is folded."""
    one = Sharer(tmp_path)
    tool, reader = one.tool(), merged(tmp_path)
    for n in range(1, 4):
        tool.keep(1000 * n)
        assert value(reader, CALLS)["measure", "", "ok"] == n
    tool.fold()
    assert value(reader, CALLS)["measure", "", "ok"] == 3
    one.die()


def test_a_journal_is_begun_anew_again_and_again(tmp_path: Path) -> None:
    """More calls than several journals hold are all there, for an old reader and for a new one."""
    one = Sharer(tmp_path)
    tools, reader = [one.tool(f"tool{n}") for n in range(3)], merged(tmp_path)
    total = 0
    for n in range(3 * form.JOURNAL_WORDS + 7):
        tools[n % 3].keep(n)
        total += 1
        if not n % 1000:
            assert sum(value(reader, CALLS).values()) == total
    assert (
        sum(value(reader, CALLS).values()) == total == sum(value(merged(tmp_path), CALLS).values())
    )
    one.die()


def test_the_dead_keep_counters_and_lose_gauges(tmp_path: Path) -> None:
    """Calls in flight and gauges are those of the living; what was counted stays."""
    one, other = Sharer(tmp_path), Sharer(tmp_path)
    gauge = next(
        each
        for each in catalogue.CATALOGUE
        if each.kind is Kind.GAUGE
        and each.across is Across.SUM
        and len(each.labels) == 1
        and each not in {m.in_flight for m in catalogue.OPERATIONS.values()}
    )
    for sharer, n in ((one, 2), (other, 5)):
        tool = sharer.tool()
        tool.keep(5)
        tool.live[sharer] = time.perf_counter_ns()
        sharer.registry.signals.set(gauge, ("x",), n)
        sharer.sharing.speak()
    reader = merged(tmp_path)
    in_flight = "agentmon_tool_calls_in_flight"
    names = {family.metric.sample for family in reader.collect()}
    in_flight = next(
        name
        for name in names
        if name.startswith("agentmon_tool") and "in_flight" in name and "oldest" not in name
    )
    assert value(reader, in_flight) == {("measure", ""): 2}
    assert value(reader, gauge.sample) == {("x",): 7}
    one.die()
    assert value(reader, in_flight) == {("measure", ""): 1}
    assert value(reader, gauge.sample) == {("x",): 5}
    assert value(reader, CALLS)["measure", "", "ok"] == 2
    other.die()


@pytest.mark.parametrize(
    ("across", "want"),
    [(Across.SUM, 9), (Across.LARGEST, 5), (Across.SMALLEST, 1), (Across.NEWEST, 3)],
)
def test_gauges_merge_as_their_metric_declares(across: Across, want: int) -> None:
    """A sum, the largest, the smallest, or that which was set last."""
    from agentmon.model.metric import Unit
    from agentmon.record.shared.merged import _together

    metric = Metric("level", Kind.GAUGE, Unit.NONE, "A level.", across=across)
    assert _together(metric, [(1, 5.0), (3, 3.0), (2, 1.0)]) == want


def test_archived_counts_are_those_of_the_dead(tmp_path: Path) -> None:
    """The archive replaces the files of the dead; a reader that knew them sees no difference."""
    sharers = [Sharer(tmp_path) for _ in range(4)]
    for n, sharer in enumerate(sharers):
        tool = sharer.tool(timeout_ns=10**9)
        for duration_ns in range(50):
            tool.keep(duration_ns * 10**8 // (n + 1))
        sharer.fail(tool, n)
        sharer.registry.signals.observe(catalogue.work.TASK_DURATION, ("t", "a", "completed"), 5)
    reader = merged(tmp_path)
    numbers(reader)
    for sharer in sharers[1:]:
        sharer.die()
    before = numbers(merged(tmp_path))
    assert Folder(tmp_path).compact(least=2)
    left = sorted(each.name.split("-")[0] for each in tmp_path.glob("*.words"))
    assert left == ["archive", "process"]
    assert numbers(reader) == numbers(merged(tmp_path)) == before
    sharers[0].tool(timeout_ns=10**9).keep(7)
    after = numbers(reader)
    assert after[CALLS, ("measure", "", "ok")] == before[CALLS, ("measure", "", "ok")] + 1
    sharers[0].die()
    assert Folder(tmp_path).compact(least=2)
    assert numbers(reader) == numbers(merged(tmp_path)) == after


def test_the_living_are_never_archived(tmp_path: Path) -> None:
    """Whoever lives keeps its file, however many there are."""
    sharers = [Sharer(tmp_path) for _ in range(12)]
    assert not Folder(tmp_path).compact(least=2)
    assert len(list(tmp_path.glob("process-*.words"))) == 12
    for sharer in sharers:
        sharer.die()


def test_windows_hold_what_came_since_the_first_look(tmp_path: Path) -> None:
    """What was there at the first look is in the life of an operation only, the rest in both."""
    one = Sharer(tmp_path)
    tool, reader = one.tool(), merged(tmp_path)
    tool.keep(10)
    reader.snapshot()
    for _ in range(3):
        tool.keep(20)
    (operation,) = reader.snapshot().operations
    assert (operation.life.count, operation.windows["1m"].count) == (4, 3)
    one.die()


def test_a_full_disk_is_counted_and_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no room shows in its own process, is counted as lost, and is shared once it has."""
    one = Sharer(tmp_path)
    reader = merged(tmp_path)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(paper.os, "posix_fallocate", full)
        tools = [one.tool(f"tool{n}") for n in range(3000)]
        for tool in tools:
            tool.keep(5)
            tool.fold()
        lost = one.registry.dropped["not_shared"]
        assert lost > 0
        assert sum(value(one.registry, CALLS).values()) == 3000
        assert sum(value(reader, CALLS).values()) < 3000
        assert value(reader, "agentmon_dropped_total")["not_shared",] == lost
    for tool in tools:
        tool.keep(6)
        tool.fold()
    assert sum(value(reader, CALLS).values()) == 6000
    one.die()


def test_files_of_other_histograms_are_refused(tmp_path: Path) -> None:
    """Who shares a folder has the same layout; another one is told so when it begins."""
    Folder(tmp_path).claim(LAYOUT)
    with pytest.raises(ConfigError, match="other histograms"):
        Folder(tmp_path).claim(Layout(digits=3))


def test_what_cannot_be_read_is_passed_over_and_counted(tmp_path: Path) -> None:
    """A file that is none of ours harms nobody."""
    one = Sharer(tmp_path)
    one.tool().keep(5)
    (tmp_path / "process-1-x.words").write_bytes(os.urandom(1000))
    (tmp_path / "process-1-x.names").write_text("nonsense")
    reader = merged(tmp_path)
    assert value(reader, CALLS)["measure", "", "ok"] == 1
    assert value(reader, "agentmon_dropped_total")["not_read",] == 1
    one.die()


def test_a_reader_gives_up_on_a_writer_that_never_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows what it saw last, counts that, and neither waits nor holds the writer up."""
    one = Sharer(tmp_path)
    tool, reader = one.tool(), merged(tmp_path)
    tool.keep(5)
    assert value(reader, CALLS)["measure", "", "ok"] == 1
    one.paper._fixed[form.SEQUENCE] += 1  # as while a change is being applied
    tool.keep(5)
    assert value(reader, CALLS)["measure", "", "ok"] == 1
    one.paper._fixed[form.SEQUENCE] += 1
    assert value(reader, CALLS)["measure", "", "ok"] == 2
    assert value(reader, "agentmon_dropped_total")["not_read",] == 1
    one.die()
