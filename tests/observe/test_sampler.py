"""What the process and its host use, as it is scraped."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

import agentmon
from agentmon.observe import cgroup, storage
from agentmon.observe.sampler import Sampler
from tests.driven import Endpoint

MIB = 1 << 20
#: So long that only `flush` samples.
NEVER = 3600.0


def growth(read: Callable[[], float | None], between: Callable[[], object]) -> float:
    """By how much a value grows while something is done, as it is sampled before and after."""
    agentmon.flush()
    before = read()
    between()
    agentmon.flush()
    after = read()
    assert before is not None
    assert after is not None
    return after - before


def burn(cpu_seconds: float) -> None:
    """Use so much processor time, in this thread."""
    until = time.thread_time() + cpu_seconds
    while time.thread_time() < until:
        pass


@pytest.mark.drives("agentmon_process_cpu_seconds_total")
def test_cpu_time_of_the_process_grows_by_what_it_uses(endpoint: Endpoint) -> None:
    """The CPU time of the process grows by what the process says of itself."""
    endpoint.start(resources=NEVER)
    used = 0.0

    def work() -> None:
        nonlocal used
        begun = time.process_time()
        burn(0.3)
        used = time.process_time() - begun

    grown = growth(lambda: endpoint.value("agentmon_process_cpu_seconds_total"), work)
    # Ticks of the kernel are 10 ms, at both ends; the scrape in between takes some too.
    assert used - 0.03 <= grown <= used + 0.25
    assert endpoint.value("agentmon_process_cpu_seconds_total", mode="user") is not None
    assert endpoint.value("agentmon_process_cpu_seconds_total", mode="system") is not None


@pytest.mark.drives("agentmon_process_memory_bytes")
def test_memory_of_the_process_grows_by_what_is_allocated(endpoint: Endpoint) -> None:
    """50 MiB that are written to show in what is resident, and in what is the process's own."""
    endpoint.start(resources=NEVER)
    held: list[bytearray] = []

    def read(memory: str) -> Callable[[], float | None]:
        return lambda: endpoint.value("agentmon_process_memory_bytes", memory=memory)

    for memory in ("rss", "uss"):
        grown = growth(read(memory), lambda: held.append(bytearray(os.urandom(MIB)) * 50))
        assert 45 * MIB <= grown <= 60 * MIB
        held.clear()
    assert endpoint.value("agentmon_process_memory_bytes", memory="swap") is not None


@pytest.mark.drives("agentmon_process_open_files", "agentmon_process_open_files_limit")
def test_open_files_are_counted(endpoint: Endpoint, tmp_path: Path) -> None:
    """20 more files that are open are 20 more descriptors, of those that are allowed."""
    endpoint.start(resources=NEVER)
    opened: list[Any] = []

    def open_some() -> None:
        opened.extend((tmp_path / str(n)).open("w") for n in range(20))

    try:
        # The connection of the first scrape may be closed only when the second comes.
        endpoint.value("agentmon_process_open_files")
        assert (
            abs(growth(lambda: endpoint.value("agentmon_process_open_files"), open_some) - 20) <= 1
        )
    finally:
        for each in opened:
            each.close()
    limit, _ = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    assert endpoint.value("agentmon_process_open_files_limit") == limit


@pytest.mark.drives("agentmon_process_threads")
def test_threads_are_counted(endpoint: Endpoint) -> None:
    """Three more threads are three more threads."""
    endpoint.start(resources=NEVER)
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(3)]
    try:
        grown = growth(
            lambda: endpoint.value("agentmon_process_threads"),
            lambda: [each.start() for each in threads],
        )
        assert grown == 3
    finally:
        over.set()
        for each in threads:
            each.join()


