"""
A small fleet of agents that can be made to fail, run as a program by `test_alert_chain`.

Its arguments are a name and where to serve. It says where it serves, and then does what each line
of its input says: ``break FAULT`` or ``mend FAULT``. Each fault is of an agent or thing of its own,
so that one does not hide another.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import agentmon

REGION, SLOW_S, PAUSE_S = "eu", 0.3, 0.05
CAPACITY = 600  # of the queue: half a minute of orders

#: What is broken now.
broken: set[str] = set()
stopped = threading.Event()


class Refused(Exception):
    """What a fault raises."""


def trouble(fault: str) -> None:
    """Fail if a fault is there."""
    if fault in broken:
        raise Refused(fault)


@agentmon.agent("planner", team="support", version="1")
def planner() -> str:
    """Fails."""
    trouble("failing")
    return "plan"


@agentmon.agent("writer", team="writing", version="1")
def writer() -> str:
    """Slows down, and then fails too: two alerts of one incident."""
    if "slowing" in broken:
        time.sleep(SLOW_S)
        raise Refused("slowing")
    return "text"


@agentmon.agent("clerk", team="support", version="1")
def clerk() -> None:
    """Works in one process only, and is silent when that is gone."""


@agentmon.dependency("crm", kind="http")
def crm() -> None:
    """Goes down."""
    trouble("down")


@agentmon.agent("seller", version="1")
def seller() -> None:
    """Does without the dependency, as well as it can."""
    try:
        crm()
    except Refused:
        return


@agentmon.agent("critic", team="writing", version="1")
def critic() -> None:
    """Is judged, and does worse."""
    agentmon.score("correctness", 0.2 if "quality" in broken else 0.95, evaluator="tests")


@agentmon.agent("steady", team="support", version="1")
def steady() -> None:
    """Nothing ever happens to it."""


def hand_over() -> None:
    """Hands over a context, of which the other agent gets little when it is lost."""
    context = {f"fact {n}": "x" * 50 for n in range(10)}
    with agentmon.handoff("taker", source="giver", context=context) as call:
        kept = {"fact 0": "x" * 50} if "context" in broken else context
        with agentmon.accepting(call, context=kept):
            taker()


@agentmon.agent("taker", version="1")
def taker() -> None:
    """Takes over."""


@agentmon.workflow("answer")
def answer() -> None:
    """Nothing ever happens to it either."""
    steady()


ORDERS: queue.Queue[str] = agentmon.queue(queue.Queue(CAPACITY), name="orders")


def order() -> None:
    """Puts an order, and takes what waits; nobody takes any while the queue grows."""
    with suppress(queue.Full):
        ORDERS.put_nowait("order")
    while "queue" not in broken and not ORDERS.empty():
        ORDERS.get_nowait()


WORK: tuple[Callable[[], object], ...] = (
    planner,
    writer,
    seller,
    critic,
    answer,
    hand_over,
    order,
)


def toil(work: Callable[[], object]) -> None:
    """Work again and again."""
    while not stopped.wait(PAUSE_S):
        try:
            work()
        except Refused:
            continue


def work_of(name: str) -> tuple[Callable[[], object], ...]:
    """What the process of a name does."""
    return (*WORK, clerk) if name == "other" else WORK


def main() -> None:
    """Serve, work, and listen to what is to be broken."""
    name, address = sys.argv[1:3]
    agentmon.configure(
        service=name,
        region=REGION,
        serve=address,
        traces="none",
        failure_logs=False,
        resources=False,
    )
    sys.stdout.write(str(agentmon.endpoint()).removeprefix("http://") + "\n")
    sys.stdout.flush()
    threads = [threading.Thread(target=toil, args=(work,)) for work in work_of(name)]
    for thread in threads:
        thread.start()
    for line in sys.stdin:
        verb, fault = line.split()
        (broken.add if verb == "break" else broken.discard)(fault)
    stopped.set()
    for thread in threads:
        thread.join()
    agentmon.shutdown()


if __name__ == "__main__":
    main()
