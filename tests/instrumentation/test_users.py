"""Users: at work now and at most, seen in windows; sessions, turns, abandonment."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation import users
from agentmon.instrumentation.active import ACTIVE
from agentmon.testing import ManualClock, capture
from tests.driven import Endpoint


@pytest.mark.drives(
    "agentmon_users_in_flight", "agentmon_users_in_flight_peak", "agentmon_users_seen"
)
def test_users_are_counted_once_each(endpoint: Endpoint) -> None:
    """Two users, one of them with two sessions at once: two at work, two at most, two seen."""
    endpoint.start(user_key="0123456789abcdef")
    with (
        agentmon.session(1, user="ann").turn(),
        agentmon.session(2, user="ann").turn(),
        agentmon.session(3, user="bob").turn(),
    ):
        assert endpoint.samples("agentmon_users_in_flight") == {(): 2}
    assert endpoint.samples("agentmon_users_in_flight") == {(): 0}
    assert endpoint.samples("agentmon_users_in_flight_peak") == {("1m",): 2, ("5m",): 2, ("1h",): 2}
    assert endpoint.samples("agentmon_users_seen") == {("5m",): 2, ("1h",): 2, ("1d",): 2}


@pytest.mark.drives(
    "agentmon_sessions_begun_total",
    "agentmon_sessions_ended_total",
    "agentmon_sessions_open",
    "agentmon_session_duration_seconds",
    "agentmon_session_turns",
    "agentmon_turns_total",
    "agentmon_turn_duration_seconds",
)
def test_sessions_and_turns_are_counted(endpoint: Endpoint) -> None:
    """One of three turns that ends well, one that an exception ends, one that is open."""
    endpoint.start()
    with agentmon.session("a", user="ann") as session:
        for _ in range(3):
            with session.turn():
                pass
    with pytest.raises(KeyError), agentmon.session("b", user="bob"):
        raise KeyError
    with agentmon.session("c", user="bob").turn():
        pass
    assert endpoint.value("agentmon_sessions_begun_total") == 3
    assert endpoint.samples("agentmon_sessions_ended_total") == {
        ("completed",): 1,
        ("abandoned",): 1,
    }
    assert endpoint.value("agentmon_sessions_open") == 1
    assert endpoint.value("agentmon_session_duration_seconds_count", result="completed") == 1
    assert endpoint.value("agentmon_session_turns_sum") == 3
    assert endpoint.value("agentmon_session_turns_count") == 2
    assert endpoint.samples("agentmon_turns_total") == {("first",): 2, ("followup",): 2}
    assert endpoint.value("agentmon_turn_duration_seconds_count") == 4


def test_a_session_that_goes_quiet_is_abandoned() -> None:
    """After 60 seconds without a turn; it lasted until its last turn ended."""
    clock = ManualClock()
    with capture(clock) as recorded:
        with agentmon.session("a", user="ann", idle=60).turn():
            clock.advance(5)
        clock.advance(60)
        assert recorded.value("agentmon_sessions_open") == 1
        clock.advance(1)
        assert recorded.value("agentmon_sessions_open") == 0
        assert recorded.value("agentmon_session_duration_seconds_sum", result="abandoned") == 5
        assert recorded.value("agentmon_turn_duration_seconds_sum") == 5
        agentmon.session("a").end()
    assert recorded.value("agentmon_sessions_ended_total") == 1


def test_a_session_with_a_turn_under_way_is_not_quiet() -> None:
    """However long the answer takes."""
    clock = ManualClock()
    with capture(clock) as recorded, agentmon.session("a", user="ann", idle=60).turn():
        clock.advance(1000)
        assert recorded.value("agentmon_sessions_open") == 1


def test_a_turn_that_takes_long_keeps_no_other_session_open() -> None:
    """The quiet ones are abandoned beside it; a turn begins the time of quiet anew."""
    clock = ManualClock()
    with capture(clock) as recorded, agentmon.session("slow", user="ann", idle=60).turn():
        for _ in range(2):
            with agentmon.session("quiet", user="bob", idle=60).turn():
                clock.advance(50)
        clock.advance(61)
        assert recorded.value("agentmon_sessions_open") == 1
        assert recorded.value("agentmon_session_turns_sum") == 2
        assert recorded.value("agentmon_users_in_flight") == 1


def test_each_request_may_make_its_own_object() -> None:
    """The id makes the session; ending it, or abandoning it, is said by any of them."""
    with capture() as recorded:
        for _ in range(2):
            with agentmon.session("a", user="ann").turn():
                pass
        agentmon.session("a").end()
        with agentmon.session("b", user="ann").turn():
            pass
        agentmon.session("b").abandon()
    assert recorded.value("agentmon_sessions_begun_total") == 2
    assert recorded.value("agentmon_turns_total", turn="followup") == 1
    assert recorded.value("agentmon_sessions_ended_total", result="completed") == 1
    assert recorded.value("agentmon_sessions_ended_total", result="abandoned") == 1


def test_peaks_leave_their_window() -> None:
    """Two at once, then one for long: after a minute the peak of the minute is one."""
    clock = ManualClock()
    with capture(clock) as recorded, agentmon.session(1, user="ann").turn():
        with agentmon.session(2, user="bob").turn():
            clock.advance(1)
        peak = "agentmon_users_in_flight_peak"
        assert recorded.value(peak, window="1m") == 2
        clock.advance(80)
        assert recorded.value(peak, window="1m") == 1
        assert recorded.value(peak, window="5m") == 2
        assert recorded.value(peak, window="1h") == 2


def test_users_leave_the_window_in_which_they_were_seen() -> None:
    """After 10 minutes of quiet nobody was seen in 5 minutes, and one within the hour."""
    clock = ManualClock()
    with capture(clock) as recorded:
        with agentmon.session(1, user="ann").turn():
            pass
        clock.advance(600)
        assert recorded.value("agentmon_users_seen", window="5m") == 0
        assert recorded.value("agentmon_users_seen", window="1h") == 1


def test_without_the_library_users_are_counted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """500 are 500."""
    monkeypatch.setitem(sys.modules, "datasketches", None)
    with capture() as recorded:
        for n in range(500):
            with agentmon.session(user=n).turn():
                pass
        assert recorded.value("agentmon_users_seen", window="1h") == 500


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may be open: the one that was quiet longest is abandoned, and counted."""
    monkeypatch.setattr(users, "MOST_SESSIONS", 2)
    with capture() as recorded:
        for each in (1, 2, 3):
            with agentmon.session(each, user="ann").turn():
                pass
    assert recorded.value("agentmon_sessions_open") == 2
    assert recorded.value("agentmon_sessions_ended_total", result="abandoned") == 1
    assert recorded.value("agentmon_dropped_total", reason="session_bound") == 1


