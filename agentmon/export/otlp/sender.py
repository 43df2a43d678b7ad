"""
What is tried how often: the policy around one way to a collector.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final, Generic, Literal, TypeVar

from agentmon.export.otlp import common
from agentmon.export.otlp.answer import Answer, Transport
from agentmon.export.otlp.common import Request
from agentmon.export.otlp.destination import Destination, Signal
from agentmon.export.worker import Patience

__all__ = ["Retry", "Sender", "Shipment", "transport"]

logger = logging.getLogger("agentmon")

T = TypeVar("T")

_State = Literal["fine", "retrying", "refused", "remarks"]

#: The least time between two lines of the log that say the same.
_QUIET_SECONDS: Final = 60.0
#: Attempts in a row that may fail while the process waits for the end; after them nothing more is
#: tried, so that a collector that is not there does not use up the whole deadline.
_LAST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Retry:
    """
    How often, and for how long.

    Args:
        first_seconds: The most that is waited after the first attempt; twice as much after each
            further one.
        most_seconds: The most that is waited unless the collector asks for more.
        give_up_seconds: From the first attempt; afterwards it is not tried again.
    """

    first_seconds: float = 1.0
    most_seconds: float = 30.0
    give_up_seconds: float = 300.0


def transport(destination: Destination, signal: Signal) -> Transport:
    """
    The way to a collector.

    Raises:
        ConfigError: If a certificate cannot be read.
    """
    if destination.protocol == "grpc":
        from agentmon.export.otlp.grpc import GRPCTransport  # noqa: PLC0415  # loads grpc

        return GRPCTransport(destination, signal)
    from agentmon.export.otlp.http import HTTPTransport  # noqa: PLC0415  # loads requests

    return HTTPTransport(destination)


class Sender:
    """
    Sends to one collector, and counts what is lost.

    Guarantees:
        - `send` does not raise, and ends: when it was accepted, when it can never be, when
          `Retry.give_up_seconds` are over, or when patience is.
        - What is sent is accepted, or counted with *failed* or *rejected*. What the collector took
          although its answer did not arrive may be sent twice.
        - A line is logged when sending begins to fail and when it works again, not for each
          attempt, and the same at most once a minute.

    Args:
        way: The way to the collector.
        destination: The collector.
        count: Told why something was lost, and how much.
        failed: The reason of what could not be sent.
        rejected: The reason of what the collector took and then threw away.
        what: What is sent, for messages.
        retry: How often it is tried.
        rest_seconds: How long a collector is left alone that does not know what is sent to it;
            meanwhile all is counted as lost.
    """

    def __init__(
        self,
        way: Transport,
        destination: Destination,
        count: Callable[[str, int], object],
        *,
        failed: str = "span_export_failed",
        rejected: str = "span_rejected",
        what: str = "spans",
        retry: Retry | None = None,
        rest_seconds: float = 0.0,
    ) -> None:
        self._way = way
        self._timeout_seconds = destination.timeout_seconds
        self._where = str(destination)
        self._count = count
        self._failed = failed
        self._rejected = rejected
        self._what = what
        self._retry = retry or Retry()
        self._rest_seconds = rest_seconds
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._random = Random()  # noqa: S311  # spreads attempts
        self._failures = 0  # in a row, over all batches
        self._not_before = 0.0
        self._demanded = False  # whether it is the collector that asked to wait
        self._hopeless = False
        self._rests_until = -math.inf
        self._state: _State = "fine"
        self._said: dict[_State, float] = {}
        self._lost = 0

    def send(self, body: bytes, items: int, patience: Patience) -> None:
        """
        Send it.

        Args:
            body: A request of OTLP.
            items: How many spans, records or points are in it.
            patience: How long it may take.
        """
        if time.monotonic() < self._rests_until:
            self.lose(items)
            return
        packed = self._way.pack(body)
        until = time.monotonic() + self._retry.give_up_seconds
        while not self._hopeless and self._turn_comes(until, patience):
            left = patience.left()
            timeout = self._timeout_seconds
            answer = self._way.send(packed, timeout if left is None else min(timeout, left))
            if answer.verdict != "retry":
                self._conclude(answer, items)
                return
            self._back_off(answer)
            if patience.left() is not None and self._failures >= _LAST_ATTEMPTS:
                self._hopeless = True
        self.lose(items)

    def lose(self, items: int) -> None:
        """Count what is not sent."""
        self._lost += items
        self._count(self._failed, items)

    def abort(self) -> None:
        """Make a `send` in another thread return soon."""
        self._way.abort()

    def abandon(self) -> None:
        """In a forked child: begin anew, with connections of its own."""
        self._way.abandon()
        self._begin_anew()

    def close(self) -> None:
        """Let go of connections."""
        self._way.close()

    def _turn_comes(self, until: float, patience: Patience) -> bool:
        """Wait for the next attempt; False if there is to be none."""
        while True:
            now = time.monotonic()
            left = patience.left()
            if now >= until or left == 0:
                return False
            wait = self._not_before - now
            if wait <= 0:
                return True
            if left is not None and wait > left:
                return False
            patience.pause(min(wait, until - now))
            if not self._demanded:
                # It is over, or somebody is in a hurry, and then there is an attempt now.
                self._not_before = 0.0

    def _back_off(self, answer: Answer) -> None:
        retry = self._retry
        most = min(retry.most_seconds, retry.first_seconds * 2 ** min(self._failures, 30))
        self._failures += 1
        wait = self._random.uniform(0, most)
        # A collector that asks for attempts without a pause gets the usual ones.
        self._demanded = (answer.after_seconds or 0) > wait
        if self._demanded:
            wait = min(answer.after_seconds or 0, retry.give_up_seconds)
        self._not_before = time.monotonic() + wait
        self._say(
            "retrying", f"cannot be sent to {self._where}, and are tried again: {answer.message}"
        )

    def _conclude(self, answer: Answer, items: int) -> None:
        self._failures = 0
        self._not_before = 0.0
        if answer.verdict == "failed":
            self.lose(items)
            if answer.unknown:
                self._rests_until = time.monotonic() + self._rest_seconds
            self._say("refused", f"are refused by {self._where}: {answer.message}")
            return
        rejected = min(answer.rejected, items)
        if rejected:
            self._lost += rejected
            self._count(self._rejected, rejected)
            why = answer.message or "it does not say why"
            self._say(
                "remarks", f"are rejected in part by {self._where}: {rejected} of {items}, {why}"
            )
        elif answer.message:
            self._say("remarks", f"are taken by {self._where}, but: {answer.message}")
        else:
            self._say("fine", f"are sent to {self._where} again: {self._lost} were lost")
            self._lost = 0

    def _say(self, state: _State, what: str) -> None:
        """Log a change of state, unless that was said a moment ago."""
        if state == self._state:
            return
        self._state = state
        now = time.monotonic()
        if now - self._said.get(state, -math.inf) < _QUIET_SECONDS:
            return
        self._said[state] = now
        with suppress(Exception):  # a filter or handler of the host
            level = logging.INFO if state == "fine" else logging.WARNING
            logger.log(level, "agentmon: %s %s", self._what, what)


class Shipment(Generic[T]):
    """
    Encodes what waited and sends it: for `agentmon.export.worker.Worker`.

    Args:
        encode: Makes requests of a batch and an encoded resource, and says how many items could not
            be encoded.
        resource: Makes the attributes of the resource of this process, anew in a forked one.
        sender: Sends the requests.
    """

    def __init__(
        self,
        encode: Callable[[list[T], bytes], tuple[list[Request], int]],
        resource: Callable[[], Mapping[str, object]],
        sender: Sender,
    ) -> None:
        self._encode = encode
        self._make_resource = resource
        self._resource = common.resource(resource())
        self._sender = sender

    def __call__(self, batch: list[T], patience: Patience) -> None:
        """Ship a batch."""
        requests, failed = self._encode(batch, self._resource)
        if failed:
            self._sender.lose(failed)
        for request in requests:
            self._sender.send(request.body, request.items, patience)

    def abort(self) -> None:
        """Make the shipping that another thread is at return soon."""
        self._sender.abort()

    def abandon(self) -> None:
        """In a forked child: use nothing that the parent uses."""
        self._sender.abandon()
        self._resource = common.resource(self._make_resource())

    def close(self, seconds: float) -> None:  # noqa: ARG002  # it takes no time
        """Let go of connections."""
        self._sender.close()
