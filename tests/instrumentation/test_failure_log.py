"""One record in the log for each failure."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter_ns
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE, METRICS, SPANS
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.failure_log import FailureLog
from agentmon.instrumentation.owned import OwnedSpans
from agentmon.model.buckets import Layout
from agentmon.model.failure import Failure
from agentmon.model.outcome import ERROR
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock
from agentmon.tracing.log import LogRecord
from agentmon.tracing.sampling import Sampler
from agentmon.tracing.tracer import Pipeline

SECOND = 10**9
MINUTE = 60 * SECOND
LOGGER = logging.getLogger("agentmon.failures")


def unchanged(text: str) -> str:
    """Redact nothing."""
    return text


@contextmanager
def logging_failures(
    sink: Callable[[LogRecord], object] | None = None,
    *,
    spans: bool = False,
    sampler: Sampler | None = None,
    redact: Callable[[str], str] = unchanged,
) -> Iterator[Registry]:
    """Record, and log failures."""
    registry = Registry(Layout(), perf_counter_ns)
    pipeline = Pipeline([].append, sampler) if sampler else Pipeline([].append)
    ACTIVE.turn_on(
        registry,
        Classifier(),
        OwnedSpans(pipeline) if spans else None,
        mode=SPANS if spans else METRICS,
        failures=FailureLog(sink),
        events=sink,
    )
    ACTIVE.redact = redact
    try:
        yield registry
    finally:
        ACTIVE.turn_off()


@contextmanager
def handling(emit: Callable[[logging.LogRecord], object]) -> Iterator[None]:
    """A handler of the host's on the logger of failures."""
    handler = logging.Handler()
    handler.emit = emit  # type: ignore[method-assign,assignment]
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


@agentmon.tool("search")
def search(error: BaseException) -> None:
    """A tool that fails."""
    raise error


@agentmon.agent("desk")
def desk(error: BaseException) -> None:
    """An agent that fails as its tool does."""
    search(error)


def failing(error: BaseException | None = None) -> None:
    """Call the tool, and have it fail."""
    with suppress(BaseException):
        search(error or ValueError("secret"))


def dropped(registry: Registry) -> dict[str, int]:
    """What was dropped."""
    return {reason: n for reason, n in registry.snapshot().dropped.items() if n}


# ---------------------------------------------------------------------- what is said


@pytest.mark.parametrize("spans", [False, True])
def test_a_failure_is_one_record_of_what_is_known(
    caplog: pytest.LogCaptureFixture, spans: bool
) -> None:
    """Each operation that fails logs a warning, with the names around it as its attributes."""
    with (
        logging_failures(spans=spans) as registry,
        suppress(ValueError),
        agentmon.workflow("night"),
    ):
        desk(ValueError("secret"))
    records: list[Any] = caplog.records
    assert [each.agentmon_kind for each in records] == ["tool", "agent", "workflow"]
    record = records[0]
    assert (record.name, record.levelname) == ("agentmon.failures", "WARNING")
    group = registry.snapshot().groups[0]
    assert (record.agentmon_name, record.agent, record.workflow) == ("search", "desk", "night")
    assert (record.outcome, record.error_type) == ("error", "ValueError")
    assert (record.error_group, record.error_location) == (group.group, group.location)
    assert record.operation == "tool search"
    assert record.held_back == 0
    assert 0 < record.duration_seconds < 60
    assert (len(record.trace_id), len(record.span_id)) == ((32, 16) if spans else (0, 0))
    assert record.getMessage() == (
        f"tool 'search' failed: ValueError in {group.location} after "
        f"{record.duration_seconds:.3f} s (group {group.group})"
    )
    assert len({each.error_group for each in records}) == 1
    assert len({each.trace_id for each in records}) == 1


def test_a_timeout_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A call that timed out, with an exception or without, is logged as such."""
    with logging_failures():
        failing(TimeoutError())
        with suppress(TimeoutError):
            agentmon.agent("a").begin().end(outcome="timeout")
    first, second = caplog.records
    assert "tool 'search' timed out: TimeoutError in " in first.getMessage()
    assert second.getMessage().startswith("agent 'a' timed out after ")


def test_a_call_that_returned_too_late_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A late call is logged at the latest when the metrics are read."""
    slow = agentmon.tool("slow", timeout=1e-9)(lambda: sum(range(1000)))
    with logging_failures() as registry:
        slow()
        registry.collect()
    (record,) = caplog.records
    assert record.getMessage().startswith("tool 'slow' timed out after ")


