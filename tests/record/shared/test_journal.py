"""The journal of a process: what callers that are held up, or never come back, leave behind."""

from __future__ import annotations

import random
import sys
import threading
from contextlib import suppress
from operator import length_hint
from pathlib import Path
from typing import Any

import pytest

from agentmon.record.shared.form import JOURNAL, JOURNAL_WORDS
from tests.record.shared.sharers import Sharer, merged, numbers

CALLS = ("agentmon_tool_calls_total", ("measure", "", "ok"))


class Desk:
    """A process that shares, and what is read of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.one = Sharer(path)
        self.tool = self.one.tool()
        self.tool.keep(0)  # the series is there
        self.said = 1

    def keep(self, times: int = 1) -> None:
        """Record calls."""
        for n in range(times):
            self.tool.keep(n)
        self.said += times

    def take(self) -> int:
        """Take the place that is next, as a caller does who is held up before it stores."""
        return next(self.tool.journal.take)

    def store(self, place: int) -> None:
        """Store at last."""
        self.tool.journal.slots[place] = self.tool.tag + 7
        self.said += 1

    def check(self) -> None:
        """Process and readers know all that was said, whether a fold comes in between or not."""
        assert numbers(merged(self.path))[CALLS] == self.said
        self.tool.fold()
        assert numbers(merged(self.path))[CALLS] == self.said
        assert self.tool.series.histograms["ok"].count == self.said


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    """A desk, and nothing of it afterwards."""
    it = Desk(tmp_path)
    yield it
    it.one.die()


def test_calls_behind_one_that_is_held_up_are_seen(desk: Desk) -> None:
    """Who comes later is counted at once, and whoever was held up as soon as the word is there."""
    place = desk.take()
    desk.keep(10)
    desk.check()
    desk.keep(3)
    desk.check()
    desk.store(place)
    desk.check()


def test_a_place_that_is_taken_is_not_given_away_when_the_journal_begins_anew(desk: Desk) -> None:
    """A caller that is held up while the journal is filled twice overwrites nobody."""
    desk.keep(5)
    held = [desk.take()]
    desk.keep(JOURNAL_WORDS // 2)
    held.append(desk.take())
    desk.keep(2 * JOURNAL_WORDS)
    desk.check()
    for place in held:
        desk.store(place)
        desk.check()
    desk.keep(2 * JOURNAL_WORDS)
    desk.check()


def test_a_caller_that_never_comes_back_costs_its_place_and_no_more(desk: Desk) -> None:
    """A gap at the very beginning and one at the very end stay, and all else is counted."""
    desk.keep(JOURNAL_WORDS - 2)
    desk.take()
    desk.keep()
    first = desk.take()
    for _ in range(5):
        desk.keep(JOURNAL_WORDS // 3)
        desk.check()
    assert desk.one.paper._fixed[JOURNAL + first] == 0


def test_where_all_places_are_taken_calls_are_folded_one_by_one(desk: Desk) -> None:
    """With nothing but gaps, calls are still counted; and once the gaps close, in the journal."""
    desk.tool.fold()
    held = [desk.take() for _ in range(JOURNAL_WORDS - 1)]
    desk.keep(20)
    desk.check()
    for place in held:
        desk.store(place)
    desk.check()
    desk.keep(JOURNAL_WORDS + 1)
    desk.check()


def test_any_order_of_taking_storing_and_folding_counts_each_once(tmp_path: Path) -> None:
    """Callers that are held up at random, for any time, are each counted once, when they stored."""
    chance = random.Random(4)  # noqa: S311  # no secret
    for turn in range(6):
        desk = Desk(tmp_path / str(turn))
        held: list[int] = []
        for _ in range(400):
            what = chance.random()
            if what < 0.5:
                desk.keep(chance.randrange(60))
            elif what < 0.7:
                try:
                    held.append(desk.take())
                except StopIteration:
                    desk.tool.fold()
            elif what < 0.95:
                if held:
                    desk.store(held.pop(chance.randrange(len(held))))
            else:
                desk.check()
        desk.check()
        desk.one.die()


def test_threads_that_are_held_up_anywhere_lose_nothing(tmp_path: Path) -> None:
    """Eight threads that change places after every few steps, and one that folds and reads."""
    desk = Desk(tmp_path)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [desk.tool.keep(n) for n in range(4000)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        seen = 0
        while any(thread.is_alive() for thread in threads):
            now = numbers(merged(tmp_path))[CALLS]
            assert now >= seen
            seen = now
            desk.tool.fold()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    desk.said += 32_000
    desk.check()
    desk.one.die()


def test_what_a_signal_handler_breaks_off_while_beginning_anew_is_made_up_for(desk: Desk) -> None:
    """Broken off before any line of it, beginning anew is done by the next who folds."""
    journal = desk.tool.journal
    begin = type(journal).rewind.__code__
    for line in range(12):
        desk.take()  # a gap in each round
        left = line

        def trace(frame: Any, event: str, _argument: Any) -> Any:
            nonlocal left
            if frame.f_code is not begin:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    sys.settrace(None)
                    raise KeyboardInterrupt
            return trace

        while length_hint(journal.take):
            desk.keep()
        sys.settrace(trace)
        with suppress(KeyboardInterrupt):
            desk.tool.fold()
        sys.settrace(None)
        desk.check()
        desk.keep(50)
        desk.check()
    assert len(journal._free) > JOURNAL_WORDS - 40
