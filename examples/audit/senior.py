"""
The agent that decides what was rejected twice: a desk with a queue and a thread of its own.

A case is handed over in one thread and decided in another, so the call is a handle: begun where
the case enters the queue, ended where it is decided. Its duration includes the wait.
"""

from __future__ import annotations

import queue
import threading
import tokenize
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import agentmon
from examples.audit import facts, tools
from examples.audit.environment import Environment
from examples.audit.failures import NeedsHuman
from examples.audit.findings import Case

__all__ = ["SeniorDesk"]

SENIOR = agentmon.agent("senior", operation="decide", version="4.0", team="quality", tier="senior")


@dataclass(frozen=True)
class _Entry:
    case: Case
    analyser: str
    call: agentmon.Call
    handoff: agentmon.Call
    ruling: Future[str]


class SeniorDesk:
    """
    Takes cases from any thread and decides one after the other.

    Args:
        environment: What the agent works with.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        waiting: queue.Queue[_Entry | None] = queue.Queue()
        self._queue = agentmon.queue(waiting, name="senior desk")
        self._thread = threading.Thread(target=self._work, name="senior-desk")
        self._thread.start()

    def hand_over(self, case: Case, analyser: str) -> Future[str]:
        """Queue a case; the future holds the ruling, or `NeedsHuman`."""
        ruling: Future[str] = Future()
        ruling.set_running_or_notify_cancel()  # the desk decides even if nobody waits any more
        call = SENIOR.begin()
        with agentmon.handoff("senior", source=analyser, timeout=300) as handoff:
            self._queue.put(_Entry(case, analyser, call, handoff, ruling))
        return ruling

    def close(self) -> None:
        """Decide what is queued, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while entry := self._queue.get():
            try:
                with agentmon.accepting(entry.handoff), entry.call.active():
                    ruling = self.decide(entry.case, entry.analyser)
            except Exception as error:  # noqa: BLE001  # whoever waits for the ruling gets it
                entry.call.end(error=error)
                entry.ruling.set_exception(error)
            else:
                entry.call.end()
                entry.ruling.set_result(ruling)

    def decide(self, case: Case, analyser: str) -> str:
        """
        What becomes of a finding that neither analyser nor reviewer could settle.

        Raises:
            NeedsHuman: If that is not for an agent to say.
        """
        if analyser == "licence":
            raise NeedsHuman(f"may we use {case.package.name} under its licence?")
        if analyser == "copies":
            ((copies,),) = tools.query_database(
                self._environment,
                "SELECT count(*) FROM module AS mine JOIN module AS other USING (sketch) "
                "WHERE mine.package = ? AND other.package != ? AND mine.lines > 20",
                case.package.name,
                case.package.name,
            )
            return f"exact copies only: {copies}"
        return self._count_tokens(case)

    def _count_tokens(self, case: Case) -> str:
        """Files that could not be parsed can often still be split into tokens."""
        unread = tools.query_database(
            self._environment,
            "SELECT path FROM module WHERE package = ? AND problem IS NOT NULL",
            case.package.name,
        )
        functions = 0
        for (path,) in unread:
            try:
                functions += facts.estimate(tools.read_source(Path(path), limit=10_000_000))
            except (SyntaxError, tokenize.TokenError, UnicodeDecodeError) as error:
                raise NeedsHuman(f"{path} cannot be read at all: {error}") from error
        return f"{len(unread)} files by tokens only: {functions} functions"
