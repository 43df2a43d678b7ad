"""What model calls and computing cost, against bills that were worked out by hand."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

import agentmon
from tests.driven import Endpoint

#: Prices per million tokens, in round numbers.
TABLE: dict[str, Any] = {
    "version": "test",
    "models": {
        "m": {
            "input": "2",
            "output": "10",
            "cached": "0.5",
            "cache_write": "2.5",
            "reasoning": "12",
        },
        "two-tiers": {
            "input": "1",
            "output": "5",
            "above": {"1000": {"input": "2", "output": "8"}},
        },
        "plain": {"input": "3", "output": "15"},
        "embedder": {"input": "0.02"},
        "free": {"input": 0, "output": 0},
    },
}


def call(model: str = "m", provider: str = "", **tokens: int) -> None:
    """One model call that reports its tokens."""
    with agentmon.model_call(model=model, provider=provider) as made:
        made.usage(**tokens)


def cost(endpoint: Endpoint, **labels: str) -> dict[tuple[str, ...], float]:
    """The cost by its kind."""
    names = {"agent": "", "workflow": "", "model": "m", "provider": "", "currency": "USD"}
    return endpoint.samples("agentmon_cost_total", **{**names, **labels})


@pytest.mark.drives("agentmon_cost_total", "agentmon_price_table_info")
def test_every_kind_of_token_has_its_price_once(endpoint: Endpoint) -> None:
    """Parts are taken off their wholes: 1,000 of input with 400 read and 100 written make 500."""
    endpoint.start(prices=TABLE)
    call(
        input_tokens=1000,
        cached_tokens=400,
        cache_write_tokens=100,
        output_tokens=300,
        reasoning_tokens=200,
    )
    assert cost(endpoint) == {
        ("input",): 500 * 2 / 1e6,
        ("cached",): 400 * 0.5 / 1e6,
        ("cache_write",): 100 * 2.5 / 1e6,
        ("output",): 100 * 10 / 1e6,
        ("reasoning",): 200 * 12 / 1e6,
    }
    assert endpoint.value("agentmon_price_table_info", currency="USD") == 1


def test_a_bill_of_many_small_calls_is_exact(endpoint: Endpoint) -> None:
    """7 tokens at 0.02 per million, 30,011 times, are 0.00420154: nothing is rounded away."""
    endpoint.start(prices=TABLE)
    for _ in range(30_011):
        call("embedder", input_tokens=7)
    assert cost(endpoint, model="embedder") == {("input",): 0.00420154}


def test_the_list_price_of_a_model_is_the_bill(endpoint: Endpoint) -> None:
    """The shipped table: gpt-4o-mini at 0.15, 0.075 and 0.60 for a dated name of it."""
    endpoint.start()
    call(
        "gpt-4o-mini-2024-07-18",
        "openai",
        input_tokens=12_345,
        cached_tokens=2_345,
        output_tokens=678,
    )
    bill = cost(endpoint, model="gpt-4o-mini-2024-07-18", provider="openai")
    assert bill == {("input",): 0.0015, ("cached",): 0.000175875, ("output",): 0.0004068}


def test_a_call_with_much_input_has_the_price_of_such_a_call(endpoint: Endpoint) -> None:
    """Above 1,000 tokens of input all tokens of the call cost more; at 1,000 they do not."""
    endpoint.start(prices=TABLE)
    call("two-tiers", input_tokens=1000, output_tokens=10)
    assert cost(endpoint, model="two-tiers") == {("input",): 0.001, ("output",): 0.00005}
    call("two-tiers", input_tokens=1001, output_tokens=10)
    assert cost(endpoint, model="two-tiers") == {("input",): 0.003002, ("output",): 0.00013}


def test_a_part_that_has_no_price_costs_what_its_whole_does(endpoint: Endpoint) -> None:
    """Cached input costs as input does where the table knows no other price."""
    endpoint.start(prices=TABLE)
    call("plain", input_tokens=100, cached_tokens=40, output_tokens=10, reasoning_tokens=10)
    assert cost(endpoint, model="plain") == {
        ("input",): 0.00018,
        ("cached",): 0.00012,
        ("reasoning",): 0.00015,
    }


def test_a_part_reported_after_its_whole_is_taken_off_what_follows(endpoint: Endpoint) -> None:
    """The cost never goes down, and is right again with the next call."""
    endpoint.start(prices=TABLE)
    with agentmon.model_call(model="m") as made:
        made.usage(input_tokens=100)
        made.usage(cached_tokens=60)
    assert cost(endpoint) == {("input",): 0.0002, ("cached",): 0.00003}
    call(input_tokens=100)
    assert cost(endpoint) == {("input",): 0.00028, ("cached",): 0.00003}


def test_cost_belongs_to_the_innermost_agent_once(endpoint: Endpoint) -> None:
    """An agent that calls an agent that calls a model: one cost, of the inner one."""
    endpoint.start(prices=TABLE)
    with agentmon.workflow("w"), agentmon.agent("outer"), agentmon.agent("inner"):
        call(input_tokens=1_000_000)
    assert endpoint.samples("agentmon_cost_total", model="m") == {
        ("inner", "w", "", "input", "USD"): 2.0
    }


@pytest.mark.drives("agentmon_unpriced_tokens_total")
def test_tokens_of_an_unknown_model_are_counted_and_warned_of_once(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """No cost is made up: the tokens are counted as unpriced, with one warning for the model."""
    endpoint.start(prices=TABLE)
    with caplog.at_level(logging.WARNING, "agentmon"):
        call("mystery", "somebody", input_tokens=70, output_tokens=7)
        call("mystery", "somebody", input_tokens=30)
    assert endpoint.samples("agentmon_unpriced_tokens_total", model="mystery") == {
        ("", "somebody", "input"): 100,
        ("", "somebody", "output"): 7,
    }
    assert endpoint.value("agentmon_cost_total", model="mystery") is None
    assert len([each for each in caplog.records if "mystery" in each.getMessage()]) == 1


def test_a_model_that_is_declared_free_costs_nothing_and_is_not_unknown(
    endpoint: Endpoint,
) -> None:
    """A price of 0 that somebody wrote is a price."""
    endpoint.start(prices=TABLE)
    call("free", input_tokens=70)
    assert cost(endpoint, model="free") == {("input",): 0}
    assert endpoint.value("agentmon_unpriced_tokens_total") is None


def test_output_of_a_model_that_sells_none_is_unpriced(endpoint: Endpoint) -> None:
    """The table has a price for the input of an embedder, and none for output."""
    endpoint.start(prices=TABLE)
    call("embedder", input_tokens=1_000_000, output_tokens=5)
    assert cost(endpoint, model="embedder") == {("input",): 0.02}
    assert endpoint.samples("agentmon_unpriced_tokens_total", model="embedder") == {
        ("", "", "output"): 5
    }


def test_computing_costs_its_declared_price(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 seconds of a processor at 0.0001 make 0.0005."""
    used = iter([1_000_000_000, 3_000_000_000, 6_000_000_000])
    monkeypatch.setattr(
        "agentmon.instrumentation.spending.time.process_time_ns", lambda: next(used)
    )
    endpoint.start(prices={"compute": {"cpu_second": "0.0001"}})
    assert endpoint.value("agentmon_cost_total", cost_type="compute") == 0.0002
    assert endpoint.value("agentmon_cost_total", cost_type="compute") == 0.0005


