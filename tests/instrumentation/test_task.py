"""Tasks: results, rework, value, first output, cost; across agents, attempts and processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import agentmon
from agentmon.testing import ManualClock, capture
from tests.driven import Endpoint

TABLE = {"models": {"m": {"input": 1, "output": 10}}}


def model(**tokens: int) -> None:
    """One model call."""
    with agentmon.model_call(model="m") as made:
        made.usage(**tokens)


@pytest.mark.drives(
    "agentmon_task_begun_total",
    "agentmon_task_ended_total",
    "agentmon_task_duration_seconds",
    "agentmon_task_in_flight",
)
def test_tasks_are_counted_by_how_they_end(endpoint: Endpoint) -> None:
    """A return, an exception, a timeout, a cancellation and one that is open."""
    endpoint.start()

    @agentmon.task("answer")
    def answer(error: BaseException | None) -> None:
        if error is not None:
            raise error

    with agentmon.agent("desk"):
        answer(None)
        for error in (ValueError(), TimeoutError(), asyncio.CancelledError()):
            with pytest.raises(type(error)) as raised:
                answer(error)
            assert raised.value is error
    handle = agentmon.task("answer").begin()
    assert endpoint.value("agentmon_task_begun_total", task="answer") == 5
    assert endpoint.samples("agentmon_task_ended_total", task="answer", agent="desk") == {
        ("completed",): 1,
        ("failed",): 1,
        ("timed_out",): 1,
        ("abandoned",): 1,
    }
    assert endpoint.value("agentmon_task_duration_seconds_count", task="answer") == 4
    assert endpoint.value("agentmon_task_in_flight", task="answer") == 1
    handle.abandon()
    assert endpoint.value("agentmon_task_in_flight", task="answer") == 0


def test_durations_are_from_the_request_to_the_answer() -> None:
    """A handle that is begun, and completed 3 seconds later by another thread."""
    clock = ManualClock()
    with capture(clock) as recorded:
        task = agentmon.task("answer").begin()
        clock.advance(3)
        thread = threading.Thread(target=task.complete)
        thread.start()
        thread.join()
    assert recorded.value("agentmon_task_duration_seconds_sum", result="completed") == 3


@pytest.mark.drives("agentmon_task_first_output_seconds")
def test_the_first_item_of_a_stream_is_the_first_output(endpoint: Endpoint) -> None:
    """A decorated generator: one first output, whatever comes after it."""
    endpoint.start()

    @agentmon.task("tell")
    def tell() -> Iterator[str]:
        yield from "abc"

    assert list(tell()) == ["a", "b", "c"]
    assert endpoint.value("agentmon_task_first_output_seconds_count", task="tell") == 1
    assert endpoint.value("agentmon_task_ended_total", task="tell", result="completed") == 1


def test_time_to_the_first_output_is_measured_once() -> None:
    """2 seconds to the first output; what is put out later changes nothing."""
    clock = ManualClock()
    with capture(clock) as recorded, agentmon.task("tell") as task:
        clock.advance(2)
        task.first_output()
        clock.advance(5)
        task.first_output()
    assert recorded.value("agentmon_task_first_output_seconds_sum") == 2
    assert recorded.value("agentmon_task_first_output_seconds_count") == 1


def test_a_stream_that_is_left_is_abandoned() -> None:
    """Closing a generator before its end abandons its task, sync or async."""

    @agentmon.task("tell")
    def tell() -> Iterator[int]:
        yield 1
        yield 2

    @agentmon.task("tell")
    async def tell_later() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def leave() -> None:
        stream = tell_later()
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]

    with capture() as recorded:
        stream = tell()
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        asyncio.run(leave())
    assert recorded.value("agentmon_task_ended_total", result="abandoned") == 2


@pytest.mark.drives("agentmon_task_reworked_total")
def test_a_task_that_is_attempted_again_is_reworked_once(endpoint: Endpoint) -> None:
    """The same id after its end: not begun again, ended again, reworked once for three attempts."""
    endpoint.start()
    for _ in range(3):
        with agentmon.task("answer", id=7, agent="desk"):
            pass
    assert endpoint.value("agentmon_task_begun_total", task="answer") == 1
    assert endpoint.value("agentmon_task_ended_total", task="answer") == 3
    assert endpoint.samples("agentmon_task_reworked_total", task="answer") == {
        ("desk", "attempted_again"): 1
    }


def test_a_task_is_flagged_later_by_its_id() -> None:
    """With the reason, the kind and the agent that are remembered; once."""
    with capture() as recorded:
        with agentmon.task("answer", id="a", agent="desk"):
            pass
        agentmon.rework("a", reason="wrong answer")
        agentmon.rework("a", reason="again")
    assert recorded.value("agentmon_task_reworked_total") == 1
    assert (
        recorded.value(
            "agentmon_task_reworked_total", task="answer", agent="desk", reason="wrong answer"
        )
        == 1
    )


def test_a_flag_for_a_task_nobody_remembers_is_counted() -> None:
    """Under the kind that is given, else without, which is counted as well; once for an id."""
    with capture() as recorded:
        agentmon.rework("x", reason="wrong", kind="answer")
        agentmon.rework("y", reason="wrong")
        agentmon.rework("y", reason="wrong")
    assert recorded.value("agentmon_task_reworked_total", task="answer") == 1
    assert recorded.value("agentmon_task_reworked_total", task="") == 1
    assert recorded.value("agentmon_dropped_total", reason="unknown_subject") == 1


def test_an_attempt_after_one_of_another_process_is_rework() -> None:
    """A second attempt says so; it is not begun again."""
    with capture() as recorded, agentmon.task("answer", id=1, attempt=2):
        pass
    assert recorded.value("agentmon_task_begun_total") is None
    assert recorded.value("agentmon_task_reworked_total", reason="attempted_again") == 1


@pytest.mark.drives("agentmon_task_value_total")
def test_values_are_those_of_the_result(endpoint: Endpoint) -> None:
    """2.50 for one that completes, 0.10 for one that does not, 7 for one that says so itself."""
    endpoint.start()
    value = {"completed": 2.5, "failed": 0.1}
    with agentmon.workflow("w"), agentmon.task("answer", value=value, currency="EUR"):
        pass
    with pytest.raises(KeyError), agentmon.task("answer", value=value, currency="EUR"):
        raise KeyError
    with agentmon.task("answer", value=1) as task:
        task.complete(value=7)
    assert endpoint.samples("agentmon_task_value_total", task="answer") == {
        ("w", "completed", "EUR"): 2.5,
        ("", "failed", "EUR"): 0.1,
        ("", "completed", "USD"): 7,
    }


@pytest.mark.drives(
    "agentmon_task_cost_total",
    "agentmon_task_tokens_total",
    "agentmon_wasted_cost_total",
    "agentmon_wasted_tokens_total",
)
def test_what_tasks_cost_and_waste_is_summed_once(endpoint: Endpoint) -> None:
    """
    Of an answer that is flagged twice, and of a failure, which is wasted already.

    By hand: 1,000 tokens of input and 100 of output are 0.002; 500 of input are 0.0005.
    """
    endpoint.start(prices=TABLE)
    with agentmon.task("answer", id=1), agentmon.agent("outer"), agentmon.agent("inner"):
        model(input_tokens=1000, output_tokens=100)
    with agentmon.task("answer", id=2, agent="inner") as task:
        model(input_tokens=500)
        task.fail()
    assert endpoint.samples("agentmon_task_cost_total", task="answer", agent="inner") == {
        ("completed", "USD"): 0.002,
        ("failed", "USD"): 0.0005,
    }
    agentmon.rework(1, reason="wrong")
    agentmon.rework(1, reason="wrong")
    agentmon.rework(2, reason="wrong")
    assert endpoint.samples("agentmon_wasted_cost_total", task="answer", agent="inner") == {
        ("reworked", "USD"): 0.002,
        ("failed", "USD"): 0.0005,
    }
    assert endpoint.samples("agentmon_task_tokens_total", task="answer", agent="inner") == {
        ("completed",): 1100,
        ("failed",): 500,
    }
    assert endpoint.samples("agentmon_wasted_tokens_total", task="answer", agent="inner") == {
        ("reworked",): 1100,
        ("failed",): 500,
    }


def test_of_tasks_within_tasks_the_innermost_gets_the_cost(endpoint: Endpoint) -> None:
    """Nothing is counted for both."""
    endpoint.start(prices=TABLE)
    with agentmon.task("outer"):
        model(input_tokens=1)
        with agentmon.task("inner"):
            model(input_tokens=10)
        model(input_tokens=100)
    assert endpoint.value("agentmon_task_tokens_total", task="outer") == 101
    assert endpoint.value("agentmon_task_tokens_total", task="inner") == 10


def test_a_task_that_is_open_is_joined_by_its_id() -> None:
    """An agent that enters the task by its id adds to it, and does not end it."""
    with capture() as recorded:
        handle = agentmon.task("answer", id=1).begin()
        with agentmon.task("answer", id=1):
            model(input_tokens=5)
        assert recorded.value("agentmon_task_ended_total") is None
        with handle.active():
            model(input_tokens=6)
        handle.complete()
        handle.fail()
    assert recorded.value("agentmon_task_begun_total") == 1
    assert recorded.value("agentmon_task_tokens_total", result="completed") == 11
    assert recorded.value("agentmon_task_ended_total") == 1
    assert recorded.value("agentmon_dropped_total", reason="ended_twice") == 1


def test_a_late_answer_has_timed_out() -> None:
    """3 seconds where 2 are allowed; an exception stays a failure."""
    clock = ManualClock()
    with capture(clock) as recorded:
        with agentmon.task("answer", timeout=2):
            clock.advance(3)
        with agentmon.task("answer", timeout=2):
            clock.advance(2)
    assert recorded.value("agentmon_task_ended_total", result="timed_out") == 1
    assert recorded.value("agentmon_task_ended_total", result="completed") == 1


def test_a_handle_that_nobody_ends_times_out() -> None:
    """When metrics are read after its time; it took as long as it was allowed to."""
    clock = ManualClock()
    with capture(clock) as recorded:
        task = agentmon.task("answer", timeout=2).begin()
        clock.advance(1)
        assert recorded.value("agentmon_task_ended_total") is None
        clock.advance(60)
        assert recorded.value("agentmon_task_duration_seconds_sum", result="timed_out") == 2
        assert task.result == "timed_out"


def test_an_interruption_leaves_a_task_open_for_who_comes_next() -> None:
    """A pause for a person: the next block with its id goes on with it, and ends it."""
    with capture() as recorded:
        with pytest.raises(KeyboardInterrupt), agentmon.task("answer", id=1):
            raise KeyboardInterrupt
        assert recorded.value("agentmon_task_ended_total") is None
        with agentmon.task("answer", id=1):
            pass
    assert recorded.value("agentmon_task_ended_total", result="completed") == 1
    assert recorded.value("agentmon_task_begun_total") == 1
    assert recorded.value("agentmon_task_reworked_total") is None


def test_a_task_is_ended_within_its_block() -> None:
    """What is said within a block counts, and not how the block is left."""
    with capture() as recorded:
        with agentmon.task("a") as task:
            task.abandon()
        with agentmon.task("b") as task:
            task.fail(TimeoutError())
        with agentmon.task("c") as task:
            task.fail()
    for name, result in (("a", "abandoned"), ("b", "timed_out"), ("c", "failed")):
        assert recorded.value("agentmon_task_ended_total", task=name, result=result) == 1
    assert recorded.value("agentmon_dropped_total", reason="ended_twice") == 0


def test_a_task_travels_with_a_message(endpoint: Endpoint) -> None:
    """
    What another process spends for it is counted there as spent elsewhere, until one adopts it.

    One process plays both: it forgets the task in between.
    """
    endpoint.start(prices=TABLE)
    task = agentmon.task("answer", id="ä,1", agent="desk").begin()
    with task.active():
        model(input_tokens=1)
        headers = agentmon.inject()
    task.pass_on()
    assert endpoint.value("agentmon_task_in_flight", task="answer") == 0
    with agentmon.received(headers):
        model(input_tokens=10)
    with agentmon.received(headers), agentmon.task("answer") as adopted:
        assert adopted.id == "ä,1"
        model(input_tokens=100)
    assert endpoint.value("agentmon_task_begun_total", task="answer") == 1
    assert endpoint.samples("agentmon_task_ended_total", task="answer") == {
        ("desk", "completed"): 1
    }
    assert endpoint.samples("agentmon_task_tokens_total", task="answer", agent="desk") == {
        ("elsewhere",): 11,
        ("completed",): 100,
    }


#: Another process: gets headers, adopts the task, and prints what it recorded.
OTHER = """
import json, sys
import agentmon
from agentmon.testing import capture

