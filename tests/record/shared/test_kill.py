"""SIGKILL, whenever it comes, leaves behind what had ended, and nothing else."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from agentmon.model.outcome import ERROR, OK
from agentmon.record.shared import folder, journal, mirror, paper, sharing
from agentmon.record.shared.folder import Folder
from agentmon.record.shared.merged import Merged
from tests.record.shared.sharers import LAYOUT, Sharer, killed, merged, numbers

_TRACED = {module.__file__ for module in (paper, journal, mirror, sharing, folder)}
_EVERY = 7  # so many calls, and one of them fails
_FOLDED = 50  # so many calls, and they are folded


def duration_ns(n: int) -> int:
    """How long the call of this number takes."""
    return n * 7919 % 5_000_000


def work(path: Path, done: mmap.mmap, *, gap: bool = False) -> None:
    """
    Record one call after the other, and say of each that it begins and that it has ended.

    Where there is to be a gap, a caller took the first place and never comes back.
    """
    me = Sharer(path)
    tool = me.tool()
    if gap:
        next(tool.journal.take)
    n = 0
    while True:
        done.write(b"\1")
        if n % _EVERY:
            tool.keep(duration_ns(n))
        else:
            me.fail(tool, duration_ns(n))
        if not n % _FOLDED:
            tool.fold()
        done.write(b"\1")
        n += 1


def check(registry: Merged, said: bytes) -> int:
    """What was read is what so many calls leave behind: all that ended, and perhaps one more."""
    marks = said.find(b"\0")
    begun, ended = (marks + 1) // 2, marks // 2
    series = registry.every_series()
    histograms = series[0].histograms if series else {}
    count = sum(each.count for each in histograms.values())
    assert ended <= count <= begun
    want = {OK: [], ERROR: []}  # type: dict[str, list[int]]
    for n in range(count):
        want[OK if n % _EVERY else ERROR].append(duration_ns(n))
    for outcome, values in want.items():
        if not values:
            assert outcome not in histograms
            continue
        got = histograms[outcome]
        assert got.count == len(values)
        assert got.sum_ns == sum(values)
        assert got.squares_ns2 == sum(value * value for value in values)
        assert (got.min_ns, got.max_ns) == (min(values), max(values))
        assert got.cells() == Counter(map(LAYOUT.index, values))
    if series:
        assert dict(series[0].errors) == ({"ValueError": len(want[ERROR])} if want[ERROR] else {})
    groups = registry.groups.groups()
    assert sum(group.count for group in groups) == len(want[ERROR])
    return count


def _kill_once(path: Path, seconds: float) -> int:
    with mmap.mmap(-1, 1 << 20) as done:

        def kill(pid: int) -> None:
            while done[0] == 0:
                time.sleep(0.0001)
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)

        killed(lambda: work(path, done), kill)
        registry = merged(path)
        registry.collect()
        return check(registry, done[:])


@pytest.mark.parametrize(
    "times", [25, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_kill_at_any_time_loses_nothing_and_doubles_nothing(tmp_path: Path, times: int) -> None:
    """Counts, sums, cells, errors and groups are those of the calls that ended, kill after kill."""
    chance = random.Random(times)  # noqa: S311  # no secret
    counts = 0
    for n in range(times):
        path = tmp_path / str(n)
        counts += _kill_once(path, chance.uniform(0.0, 0.02))
        shutil.rmtree(path, ignore_errors=True)
    assert counts > times


def _killed_at(line: int) -> Any:
    """A trace function that kills this process before the given line that it comes by."""
    left = line

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in _TRACED:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


@pytest.mark.parametrize(
    ("first", "step", "gap"),
    [(0, 8, False), (2, 12, True), pytest.param(3, 6, False, marks=pytest.mark.slow)],
)
def test_a_kill_before_any_line_leaves_it_whole(
    tmp_path: Path, first: int, step: int, *, gap: bool
) -> None:
    """A process killed before each line in turn that writes leaves what had ended until then."""
    line = first
    while line < 1400:
        path = tmp_path / str(line)
        with mmap.mmap(-1, 1 << 16) as done:

            def traced(path: Path = path, line: int = line, done: mmap.mmap = done) -> None:
                sys.settrace(_killed_at(line))
                work(path, done, gap=gap)

            killed(traced, lambda pid: None)
            registry = merged(path)
            registry.collect()
            check(registry, done[:])
        shutil.rmtree(path, ignore_errors=True)
        line += step


@pytest.mark.slow
def test_a_kill_while_archiving_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Whoever reads after a process was killed while it archived the dead finds the same counts."""
    here = tmp_path / "here"
    for n in range(3):
        one = Sharer(here)
        tool = one.tool(f"tool{n}")
        for value in range(100):
            tool.keep(value * 1000)
        one.fail(tool, 5)
        one.die()
    before = merged(here)
    want = numbers(before)
    line, done = 0, False
    while not done:
        there = tmp_path / "there"
        shutil.copytree(here, there)

        def archive(path: Path = there, line: int = line) -> None:
            sys.settrace(_killed_at(line))
            Folder(path).compact(least=2)

        pid = os.fork()
        if not pid:
            try:
                archive()
                os._exit(0)
            finally:
                os._exit(1)
        done = os.waitpid(pid, 0)[1] == 0
        assert numbers(merged(there)) == want
        Folder(there).compact(least=2)
        assert numbers(merged(there)) == want
        shutil.rmtree(there, ignore_errors=True)
        line += 37
    assert line > 300