def test_ids_are_kept_as_hashes_with_the_key_only(endpoint: Endpoint) -> None:
    """The same key gives the same hash, another another; no object holds what was given."""
    found = []
    for key in ("0123456789abcdef", "0123456789abcdef", "another key, as long", "k" * 100):
        endpoint.start(user_key=key)
        with agentmon.session(user="ann@example.org").turn():
            pass
        assert ACTIVE.desk is not None
        kept: Any = ACTIVE.desk.users
        found.append(kept.hashed("ann@example.org"))
        gc.collect()
        assert "ann@example.org" not in {
            each for each in gc.get_referents(kept.__dict__) if isinstance(each, str)
        }
        agentmon.shutdown()
    assert found[0] == found[1]
    assert len(set(found)) == 3
    assert all(each != hash("ann@example.org") for each in found)


def test_a_user_without_a_session_counts_by_the_session() -> None:
    """Sessions of nobody in particular are each a user."""
    with capture() as recorded, agentmon.session(1).turn(), agentmon.session(2).turn():
        assert recorded.value("agentmon_users_in_flight") == 2


def test_async_blocks_are_the_same() -> None:
    """Sessions and turns in async code."""

    async def talk() -> None:
        async with agentmon.session("a", user="ann") as session, session.turn():
            pass

    with capture() as recorded:
        asyncio.run(talk())
    assert recorded.value("agentmon_sessions_ended_total", result="completed") == 1
    assert recorded.value("agentmon_turns_total") == 1


def test_nothing_is_kept_while_recording_is_off() -> None:
    """Sessions and turns pass through; a wrong idle time is refused at once."""
    with agentmon.session("a", user="ann") as session, session.turn():
        pass
    session.end()
    with pytest.raises(agentmon.DeclarationError, match="idle: got 0"):
        agentmon.session(idle=0)