with capture() as recorded:
    with agentmon.received(json.loads(sys.argv[1])), agentmon.task("answer") as task:
        with agentmon.model_call(model="m") as made:
            made.usage(input_tokens=100)
print(json.dumps([
    task.id,
    recorded.value("agentmon_task_begun_total"),
    recorded.value("agentmon_task_ended_total", task="answer", agent="desk", result="completed"),
    recorded.value("agentmon_task_tokens_total", result="completed"),
    recorded.value("agentmon_task_duration_seconds_sum"),
]))
"""


def test_a_task_begins_here_and_ends_in_another_process() -> None:
    """Begun once, ended once; its duration counts from the begin here."""
    with capture() as recorded:
        task = agentmon.task("answer", agent="desk").begin()
        begun = time.monotonic()
        with task.active():
            headers = agentmon.inject()
        task.pass_on()
        done = subprocess.run(
            [sys.executable, "-c", OTHER, json.dumps(headers)],
            cwd=Path(agentmon.__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        at_most = time.monotonic() - begun
    task_id, *there, seconds = json.loads(done.stdout)
    assert task_id == task.id
    assert there == [None, 1, 100]
    assert 0 < seconds <= at_most
    assert recorded.value("agentmon_task_begun_total") == 1
    assert recorded.value("agentmon_task_ended_total") is None
    assert recorded.value("agentmon_task_in_flight") == 0


def test_a_message_within_the_process_comes_back_to_the_task() -> None:
    """Where the task is open here, what is received for it goes to it."""
    with capture() as recorded:
        with agentmon.task("answer"):
            headers = agentmon.inject()
            with agentmon.received(headers):
                model(input_tokens=10)
        assert agentmon.inject() == {}
    assert recorded.value("agentmon_task_tokens_total", result="completed") == 10
    assert recorded.value("agentmon_task_tokens_total") == 10


def test_a_message_of_nonsense_is_of_no_task() -> None:
    """What a stranger writes is not believed, and breaks nothing."""
    with capture() as recorded:
        for said in ("x", "a%09b%09c%09d", "%09%09%09", ""):
            with agentmon.received({"baggage": f"agentmon.task={said}"}):
                model(input_tokens=10)
    assert recorded.value("agentmon_task_tokens_total") is None


def test_ids_come_from_the_arguments_of_decorated_functions() -> None:
    """A plain and an async function; what cannot name an id gets a new one, and is counted."""

    @agentmon.task("answer", id_by=lambda ticket: ticket["id"])
    def answer(ticket: dict[str, int]) -> int:
        return len(ticket)

    @agentmon.task("answer", id_by=lambda ticket: ticket["id"])
    async def answer_later(ticket: dict[str, int]) -> int:
        return len(ticket)

    with capture() as recorded:
        assert answer({"id": 1}) == 1
        assert asyncio.run(answer_later({"id": 1})) == 1
        assert answer({}) == 0
    assert recorded.value("agentmon_task_reworked_total") == 1
    assert recorded.value("agentmon_task_begun_total") == 2
    assert recorded.value("agentmon_dropped_total", reason="naming_failed") == 1


def test_ids_of_any_kind_are_told_apart() -> None:
    """Long ones, odd ones and numbers: none becomes a label, none raises."""

    class Odd:
        def __str__(self) -> str:
            raise ValueError

    ids = [1, "x" * 1000, "x" * 1001, "\n", b"raw", Odd()]
    with capture() as recorded:
        for each in ids:
            with agentmon.task("answer", id=each):
                pass
    assert recorded.value("agentmon_task_begun_total") == len(ids)


def test_memory_of_tasks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest is forgotten: its next attempt is a new task."""
    monkeypatch.setattr("agentmon.instrumentation.desk.MOST_REMEMBERED", 2)
    with capture() as recorded:
        for each in (1, 2, 3, 1):
            with agentmon.task("answer", id=each):
                pass
        assert recorded.value("agentmon_task_begun_total") == 4
        handles = [agentmon.task("open").begin() for _ in range(3)]
        assert recorded.value("agentmon_dropped_total", reason="task_bound") == 1
        for handle in handles:
            handle.complete()
    assert recorded.value("agentmon_task_ended_total", task="open") == 3
    assert recorded.value("agentmon_task_in_flight", task="open") == 0


