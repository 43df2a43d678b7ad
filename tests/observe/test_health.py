"""Health checks: what they say, by which thresholds, and that none of them harms anything."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.observe.health import CHECKS, Check, Checker, declare
from agentmon.testing import ManualClock, Recorded, capture
from tests.driven import Endpoint
from tests.servers.processes import wait_until


@pytest.fixture(autouse=True)
def nothing_declared() -> Iterator[None]:
    """Each test declares its own."""
    CHECKS.clear()
    yield
    CHECKS.clear()


class Rig:
    """A checker whose time and threads are the test's."""

    def __init__(self, recorded: Recorded, clock: ManualClock) -> None:
        self.recorded = recorded
        self.clock = clock
        self.waiting: list[Callable[[], None]] = []
        self.checker = Checker(
            lambda: ACTIVE.registry,
            lambda: None if ACTIVE.aftermath is None else ACTIVE.aftermath.components,
            clock=lambda: clock() / 1e9,
            spawn=self.waiting.append,
        )

    def step(self, seconds: float = 0.0, *, run: bool = True) -> float:
        """Let time pass, begin what is due, and run it; returns in how many seconds to go on."""
        self.clock.advance(seconds)
        next_s = self.checker.step()
        while run and self.waiting:
            self.waiting.pop(0)()
        return next_s - self.clock() / 1e9

    def runs(self, result: str) -> int:
        """How many runs ended so."""
        return int(self.recorded.value("agentmon_health_check_runs_total", result=result) or 0)

    def up(self) -> float | None:
        """Whether the check passes."""
        return self.recorded.value("agentmon_health_check_up")


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Recording by a clock that is moved by hand."""
    clock = ManualClock()
    with capture(clock) as recorded:
        yield Rig(recorded, clock)


def check(run: Callable[[], Any], **options: Any) -> Check:
    """A declared check."""
    made = Check(
        **{
            "name": "orders-db",
            "component": "orders-db",
            "category": "dependency",
            "interval_s": 30.0,
            "timeout_s": 5.0,
            "failures": 3,
            "successes": 2,
            "needed": True,
            "run": run,
            **options,
        }
    )
    declare(made)
    return made


def test_a_check_passes_unless_it_returns_false_or_raises(rig: Rig) -> None:
    """None and zero pass, False fails, and any exception is one that was raised."""
    answers: list[Any] = [None, 0, True, False, ValueError("x"), SystemExit()]

    def run() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    check(run)
    for _ in range(6):
        rig.step(30)
    assert [rig.runs(each) for each in ("passed", "failed", "raised")] == [3, 1, 2]
    assert rig.recorded.value("agentmon_health_check_duration_seconds_count") == 6


def test_a_coroutine_is_awaited_in_a_loop_of_its_own(rig: Rig) -> None:
    """An async check says by what it returns whether it passes."""
    answers = [True, False]

    async def run() -> bool:
        await asyncio.sleep(0)
        return answers.pop(0)

    check(run)
    rig.step()
    rig.step(30)
    assert (rig.runs("passed"), rig.runs("failed")) == (1, 1)


def test_thresholds_keep_a_check_from_flapping(rig: Rig) -> None:
    """Three failures in a row take it down, two passes in a row bring it up again."""
    answers = "p f f p f f f p f p p"
    seen = []
    ran = iter(answers.split())
    check(lambda: next(ran) == "p")
    for _ in answers.split():
        rig.step(30)
        seen.append(rig.up())
    assert seen == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1]
    assert rig.recorded.value("agentmon_outages_total", component="orders-db") == 1
    # Down from the third failure in a row to the second pass in a row: four intervals.
    assert rig.recorded.value("agentmon_outage_duration_seconds_sum") == 120
    assert rig.recorded.value("agentmon_component_time_seconds_total", state="up") == 180


def test_a_check_that_fails_from_the_first_is_known_after_its_threshold(rig: Rig) -> None:
    """Until then nothing is said of it, and the process is not ready."""
    check(lambda: False)
    for _ in range(2):
        rig.step(30)
        assert rig.up() is None
        assert rig.checker.health().pending() == ["orders-db"]
    rig.step(30)
    assert rig.up() == 0
    assert rig.checker.health().failing(liveness=False) == ["orders-db"]
    assert rig.checker.health().pending() == []


def test_runs_begin_at_the_interval(rig: Rig) -> None:
    """Nothing is asked before its time, and the next run is as far off as it says."""
    check(lambda: True, interval_s=10)
    assert rig.step() == 5  # a run might take too long
    assert rig.step() == 10
    assert rig.runs("passed") == 1
    assert rig.step(9) == 1
    assert rig.runs("passed") == 1
    rig.step(1)
    assert rig.runs("passed") == 2


def test_a_check_that_hangs_times_out_once_and_is_not_begun_again(rig: Rig) -> None:
    """However long it hangs it is one run and one thread; when it ends, the next run may begin."""
    check(lambda: True, failures=1)
    rig.step(run=False)
    assert len(rig.waiting) == 1
    rig.step(5, run=False)
    for _ in range(10):
        rig.step(30, run=False)
    assert len(rig.waiting) == 1
    assert rig.runs("timeout") == 1
    assert rig.up() == 0
    rig.waiting.pop()()  # it ends at last, and passed: too late
    assert (rig.runs("timeout"), rig.runs("passed")) == (1, 0)
    rig.step()
    assert rig.runs("passed") == 1


def test_a_run_that_ends_too_late_is_a_timeout(rig: Rig) -> None:
    """Whether anybody looked in time does not matter."""

    def run() -> bool:
        rig.clock.advance(6)
        return True

    check(run)
    rig.step()
    assert (rig.runs("timeout"), rig.runs("passed")) == (1, 0)
    assert rig.recorded.value("agentmon_health_check_duration_seconds_sum") == 6


def test_where_no_thread_can_be_had_the_check_fails(rig: Rig) -> None:
    """A process that is out of threads is not healthy, and the checker goes on."""

    def none(_do: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    checker = Checker(lambda: ACTIVE.registry, lambda: None, clock=lambda: 0.0, spawn=none)
    check(lambda: True)
    checker.step()
    assert rig.runs("raised") == 1


def test_a_check_that_is_declared_anew_takes_the_place_of_the_old(rig: Rig) -> None:
    """Its component changes with it, and what the old run says is nobody's."""
    check(lambda: True, component="old")
    rig.step(run=False)
    check(lambda: True, component="new")
    rig.step(run=False)
    for run in rig.waiting:
        run()
    assert rig.recorded.value("agentmon_component_up", component="old") is None
    assert rig.recorded.value("agentmon_component_up", component="new") == 1
    assert rig.runs("passed") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"component": " "},
        {"category": 3},
        {"interval_s": 0},
        {"timeout_s": float("inf")},
        {"failures": 0},
        {"successes": 1.5},
        {"run": None},
    ],
)
def test_what_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    """A check is refused at declaration, with what was got and what is allowed."""
    with pytest.raises(DeclarationError, match=r"got .*, allowed "):
        check(wrong.pop("run", lambda: True), **wrong)