def test_kinds_are_said_in_words(caplog: pytest.LogCaptureFixture) -> None:
    """A model call is called so."""
    with logging_failures(), suppress(OSError), agentmon.model_call("chat", model="m"):
        raise OSError
    assert caplog.messages[0].startswith("model call 'chat' failed: OSError in ")


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt(), StopIteration(), GeneratorExit()]
)
def test_what_is_no_failure_is_not_logged(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """Calls that were cancelled or interrupted, and those that return, are not logged."""
    with logging_failures():
        failing(error)
        with agentmon.agent("fine"):
            pass
    assert caplog.records == []


def test_no_message_and_no_argument_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Standard logging gets neither the exception nor what it says."""
    with logging_failures():
        failing()
    (record,) = caplog.records
    assert record.exc_info is None
    assert "secret" not in repr(record.__dict__)


def test_records_of_traces_that_are_not_sampled_have_their_ids(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failure in a trace that is not recorded still says which it is."""
    with (
        logging_failures(spans=True, sampler=Sampler(0)),
        suppress(ValueError),
        agentmon.workflow("w"),
    ):
        desk(ValueError())
    ids = {(each.trace_id, each.span_id) for each in caplog.records}  # type: ignore[attr-defined]
    assert len(ids) == 1
    assert len(ids.pop()[0]) == 32


def test_a_record_factory_of_the_host_may_use_the_same_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Names that the host puts on every record itself are no reason to say nothing."""
    usual = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = usual(*args, **kwargs)
        record.trace_id = "theirs"
        return record

    logging.setLogRecordFactory(factory)
    try:
        with logging_failures():
            failing()
    finally:
        logging.setLogRecordFactory(usual)
    assert len(caplog.records) == 1


def test_programs_without_logging_print_nothing() -> None:
    """Where nobody has configured logging, failures print nothing."""
    program = (
        "import agentmon\n"
        "agentmon.configure()\n"
        "@agentmon.agent('a')\n"
        "def f(): raise ValueError\n"
        "try: f()\n"
        "except ValueError: pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout + run.stderr == ""


def test_a_logger_that_is_turned_off_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The level of the logger is respected."""
    with caplog.at_level(logging.ERROR, "agentmon.failures"), logging_failures():
        failing()
    assert caplog.records == []


# ---------------------------------------------------------------------- how often


def logged(clock: ManualClock, group: str = "g", kind: str = "tool", name: str = "t") -> bool:
    """Whether a failure of a group is reported now."""
    failures, registry = ACTIVE.failures, ACTIVE.registry
    assert failures is not None
    assert registry is not None
    before = len(SAID)
    recorder = registry.bind(Declaration(kind, name), None)
    failure = Failure(group, "E", "")
    failures.report(recorder, ERROR, 5, clock(), failure=failure, error_type="E")
    return len(SAID) > before


SAID: list[Any] = []


@pytest.fixture
def minutes() -> Iterator[ManualClock]:
    """A clock that the test moves, and what is logged in `SAID`."""
    clock = ManualClock()
    SAID.clear()
    with handling(SAID.append), logging_failures() as registry:
        registry.clock = ACTIVE.clock = clock
        yield clock
    ACTIVE.clock = perf_counter_ns


def test_the_first_five_of_a_minute_are_logged(minutes: ManualClock) -> None:
    """Of failures that are alike, five of a minute are logged, and others beside them."""
    assert [logged(minutes) for _ in range(7)] == [True] * 5 + [False] * 2
    assert logged(minutes, group="another")
    assert logged(minutes, name="another")
    minutes.advance(59.9)
    assert not logged(minutes)


def test_a_flood_is_logged_once_a_minute_with_the_number_held_back(minutes: ManualClock) -> None:
    """While each minute has more, one of it is logged, and says how many were not."""
    for _ in range(8):
        logged(minutes)
    for held_back in (3, 4):
        minutes.advance(60)
        assert [logged(minutes) for _ in range(5)] == [True] + [False] * 4
        assert SAID[-1].held_back == held_back
        assert SAID[-1].getMessage().endswith(f"; {held_back} more like it were not logged")
    assert len(SAID) == 7


def test_after_a_quiet_minute_five_are_logged_again(minutes: ManualClock) -> None:
    """A flood is over when a minute has passed in which nothing was held back."""
    for _ in range(8):
        logged(minutes)
    minutes.advance(120)
    assert [logged(minutes) for _ in range(6)] == [True] * 5 + [False]
    assert [each.held_back for each in SAID] == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    minutes.advance(60)
    assert logged(minutes)
    minutes.advance(60)
    assert [logged(minutes) for _ in range(6)] == [True] * 5 + [False]


def test_five_a_minute_are_no_flood(minutes: ManualClock) -> None:
    """A rate that is never held back is logged whole."""
    for _ in range(10):
        assert all(logged(minutes) for _ in range(5))
        minutes.advance(60)


def test_memory_of_groups_is_bounded(minutes: ManualClock) -> None:
    """Of ever new groups, those beyond 400 share one turn, and what has passed is forgotten."""
    assert ACTIVE.failures is not None
    reported = sum(logged(minutes, group=str(n)) for n in range(1000))
    assert len(ACTIVE.failures._turns) == 401
    assert reported == 405
    minutes.advance(121)
    assert logged(minutes, group="new")
    assert len(ACTIVE.failures._turns) == 1


def test_threads_share_the_turns() -> None:
    """Whichever thread fails, five of a minute are logged."""
    said: list[logging.LogRecord] = []
    with handling(said.append), logging_failures():
        threads = [threading.Thread(target=lambda: [failing() for _ in range(200)]) for _ in "1234"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(said) == 5


# ---------------------------------------------------------------------- handlers of the host


def test_a_handler_that_raises_does_not_reach_the_host() -> None:
    """The host sees its own exception, and what the handler did is counted."""

    def emit(_: logging.LogRecord) -> None:
        raise RuntimeError

    error = ValueError()
    with handling(emit), logging_failures() as registry:
        with pytest.raises(ValueError, match=r"^$") as caught:
            search(error)
        assert caught.value is error
        assert dropped(registry) == {"log_error": 1}
        assert registry.snapshot().groups[0].count == 1


@pytest.mark.parametrize("spans", [False, True])
def test_a_handler_that_calls_measured_functions_does_not_go_round(spans: bool) -> None:
    """Calls that a handler makes are recorded, and their failures are not logged in turn."""
    said: list[logging.LogRecord] = []

    def emit(record: logging.LogRecord) -> None:
        said.append(record)
        with suppress(ValueError):
            desk(ValueError())

    with handling(emit), logging_failures(spans=spans) as registry:
        failing()
        failing()
    assert len(said) == 2
    counts = {(each.kind, each.agent): each.count for each in registry.snapshot().groups}
    assert counts == {("tool", ""): 2, ("tool", "desk"): 2, ("agent", "desk"): 2}


def test_a_handler_that_waits_for_other_threads_is_no_deadlock() -> None:
    """While a handler blocks, other threads record, fail, log and read."""
    inside, release = threading.Event(), threading.Event()
    said = []

    def emit(record: Any) -> None:
        said.append(record.agentmon_name)
        if record.agentmon_name == "search":
            inside.set()
            release.wait(30)

    handler = logging.Handler()
    handler.emit = emit  # type: ignore[method-assign,assignment]
    handler.lock = None  # type: ignore[assignment]  # what blocks here is not logging itself
    LOGGER.addHandler(handler)
    try:
        with logging_failures() as registry:
            blocked = threading.Thread(target=failing)
            blocked.start()
            assert inside.wait(30)
            for _ in range(2000):
                with agentmon.agent("a"):
                    pass
            with suppress(ValueError), agentmon.agent("b"):
                raise ValueError
            assert registry.collect()
            assert said == ["search", "b"]
            assert blocked.is_alive()
            release.set()
            blocked.join(30)
    finally:
        release.set()
        LOGGER.removeHandler(handler)


def test_a_full_stack_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no room to log anything, the host's exception passes unchanged."""

    @agentmon.agent("deep")
    def deep() -> None:
        deep()

    with logging_failures() as registry, pytest.raises(RecursionError):
        deep()
    assert sum(each.count for each in registry.snapshot().groups) > 50


def test_nothing_of_an_exception_is_kept() -> None:
    """When the host has dropped the exception it is gone, though it was logged and sent."""

    class Boom(Exception):
        pass

    sent: list[LogRecord] = []
    with logging_failures(sent.append):
        error = Boom("x")
        gone = weakref.ref(error)
        failing(error)
        del error
        gc.collect()
        assert gone() is None
    assert len(sent) == 1


def test_children_begin_anew() -> None:
    """In a forked child five of a minute are logged, whatever its parent has logged."""
    failures = FailureLog(None)
    turns = [failures._turn("g", n) for n in range(6)]
    failures.abandon()
    assert turns == [0, 0, 0, 0, 0, None]
    assert failures._turn("g", 9) == 0


# ---------------------------------------------------------------------- on the way to a collector


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        (lambda: agentmon.model_call("chat", model="m"), "gen_ai.client.operation.exception"),
        (lambda: agentmon.tool("t"), "gen_ai.execute_tool.exception"),
        (lambda: agentmon.agent("a"), "exception"),
        (lambda: agentmon.workflow("w"), "exception"),
        (lambda: agentmon.step("s"), "exception"),
        (lambda: agentmon.handoff("b"), "exception"),
    ],
)
def test_exceptions_are_events_of_the_conventions(operation: Callable[[], Any], event: str) -> None:
    """Name, severity, and attributes are those of the conventions, and the ids are the span's."""
    sent: list[LogRecord] = []
    with logging_failures(sent.append, spans=True), suppress(ValueError), operation() as call:
        raise ValueError("why")
    (record,) = sent
    assert (record.event, record.severity, record.severity_text) == (event, 13, "WARN")
    given = record.attributes
    assert given["exception.type"] == given["error.type"] == "ValueError"
    assert given["exception.message"] == "why"
    assert given["exception.stacktrace"].startswith("Traceback (most recent call last):")
    assert given["exception.stacktrace"].endswith("ValueError: why\n")
    assert given["agentmon.outcome"] == "error"
    assert len(given["agentmon.error.group"]) == 12
    assert given["agentmon.error.location"].endswith(
        ".test_exceptions_are_events_of_the_conventions"
    )
    assert given["agentmon.duration"] > 0
    assert "agentmon.held_back" not in given
    context = call.span.get_span_context()
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert record.flags & 1
    assert record.body.endswith(f"(group {given['agentmon.error.group']})")