def test_the_user_of_a_task_is_at_work_until_it_ends() -> None:
    """Two tasks of one user are one user; passed on, the task takes its user along."""
    with capture() as recorded:
        first = agentmon.task("answer", user="ann").begin()
        second = agentmon.task("answer", user="ann").begin()
        assert recorded.value("agentmon_users_in_flight") == 1
        first.complete()
        first.complete()
        assert recorded.value("agentmon_users_in_flight") == 1
        second.pass_on()
        assert recorded.value("agentmon_users_in_flight") == 0
        assert recorded.value("agentmon_users_seen", window="5m") == 1


def test_tasks_of_many_threads_are_counted_exactly(endpoint: Endpoint) -> None:
    """8 threads with 200 tasks each, which report tokens and are flagged: no count is off."""
    endpoint.start(prices=TABLE)
    operation = agentmon.task("answer", agent="desk")

    def work() -> None:
        for _ in range(200):
            with operation as task:
                model(input_tokens=3)
            agentmon.rework(task)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endpoint.value("agentmon_task_begun_total") == 1600
    assert endpoint.value("agentmon_task_ended_total", result="completed") == 1600
    assert endpoint.value("agentmon_task_reworked_total") == 1600
    assert endpoint.value("agentmon_task_tokens_total") == 4800
    assert endpoint.value("agentmon_task_cost_total") == 0.0048
    assert endpoint.value("agentmon_wasted_cost_total") == 0.0048
    assert endpoint.value("agentmon_task_in_flight") == 0


