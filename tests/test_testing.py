"""The door for users' tests."""

from __future__ import annotations

import math

import pytest

import agentmon
from agentmon.errors import AgentmonError
from agentmon.testing import Ended, ManualClock, capture


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    """Time is what the test says, in nanoseconds."""
    clock = ManualClock(5)
    assert clock() == clock() == 5 * 10**9
    clock.advance(0.25)
    assert clock() == 5_250_000_000
    clock.advance(0)
    assert clock() == 5_250_000_000


@pytest.mark.parametrize("seconds", [-1, -1e-9, math.nan, math.inf])
def test_a_manual_clock_never_steps_back(seconds: float) -> None:
    """A step back, or one that is no number, is refused."""
    clock = ManualClock()
    with pytest.raises((ValueError, OverflowError)):
        clock.advance(seconds)
    assert clock() == 1000 * 10**9


def test_calls_are_kept_in_the_order_of_their_ends() -> None:
    """Everything of every call can be seen, filtered by kind and name."""
    clock = ManualClock()
    with capture(clock) as recorded:
        with agentmon.agent("a"):
            clock.advance(1)
            with agentmon.tool("t"):
                clock.advance(2)
        clock.advance(3)
        with pytest.raises(KeyError), agentmon.tool("u"):
            raise KeyError
        with agentmon.agent("a"):
            pass
        assert [call.name for call in recorded.calls()] == ["t", "a", "u", "a"]
    assert recorded.calls() == [
        Ended("tool", "t", "ok", None, 2.0),
        Ended("agent", "a", "ok", None, 3.0),
        Ended("tool", "u", "error", "KeyError", 0.0),
        Ended("agent", "a", "ok", None, 0.0),
    ]
    assert [call.name for call in recorded.calls("tool")] == ["t", "u"]
    assert [call.kind for call in recorded.calls(name="a")] == ["agent"] * 2
    assert recorded.calls("agent", "t") == []


def test_values_are_found_by_the_names_that_prometheus_sees() -> None:
    """Samples are found by name and labels, and add up where several match."""
    clock = ManualClock()
    with capture(clock) as recorded:
        for name, seconds in (("a", 1), ("a", 2), ("b", 4)):
            with agentmon.agent(name):
                clock.advance(seconds)
        assert recorded.value("agentmon_agent_calls_total") == 3
        assert recorded.value("agentmon_agent_calls_total", agent="a", outcome="ok") == 2
        assert recorded.value("agentmon_agent_calls_total", agent="a", outcome="error") == 0
        assert recorded.value("agentmon_agent_duration_seconds_sum", agent="a") == 3.0
        assert recorded.value("agentmon_agent_duration_seconds_count") == 3
        assert recorded.value("agentmon_agent_calls_total", agent="c") is None
        assert recorded.value("agentmon_agent_calls") is None


def test_captures_do_not_see_each_other() -> None:
    """Each block records into a place of its own, and nothing is recorded between them."""
    with capture() as first, agentmon.tool("one"):
        pass
    with agentmon.tool("between"):
        pass
    with capture() as second, agentmon.tool("two"):
        pass
    assert [call.name for call in first.calls()] == ["one"]
    assert [call.name for call in second.calls()] == ["two"]


def test_capture_ends_with_its_block_whatever_happens() -> None:
    """A test that fails within the block leaves recording off, and the real clock in force."""
    with pytest.raises(RuntimeError), capture(ManualClock()):
        raise RuntimeError
    with capture() as recorded, agentmon.tool("t"):
        pass
    assert recorded.calls()[0].seconds < 100


def test_capture_within_capture_is_refused() -> None:
    """Recording that is on already is not taken over."""
    refused = pytest.raises(AgentmonError, match=r"call agentmon\.shutdown\(\) first")
    with capture(), refused, capture():
        pass


def test_capture_is_refused_while_configured() -> None:
    """A configured process is not taken over either."""
    agentmon.configure(traces="none")
    try:
        with pytest.raises(AgentmonError, match="recording is on already"), capture():
            pass
    finally:
        agentmon.shutdown()


def test_statistics_see_what_is_captured() -> None:
    """The public statistics tell of the captured calls."""
    clock = ManualClock()
    with capture(clock), agentmon.tool("t"):
        clock.advance(1)
    with capture(clock):
        with agentmon.tool("t"):
            clock.advance(1)
        (operation,) = agentmon.statistics()
    assert (operation.name, operation.summary.count) == ("t", 1)


def test_configure_within_a_capture_is_refused() -> None:
    """configure() within capture() says so, and the capture goes on."""

    @agentmon.agent("a")
    def work() -> None:
        """Do nothing."""

    with capture() as recorded:
        with pytest.raises(agentmon.ConfigError, match="capture"):
            agentmon.configure(traces="none")
        work()
    assert [call.outcome for call in recorded.calls()] == ["ok"]


def test_a_capture_ends_only_its_own_recording() -> None:
    """What is configured after a shutdown within a capture goes on after it."""
    with capture():
        agentmon.shutdown()
        agentmon.configure(traces="none")
    try:
        agentmon.agent("a").begin().end()
        assert [each.summary.count for each in agentmon.statistics()] == [1]
    finally:
        agentmon.shutdown()
