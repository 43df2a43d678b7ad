"""The queue of ended spans."""

from __future__ import annotations

import sys
import threading

from agentmon.tracing.queue import Queue


def test_items_come_out_in_the_order_they_went_in() -> None:
    """What waited longest is taken first, at most as many as asked for."""
    queue: Queue[int] = Queue(10, lambda: None)
    for n in range(5):
        queue.put(n)
    assert (queue.take(2), queue.take(10), queue.waiting()) == ([0, 1], [2, 3, 4], 0)


def test_what_finds_no_room_is_told_of() -> None:
    """Beyond the size items are not kept, and each is told of."""
    full: list[int] = []
    queue: Queue[int] = Queue(2, lambda: full.append(1))
    for n in range(5):
        queue.put(n)
    assert (queue.take(9), len(full)) == ([0, 1], 3)


def test_a_quarter_full_wakes_whoever_empties_it() -> None:
    """Whoever empties it is woken when a quarter of the room is taken, not at each item."""
    woken: list[int] = []
    queue: Queue[int] = Queue(8, lambda: None)
    queue.wake = lambda: woken.append(queue.waiting())
    for n in range(8):
        queue.put(n)
    assert woken == [3]


def test_nothing_is_lost_between_threads() -> None:
    """Whatever threads put and take at once, each item is taken once or told of."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        lock, full, taken = threading.Lock(), [0], []
        queue: Queue[int] = Queue(100, lambda: _count(lock, full))
        done = threading.Event()

        def put(base: int) -> None:
            for n in range(2000):
                queue.put(base + n)

        def take() -> None:
            while not done.is_set() or queue.waiting():
                taken.extend(queue.take(7))

        writers = [threading.Thread(target=put, args=(k * 10_000,)) for k in range(4)]
        reader = threading.Thread(target=take)
        for thread in (*writers, reader):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        reader.join()
    finally:
        sys.setswitchinterval(before)
    assert len(taken) + full[0] == 8000
    assert len(set(taken)) == len(taken)


def _count(lock: threading.Lock, full: list[int]) -> None:
    with lock:
        full[0] += 1
