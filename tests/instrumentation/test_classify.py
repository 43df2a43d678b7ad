"""Which outcome an ending has, and what counts as an error."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import sys
from collections.abc import Iterator

import pytest

import agentmon
from agentmon.instrumentation.classify import Classifier
from agentmon.testing import ManualClock, Recorded, capture
from tests.instrumentation.recording import errors, outcomes, recording


class Pause(Exception):
    """A pause for a human."""


class LongPause(Pause):
    """A special pause."""


class Late(Exception):
    """What some client raises when it waited too long."""


class Odd(ValueError):
    """A special error."""


class OwnTimeout(TimeoutError):
    """A special timeout."""


CASES = [
    (ValueError, "error"),
    (Odd, "error"),
    (GeneratorExit, "cancelled"),
    (asyncio.CancelledError, "cancelled"),
    (concurrent.futures.CancelledError, "cancelled"),
    (KeyboardInterrupt, "interrupted"),
    (SystemExit, "interrupted"),
    (TimeoutError, "timeout"),
    (OwnTimeout, "timeout"),
    (asyncio.TimeoutError, "timeout"),
    (concurrent.futures.TimeoutError, "timeout"),
    (StopIteration, "ok"),
    (StopAsyncIteration, "ok"),
    (BaseException, "error"),
]


@pytest.mark.parametrize(("error", "outcome"), CASES)
def test_exception_means_outcome(
    recorded: Recorded, error: type[BaseException], outcome: str
) -> None:
    """Each exception means one outcome, and only errors and timeouts are counted by type."""
    raised = error()

    @agentmon.agent("a")
    def ends() -> None:
        raise raised

    with pytest.raises(error) as caught:
        ends()
    assert caught.value is raised
    assert outcomes(recorded) == {outcome: 1}
    assert errors(recorded) == (outcome in ("error", "timeout"))


@pytest.mark.parametrize(("error", "outcome"), CASES)
def test_exception_means_the_same_in_a_block(
    recorded: Recorded, error: type[BaseException], outcome: str
) -> None:
    """A with block that an exception leaves has the same outcome as a function."""
    raised = error()
    with pytest.raises(error) as caught, agentmon.agent("a"):
        raise raised
    assert caught.value is raised
    assert outcomes(recorded) == {outcome: 1}


def test_errors_are_counted_by_qualified_type(recorded: Recorded) -> None:
    """Errors are counted by module and class, builtins without a module, and add up."""

    @agentmon.agent("a")
    def fails(error: type[Exception]) -> None:
        raise error

    for error in (ValueError, ValueError, Odd, TimeoutError):
        with pytest.raises(error):
            fails(error)
    assert errors(recorded, error_type="ValueError") == 2
    assert errors(recorded, error_type=f"{__name__}.Odd") == 1
    assert errors(recorded, error_type="TimeoutError") == 1
    assert errors(recorded) == 4


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
def test_exception_groups_are_errors(recorded: Recorded) -> None:
    """An exception group is an error, whatever is in it."""

    @agentmon.agent("a")
    def fails() -> None:
        raise ExceptionGroup("several", [TimeoutError(), Pause()])  # noqa: F821  # from Python 3.11 on

    with pytest.raises(ExceptionGroup):  # noqa: F821
        fails()
    assert outcomes(recorded) == {"error": 1}
    assert errors(recorded, error_type="ExceptionGroup") == 1


@pytest.mark.parametrize("interrupts", [Pause, (Pause,), (Pause, KeyError)])
def test_declared_interrupts_of_an_operation(
    recorded: Recorded,
    interrupts: type[BaseException] | tuple[type[BaseException], ...],
) -> None:
    """Exceptions declared as interrupts of one operation are no errors of it."""

    @agentmon.agent("outer")
    @agentmon.agent("a", interrupts=interrupts)
    def pauses() -> None:
        raise LongPause

    with pytest.raises(LongPause):
        pauses()
    assert outcomes(recorded, agent="a") == {"interrupted": 1}
    assert outcomes(recorded, agent="outer") == {"error": 1}
    assert errors(recorded, agent="a") == 0


@pytest.mark.parametrize("mode", ["metrics", "details", "spans"])
def test_declared_for_the_process(mode: str) -> None:
    """Interrupts and timeouts declared for the process hold for every operation."""

    @agentmon.agent("a")
    def fails(error: type[Exception]) -> None:
        raise error

    with recording(mode, classifier=Classifier((Pause,), (Late,))) as recorded:
        for error in (LongPause, Late, ValueError):
            with pytest.raises(error):
                fails(error)
        assert outcomes(recorded) == {"interrupted": 1, "timeout": 1, "error": 1}
        assert errors(recorded) == 2


def test_timeout_marks_a_late_call_without_killing_it() -> None:
    """A call that took longer than its timeout returns its result and counts as a timeout."""
    clock = ManualClock()

    @agentmon.agent("a", timeout=2)
    def work(seconds: float) -> str:
        clock.advance(seconds)
        return "done"

    with capture(clock) as recorded:
        assert [work(1.0), work(2.0), work(2.5)] == ["done"] * 3
        assert [call.outcome for call in recorded.calls()] == ["ok", "ok", "timeout"]
        assert outcomes(recorded) == {"ok": 2, "timeout": 1}
        assert errors(recorded) == 0


def test_timeout_on_the_fast_path() -> None:
    """Late calls count as timeouts on the fast path as well, and those in time do not."""

    @agentmon.agent("late", timeout=1e-9)
    def late() -> None: ...

    @agentmon.agent("early", timeout=3600)
    def early() -> None: ...

    with recording("metrics") as recorded:
        for _ in range(600):
            late()
            early()
        assert outcomes(recorded, agent="late") == {"timeout": 600}
        assert outcomes(recorded, agent="early") == {"ok": 600}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError, "timeout"), (asyncio.CancelledError, "timeout"), (Pause, "interrupted")],
)
def test_late_failures(error: type[BaseException], outcome: str) -> None:
    """A late call that fails or is cancelled is a timeout; a late interrupt stays one."""
    clock = ManualClock()

    @agentmon.agent("a", timeout=2, interrupts=Pause)
    def work() -> None:
        clock.advance(3)
        raise error

    with capture(clock) as recorded:
        with pytest.raises(error):
            work()
        assert [call.outcome for call in recorded.calls()] == [outcome]


def test_late_generator() -> None:
    """A generator that took longer than its timeout counts as one."""
    clock = ManualClock()

    @agentmon.agent("a", timeout=2)
    def stream() -> Iterator[int]:
        yield 1
        clock.advance(3)

    with capture(clock) as recorded:
        list(stream())
        assert [call.outcome for call in recorded.calls()] == ["timeout"]


def test_signal_that_raises_in_user_code(recorded: Recorded) -> None:
    """An exception raised by a signal handler amid a call passes out and ends it."""

    class Alarm(Exception):
        pass

    def ring(_number: int, _frame: object) -> None:
        raise Alarm

    @agentmon.agent("a")
    def work() -> None:
        signal.raise_signal(signal.SIGUSR1)
        while True:
            pass

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with pytest.raises(Alarm):
            work()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert outcomes(recorded) == {"error": 1}
    assert recorded.value("agentmon_agent_in_flight") == 0


def test_signal_handler_that_is_decorated(recorded: Recorded) -> None:
    """A decorated signal handler that runs amid a decorated call is a call of its own within it."""

    @agentmon.tool("handler")
    def handle(_number: int, _frame: object) -> None: ...

    @agentmon.agent("a")
    def work() -> None:
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        work()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert outcomes(recorded) == {"ok": 1}
    assert outcomes(recorded, "tool", agent="a") == {"ok": 1}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are new in Python 3.11")
def test_a_group_means_what_all_in_it_mean() -> None:
    """A group of cancellations is a cancellation, also a nested one; a mixed group is an error."""
    group = vars(__import__("builtins"))["BaseExceptionGroup"]
    classifier = Classifier(interrupts=(Pause,))
    cancelled = asyncio.CancelledError()
    assert classifier.meaning(group("x", [cancelled, group("y", [cancelled])]))[0] == "cancelled"
    assert classifier.meaning(group("x", [Pause(), LongPause()]))[0] == "interrupted"
    assert classifier.meaning(group("x", [cancelled, ValueError()]))[0] == "error"
    assert classifier.meaning(group("x", [Odd()]), (Odd,))[0] == "interrupted"


def test_a_type_of_any_name_is_a_bounded_line() -> None:
    """The name of an error type is cut, and nothing in it can break a line."""
    strange = type("Bad\n" + "x" * 5000, (Exception,), {"__module__": None})
    name = Classifier().classify(strange)[1]
    assert name.startswith("Bad?xxx")
    assert len(name) == 200
