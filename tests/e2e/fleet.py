"""
A small fleet of agents that can be made to fail, run as a program by `test_alert_chain`.

It says where it serves, and then does what each line of its input says: ``break FAULT`` or
``mend FAULT``. Each fault is of an agent or thing of its own, so that one does not hide another.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import agentmon

REGION, SLOW_S, PAUSE_S = "eu", 0.3, 0.05

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
    """Falls silent: nobody calls it any more."""


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


def unless(fault: str, work: Callable[[], object]) -> Callable[[], object]:
    """Work that is not done while a fault is there."""

    def worked() -> object:
        return None if fault in broken else work()

    return worked


WORK: tuple[Callable[[], object], ...] = (
    planner,
    writer,
    unless("silent", clerk),
    seller,
    critic,
    answer,
    hand_over,
)


def toil(work: Callable[[], object]) -> None:
    """Work again and again."""
    while not stopped.wait(PAUSE_S):
        try:
            work()
        except Refused:
            continue


def main() -> None:
    """Serve, work, and listen to what is to be broken."""
    agentmon.configure(
        service=sys.argv[1],
        region=REGION,
        serve="127.0.0.1:0",
        traces="none",
        failure_logs=False,
        resources=False,
    )
    sys.stdout.write(str(agentmon.endpoint()).removeprefix("http://") + "\n")
    sys.stdout.flush()
    threads = [threading.Thread(target=toil, args=(work,)) for work in WORK]
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