def test_events_have_the_names_around_them() -> None:
    """The attributes that the span begins with are on the record too."""
    sent: list[LogRecord] = []
    with logging_failures(sent.append), suppress(ValueError):
        desk(ValueError())
    assert sent[0].attributes["gen_ai.tool.name"] == "search"
    assert sent[0].attributes["gen_ai.agent.name"] == "desk"
    assert sent[1].attributes["gen_ai.agent.name"] == "desk"


def test_a_failure_without_exception_is_an_event_of_ours() -> None:
    """What timed out without an exception is an event without one."""
    sent: list[LogRecord] = []
    with logging_failures(sent.append):
        agentmon.agent("a").begin().end(outcome="timeout")
    (record,) = sent
    assert record.event == "agentmon.failure"
    assert record.attributes["error.type"] == "timeout"
    assert not any(key.startswith("exception.") for key in record.attributes)


def test_messages_and_stack_traces_are_redacted_before_they_go() -> None:
    """What the hook leaves of the message and of the stack trace is all that is sent."""
    sent: list[LogRecord] = []
    with logging_failures(sent.append, redact=lambda text: text.replace("hunter2", "[gone]")):
        failing(ValueError("my password is hunter2"))
    (record,) = sent
    assert "hunter2" not in repr(record)
    assert record.attributes["exception.message"] == "my password is [gone]"
    assert "my password is [gone]" in record.attributes["exception.stacktrace"]


