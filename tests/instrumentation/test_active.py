"""Recording that begins and ends while calls are on their way."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from time import perf_counter_ns

import pytest

import agentmon
from agentmon.errors import AgentmonError
from agentmon.instrumentation.active import ACTIVE, METRICS, OFF
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.site import Site
from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from agentmon.testing import capture
from tests.instrumentation.recording import MODES, outcomes, recording


@agentmon.agent("a")
def work() -> int:
    """Do nothing."""
    return 5


@pytest.mark.parametrize("mode", MODES)
def test_decorated_before_recording_begins(mode: str) -> None:
    """What was decorated and called before recording is recorded from its beginning to its end."""
    assert work() == 5
    with recording(mode) as recorded:
        assert work() == 5
        assert outcomes(recorded) == {"ok": 1}
    assert work() == 5
    assert outcomes(recorded) == {"ok": 1}


@pytest.mark.parametrize("mode", MODES)
def test_recording_again_begins_at_zero(mode: str) -> None:
    """A second recording takes the calls of its own time only."""
    with recording(mode) as first:
        work()
    with recording(mode) as second:
        work()
        work()
    assert outcomes(first) == {"ok": 1}
    assert outcomes(second) == {"ok": 2}


def test_recording_begins_in_the_middle_of_a_call() -> None:
    """A call that began before recording is not recorded; those that begin within it are."""

    @agentmon.agent("outer")
    def outer() -> str:
        registry = Registry(Layout(), perf_counter_ns)
        ACTIVE.turn_on(registry, Classifier(), mode=METRICS)
        work()
        seen.append(registry)
        return "done"

    seen: list[Registry] = []
    try:
        assert outer() == "done"
        operations = seen[0].snapshot().operations
        assert [operation.labels[0] for operation in operations] == ["a"]
    finally:
        ACTIVE.turn_off()


@pytest.mark.parametrize("mode", MODES)
def test_recording_ends_in_the_middle_of_a_call(mode: str) -> None:
    """A call still running when recording ends returns, and leaves nothing current."""
    operation = agentmon.tool("t")

    @agentmon.agent("outer")
    def outer(*, fail: bool) -> str:
        with operation:
            ACTIVE.turn_off()
            work()
            if fail:
                raise KeyError
        return "done"

    @agentmon.agent("outer_async")
    async def outer_async() -> str:
        async with operation:
            ACTIVE.turn_off()
            await asyncio.sleep(0)
        return "done"

    with recording(mode):
        assert outer(fail=False) == "done"
    with recording(mode), pytest.raises(KeyError):
        outer(fail=True)
    with recording(mode):
        assert asyncio.run(outer_async()) == "done"


@pytest.mark.parametrize("mode", MODES)
def test_recording_changes_in_the_middle_of_a_call(mode: str) -> None:
    """A call ends in the recording that it began in, and gives its name to calls of the next."""

    @agentmon.agent("outer")
    def outer() -> None:
        ACTIVE.turn_on(second, Classifier(), mode=METRICS)
        with agentmon.tool("t"):
            pass

    second = Registry(Layout(), perf_counter_ns)
    with recording(mode) as first:
        outer()
        assert outcomes(first, agent="outer") == {"ok": 1}
        (operation,) = second.snapshot().operations
        assert (operation.kind, operation.labels) == ("tool", ("t", "outer"))


def test_capture_refuses_a_second_recording() -> None:
    """capture() within a recording raises, and the recording goes on."""
    with capture() as recorded:
        with pytest.raises(AgentmonError, match="recording is on already"), capture():
            pass
        work()
        assert outcomes(recorded) == {"ok": 1}


def test_sites_may_be_declared_while_the_switch_turns() -> None:
    """Declaring operations in threads while recording is turned on and off raises nowhere."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def declare() -> None:
        n = 0
        try:
            while not stop.is_set():
                n += 1
                Site(Declaration("agent", f"a{n}"))
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=declare) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            with recording("metrics"):
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not failed
    assert ACTIVE.mode == OFF


def test_sites_do_not_outlive_what_they_measure() -> None:
    """A decorated function that is dropped takes its site along."""
    agentmon.agent()  # the declaration itself is kept, for whoever declares the same again
    gc.collect()
    before = len(ACTIVE.sites)

    def declare() -> None:
        @agentmon.agent
        def local() -> None: ...

        local()
        assert len(ACTIVE.sites) == before + 1

    declare()
    gc.collect()
    assert len(ACTIVE.sites) == before


_FORK = """
import os, sys
import agentmon

@agentmon.tool("t")
def use(): pass

@agentmon.agent("a")
def work():
    use()
    pid = os.fork()
    use()
    return pid

def counts():
    return {
        (s.labels.get("agent"), s.kind): s.summary.count for s in agentmon.statistics()
    }

agentmon.configure(traces="none")
pid = work()
if pid == 0:
    assert counts() == {("a", "tool"): 1}, counts()
    assert agentmon.current() is None
    use()
    os._exit(7)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 7
assert counts() == {("a", "agent"): 1, ("a", "tool"): 2}, counts()
print("fine")
"""


def test_fork_within_a_decorated_call() -> None:
    """A child forked within a call begins at zero with the labels around it."""
    done = subprocess.run(
        [sys.executable, "-c", _FORK], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")


_EXIT = """
import agentmon, sys

@agentmon.agent("a")
def stream():
    with agentmon.tool("t"):
        yield 1
        yield 2

agentmon.configure(traces="none")
it = stream()
next(it)
call = agentmon.agent("b").begin()

@agentmon.agent("c")
def leaves():
    sys.exit(3)

leaves()
"""


def test_interpreter_exit_amid_calls() -> None:
    """Calls still in flight when the interpreter exits print nothing and keep its exit code."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", _EXIT],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_a_provider_found_while_recording_ends_changes_nothing() -> None:
    """What a look around finds is ignored once recording was turned off during the look."""

    class Watch:
        def look(self, _clock: object) -> object:
            ACTIVE.turn_off()
            return object()

    registry = Registry(Layout(), perf_counter_ns)
    ACTIVE.turn_on(registry, Classifier(), watch=Watch())  # type: ignore[arg-type]
    ACTIVE.look()
    assert ACTIVE.mode is OFF
    assert ACTIVE.spans is None
