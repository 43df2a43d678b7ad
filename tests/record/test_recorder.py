"""Nothing is lost and nothing doubled: threads, readers, signals, finalisers and forks."""

from __future__ import annotations

import gc
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentmon.model.buckets import Layout
from agentmon.record import registry as registry_module
from agentmon.record.declaration import Declaration
from agentmon.record.limits import CELL_NS, CROWDED, FULL
from agentmon.record.recorder import Detail, Recorder
from agentmon.record.registry import Registry
from agentmon.record.series import Series
from agentmon.testing import ManualClock

LAYOUT = Layout()
ROOT = Path(__file__).parents[2]
THREADS = 8
DEADLINE_SECONDS = 60


def returned(recorder: Recorder, ended_ns: int, duration_ns: int) -> None:
    """Record a call that returned, as the wrapper of a function does."""
    if ended_ns >= recorder.until_ns:
        recorder.enter_cell(ended_ns)
    recorder.plain.append(duration_ns)
    if len(recorder.plain) >= FULL:
        recorder.fold()


def failed(recorder: Recorder, ended_ns: int, duration_ns: int, error_type: str) -> None:
    """Record a call that failed, as the wrapper of a function does."""
    detail = (ended_ns - duration_ns, ended_ns, "error", error_type, 0, None)
    recorder.details.append(detail)
    if len(recorder.details) >= FULL:
        recorder.fold()


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def run_threads(*work: Callable[[], None]) -> None:
    """Run functions in threads of their own; fail if one fails or hangs."""
    errors: list[BaseException] = []

    def guarded(fn: Callable[[], None]) -> None:
        try:
            fn()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must know
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(fn,), daemon=True) for fn in work]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    assert not errors, errors


# ------------------------------------------------------------------ folding


def test_waiting_calls_are_folded_when_there_are_enough() -> None:
    """As many calls as may wait are folded by the one that finds the list full."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("workflow", "w"), None)
    for _ in range(FULL - 1):
        returned(recorder, registry.clock(), 5)
    assert len(recorder.plain) == FULL - 1
    returned(recorder, registry.clock(), 5)
    assert recorder.plain == []
    assert recorder.series.histograms["ok"].count == FULL


def test_a_new_cell_of_time_folds_what_waits() -> None:
    """Whoever comes after the end of a cell folds first, so that no batch spans two cells."""
    clock = ManualClock()
    registry = Registry(LAYOUT, clock)
    recorder = registry.bind(Declaration("workflow", "w"), None)
    returned(recorder, clock(), 5)
    clock.advance(CELL_NS / 1e9)
    returned(recorder, clock(), 7)
    assert recorder.plain == [7]
    assert recorder.until_ns == clock() - clock() % CELL_NS + CELL_NS
    points = registry.snapshot().operations[0].history["1m"]
    assert [point.statistics.sum_ns for point in points[-2:]] == [5, 7]


def test_the_end_of_a_cell_is_that_of_the_present_one() -> None:
    """A cell of time that is begun in its middle ends with it."""
    clock = ManualClock()
    recorder = Registry(LAYOUT, clock).bind(Declaration("workflow", "w"), None)
    clock.advance((CELL_NS - clock() % CELL_NS) / 1e9 + 3)
    recorder.enter_cell(clock())
    assert recorder.until_ns == clock() - 3 * 10**9 + CELL_NS


def test_relief_folds_and_leaves_the_lock() -> None:
    """Whoever finds enough calls waiting folds them, and others can fold afterwards."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("workflow", "w"), None)
    recorder.enter_cell(registry.clock())
    recorder.plain.extend([5] * FULL)
    recorder.relieve()
    assert recorder.plain == []

    def fold() -> None:
        recorder.plain.append(5)
        recorder.relieve()

    run_threads(fold)
    assert recorder.series.histograms["ok"].count == FULL + 1


