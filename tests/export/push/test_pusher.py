"""When metrics are pushed, what is tried how often, and that nobody waits beyond a deadline."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import pytest

from agentmon.export.otlp.answer import Answer
from agentmon.export.push import pusher
from agentmon.export.push.pusher import Pushing
from agentmon.export.push.target import Attempt, Moment
from agentmon.model import catalogue
from agentmon.model.snapshot import Family
from tests.export.push.exposed import ORIGIN
from tests.servers.processes import wait_until

ACCEPTED = Answer("accepted")
LATER = Answer("retry", "not now")
NEVER = Answer("failed", "never")


class Place:
    """
    A place that answers as it is told.

    Args:
        answers: One after another, the last one for ever.
    """

    def __init__(
        self, *answers: Answer, every: float | None = None, conflict: str = "it would clash"
    ) -> None:
        self.every = every
        self.conflict = conflict
        self.answers = list(answers) or [ACCEPTED]
        self.moments: list[Moment] = []
        self.attempts = 0
        self.timeouts: list[float] = []
        self.closed = 0
        self.abandoned = 0
        self.hangs = False
        self.pieces = 1
        self.entered = threading.Event()
        self.released = threading.Event()

    def __str__(self) -> str:
        return "the place"

    def prepare(self, moment: Moment) -> Iterator[Attempt]:
        self.moments.append(moment)
        for _ in range(self.pieces):
            yield self.attempt

    def attempt(self, timeout_seconds: float) -> Answer:
        self.attempts += 1
        self.timeouts.append(timeout_seconds)
        self.entered.set()
        if self.hangs:
            self.released.wait(60)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def abort(self) -> None:
        self.released.set()

    def close(self) -> None:
        self.closed += 1

    def abandon(self) -> None:
        self.abandoned += 1


class Pushed:
    """Pushing to places, what it counted, and the metrics it pushes."""

    def __init__(self, *places: Place) -> None:
        self.lost: Counter[str] = Counter()
        self.families: Sequence[Family] = [Family(catalogue.SERIES, [((), 1)])]
        self.it = Pushing(places, ORIGIN, lambda: self.families, self.count)

    def count(self, reason: str, n: int) -> None:
        self.lost[reason] += n


@pytest.fixture
def pushing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pushed]]:
    """Makes what pushes to such places, and started unless told; closes it in the end."""
    made: list[Pushed] = []
    monkeypatch.setattr(pusher, "target", lambda place, _origin: place)
    monkeypatch.setattr(pusher, "_FIRST_SECONDS", 0.02)

    def make(*places: Place, start: bool = True) -> Pushed:
        made.append(Pushed(*places))
        if start:
            made[-1].it.start()
        released.extend(place.released for place in places)
        return made[-1]

    released: list[threading.Event] = []
    yield make
    for event in released:
        event.set()
    for each in made:
        each.it.close(5)
    assert not threads()


def threads() -> list[threading.Thread]:
    """Those of pushing."""
    return [each for each in threading.enumerate() if each.name == "agentmon-push"]


# ---------------------------------------------------------------------- on demand


def test_a_push_holds_the_metrics_of_now(pushing: Any) -> None:
    """What is pushed is what the metrics are when it is asked for, and when that is."""
    before_ns = time.time_ns()
    place = Place()
    it = pushing(place)
    assert it.it.push(5) == []
    it.families = [Family(catalogue.SERIES, [((), 2)])]
    assert it.it.push(5) == []
    assert [moment.families[0].samples for moment in place.moments] == [[((), 1)], [((), 2)]]
    for moment in place.moments:
        assert before_ns <= moment.begun_ns <= moment.at_ns <= time.time_ns()
        assert not moment.last
    assert not it.lost


def test_what_fails_is_said_and_counted(pushing: Any) -> None:
    """A push that failed says where and why, and is counted once."""
    it = pushing(Place(NEVER), Place())
    assert it.it.push(5) == ["the place: never"]
    assert it.lost == {"push_failed": 1}
    assert not it.it.flush(5)
    assert it.lost == {"push_failed": 2}


def test_flush_says_whether_all_went_well(pushing: Any) -> None:
    """Where every place took it, flushing went well."""
    assert pushing(Place(), Place()).it.flush(5) is True


def test_what_may_go_well_later_is_tried_again(pushing: Any) -> None:
    """An attempt that failed for now is repeated, with the metrics of the same moment."""
    place = Place(LATER, LATER, ACCEPTED)
    it = pushing(place)
    assert it.it.push(10) == []
    assert (place.attempts, len(place.moments)) == (3, 1)
    assert not it.lost


def test_what_never_will_is_not(pushing: Any) -> None:
    """An attempt that was refused is not repeated."""
    place = Place(NEVER, ACCEPTED)
    pushing(place).it.push(10)
    assert place.attempts == 1


def test_attempts_are_few(pushing: Any) -> None:
    """What cannot be reached is given up after some attempts, long before the deadline."""
    place = Place(LATER)
    begun = time.monotonic()
    assert pushing(place).it.push(600) == ["the place: not now"]
    assert time.monotonic() - begun < 60
    assert place.attempts == 4


def test_a_server_that_asks_for_more_time_than_there_is(pushing: Any) -> None:
    """Where the next attempt would come after the deadline, there is none, and no waiting."""
    place = Place(Answer("retry", "busy", after_seconds=1000.0))
    begun = time.monotonic()
    assert pushing(place).it.push(500) == ["the place: busy"]
    assert time.monotonic() - begun < 60
    assert place.attempts == 1


def test_a_server_that_asks_for_time_gets_it(pushing: Any) -> None:
    """The next attempt comes no sooner than the server said."""
    place = Place(Answer("retry", "busy", after_seconds=0.3), ACCEPTED)
    begun = time.monotonic()
    assert pushing(place).it.push(60) == []
    assert time.monotonic() - begun >= 0.3


def test_an_attempt_knows_how_much_time_is_left(pushing: Any) -> None:
    """No attempt is given more time than the push has."""
    place = Place(LATER, ACCEPTED)
    pushing(place).it.push(7)
    first, second = place.timeouts
    assert 0 < second < first <= 7


def test_after_a_piece_that_failed_there_are_no_more(pushing: Any) -> None:
    """What is sent in pieces ends with the first that fails."""
    place = Place(ACCEPTED, NEVER)
    place.pieces = 5
    it = pushing(place)
    assert it.it.push(5) == ["the place: never"]
    assert place.attempts == 2
    assert it.lost == {"push_failed": 1}


def test_metrics_that_cannot_be_made_ready(pushing: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours is a failure like another: counted, logged once, and passed over."""
    place = Place()
    it = pushing(place)
    it.it.families = lambda: 1 / 0
    for _ in range(2):
        assert it.it.push(5) == ["the place: the metrics cannot be made ready: ZeroDivisionError"]
    assert it.lost == {"push_failed": 2}
    assert len([entry for entry in caplog.records if entry.exc_info]) == 1
    it.it.families = list
    assert it.it.push(5) == []