def test_a_hook_that_raises_lets_nothing_out() -> None:
    """Where redaction fails, the record goes without message and stack trace, and is counted."""

    def redact(_: str) -> str:
        raise RuntimeError

    sent: list[LogRecord] = []
    with logging_failures(sent.append, redact=redact) as registry:
        failing()
        assert dropped(registry) == {"content_failed": 2}
    (record,) = sent
    assert "secret" not in repr(record)
    assert record.attributes["exception.type"] == "ValueError"


def test_held_back_failures_are_not_sent_either() -> None:
    """What is not logged is not sent; the number of it is."""
    sent: list[LogRecord] = []
    clock = ManualClock()
    with logging_failures(sent.append) as registry:
        recorder = registry.bind(Declaration("tool", "t"), None)
        assert ACTIVE.failures is not None
        for seconds in (0, 0, 0, 0, 0, 0, 61):
            clock.advance(seconds)
            ACTIVE.failures.report(recorder, ERROR, 5, clock())
    assert len(sent) == 6
    assert sent[-1].attributes["agentmon.held_back"] == 1


def test_a_sink_that_raises_is_counted() -> None:
    """A logger provider of the host's that raises is counted, and the host sees its own error."""

    def sink(_: LogRecord) -> None:
        raise RuntimeError

    with logging_failures(sink) as registry, pytest.raises(ValueError, match=r"^mine$"):
        search(ValueError("mine"))
    assert dropped(registry) == {"log_error": 1}