@pytest.mark.drives("agentmon_task_cpu_seconds_total")
def test_cpu_time_of_agents_is_that_of_their_task_and_costs(endpoint: Endpoint) -> None:
    """What is attributed to an agent within a task is the task's, at the price of computing."""
    endpoint.start(agent_cpu=True, prices={"compute": {"cpu_second": "0.5"}})

    @agentmon.agent("busy")
    def busy() -> int:
        until = time.thread_time() + 0.02
        n = 0
        while time.thread_time() < until:
            n += 1
        return n

    with agentmon.task("answer"):
        assert busy()
    used = endpoint.value("agentmon_agent_cpu_seconds_total", agent="busy", share="self")
    assert used is not None
    assert used >= 0.02
    labels = {"task": "answer", "agent": "busy", "result": "completed"}
    assert endpoint.value("agentmon_task_cpu_seconds_total", **labels) == used
    cost = used * 0.5
    assert endpoint.value("agentmon_task_cost_total", **labels) == pytest.approx(cost, abs=1e-9)
    bill = endpoint.samples("agentmon_cost_total", cost_type="compute", agent="busy")
    assert sum(bill.values()) == pytest.approx(cost, abs=1e-9)


def test_what_is_less_than_a_billionth_is_kept_until_it_is_one(endpoint: Endpoint) -> None:
    """One token at 0.0375 per million, 10,000 times, is 0.000375, and once it is 37 billionths."""
    endpoint.start(prices={"models": {"cheap": {"input": "0.0375"}}})
    call("cheap", input_tokens=1)
    assert cost(endpoint, model="cheap") == {("input",): 0.000000037}
    for _ in range(9999):
        call("cheap", input_tokens=1)
    assert cost(endpoint, model="cheap") == {("input",): 0.000375}