# ---------------------------------------------------------------------- the log


def test_the_log_says_when_it_begins_to_fail_and_when_it_works_again(
    pushing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Two lines for any number of failures and successes."""
    place = Place(NEVER, NEVER, NEVER, ACCEPTED, ACCEPTED)
    it = pushing(place)
    with caplog.at_level(logging.INFO, "agentmon"):
        for _ in range(5):
            it.it.push(5)
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("WARNING", "agentmon: metrics cannot be pushed to the place: never"),
        ("INFO", "agentmon: metrics are pushed to the place again"),
    ]


def test_a_place_that_comes_and_goes_does_not_fill_the_log(
    pushing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The same is said once a minute at most."""
    it = pushing(Place(*([NEVER, ACCEPTED] * 5)))
    with caplog.at_level(logging.INFO, "agentmon"):
        for _ in range(10):
            it.it.push(5)
    assert len(caplog.records) == 2


# ---------------------------------------------------------------------- now and then


def test_it_is_pushed_every_so_often(pushing: Any) -> None:
    """With every, pushes come by themselves, and a last one with the end."""
    place = Place(every=0.01)
    it = pushing(place)
    wait_until(lambda: len(place.moments) >= 3, timeout_s=30, what="three pushes")
    it.it.close(5)
    assert [moment.last for moment in place.moments][-1:] == [True]
    assert sum(moment.last for moment in place.moments) == 1
    n = len(place.moments)
    assert not threads()
    assert len(place.moments) == n


def test_the_first_push_comes_after_that_time(pushing: Any) -> None:
    """Nothing is pushed when recording begins: there is nothing to be told."""
    place = Place(every=600.0)
    it = pushing(place)
    assert it.it.push(5) == []
    it.it.close(5)
    assert len(place.moments) == 2


def test_without_every_only_the_end_pushes(pushing: Any) -> None:
    """Without every, nothing is pushed but when it is asked for and at the end."""
    place = Place()
    it = pushing(place)
    assert threads()
    assert place.moments == []
    it.it.close(5)
    assert [moment.last for moment in place.moments] == [True]


def test_whoever_asks_does_not_wait_for_retries_of_others(pushing: Any) -> None:
    """A push that nobody waits for gives way to one that somebody asks for."""
    place = Place(Answer("retry", "busy", after_seconds=20.0), ACCEPTED, every=0.01)
    it = pushing(place)
    assert place.entered.wait(30)
    begun = time.monotonic()
    place.every = None
    assert it.it.push(60) == []
    assert time.monotonic() - begun < 15


# ---------------------------------------------------------------------- the end


def test_the_end_pushes_once(pushing: Any) -> None:
    """Closing pushes a last time and lets go; doing so again changes nothing."""
    place = Place()
    it = pushing(place)
    it.it.close(5)
    it.it.close(5)
    assert (len(place.moments), place.closed) == (1, 1)


def test_what_hangs_is_cut_off_at_the_deadline(pushing: Any) -> None:
    """A place that does not answer is cut off; the push is counted, and no thread stays."""
    place = Place(LATER)
    place.hangs = True
    it = pushing(place)
    begun = time.monotonic()
    it.it.close(0.2)
    assert time.monotonic() - begun < 20
    assert place.released.is_set()
    assert it.lost == {"push_failed": 1}
    assert not threads()
    assert place.closed == 1


def test_what_cannot_be_cut_off_is_left_alone(
    pushing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where cutting off does not help, the end comes all the same, and the push is counted."""
    place = Place(LATER)
    place.hangs = True
    monkeypatch.setattr(place, "abort", lambda: None)
    it = pushing(place)
    begun = time.monotonic()
    it.it.close(0.2)
    assert time.monotonic() - begun < 20
    assert it.lost == {"push_failed": 1}
    assert place.closed == 0
    place.released.set()
    wait_until(lambda: not threads(), timeout_s=30, what="the thread to end")


def test_the_end_does_not_wait_for_a_push_that_has_time(pushing: Any) -> None:
    """A push with a later deadline gives up its pauses when the end comes, and that one is done."""
    place = Place(Answer("retry", "busy", after_seconds=40.0), ACCEPTED)
    it = pushing(place)
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.extend(it.it.push(600)))
    thread.start()
    assert place.entered.wait(30)
    it.it.close(30)
    thread.join(30)
    assert said == ["the place: busy"]
    assert [moment.last for moment in place.moments] == [False, True]


def test_places_do_not_wait_for_each_other(pushing: Any) -> None:
    """While one place hangs, another gets its last push."""
    hanging, fine = Place(LATER), Place()
    hanging.hangs = True
    it = pushing(hanging, fine)
    it.it.close(0.2)
    assert [moment.last for moment in fine.moments] == [True]
    assert it.lost == {"push_failed": 1}


def test_a_push_that_takes_too_long_is_said_to(pushing: Any) -> None:
    """Whoever asks for a push hears in time that it takes too long."""
    place = Place(LATER)
    place.hangs = True
    it = pushing(place)
    begun = time.monotonic()
    assert it.it.push(0.1) == ["the place: it takes too long"]
    assert time.monotonic() - begun < 20
    place.released.set()
    wait_until(lambda: bool(it.lost), timeout_s=30, what="it to be counted")
    assert it.lost == {"push_failed": 1}


def test_without_a_thread_whoever_asks_pushes(
    pushing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be had, pushes happen in the caller's."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    place = Place()
    it = pushing(place, start=False)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    it.it.start()
    assert it.it.push(5) == []
    it.it.close(5)
    assert [moment.last for moment in place.moments] == [False, True]
    assert place.closed == 1


def test_there_is_one_thread_for_each_place(pushing: Any) -> None:
    """Threads are there from start to close, and never keep the process alive."""
    it = pushing(Place(), Place(), start=False)
    assert threads() == []
    it.it.start()
    assert [each.daemon for each in threads()] == [True, True]
    it.it.close(5)
    assert threads() == []


def test_a_handler_of_the_host_may_shut_down(
    pushing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What a log handler does in the thread that pushes, closing included, does no harm."""
    it = pushing(Place(NEVER))

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            it.it.close(1)

    handler = Handler()
    logging.getLogger("agentmon").addHandler(handler)
    try:
        assert it.it.push(20) == ["the place: never"]
    finally:
        logging.getLogger("agentmon").removeHandler(handler)


# ---------------------------------------------------------------------- forks


def forked(function: Callable[[], object]) -> object:
    """What a function returns in a forked child."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, repr(function()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:  # noqa: PTH123  # a descriptor has no path
        said = answer.read().decode()
    os.waitpid(child, 0)
    return eval(said)  # noqa: S307  # what we wrote


def test_a_child_that_can_be_told_pushes_its_own(pushing: Any) -> None:
    """A child whose samples differ from its parent's begins anew, with a thread of its own."""
    place = Place(conflict="")
    it = pushing(place)
    assert it.it.push(5) == []

    def child() -> object:
        it.it.abandon()
        it.it.families = lambda: [Family(catalogue.SERIES, [((), 9)])]
        alive = len(threads())
        wrong = it.it.push(5)
        it.it.close(5)
        samples = [moment.families[0].samples for moment in place.moments[1:]]
        later = place.moments[1].begun_ns > place.moments[0].begun_ns
        return alive, wrong, samples, later, place.abandoned

    assert forked(child) == (1, [], [[((), 9)], [((), 9)]], True, 1)
    assert len(place.moments) == 1


def test_a_child_does_not_push_what_its_parent_was_asked_for(pushing: Any) -> None:
    """Pushes that wait in the parent when it forks are the parent's."""
    place = Place(conflict="")
    place.hangs = True
    it = pushing(place)
    waiting = [threading.Thread(target=it.it.push, args=(60,)) for _ in range(2)]
    for thread in waiting:
        thread.start()
    calls = it.it._pushers[0]._calls
    wait_until(lambda: place.attempts + calls.qsize() == 2, timeout_s=30, what="both pushes")

    def child() -> object:
        before = len(place.moments)
        place.hangs = False
        it.it.abandon()
        wrong = it.it.push(5)
        it.it.close(5)
        return wrong, len(place.moments) - before

    assert forked(child) == ([], 2)
    place.released.set()
    for thread in waiting:
        thread.join(30)
    assert len(place.moments) == 2


@pytest.mark.parametrize("series", [0, 1])
def test_a_child_that_would_overwrite_its_parent_pushes_nothing(pushing: Any, series: int) -> None:
    """A child that cannot be told has no thread, says so when asked, and warns if it recorded."""
    place = Place()
    it = pushing(place)

    def child() -> object:
        said: SimpleQueue[str] = SimpleQueue()
        handler = logging.Handler()
        handler.emit = lambda record: said.put(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("agentmon").addHandler(handler)
        it.it.abandon()
        it.it.families = lambda: [Family(catalogue.SERIES, [((), series)])]
        alive = len(threads())
        wrong = it.it.push(5)
        it.it.close(5)
        return alive, wrong, len(place.moments), [said.get() for _ in range(said.qsize())]

    why = "this process was forked: it would clash"
    warned = [f"agentmon: nothing is pushed to the place: {why}"] if series else []
    assert forked(child) == (0, [f"the place: {why}"], 0, warned)
    assert not it.lost
