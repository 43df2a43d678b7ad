"""The sliding windows, with time stamped by hand, against exact sorted arrays."""

from __future__ import annotations

import gc
import math
import random
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon.model.buckets import DAY_NS, Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.record import window
from agentmon.record.batch import Batch
from agentmon.record.limits import CELL_NS
from agentmon.record.window import MOST, TAIL, WINDOWS, Windows

LAYOUT = Layout()
SECOND = 10**9
LENGTHS = {"1m": 60 * SECOND, "5m": 300 * SECOND, "1h": 3600 * SECOND}
POINTS = {"1m": 7, "5m": 6, "1h": 13}
#: A start that is a multiple of every cell's length.
START = 300 * SECOND * 1000

each_window = pytest.mark.parametrize("name", sorted(WINDOWS))


def add(windows: Windows, ended_ns: int, *values: int, outcome: str = "ok") -> None:
    """Report calls that ended at one moment."""
    windows.add(Batch(LAYOUT, outcome, ended_ns, list(values)))


def covered_from(name: str, now_ns: int) -> int:
    """The begin of the oldest cell that a window reads."""
    length_ns, closed = WINDOWS[name]
    return now_ns // length_ns * length_ns - closed * length_ns


def size_of(thing: Any) -> int:
    """Bytes of an object and of all that it alone refers to."""
    seen: set[int] = set()
    left = [thing]
    total = 0
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, type | Layout):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        left += gc.get_referents(one)
    return total


@each_window
@pytest.mark.parametrize("offset_ns", [0, 1, CELL_NS - 1, CELL_NS, 7 * SECOND + 3])
def test_a_window_covers_at_least_its_length(name: str, offset_ns: int) -> None:
    """A call is in the window for as long as it is young enough, and in no later one than that."""
    windows = Windows(LAYOUT)
    add(windows, START + offset_ns, 5)
    assert windows.read(name, START + offset_ns).count == 1
    assert windows.read(name, START + offset_ns + LENGTHS[name]).count == 1
    gone_ns = START + offset_ns + LENGTHS[name] + WINDOWS[name][0]
    assert windows.read(name, gone_ns).count == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000 * SECOND),
            st.integers(0, DAY_NS),
            st.sampled_from(OUTCOMES),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 400 * SECOND),
)
def test_windows_hold_the_calls_of_their_time(
    calls: list[tuple[int, int, str]], later_ns: int
) -> None:
    """Each window has exactly the calls that ended in the cells it covers, and their moments."""
    windows = Windows(LAYOUT)
    for ended, value, outcome in sorted(calls):
        add(windows, START + ended, value, outcome=outcome)
    now_ns = START + max(ended for ended, _, _ in calls) + later_ns
    for name in WINDOWS:
        since = covered_from(name, now_ns)
        expected = [(v, outcome) for ended, v, outcome in calls if START + ended >= since]
        values = [value for value, _ in expected]
        found = windows.read(name, now_ns)
        assert found.count == sum(found.cells.values()) == len(values)
        assert found.sum_ns == sum(values)
        assert found.squares_ns2 == sum(value * value for value in values)
        assert (found.min_ns, found.max_ns) == (min(values, default=0), max(values, default=0))
        assert {o: n for o, n in found.outcomes.items() if n} == {
            o: n for o in OUTCOMES if (n := sum(outcome == o for _, outcome in expected))
        }


@given(
    st.lists(
        st.tuples(st.integers(0, 3600 * SECOND), st.integers(0, 3600 * SECOND)),
        min_size=1,
        max_size=40,
    )
)
def test_late_reports_go_where_they_belong(calls: list[tuple[int, int]]) -> None:
    """Calls reported in any order are in the cells of their ends, unless these are long gone."""
    windows = Windows(LAYOUT)
    newest = START
    for ended, delay in sorted(calls, key=sum):
        newest = max(newest, START + ended)
        add(windows, START + ended, 1 + delay)
    for name in WINDOWS:
        since = covered_from(name, newest)
        in_time = [delay for ended, delay in calls if START + ended >= since]
        assert windows.read(name, newest).count == len(in_time)


