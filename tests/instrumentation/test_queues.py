"""Queues that are watched."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading

import pytest

import agentmon
import agentmon.testing
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands, serve_by


@pytest.fixture(autouse=True)
def nothing_of_others() -> None:
    """What other tests watched is gone, even where a traceback still held it."""
    gc.collect()


@pytest.mark.drives(
    "agentmon_queue_depth",
    "agentmon_queue_depth_peak",
    "agentmon_queue_depth_time_seconds_total",
    "agentmon_queue_capacity",
    "agentmon_queue_put_total",
    "agentmon_queue_got_total",
    "agentmon_queue_wait_seconds",
)
def test_the_depth_of_a_queue_is_scraped(endpoint: Endpoint, clock: Hands) -> None:
    """Three items come, one goes after 2 s, one more after 3 s; 1 s later somebody looks."""
    inbox = agentmon.queue(queue.Queue[str](100), name="inbox")
    serve_by(endpoint, clock)
    for item in "abc":
        inbox.put(item)
    clock.pass_by(2)
    assert inbox.get() == "a"
    clock.pass_by(1)
    assert inbox.get_nowait() == "b"
    clock.pass_by(1)
    of_it = {"queue": "inbox"}
    assert endpoint.value("agentmon_queue_depth", **of_it) == 1
    assert endpoint.value("agentmon_queue_depth_peak", **of_it) == 3
    assert endpoint.value("agentmon_queue_depth_time_seconds_total", **of_it) == 3 * 2 + 2 + 1
    assert endpoint.value("agentmon_queue_capacity", **of_it) == 100
    assert endpoint.value("agentmon_queue_put_total", **of_it) == 3
    assert endpoint.value("agentmon_queue_got_total", **of_it) == 2
    waited = endpoint.value("agentmon_queue_wait_seconds_sum", **of_it)
    assert waited == pytest.approx(5, rel=0.01)
    clock.pass_by(1)
    assert endpoint.value("agentmon_queue_depth_time_seconds_total", **of_it) == 10


def test_the_peak_is_forgotten_after_five_minutes(timed: Recorded, clock: Hands) -> None:
    """What stays in the queue stays in the peak."""
    inbox = agentmon.queue(queue.Queue[str](), name="letters")
    for item in "abc":
        inbox.put(item)
    inbox.get()
    assert timed.value("agentmon_queue_depth_peak", queue="letters") == 3
    clock.pass_by(400)
    assert timed.value("agentmon_queue_depth_peak", queue="letters") == 2
    inbox.get()
    assert timed.value("agentmon_queue_depth_peak", queue="letters") == 2


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_every_kind_of_queue_keeps_its_order(
    timed: Recorded, clock: Hands, kind: type[queue.Queue[int]]
) -> None:
    """And each item has its own wait."""
    plain, watched = kind(), agentmon.queue(kind(), name="inbox")
    for item in (2, 3, 1):
        plain.put(item)
        watched.put(item)
    clock.pass_by(1)
    assert [watched.get() for _ in range(3)] == [plain.get() for _ in range(3)]
    assert isinstance(watched, kind)
    waited = timed.value("agentmon_queue_wait_seconds_sum", queue="inbox")
    assert waited == pytest.approx(3, rel=0.01)


def test_queues_of_asyncio_are_watched(timed: Recorded, clock: Hands) -> None:
    """Waiting for an item is queueing on the path of a run."""

    async def produce(inbox: asyncio.Queue[str]) -> None:
        clock.pass_by(3)
        await inbox.put("a")

    async def run() -> None:
        inbox = agentmon.queue(asyncio.Queue[str](5), name="inbox")
        async with agentmon.workflow("job"), agentmon.agent("consumer"):
            producing = asyncio.ensure_future(produce(inbox))
            assert await inbox.get() == "a"
            await producing

    asyncio.run(run())
    assert timed.value("agentmon_queue_got_total", queue="inbox") == 1
    assert (
        timed.value(
            "agentmon_workflow_critical_path_seconds_total", agent="consumer", path_kind="queueing"
        )
        == 3
    )


def test_what_is_full_or_empty_raises_as_before(timed: Recorded) -> None:
    """The exceptions are those of the original, and nothing is counted."""
    inbox = agentmon.queue(queue.Queue[str](1), name="inbox")
    with pytest.raises(queue.Empty):
        inbox.get(block=False)
    inbox.put("a")
    with pytest.raises(queue.Full):
        inbox.put("b", timeout=0.001)
    assert timed.value("agentmon_queue_put_total", queue="inbox") == 1
    assert timed.value("agentmon_queue_depth", queue="inbox") == 1


def test_any_other_queue_is_watched_by_a_proxy(timed: Recorded, clock: Hands) -> None:
    """What it lets through is what the original gives."""
    inbox = agentmon.queue(queue.SimpleQueue[str](), name="inbox")
    assert isinstance(inbox, queue.SimpleQueue)
    inbox.put("a")
    clock.pass_by(2)
    assert timed.value("agentmon_queue_depth", queue="inbox") == 1
    assert inbox.get(timeout=1) == "a"
    assert inbox.empty()
    with pytest.raises(queue.Empty):
        inbox.get_nowait()
    assert timed.value("agentmon_queue_wait_seconds_sum") == pytest.approx(2, rel=0.01)


def test_a_queue_that_is_gone_takes_its_gauges_along(timed: Recorded) -> None:
    """Its counters stay."""
    inbox = agentmon.queue(queue.Queue[str](), name="inbox")
    inbox.put("a")
    assert timed.value("agentmon_queue_depth", queue="inbox") == 1
    del inbox
    gc.collect()
    assert timed.value("agentmon_queue_depth", queue="inbox") is None
    assert timed.value("agentmon_queue_put_total", queue="inbox") == 1


def test_queues_of_one_name_count_together(timed: Recorded) -> None:
    """As those of many workers do."""
    first = agentmon.queue(queue.Queue[str](2), name="inbox")
    second = agentmon.queue(queue.Queue[str](3), name="inbox")
    first.put("a")
    second.put("b")
    assert timed.value("agentmon_queue_depth", queue="inbox") == 2
    assert timed.value("agentmon_queue_capacity", queue="inbox") == 5


def test_threads_do_not_lose_items(recorded: Recorded) -> None:
    """Four put and four take, a thousand each."""
    inbox = agentmon.queue(queue.Queue[int](10), name="inbox")

    def put() -> None:
        for item in range(1000):
            inbox.put(item)

    def get() -> None:
        for _ in range(1000):
            inbox.get()

    threads = [threading.Thread(target=each) for each in (put, get) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded.value("agentmon_queue_put_total", queue="inbox") == 4000
    assert recorded.value("agentmon_queue_got_total", queue="inbox") == 4000
    assert recorded.value("agentmon_queue_depth", queue="inbox") == 0


def test_what_is_no_fresh_queue_is_refused() -> None:
    """At once, and by name."""
    full = queue.Queue[int]()
    full.put(1)
    watched = agentmon.queue(queue.Queue[int](), name="inbox")
    for wrong in (3, full, watched):
        with pytest.raises(agentmon.DeclarationError, match="queue"):
            agentmon.queue(wrong, name="inbox")
    with pytest.raises(agentmon.DeclarationError, match="name"):
        agentmon.queue(queue.Queue[int](), name=" ")


def test_what_is_gone_before_recording_begins_is_in_no_peak() -> None:
    """Nobody looked at the queue meanwhile, so nothing had been swept."""
    gone = agentmon.queue(queue.Queue[str](), name="gone")
    gone.put("a")
    gone.put("b")
    del gone
    gc.collect()
    with agentmon.testing.capture() as recorded:
        later = agentmon.queue(queue.Queue[str](), name="gone")
        later.put("c")
        assert recorded.value("agentmon_queue_depth_peak", queue="gone") == 1
