"""The table of prices: what is read, and how a model is found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentmon.errors import ConfigError
from agentmon.model.prices import PriceTable, read_table

SHIPPED = read_table(
    {
        "version": "day",
        "currency": "USD",
        "models": {
            "openai/gpt-9": {"input": "1", "output": "2", "aliases": ["gpt-9-turbo"]},
            "openai/gpt-9o": {"input": "3"},
            "azure/gpt-9": {"input": "4"},
            "google/gem": {"input": "5"},
        },
    }
)


@pytest.mark.parametrize(
    ("model", "provider", "price"),
    [
        ("gpt-9", "openai", 1),
        ("GPT-9", "OpenAI", 1),
        ("gpt-9", "", 1),
        ("gpt-9-turbo", "openai", 1),
        ("gpt-9-2026-01-31", "openai", 1),
        ("gpt-9-20260131", "", 1),
        ("gpt-9-latest", "openai", 1),
        ("gpt-9@20260131", "openai", 1),
        ("openai/gpt-9", "", 1),
        ("gpt-9", "azure.ai.openai", 4),
        ("models/gem", "gcp.gemini", 5),
        ("gemini/gem", "", 5),
    ],
)
def test_a_model_is_found_by_the_names_that_programs_have_for_it(
    model: str, provider: str, price: int
) -> None:
    """Capitals, dates, other names and the names of sellers in conventions do not matter."""
    found = SHIPPED.find(model, provider)
    assert found is not None
    assert found.input == price * 10**6


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-9-mini", "openai"),
        ("gpt", "openai"),
        ("gpt-9", "local"),
        ("gpt-9o", "azure"),
        ("gpt-9-0613", "openai"),
        ("", ""),
    ],
)
def test_no_price_is_guessed(model: str, provider: str) -> None:
    """Another model, and the same model of somebody who is not in the table, has no price."""
    assert SHIPPED.find(model, provider) is None


def test_an_own_price_wins_over_every_seller_of_that_model() -> None:
    """A price for the bare name of a model is for whoever serves it."""
    table = read_table({"models": {"gpt-9": {"input": "7"}}}, SHIPPED)
    prices = [table.find("gpt-9", each) for each in ("openai", "azure", "local", "")]
    assert [each and each.input for each in prices] == [7 * 10**6] * 4
    assert table.find("gem", "google") is not None
    assert table.version == "day+own"


def test_a_table_may_stand_alone() -> None:
    """With ``extends`` false, or in another currency, nothing of the shipped one is in force."""
    alone: tuple[dict[str, Any], ...] = ({"extends": False}, {"currency": "EUR"})
    for each in alone:
        table = read_table({**each, "version": "mine", "models": {"m": {"input": 1}}}, SHIPPED)
        assert table.find("gpt-9", "openai") is None
        assert table.version == "mine"


def test_numbers_of_any_kind_are_exact() -> None:
    """0.1 written as a float is a tenth, and not the float next to it."""
    for tenth in (0.1, "0.1", Decimal("0.1")):
        price = read_table({"models": {"m": {"input": tenth}}}).find("m")
        assert price is not None
        assert price.input == 100_000
    assert read_table({"compute": {"cpu_second": "0.0000116"}}).cpu_second == 11_600_000


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (["m"], "a mapping with 'models'"),
        ({"model": {}}, "got 'model', allowed version, currency, models"),
        ({"currency": 5}, "currency: got 5"),
        ({"version": ""}, "version: got ''"),
        ({"models": []}, "models: got"),
        ({"models": {"m": 5}}, "models: m: got 5"),
        ({"models": {" ": {"input": 1}}}, "the name of a model"),
        ({"models": {"m": {}}}, "allowed at least input or output"),
        ({"models": {"m": {"inptu": 1}}}, "got 'inptu', allowed input, output"),
        ({"models": {"m": {"input": -1}}}, "models: m: input: got -1"),
        ({"models": {"m": {"input": True}}}, "models: m: input: got True"),
        ({"models": {"m": {"input": "nan"}}}, "models: m: input: got 'nan'"),
        ({"models": {"m": {"input": "much"}}}, "models: m: input: got 'much'"),
        ({"models": {"m": {"input": "0.0000001"}}}, "at most 6 decimals"),
        ({"models": {"m": {"input": 1, "aliases": "n"}}}, "aliases: got 'n'"),
        ({"models": {"m": {"input": 1, "above": 5}}}, "above: got 5"),
        ({"models": {"m": {"input": 1, "above": {"x": {}}}}}, "above: got 'x'"),
        ({"compute": 5}, "compute: got 5"),
        ({"compute": {"cpu_second": "0.0000000000001"}}, "at most 12 decimals"),
    ],
)
def test_what_is_written_wrongly_is_refused(raw: object, said: str) -> None:
    """The message says where, what was got and what is allowed."""
    with pytest.raises(ConfigError, match="got") as refused:
        read_table(raw)
    assert said in str(refused.value)


def test_the_largest_threshold_that_is_passed_counts() -> None:
    """Whatever the order in which they are written; a part without a price costs as its whole."""
    above = {"100": {"input": 2}, "1000": {"input": 3}, "500": {"input": 5}}
    price = read_table({"models": {"m": {"input": 1, "above": above}}}).find("m")
    assert price is not None
    for tokens, each in ((100, 1), (101, 2), (501, 5), (1001, 3)):
        assert price.at(tokens).input == price.at(tokens).cached == each * 10**6


def test_an_empty_table_knows_nothing() -> None:
    """No model is found in it."""
    assert PriceTable("none", "USD", {}).find("gpt-9", "openai") is None
