"""The lock of what is kept besides calls."""

from __future__ import annotations

import threading

import pytest

from agentmon.instrumentation.shelter import Shelter


def test_what_is_to_be_done_is_done_outside() -> None:
    """In its order, when the outermost block has been left, and with the lock released."""
    shelter = Shelter()
    done: list[object] = []

    def note(what: str) -> None:
        free: list[bool] = []

        def enter() -> None:
            free.append(shelter._lock.acquire(timeout=0))
            if free[0]:
                shelter._lock.release()

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        done.append((what, free[0]))

    with shelter:
        shelter.later(note, "first")
        with shelter:
            shelter.later(note, "second")
        assert not done
    assert done == [("first", True), ("second", True)]


def test_a_block_that_raises_is_left_all_the_same() -> None:
    """What was to be done is done, once, and the next block begins with nothing."""
    shelter = Shelter()
    done: list[str] = []

    def fail() -> None:
        with shelter:
            shelter.later(done.append, "a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with shelter:
        pass
    assert done == ["a"]