def test_late_reports_count_what_they_are() -> None:
    """The durations of late reports are in the quantiles of the window."""
    windows = Windows(LAYOUT)
    add(windows, START + 20 * SECOND, 10**6)
    add(windows, START, 3 * SECOND)
    add(windows, START, 5 * SECOND)
    found = windows.read("1m", START + 20 * SECOND)
    assert found.quantile(0.5).value_ns == pytest.approx(3 * SECOND, rel=0.01)
    assert found.quantile(1.0).value_ns == pytest.approx(5 * SECOND, rel=0.01)


@pytest.mark.parametrize("reading", [0, 1, 2])
def test_a_reading_that_interrupts_a_reading(reading: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler that reads while its thread reads or adds: nothing counts twice."""
    windows = Windows(LAYOUT)
    steps = [0]

    def interrupted(original: Any) -> Any:
        def made(*args: Any) -> Any:
            result = original(*args)
            steps[0] += 1
            if steps[0] == reading + 1:
                windows.read("1m", START)
            return result

        return made

    for name in ("Counter", "array"):
        monkeypatch.setattr(window, name, interrupted(getattr(window, name)))
    add(windows, START, 5, 6, 7)
    windows.read("1m", START)
    add(windows, START, 8)
    assert sum(windows.read("1m", START).cells.values()) == 4


@each_window
def test_nothing_is_left_after_a_long_pause(name: str) -> None:
    """After hours without calls a window is empty, and new calls are alone in it."""
    windows = Windows(LAYOUT)
    for second in range(0, 7200, 5):
        add(windows, START + second * SECOND, 10**6)
    now_ns = START + 5 * 3600 * SECOND
    assert windows.read(name, now_ns).count == 0
    add(windows, now_ns, 10**7)
    assert windows.read(name, now_ns).count == 1
    assert windows.read(name, now_ns).min_ns == 10**7


@each_window
def test_history_is_complete_and_in_order(name: str) -> None:
    """A history has a point for each cell that its window covers, oldest first, empty or not."""
    length_ns, _ = WINDOWS[name]
    windows = Windows(LAYOUT)
    now_ns = START + 2 * 3600 * SECOND + 3 * SECOND
    ends = [now_ns - age * SECOND for age in (2 * 3600 - 1, 3000, 290, 200, 55, 41, 12, 0)]
    for ended in ends:
        add(windows, ended, 10**6)
    points = windows.history(name, now_ns)
    assert len(points) == POINTS[name]
    newest = now_ns // length_ns * length_ns
    oldest = newest - (POINTS[name] - 1) * length_ns
    assert [point.begin_ns for point in points] == list(range(oldest, newest + 1, length_ns))
    assert {point.length_ns for point in points} == {length_ns}
    for point in points:
        inside = [end for end in ends if point.begin_ns <= end < point.begin_ns + length_ns]
        assert point.statistics.count == len(inside)
    total = sum(point.statistics.count for point in points)
    assert total == windows.read(name, now_ns).count


def test_reading_changes_nothing() -> None:
    """A window can be read while its cell fills, again and again."""
    windows = Windows(LAYOUT)
    for second in range(100):
        add(windows, START + second * SECOND, 10**6, 10**9)
        first, again = windows.read("5m", START + second * SECOND), windows.read("5m", START)
        assert first.count == again.count == 2 * (second + 1)


def seeded(seed: int) -> random.Random:
    """Numbers that are the same each time."""
    return random.Random(seed)  # noqa: S311  # nothing secret


def lognormal(rng: random.Random, sigma: float) -> int:
    """A duration around 2 seconds."""
    return min(int(rng.lognormvariate(math.log(2 * SECOND), sigma)), DAY_NS)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.5])
def test_quantiles_of_windows_are_within_their_error(sigma: float) -> None:
    """Quantiles are within the stated error of the exact ones, and mostly within 1 %."""
    rng = seeded(7)
    windows = Windows(LAYOUT)
    calls: list[tuple[int, int]] = []
    for cell in range(90):
        ended = START + cell * CELL_NS + 1
        values = [lognormal(rng, sigma) for _ in range(150)]
        add(windows, ended, *values)
        calls += [(ended, value) for value in values]
    now_ns = START + 89 * CELL_NS + 5
    for name in WINDOWS:
        since = covered_from(name, now_ns)
        ordered = sorted(value for ended, value in calls if ended >= since)
        found = windows.read(name, now_ns)
        for q in (0.01, 0.5, 0.9, 0.99, 0.999):
            exact = ordered[math.ceil(q * len(ordered)) - 1]
            quantile = found.quantile(q)
            assert abs(quantile.value_ns - exact) <= quantile.error_ns
            if sigma <= 0.5:
                assert abs(quantile.value_ns - exact) <= exact / 100
            assert quantile.error_ns <= exact / 20


def test_a_cell_with_too_many_counts_gets_coarser_and_says_so() -> None:
    """Durations all over the range cost resolution, not memory, and the error tells."""
    windows = Windows(LAYOUT)
    spread = [LAYOUT.lower(index) for index in range(LAYOUT.size)]
    for begin in range(0, len(spread), 100):
        add(windows, START, *spread[begin : begin + 100])
    found = windows.read("1m", START)
    assert len(found.cells) <= MOST
    assert found.coarseness > 1
    assert found.count == LAYOUT.size
    median = found.quantile(0.5)
    exact = sorted(spread)[math.ceil(0.5 * len(spread)) - 1]
    assert median.error_ns > exact / 100
    assert abs(median.value_ns - exact) <= median.error_ns


def test_an_hour_of_widely_spread_calls_takes_32_kib() -> None:
    """However different the calls of an hour, the windows stay within 32 KiB."""
    rng = seeded(11)
    windows = Windows(LAYOUT)
    largest = 0
    for cell in range(420):
        values = [lognormal(rng, 2.5) for _ in range(40)]
        add(windows, START + cell * CELL_NS, *values)
        if cell % 60 in (0, 59):
            largest = max(largest, size_of(windows))
    assert largest <= 32 * 1024
    assert windows.read("1h", START + 419 * CELL_NS).count > 40 * 360


def test_the_worst_hour_takes_32_kib() -> None:
    """Counts that are as large and as different as can be stay within 32 KiB too."""
    rng = seeded(13)
    windows = Windows(LAYOUT)
    # One in each cell of each window: 12 of 5 minutes, 5 of 1 minute, 7 of 10 seconds.
    for cell in (*range(0, 360, 30), *range(360, 390, 6), *range(390, 397)):
        batch = Batch(LAYOUT, OUTCOMES[cell % 5], START + cell * CELL_NS, [DAY_NS])
        batch.counts = dict.fromkeys(range(2, 2 * TAIL, 2), 1)
        windows.add(batch)
        assert len(windows._tail) == TAIL - 1
        assert windows._open is not None
        counts = {i: rng.randrange(2**40) for i in range(LAYOUT.size)}
        windows._open.absorb_counts(counts, 0)
        windows._open.outcomes = tuple(rng.randrange(2**40) for _ in OUTCOMES)
    assert [len(ring) for ring in windows._rings.values()] == [7, 6, 13]
    assert size_of(windows) <= 32 * 1024


def test_more_calls_at_once_than_an_entry_of_the_tail_can_tell() -> None:
    """However many calls alike are folded at once, all of them are in the quantiles."""
    windows = Windows(LAYOUT)
    add(windows, START, 5)
    for n in (31, 32, 33, 10_000):
        add(windows, START, *[10**6] * n)
    add(windows, START, 7)
    assert sum(windows.read("1m", START).cells.values()) == 31 + 32 + 33 + 10_000 + 2


def test_windows_of_a_fine_layout() -> None:
    """Indexes beyond two bytes are counted where they belong."""
    fine = Layout(digits=4)
    windows = Windows(fine)
    windows.add(Batch(fine, "ok", START, [DAY_NS, 5 * SECOND]))
    found = windows.read("1m", START)
    assert found.quantile(1.0).value_ns == pytest.approx(DAY_NS, rel=1e-3)
    assert found.quantile(0.0).value_ns == pytest.approx(5 * SECOND, rel=1e-3)