@pytest.mark.drives(
    "agentmon_process_context_switches_total",
    "agentmon_process_io_bytes_total",
    "agentmon_host_network_bytes_total",
)
def test_totals_of_the_system_are_counted_from_differences(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system counts shows in full; of the host what is new, without the loopback."""
    switches = [(10, 1), (17, 3), (16, 3)]
    moved = [(1000, 50), (1000, 4050), (1000, 4050)]
    network = [(500, 700), (800, 1700), (800, 1700)]

    def of_process(values: list[tuple[int, int]], *names: str) -> Callable[..., Any]:
        def read(*_args: object, **_kwargs: object) -> Any:
            now = values.pop(0) if len(values) > 1 else values[0]
            return SimpleNamespace(**dict(zip(names, now, strict=True)))

        return read

    names = ("voluntary", "involuntary")
    monkeypatch.setattr(psutil.Process, "num_ctx_switches", of_process(switches, *names))
    monkeypatch.setattr(
        psutil.Process, "io_counters", of_process(moved, "read_bytes", "write_bytes")
    )
    by_loopback = of_process([(5, 5), (95, 95), (995, 995)], "bytes_sent", "bytes_recv")
    by_card = of_process(network, "bytes_sent", "bytes_recv")
    monkeypatch.setattr(
        psutil,
        "net_io_counters",
        lambda pernic: {"lo": by_loopback(), "eth0": by_card()},
    )
    endpoint.start(resources=NEVER)
    wait_until(lambda: len(network) == 2)
    agentmon.flush()
    agentmon.flush()
    assert endpoint.samples("agentmon_process_context_switches_total") == {
        ("voluntary",): 17,
        ("involuntary",): 3,
    }
    assert endpoint.samples("agentmon_process_io_bytes_total") == {
        ("read",): 1000,
        ("written",): 4050,
    }
    assert endpoint.samples("agentmon_host_network_bytes_total") == {
        ("sent",): 300,
        ("received",): 1000,
    }


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.drives("agentmon_host_cpu_cores", "agentmon_host_load1", "agentmon_host_memory_bytes")
def test_the_host_is_described(endpoint: Endpoint) -> None:
    """Processors, load and memory are those of the host."""
    lowest = os.getloadavg()[0]
    endpoint.start(resources=NEVER)
    agentmon.flush()
    highest = os.getloadavg()[0]
    assert endpoint.value("agentmon_host_cpu_cores") == os.cpu_count()
    load = endpoint.value("agentmon_host_load1")
    assert load is not None
    assert min(lowest, highest) - 0.01 <= load <= max(lowest, highest) + 0.01
    memory = endpoint.samples("agentmon_host_memory_bytes")
    assert memory["total",] == psutil.virtual_memory().total
    assert 0 < memory["available",] <= memory["total",]
    assert memory["swap_total",] == psutil.swap_memory().total
    assert 0 <= memory["swap_used",] <= memory["swap_total",]


@pytest.mark.drives(
    "agentmon_cgroup_cpu_limit_cores",
    "agentmon_cgroup_memory_limit_bytes",
    "agentmon_cgroup_memory_bytes",
    "agentmon_cgroup_cpu_periods",
    "agentmon_cgroup_cpu_throttled_periods",
    "agentmon_cgroup_cpu_throttled_seconds",
    "agentmon_cgroup_oom_kills",
)
def test_the_control_group_is_described(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits, use and throttling of the control group are what its files say."""
    for name, text in {
        "cgroup.controllers": "cpu memory",
        "cpu.max": "150000 100000",
        "cpu.stat": "usage_usec 9\nnr_periods 40\nnr_throttled 7\nthrottled_usec 2500000",
        "memory.max": "1073741824",
        "memory.current": "268435456",
        "memory.events": "low 0\noom 2\noom_kill 1",
        "membership": "0::/",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    monkeypatch.setattr(cgroup, "MEMBERSHIP", tmp_path / "membership")
    endpoint.start(resources=NEVER)
    agentmon.flush()
    assert endpoint.value("agentmon_cgroup_cpu_limit_cores") == 1.5
    assert endpoint.value("agentmon_cgroup_memory_limit_bytes") == 2**30
    assert endpoint.value("agentmon_cgroup_memory_bytes") == 2**28
    assert endpoint.value("agentmon_cgroup_cpu_periods") == 40
    assert endpoint.value("agentmon_cgroup_cpu_throttled_periods") == 7
    assert endpoint.value("agentmon_cgroup_cpu_throttled_seconds") == 2.5
    assert endpoint.value("agentmon_cgroup_oom_kills") == 1
    (tmp_path / "cpu.max").write_text("max 100000")
    agentmon.flush()
    assert endpoint.value("agentmon_cgroup_cpu_limit_cores") is None


@pytest.mark.drives(
    "agentmon_storage_used_bytes",
    "agentmon_storage_free_bytes",
    "agentmon_storage_capacity_bytes",
)
def test_storage_grows_by_what_is_written(endpoint: Endpoint, tmp_path: Path) -> None:
    """A path has the size of the files below it, and the room of its file system."""
    (tmp_path / "below").mkdir()
    endpoint.start(resources=NEVER, storage={"cache": tmp_path})
    agentmon.flush()
    assert endpoint.value("agentmon_storage_used_bytes", path="cache") == 0
    (tmp_path / "below" / "big").write_bytes(bytes(MIB))
    (tmp_path / "small").write_bytes(bytes(10))
    agentmon.flush()
    assert endpoint.value("agentmon_storage_used_bytes", path="cache") == MIB + 10
    total, _, free = shutil.disk_usage(tmp_path)
    assert endpoint.value("agentmon_storage_capacity_bytes", path="cache") == total
    seen = endpoint.value("agentmon_storage_free_bytes", path="cache")
    assert seen is not None
    assert abs(seen - free) < total / 20  # others write there as well


def test_storage_that_goes_away_is_shown_no_more(endpoint: Endpoint, tmp_path: Path) -> None:
    """A path that is gone has no size, and that it cannot be looked at is counted."""
    place = tmp_path / "cache"
    place.mkdir()
    endpoint.start(resources=NEVER, storage={"cache": place})
    agentmon.flush()
    assert endpoint.value("agentmon_storage_used_bytes") == 0
    place.rmdir()
    agentmon.flush()
    assert endpoint.value("agentmon_storage_used_bytes") is None
    assert endpoint.value("agentmon_storage_free_bytes") is None
    assert endpoint.value("agentmon_dropped_total", reason="look_failed") == 1


@pytest.mark.drives("agentmon_gc_pause_seconds")
def test_collections_are_timed(endpoint: Endpoint) -> None:
    """One full collection is one pause of generation 2, which lasts at most as long as the call."""
    gc.disable()
    try:
        endpoint.start(resources=NEVER)
        begun = time.perf_counter()
        gc.collect()
        took = time.perf_counter() - begun
        agentmon.flush()
        assert endpoint.value("agentmon_gc_pause_seconds_count", generation="2") == 1
        total = endpoint.value("agentmon_gc_pause_seconds_sum", generation="2")
        assert total is not None
        assert 0 < total <= took
        agentmon.shutdown()
        assert not [
            each for each in gc.callbacks if "agentmon" in str(getattr(each, "__module__", ""))
        ]
    finally:
        gc.enable()


@pytest.mark.drives("agentmon_sampling_cpu_seconds_total")
def test_sampling_says_what_it_costs(endpoint: Endpoint) -> None:
    """What sampling costs is the CPU time of the thread that samples."""
    endpoint.start(resources=NEVER)
    used = 0.0

    def sample() -> None:
        nonlocal used
        begun = time.thread_time()
        for _ in range(20):
            agentmon.flush()
        used = time.thread_time() - begun

    grown = growth(lambda: endpoint.value("agentmon_sampling_cpu_seconds_total"), sample)
    # One of the two samples around is in it; beside sampling, flushing does next to nothing.
    assert 0.5 * used < grown < 1.5 * used


@pytest.mark.drives("agentmon_event_loop_lag_seconds")
def test_a_loop_that_is_blocked_is_late(endpoint: Endpoint) -> None:
    """A task that keeps the loop to itself for a second makes it late by about that."""
    endpoint.start()
    blocked = 1.0

    async def main() -> None:
        watch = agentmon.watch_loop(name="worker")
        await asyncio.sleep(0)
        until = time.monotonic() + blocked
        while time.monotonic() < until:
            pass
        await asyncio.sleep(0)
        while not endpoint.value("agentmon_event_loop_lag_seconds_count", loop="worker"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        watch.stop()

    asyncio.run(main())
    total = endpoint.value("agentmon_event_loop_lag_seconds_sum", loop="worker")
    count = endpoint.value("agentmon_event_loop_lag_seconds_count", loop="worker")
    assert total is not None
    assert count is not None
    assert total >= blocked - 0.1 - 0.05  # it was due within the first tenth of a second
    over = endpoint.value("agentmon_event_loop_lag_seconds_bucket", loop="worker", le="0.5")
    assert over is not None
    assert count - over >= 1


def test_a_loop_that_is_given_is_watched_from_another_thread(endpoint: Endpoint) -> None:
    """A loop may be named from outside, before it runs, and is let go of with `stop`."""
    endpoint.start()
    loop = asyncio.new_event_loop()
    watch = agentmon.watch_loop(loop, "late")
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    wait_until(
        lambda: (endpoint.value("agentmon_event_loop_lag_seconds_count", loop="late") or 0) >= 2
    )
    watch.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    watch.stop()


def test_watching_no_loop_says_so() -> None:
    """Without a loop, and outside of any, there is nothing to watch."""
    with pytest.raises(agentmon.DeclarationError, match="watch_loop: loop: got none"):
        agentmon.watch_loop()


def test_samples_are_taken_by_themselves(endpoint: Endpoint) -> None:
    """A thread samples at once, and again and again."""
    endpoint.start(resources=0.01)
    seen: list[float] = []

    def grows() -> bool:
        seen.append(endpoint.value("agentmon_sampling_cpu_seconds_total") or 0.0)
        return len(set(seen)) > 2

    wait_until(grows)
    assert seen == sorted(seen)


def test_no_thread_and_no_callback_is_left() -> None:
    """Between `configure` and `shutdown` one thread samples, and none afterwards."""
    before, called = threading.active_count(), len(gc.callbacks)
    agentmon.configure(traces="none", resources=NEVER)
    try:
        assert [each.name for each in threading.enumerate()].count("agentmon-sample") == 1
    finally:
        agentmon.shutdown()
    assert threading.active_count() == before
    assert len(gc.callbacks) == called


def test_nothing_is_sampled_where_that_is_not_asked_for(endpoint: Endpoint) -> None:
    """With ``resources=False`` there is no thread and no sample."""
    endpoint.start(resources=False)
    assert "agentmon-sample" not in [each.name for each in threading.enumerate()]
    assert endpoint.value("agentmon_process_threads") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_samples_itself() -> None:
    """A child counts its own CPU time from zero, in a thread of its own."""
    from agentmon import _runtime

    agentmon.configure(traces="none", resources=NEVER)
    try:
        agentmon.flush()
        burn(0.1)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                agentmon.flush()
                registry = _runtime._runtime.registry
                assert registry is not None
                found = {family.metric.sample: family.samples for family in registry.collect()}
                (_, user), *_ = found["agentmon_process_cpu_seconds_total"]
                threads = [each.name for each in threading.enumerate()]
                said = f"{user < 0.1} {threads.count('agentmon-sample')}"
            except BaseException as error:  # noqa: BLE001  # the parent must hear of it
                said = repr(error)
            os.write(writing, said.encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as heard:
            assert heard.read() == "True 1"
        os.waitpid(child, 0)
    finally:
        agentmon.shutdown()


def test_what_cannot_be_read_is_left_out(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading that the system denies leaves only its own metric out."""

    def denied(*_args: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_full_info", denied)
    endpoint.start(resources=NEVER)
    agentmon.flush()
    assert endpoint.value("agentmon_process_memory_bytes", memory="uss") is None
    assert endpoint.value("agentmon_process_memory_bytes", memory="rss")
    assert endpoint.value("agentmon_process_threads")


def test_a_sampler_off_duty_samples_nothing() -> None:
    """While recording is off a sampler has nobody to tell, and says that it is done."""
    assert Sampler(lambda: None, NEVER).flush(1)


def test_importing_does_not_load_what_samples() -> None:
    """The library that samples is loaded by `configure`, and not where nothing is sampled."""
    import subprocess

    program = (
        "import sys, agentmon; agentmon.configure(traces='none', resources=False); "
        "print('psutil' in sys.modules, 'asyncio' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["False", "False"]


def test_a_walk_takes_its_time(tmp_path: Path) -> None:
    """A large folder is added up over several steps, and then begun anew."""
    for n in range(10):
        (tmp_path / str(n)).write_bytes(bytes(n))
    (tmp_path / "link").symlink_to(tmp_path / "9")
    walk = storage.Walk(str(tmp_path), step=5)
    assert [walk.advance() for _ in range(6)] == [None, None, 45, None, None, 45]


def test_a_walk_over_a_file_is_its_size(tmp_path: Path) -> None:
    """The size of a path that is a file is that of the file."""
    (tmp_path / "file").write_bytes(b"four")
    assert storage.Walk(str(tmp_path / "file")).advance() == 4