@pytest.mark.parametrize("kind", ["plain", "details"])
def test_relief_waits_only_where_it_is_crowded(kind: str) -> None:
    """While another thread folds, a caller goes on, unless as many wait as may."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("workflow", "w"), None)
    recorder.enter_cell(registry.clock())
    now_ns = registry.clock()
    entry: Any = 5 if kind == "plain" else (now_ns - 5, now_ns, "ok", None, 0, None)
    waiting: list[Any] = getattr(recorder, kind)
    waiting.extend([entry] * (CROWDED - 1))
    relieved = threading.Event()

    def relieve() -> None:
        recorder.relieve()
        relieved.set()

    with registry.lock:
        run_threads(relieve)
        assert len(waiting) == CROWDED - 1
        waiting.append(entry)
        relieved.clear()
        thread = threading.Thread(target=relieve, daemon=True)
        thread.start()
        assert not relieved.wait(0.2)  # passes by chance only if it does not wait
    assert relieved.wait(DEADLINE_SECONDS)
    thread.join()
    assert waiting == []


def test_a_fold_that_raises_does_not_block_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an exception in a fold, such as Ctrl-C, later folds work."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("workflow", "w"), None)
    with monkeypatch.context() as patched:
        patched.setattr(Series, "add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        returned(recorder, registry.clock(), 5)
        with pytest.raises(KeyboardInterrupt):
            recorder.fold()
    returned(recorder, registry.clock(), 5)
    recorder.fold()
    assert recorder.series.histograms["ok"].count == 1


class Overtaken(list[Any]):
    """A list that another thread appends to right after it was copied."""

    def __getitem__(self, index: Any) -> Any:
        copied = super().__getitem__(index)
        if len(self) == 1:
            self.append(self.late)
        return copied

    late: Any = None


def test_what_comes_while_a_fold_copies_waits_for_the_next() -> None:
    """A fold removes just what it has copied."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("model_call", "chat"), None)
    now_ns = registry.clock()
    recorder.enter_cell(now_ns)
    for name, entry in (
        ("plain", 5),
        ("details", (now_ns - 5, now_ns, "error", "E", 0, None)),
        ("usage", ("input", 3)),
    ):
        overtaken = Overtaken([entry])
        overtaken.late = entry
        setattr(recorder, name, overtaken)
    recorder.fold()
    assert (len(recorder.plain), len(recorder.details), len(recorder.usage)) == (1, 1, 1)
    (operation,) = registry.snapshot().operations
    assert (operation.life.outcomes["ok"], operation.errors) == (2, {"E": 2})
    assert recorder.series.tokens == {"input": 6}


