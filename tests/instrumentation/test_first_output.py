"""The time until the first part of a streamed answer of a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

import agentmon
from agentmon.testing import ManualClock, capture
from tests.driven import Endpoint

COUNT = "agentmon_model_first_output_seconds_count"
SUM = "agentmon_model_first_output_seconds_sum"
OF_IT = {"operation": "chat", "model": "m", "provider": "p", "agent": "clerk"}


@pytest.mark.drives("agentmon_model_first_output_seconds")
def test_the_first_item_of_a_model_that_streams_is_its_first_output(endpoint: Endpoint) -> None:
    """A decorated generator: one first output, whatever comes after it, asynchronous or not."""
    endpoint.start()

    @agentmon.model_call("chat", model="m", provider="p")
    def answer() -> Iterator[str]:
        yield from "abc"

    @agentmon.model_call("chat", model="m", provider="p")
    async def answer_later() -> AsyncIterator[str]:
        for word in "abc":
            yield word

    async def read() -> list[str]:
        return [word async for word in answer_later()]

    with agentmon.agent("clerk"):
        assert list(answer()) == ["a", "b", "c"]
        assert asyncio.run(read()) == ["a", "b", "c"]
    assert endpoint.value(COUNT, **OF_IT) == 2
    whole = endpoint.value("agentmon_model_duration_seconds_sum", **OF_IT)
    first = endpoint.value(SUM, **OF_IT)
    assert first is not None
    assert whole is not None
    assert 0 < first < whole


def test_it_is_measured_once_from_the_start_of_the_call() -> None:
    """2 seconds to the first part; what is noted again changes nothing."""
    clock = ManualClock()
    with capture(clock) as recorded, agentmon.model_call("chat", model="m") as call:
        clock.advance(2)
        call.first_output()
        clock.advance(5)
        call.first_output()
    call.first_output()
    assert recorded.value(SUM) == 2
    assert recorded.value(COUNT) == 1


def test_within_a_decorated_function_the_current_call_takes_it() -> None:
    """A function that reads the stream itself says when it begins."""
    clock = ManualClock()

    @agentmon.model_call("chat", model="m")
    def ask() -> str:
        clock.advance(3)
        call = agentmon.current()
        assert call is not None
        call.first_output()
        clock.advance(4)
        return "done"

    with capture(clock) as recorded:
        assert ask() == "done"
    assert recorded.value(SUM) == 3
    assert recorded.value("agentmon_model_duration_seconds_sum") == 7


def test_other_operations_have_none() -> None:
    """It is counted as dropped, and a generator of an agent notes nothing."""

    @agentmon.agent
    def tell() -> Iterator[str]:
        yield "a"

    with capture() as recorded:
        with agentmon.tool("t") as call:
            call.first_output()
        assert list(tell()) == ["a"]
    assert recorded.value(COUNT) is None
    assert recorded.value("agentmon_dropped_total", reason="outside_model_call") == 1


def test_an_answer_that_yields_nothing_has_none() -> None:
    """No part came, so there is no time until one."""

    @agentmon.model_call("chat", model="m")
    def silent() -> Iterator[str]:
        yield from ""

    with capture() as recorded:
        assert list(silent()) == []
    assert recorded.value(COUNT) is None


def test_nothing_happens_while_recording_is_off() -> None:
    """The call takes it and forgets it."""
    with agentmon.model_call("chat", model="m") as call:
        call.first_output()