def test_there_are_two_hundred_checks_at_most() -> None:
    """As many as the label has values; one of a known name may always come."""
    for n in range(200):
        check(lambda: True, name=str(n))
    check(lambda: True, name="0")
    with pytest.raises(DeclarationError, match="allowed 200 checks at most"):
        check(lambda: True, name="200")


# ------------------------------------------------------------------ with real threads, over HTTP


def asked(path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and answer of the endpoint."""
    address = agentmon.endpoint()
    assert address is not None
    try:
        with urlopen(f"{address}{path}", **headers) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.drives(
    "agentmon_health_check_up",
    "agentmon_health_check_runs_total",
    "agentmon_health_check_duration_seconds",
    "agentmon_health_check_last_run_timestamp_seconds",
)
def test_readiness_follows_the_checks(endpoint: Endpoint) -> None:
    """With a check that passes and one that fails, the process lives and is not ready."""

    @agentmon.health_check("orders-db", interval=0.01, failures=2)
    def passes() -> None:
        pass

    assert passes() is None
    endpoint.start()
    wait_until(lambda: asked("/readyz")[0] == 200, timeout_s=30, what="ready")
    assert asked("/readyz")[1] == {"status": "ready", "failing": [], "pending": []}

    @agentmon.health_check("search", category="readiness", interval=0.01, failures=2)
    async def fails() -> bool:
        return False

    wait_until(lambda: asked("/readyz")[1]["failing"], timeout_s=30, what="failing")
    assert asked("/readyz") == (503, {"status": "failing", "failing": ["search"], "pending": []})
    assert asked("/healthz") == (200, {"status": "alive", "failing": []})
    up = endpoint.samples("agentmon_health_check_up")
    assert up == {
        ("orders-db", "orders-db", "dependency"): 1,
        ("search", "search", "readiness"): 0,
    }
    failed = endpoint.value("agentmon_health_check_runs_total", check="search", result="failed")
    assert failed is not None
    assert failed >= 2
    took = endpoint.value("agentmon_health_check_duration_seconds_count", check="search")
    assert took is not None
    assert took >= failed
    assert endpoint.value("agentmon_health_check_last_run_timestamp_seconds", check="search")


def test_only_a_liveness_check_ends_life(endpoint: Endpoint) -> None:
    """Life fails with a check of that category; one that is not needed spoils nothing."""
    agentmon.health_check("deadlock", category="liveness", interval=0.01, failures=1)(lambda: False)
    agentmon.health_check("mail", interval=0.01, failures=1, needed=False)(lambda: False)
    endpoint.start()
    wait_until(lambda: asked("/healthz")[0] == 503, timeout_s=30, what="dead")
    assert asked("/healthz")[1] == {"status": "failing", "failing": ["deadlock"]}
    wait_until(
        lambda: endpoint.value("agentmon_health_check_up", check="mail") == 0,
        timeout_s=30,
        what="mail down",
    )
    assert asked("/readyz")[1]["failing"] == ["deadlock"]


def test_checks_that_hang_hold_up_nothing(endpoint: Endpoint) -> None:
    """Beside three that hang another is asked, scrapes are answered, and shutdown returns."""
    never = threading.Event()
    try:
        for n in range(3):
            agentmon.health_check(f"hangs-{n}", interval=0.01, timeout=0.05)(never.wait)
        agentmon.health_check("quick", interval=0.01)(lambda: True)
        endpoint.start()

        def enough() -> bool:
            runs = "agentmon_health_check_runs_total"
            hung = endpoint.value(runs, result="timeout")
            return hung == 3 and (endpoint.value(runs, check="quick") or 0) > 20

        wait_until(enough, timeout_s=30, what="timeouts and runs")
        named = [each.name for each in threading.enumerate()]
        assert named.count("agentmon-check") <= 4
        assert endpoint.value("agentmon_health_check_runs_total", result="timeout") == 3
        agentmon.shutdown()
    finally:
        never.set()


def test_strangers_learn_the_state_and_no_names(endpoint: Endpoint) -> None:
    """Where a password is asked for, a probe without one is answered, without names of checks."""
    agentmon.health_check("search", interval=0.01, failures=1)(lambda: False)
    endpoint.start(access=agentmon.Access(user="me", password="s3cret-enough"))  # noqa: S106
    wait_until(
        lambda: asked("/readyz") == (503, {"status": "failing"}), timeout_s=30, what="failing"
    )
    assert asked("/healthz") == (200, {"status": "alive"})


def test_a_check_that_is_removed_leaves_no_trace_but_its_counts(endpoint: Endpoint) -> None:
    """Its gauge goes, its component is down no more, and the process is ready without it."""
    agentmon.remove_health_check("search")
    agentmon.health_check("search", interval=0.01, failures=1)(lambda: False)
    endpoint.start()
    wait_until(lambda: asked("/readyz")[1]["failing"], timeout_s=30, what="failing")
    agentmon.remove_health_check("search")
    assert asked("/readyz")[0] == 200
    assert endpoint.value("agentmon_health_check_up") is None
    assert endpoint.value("agentmon_component_up") is None
    assert endpoint.value("agentmon_health_check_runs_total", result="failed")


def test_without_checks_the_process_is_alive_and_ready(endpoint: Endpoint) -> None:
    """An endpoint that answers is what there is to know."""
    endpoint.start()
    assert asked("/healthz") == (200, {"status": "alive", "failing": []})
    assert asked("/readyz") == (200, {"status": "ready", "failing": [], "pending": []})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads is what is tested
def test_a_forked_child_runs_the_checks_itself(endpoint: Endpoint) -> None:
    """The child's checks run in threads of its own, and are counted in its own registry."""
    ran: list[int] = []
    agentmon.health_check("search", interval=0.01)(lambda: ran.append(os.getpid()))
    endpoint.start()
    wait_until(lambda: ran, timeout_s=30, what="a run")
    child = os.fork()
    if child == 0:
        try:
            wait_until(lambda: os.getpid() in ran, timeout_s=30, what="a run in the child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