def test_an_open_task_is_flagged_and_found_by_its_trace_or_id() -> None:
    """Before it has ended: the flag counts once, and a score finds its agent."""
    with capture() as recorded:
        task = agentmon.task("answer", id=1, agent="desk").begin()
        agentmon.rework(1, reason="wrong")
        agentmon.rework(task, reason="wrong")
        agentmon.score("tone", 1, task=1)
        task.complete()
        agentmon.rework(1, reason="wrong")
    assert recorded.value("agentmon_task_reworked_total", agent="desk", reason="wrong") == 1
    assert recorded.value("agentmon_evaluation_score_ratio_count", agent="desk") == 1


def test_nothing_happens_while_recording_is_off() -> None:
    """Every way to use a task passes through."""
    with agentmon.task("answer", id=1) as task:
        task.first_output()
        task.complete(value=1)
    handle = agentmon.task("answer").begin()
    with handle.active():
        handle.pass_on()
    assert handle.id == ""
    assert handle.result is None
    agentmon.rework(1)
    agentmon.business_event("sale")


@pytest.mark.drives("agentmon_business_events_total")
def test_business_events_are_counted_where_they_happen(endpoint: Endpoint) -> None:
    """Three deflections by an agent within a workflow; a count that is none is dropped."""
    endpoint.start()
    with agentmon.workflow("w"), agentmon.agent("desk"):
        agentmon.business_event("deflection")
        agentmon.business_event("deflection", count=2)
        agentmon.business_event("deflection", count=-1)
    assert endpoint.samples("agentmon_business_events_total") == {("deflection", "w", "desk"): 3}
    assert endpoint.value("agentmon_dropped_total", reason="invalid_value") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": ""}, "name"),
        ({"value": -1}, "value: got -1"),
        ({"value": {"done": 1}}, "by completed, failed"),
        ({"value": "1"}, "value: got '1'"),
        ({"currency": "x" * 21}, "currency"),
        ({"timeout": 0}, "timeout: got 0"),
        ({"attempt": "2"}, "attempt: got '2'"),
        ({"id_by": "id"}, "id_by: got 'id'"),
        ({"agent": 5}, "agent: got 5"),
    ],
)
def test_what_is_declared_wrongly_is_refused(arguments: dict[str, object], said: str) -> None:
    """At once, with what was got."""
    name = arguments.pop("name", "answer")
    with pytest.raises(agentmon.DeclarationError, match=said):
        agentmon.task(name, **arguments)  # type: ignore[arg-type]
    with pytest.raises(agentmon.DeclarationError, match="allowed a function"):
        agentmon.task("answer")(5)  # type: ignore[type-var]
