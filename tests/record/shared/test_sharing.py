"""What a process does for its own file."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from agentmon.record.shared.form import LONGEST
from agentmon.record.shared.pulse import Pulse
from tests.record.shared.sharers import Sharer, merged, numbers

CALLS = ("agentmon_tool_calls_total", ("measure", "", "ok"))


@pytest.mark.parametrize("gil", [True, False])
def test_threads_lose_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, gil: bool
) -> None:
    """Calls of eight threads at once are all there, with the interpreter's lock or without."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: gil, raising=False)
    one = Sharer(tmp_path)
    tool = one.tool()

    def work() -> None:
        for n in range(3000):
            tool.keep(n)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(merged(tmp_path))[CALLS] == 24_000 == numbers(one.registry)[CALLS]
    one.die()


def test_a_call_longer_than_the_journal_can_say_is_clamped(tmp_path: Path) -> None:
    """It counts as the longest there is, for its own recorder, and as clamped."""
    one = Sharer(tmp_path)
    one.tool().keep(LONGEST + 1)
    one.tool("other").keep(1)
    one.sharing.speak()
    found = numbers(merged(tmp_path))
    assert found[CALLS] == 1
    assert found["agentmon_dropped_total", ("clamped",)] == 1
    one.die()


def test_tasks_of_the_pulse_go_on_after_one_raised() -> None:
    """What one task raises keeps neither the others nor later pulses."""
    seen = threading.Semaphore(0)

    def raises() -> None:
        raise ValueError

    pulse = Pulse([raises, seen.release], every_s=0.001)
    pulse.start()
    for _ in range(3):
        assert seen.acquire(timeout=30)
    pulse.stop()


def test_gauges_are_as_old_as_the_last_pulse(tmp_path: Path) -> None:
    """The oldest call in flight gets older although its process says nothing."""
    one = Sharer(tmp_path)
    tool, reader = one.tool(), merged(tmp_path)
    tool.live[one] = time.perf_counter_ns() - 5 * 10**9
    one.sharing.speak()
    (operation,) = reader.snapshot().operations
    assert operation.in_flight == 1
    first = operation.oldest_ns
    assert first >= 5 * 10**9
    assert reader.snapshot().operations[0].oldest_ns > first
    one.die()
