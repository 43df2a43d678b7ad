"""Runs of workflows: where their time goes, from the calls of a program to what is recorded."""

from __future__ import annotations

import asyncio
import threading

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT
from agentmon.record.recorder import Recorder
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands, serve_by
from tests.instrumentation.recording import recording


def path(recorded: Recorded, workflow: str = "job") -> dict[str, float]:
    """Seconds on the path by agent, and by kind where that is not working."""
    registry = ACTIVE.registry
    assert registry is not None
    family = next(
        each for each in registry.collect() if each.metric.name == "workflow_critical_path"
    )
    return {
        agent if kind == "working" else f"{agent} {kind}".strip(): value
        for (name, agent, kind), value in family.samples
        if name == workflow and value
    }


@pytest.mark.drives(
    "agentmon_workflow_critical_path_seconds_total",
    "agentmon_workflow_work_seconds_total",
    "agentmon_workflow_fan_out_seconds_total",
    "agentmon_workflow_straggler_seconds_total",
    "agentmon_workflow_untracked_total",
)
def test_where_the_time_of_a_run_went_is_scraped(endpoint: Endpoint, clock: Hands) -> None:
    """
    A run of 10 s: 1 s alone, then two agents at once for 6 and 4 s, then a handoff of 3 s.

    In the handoff the target works 2 s, of which 0.5 s are for a database.
    """
    serve_by(endpoint, clock)
    with agentmon.workflow("job"):
        clock.pass_by(1)
        slow, fast = agentmon.agent("slow").begin(), agentmon.agent("fast").begin()
        clock.pass_by(4)
        fast.end()
        clock.pass_by(2)
        slow.end()
        with agentmon.handoff("billing", source="slow"):
            clock.pass_by(1)
            with agentmon.agent("billing"):
                clock.pass_by(1.5)
                with agentmon.dependency("db"):
                    clock.pass_by(0.5)
    sample = "agentmon_workflow_critical_path_seconds_total"
    assert endpoint.samples(sample, workflow="job") == {
        ("", "working"): 1,
        ("slow", "working"): 6,
        ("billing", "handoff"): 1,
        ("billing", "working"): 1.5,
        ("billing", "dependency"): 0.5,
    }
    assert endpoint.value("agentmon_workflow_work_seconds_total", workflow="job") == 12.5
    assert endpoint.value("agentmon_workflow_fan_out_seconds_total", workflow="job") == 6
    assert endpoint.value("agentmon_workflow_straggler_seconds_total", workflow="job") == 2
    assert endpoint.value("agentmon_workflow_untracked_total", workflow="job") == 0
    assert endpoint.value("agentmon_workflow_duration_seconds_sum") == pytest.approx(10, rel=0.01)


def test_decorated_functions_are_followed_within_runs_only(timed: Recorded, clock: Hands) -> None:
    """Outside, nothing is remembered of them."""

    @agentmon.tool
    def look_up() -> None:
        clock.pass_by(2)

    @agentmon.agent
    def clerk() -> None:
        clock.pass_by(1)
        look_up()

    @agentmon.workflow("job")
    def job() -> None:
        clerk()
        clock.pass_by(0.5)

    clerk()
    job()
    assert path(timed) == {"": 0.5, "clerk": 3}


def test_tasks_of_asyncio_are_branches_of_the_run(timed: Recorded, clock: Hands) -> None:
    """The branch that ends last is on the path."""

    async def work(name: str, seconds: list[float]) -> None:
        async with agentmon.agent(name):
            for each in seconds:
                clock.pass_by(each)
                await asyncio.sleep(0)

    async def run() -> None:
        async with agentmon.workflow("job"):
            await asyncio.gather(work("a", [1]), work("b", [1, 1]), work("c", [1, 1, 1]))

    asyncio.run(run())
    found = path(timed)
    assert sum(found.values()) == 6
    assert found["c"] == 4  # from its begin, when a and b had worked 1 s each


def test_threads_that_carry_the_context_are_branches_too(timed: Recorded, clock: Hands) -> None:
    """A thread's calls belong to the run that it was started in."""

    def work() -> None:
        with agentmon.agent("a"):
            clock.pass_by(3)

    with agentmon.workflow("job"):
        thread = threading.Thread(target=agentmon.carry(work))
        thread.start()
        thread.join()
        clock.pass_by(1)
    assert path(timed) == {"": 1, "a": 3}


def test_a_workflow_within_another_has_its_own_path_and_is_part_of_the_other(
    timed: Recorded, clock: Hands
) -> None:
    """Both count the time of the agent."""
    with agentmon.workflow("job"):
        clock.pass_by(1)
        with agentmon.workflow("part"), agentmon.agent("a"):
            clock.pass_by(2)
    assert path(timed, "part") == {"a": 2}
    assert path(timed, "job") == {"": 1, "a": 2}


def test_a_run_that_fails_has_a_path(timed: Recorded, clock: Hands) -> None:
    """Until where it failed."""

    def fail() -> None:
        clock.pass_by(2)
        raise KeyError

    with pytest.raises(KeyError), agentmon.workflow("job"), agentmon.agent("a"):
        fail()
    assert path(timed) == {"a": 2}


def test_runs_with_too_many_calls_are_counted(
    timed: Recorded, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their path is split as far as it is known, and is still all of their time."""
    monkeypatch.setattr("agentmon.instrumentation.path.Budget.__init__", _two)
    with agentmon.workflow("job"):
        for name in "abc":
            with agentmon.agent(name):
                clock.pass_by(1)
    assert path(timed) == {"": 1, "a": 1, "b": 1}
    assert timed.value("agentmon_workflow_untracked_total", workflow="job") == 1


def _two(budget: object) -> None:
    """Room for two calls."""
    budget.left = 2  # type: ignore[attr-defined]


def test_in_every_mode_runs_are_followed(recorded: Recorded) -> None:
    """With spans and without, the parts of the path are the time of the run."""

    @agentmon.agent
    def clerk() -> None:
        pass

    @agentmon.workflow("job")
    def job() -> None:
        clerk()

    job()
    found = path(recorded)
    assert set(found) == {"", "clerk"}
    took = recorded.value("agentmon_workflow_duration_seconds_sum")
    assert sum(found.values()) == pytest.approx(took, rel=1e-6)


def test_calls_outside_runs_keep_to_the_fast_path() -> None:
    """Where a program has workflows, its other calls pay nothing for them."""

    @agentmon.agent
    def clerk() -> bool:
        return isinstance(CURRENT.get(), Recorder)

    with recording("metrics"):
        clerk()  # binds
        assert clerk()
        with agentmon.workflow("job"):
            assert not clerk()
        assert clerk()