def test_lists_stay_the_same() -> None:
    """A thread that holds on to a list between looking it up and appending loses nothing."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("model_call", "chat"), None)
    lists = recorder.plain, recorder.details, recorder.usage
    returned(recorder, registry.clock(), 5)
    failed(recorder, registry.clock(), 5, "E")
    recorder.usage.append(("input", 1))
    recorder.fold()
    assert recorder.plain is lists[0]
    assert recorder.details is lists[1]
    assert recorder.usage is lists[2]


# ------------------------------------------------------------------ threads


@pytest.mark.usefixtures("fast_switching")
def test_threads_and_readers_lose_nothing() -> None:
    """With 8 threads on one series and readers all the while, every count and sum is exact."""
    registry = Registry(LAYOUT, time.perf_counter_ns)
    recorder = registry.bind(Declaration("model_call", "chat"), None)
    each = 4000
    writing = threading.Semaphore(0)

    def write(number: int) -> None:
        for n in range(each):
            key = object()
            recorder.live[key] = registry.clock()
            del recorder.live[key]
            returned(recorder, registry.clock(), 1000 + n)
            if n % 4 == 0:
                failed(recorder, registry.clock(), 10**6 + number, f"E{n % 8}")
            if n % 5 == 0:
                recorder.usage.append(("input", number))
                if len(recorder.usage) >= FULL:
                    recorder.fold()
        writing.release()

    seen: list[int] = []

    def read() -> None:
        done = 0
        while done < THREADS:
            done += writing.acquire(blocking=False)
            registry.collect()
            (operation,) = registry.snapshot().operations
            assert operation.life.count == sum(operation.life.cells.values())
            assert operation.windows["1h"].count == operation.life.count
            seen.append(operation.life.count)

    run_threads(read, *(lambda number=number: write(number) for number in range(THREADS)))  # type: ignore[misc]
    (operation,) = registry.snapshot().operations
    errors = each // 4
    assert operation.life.outcomes["ok"] == THREADS * each
    assert operation.life.outcomes["error"] == THREADS * errors
    plain_ns = THREADS * sum(range(1000, 1000 + each))
    assert operation.life.sum_ns == plain_ns + errors * sum(10**6 + n for n in range(THREADS))
    assert operation.errors == {"E0": THREADS * errors // 2, "E4": THREADS * errors // 2}
    assert recorder.series.tokens == {"input": each // 5 * sum(range(THREADS))}
    assert operation.in_flight == 0
    assert seen == sorted(seen)


@pytest.mark.usefixtures("fast_switching")
def test_threads_that_bind_the_same_share_one_recorder() -> None:
    """Threads that meet an operation for the first time at once record into one series."""
    registry = Registry(LAYOUT, time.perf_counter_ns)

    def work() -> None:
        for n in range(300):
            returned(registry.bind(Declaration("workflow", f"w{n}"), None), registry.clock(), 1)

    run_threads(*[work] * THREADS)
    operations = registry.snapshot().operations
    assert len(operations) == 300
    assert {operation.life.count for operation in operations} == {THREADS}


@pytest.mark.usefixtures("fast_switching")
def test_threads_lose_no_drop() -> None:
    """What is dropped is counted exactly from many threads."""
    registry = Registry(LAYOUT, time.perf_counter_ns)

    class Yielding(dict[str, int]):
        def __getitem__(self, key: str) -> int:
            value = super().__getitem__(key)
            time.sleep(0)  # let others in between reading and writing
            return value

    registry.dropped = Yielding(registry.dropped)

    def work() -> None:
        for _ in range(200):
            registry.drop("ended_twice", 1)

    run_threads(*[work] * THREADS)
    assert registry.snapshot().dropped["ended_twice"] == 200 * THREADS


def test_folds_that_are_interrupted_by_each_other_do_not_deadlock() -> None:
    """
    Two threads fold two series; each is interrupted and records into the other's series.

    Finalisers do that: the garbage collector runs them in whatever thread allocates.
    """
    inside = {"one": threading.Event(), "other": threading.Event()}
    recorders: dict[str, Recorder] = {}

    class Interrupted(Registry):
        def note_detail(self, series: Series, detail: Detail) -> None:
            (name,) = series.labels
            if detail[3] == "interrupted":
                other = "other" if name == "one" else "one"
                inside[name].set()
                inside[other].wait(0.3)
                failed(recorders[other], detail[1], 5, "by a finaliser")
                recorders[other].fold()
            super().note_detail(series, detail)

    registry = Interrupted(LAYOUT, ManualClock())
    for name in inside:
        recorders[name] = registry.bind(Declaration("workflow", name), None)
        failed(recorders[name], registry.clock(), 5, "interrupted")
    run_threads(*(recorder.fold for recorder in recorders.values()))
    for operation in registry.snapshot().operations:
        assert operation.errors == {"interrupted": 1, "by a finaliser": 1}


# ------------------------------------------------------------------ interruptions in one thread


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_a_signal_handler_that_records_loses_nothing() -> None:
    """A handler that records and reads while its own thread folds and reads: counts are exact."""
    registry = Registry(LAYOUT, time.perf_counter_ns)
    recorder = registry.bind(Declaration("workflow", "w"), None)
    other = registry.bind(Declaration("workflow", "x"), None)
    handled = itertools.count()
    last = 0
    ringing = True

    def handler(_signal: int, _frame: Any) -> None:
        nonlocal last
        last = next(handled) + 1
        for each in (recorder, other):
            failed(each, registry.clock(), 7, f"E{last % 150}")
            returned(each, registry.clock(), 7)
            each.fold()
        if last % 10 == 0:
            registry.snapshot()
            registry.collect()
        if ringing:  # only now: or a slow machine does nothing else
            signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.signal(signal.SIGALRM, handler)
    recorded = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while last < 300 and time.monotonic() < deadline:
            for _ in range(FULL + 10):
                returned(recorder, registry.clock(), 1000 + recorded % 5000)
                recorded += 1
            failed(recorder, registry.clock(), 9, f"F{recorded % 50}")
            if recorded % 3 == 0:
                registry.snapshot()
                registry.collect()
    finally:
        ringing = False  # before the timer stops, so that nothing starts it again
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    one, two = registry.snapshot().operations
    assert last >= 300
    assert one.life.outcomes["ok"] == recorded + last
    assert one.life.outcomes["error"] == recorded // (FULL + 10) + last
    assert two.life.outcomes["ok"] == two.life.outcomes["error"] == last
    for operation in (one, two):
        assert sum(operation.errors.values()) == operation.life.outcomes["error"]
        assert sum(operation.life.cells.values()) == operation.life.count
        assert operation.windows["1h"].count == operation.life.count
        assert sum(operation.windows["1h"].cells.values()) == operation.life.count


def test_a_finaliser_that_records_loses_nothing() -> None:
    """Finalisers that record while their thread folds: counts are exact."""
    registry = Registry(LAYOUT, ManualClock())
    recorder = registry.bind(Declaration("workflow", "w"), None)
    finalised = 0

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            nonlocal finalised
            finalised += 1
            failed(recorder, registry.clock(), 3, f"E{finalised % 190}")
            returned(recorder, registry.clock(), 3)
            recorder.fold()

    threshold = gc.get_threshold()
    gc.set_threshold(20, 2, 2)
    recorded = 0
    try:
        for round_ in range(300):
            Garbage()
            for n in range(20):
                returned(recorder, registry.clock(), 1000 * n * round_)
                failed(recorder, registry.clock(), 1000 * n * round_, "F")
                recorded += 1
            recorder.fold()
            registry.snapshot()
            registry.collect()
    finally:
        gc.set_threshold(*threshold)
        gc.collect()
    (operation,) = registry.snapshot().operations
    assert finalised == 300
    assert operation.life.outcomes["ok"] == operation.life.outcomes["error"]
    assert operation.life.outcomes["ok"] == recorded + finalised
    assert sum(operation.errors.values()) == recorded + finalised


@pytest.mark.parametrize("made", ["Series", "Recorder", "Scope"])
def test_a_binding_that_interrupts_the_same_binding(
    made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler or finaliser that binds what its own thread is binding gets the same recorder."""
    registry = Registry(LAYOUT, ManualClock())
    declaration = Declaration("workflow", "w")
    original = getattr(registry_module, made)
    nested: list[Recorder] = []

    def interrupted(*args: Any) -> Any:
        if not nested:
            monkeypatch.setattr(registry_module, made, original)
            nested.append(registry.bind(declaration, None))
            returned(nested[0], registry.clock(), 5)
        return original(*args)

    monkeypatch.setattr(registry_module, made, interrupted)
    recorder = registry.bind(declaration, None)
    returned(recorder, registry.clock(), 5)
    assert nested == [recorder]
    assert nested[0].scope is recorder.scope
    (operation,) = registry.snapshot().operations
    assert operation.life.count == 2


# ------------------------------------------------------------------ forks

FORKING = """
import json, os, sys, threading, time, warnings
import agentmon

warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, from Python 3.12 on
sys.setswitchinterval(1e-5)
agentmon.configure(service="forks")

@agentmon.tool("work")
def work(fail):
    if fail:
        raise ValueError

def run(n, done):
    for i in range(n):
        try:
            work(i % 10 == 0)
        except ValueError:
            pass
    done.append(n)

def counts():
    return {s.name: [s.summary.count, s.summary.outcomes["error"]] for s in agentmon.statistics()}

done = []
threads = [threading.Thread(target=run, args=(20_000, done)) for _ in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(10):
    time.sleep(0.001)
    read, write = os.pipe()
    with agentmon.tool("around the fork"):
        pid = os.fork()
        if pid == 0:
            before = counts()
            run(1000, [])
    if pid == 0:
        os.write(write, json.dumps([before, counts()]).encode())
        os._exit(0)
    os.close(write)
    children.append((pid, read))
results = []
for pid, read in children:
    with os.fdopen(read) as pipe:
        results.append(json.loads(pipe.read()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
for thread in threads:
    thread.join()
print(json.dumps([counts(), results]))
"""


FORKING_WHILE_LOCKED = """
import os, signal, threading, warnings
import agentmon
from agentmon import _runtime

warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, from Python 3.12 on
agentmon.configure(traces="none")
registry = _runtime._runtime.registry
held, done = threading.Event(), threading.Event()

def hold():
    with registry.lock:
        registry.busy = True
        held.set()
        done.wait()

call = agentmon.tool("around the fork").begin()
threading.Thread(target=hold).start()
held.wait()
if (pid := os.fork()) == 0:
    signal.alarm(20)  # rather die than hang
    call.end()
    call.recorder.fold()
    os._exit(len(call.recorder.plain))
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
done.set()
print(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_another_thread_folds() -> None:
    """A call that began before the fork ends in the child, although the lock's holder is gone."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING_WHILE_LOCKED)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        cwd=ROOT,
        check=False,
    )
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "0\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forks_while_threads_record() -> None:
    """The parent's counts are exact; a child starts from zero, counts its own, and never hangs."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        cwd=ROOT,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    parent, children = json.loads(ran.stdout)
    assert parent == {"work": [80_000, 8000], "around the fork": [10, 0]}
    assert children == [[{}, {"work": [1000, 100]}]] * 10
