"""
What tokens and computing cost: a table, and how a model is found in it.

Money is counted in picos, millionths of millionths of the currency's unit. A price of so much per
million tokens, with up to six decimals, is then a whole number of picos per token, so that sums are
exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from agentmon.errors import ConfigError

__all__ = ["PICO", "Price", "PriceTable", "read_table"]

#: Picos in one unit of the currency.
PICO: Final = 10**12

_MILLION: Final = 10**6
_LONGEST: Final = 40
_PARTS: Final = ("input", "output", "cached", "cache_write", "reasoning")
_FIELDS: Final = ("version", "currency", "models", "compute", "extends")
_NOTES: Final = ("about", "licence", "sources")

#: Names that programs and conventions have for those who sell.
_SELLERS: Final = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
#: Who is asked for a model when nobody says who serves it: those who make models.
_MAKERS: Final = (
    *("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "x-ai", "voyageai"),
)
#: What may come behind a model's name without being another model: a date, or that it is newest.
_SUFFIX: Final = re.compile(r"[-@](?:20\d{2}-?[01]\d-?[0-3]\d|latest)\Z")


@dataclass(frozen=True, slots=True)
class Price:
    """
    What tokens of one model cost, in picos each.

    Args:
        input: Of the input; None where the table does not say.
        output: Of the output, likewise.
        cached: Of input that was read from a cache; as input where the table does not say.
        cache_write: Of input that was written to a cache; likewise.
        reasoning: Of output that was reasoning; as output where the table does not say.
        above: Prices of a call with more input than so many tokens, largest first.
    """

    input: int | None
    output: int | None
    cached: int | None
    cache_write: int | None
    reasoning: int | None
    above: tuple[tuple[int, Price], ...] = ()

    def at(self, input_tokens: int) -> Price:
        """The price of a call with so much input."""
        for threshold, price in self.above:
            if input_tokens > threshold:
                return price
        return self


@dataclass(frozen=True, slots=True)
class PriceTable:
    """
    What tokens and computing cost.

    Args:
        version: Which table it is.
        currency: The currency of its prices.
        models: Prices by ``seller/model`` or ``model``, also by the other names of a model.
        cpu_second: Price of a second of a processor, in picos; None where it is not declared.
    """

    version: str
    currency: str
    models: Mapping[str, Price] = field(hash=False)
    cpu_second: int | None = None

    def find(self, model: str, provider: str = "") -> Price | None:
        """
        The price of a model.

        Args:
            model: Its name, which may hold a date or the seller.
            provider: Who serves it. With one, only prices of that seller, or for whoever serves
                the model, are found; without one, those of who makes models.

        Returns:
            None where the table has none.
        """
        for key in _keys(model, provider):
            price = self.models.get(key)
            if price is not None:
                return price
        return None

    def __str__(self) -> str:
        return self.version


def _keys(model: str, provider: str) -> Iterator[str]:
    """Where to look for a model, most particular first."""
    name = model.strip().lower().removeprefix("models/")
    seller = provider.strip().lower()
    seller = _SELLERS.get(seller, seller)
    before, slash, rest = name.partition("/")
    if slash and (not seller or _SELLERS.get(before, before) == seller):
        # As some libraries write both in one.
        yield name
        seller, name = _SELLERS.get(before, before), rest
    sellers = (seller,) if seller else _MAKERS
    for each in (name, _SUFFIX.sub("", name)):
        for one in sellers:
            yield f"{one}/{each}"
        yield each


def read_table(raw: object, base: PriceTable | None = None) -> PriceTable:
    """
    Make a table of what is written.

    Args:
        raw: A mapping with ``models``, and with ``version``, ``currency``, ``compute`` and
            ``extends`` if they are to be said.
        base: What it adds to, unless it says ``"extends": false`` or has another currency.

    Raises:
        ConfigError: If it cannot be used: what, what was got, what is allowed.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"got {raw!r:.100}, allowed a mapping with 'models'")
    for name in raw:
        if name not in _FIELDS + _NOTES:
            raise ConfigError(f"got {name!r:.100}, allowed {', '.join(_FIELDS + _NOTES)}")
    currency = _text(raw, "currency", "USD" if base is None else base.currency)
    if base is not None and (not raw.get("extends", True) or currency != base.currency):
        base = None
    own_models = _models(raw.get("models", {}))
    models = {
        key: price
        for key, price in ({} if base is None else base.models).items()
        if key.partition("/")[2] not in own_models  # else it would be found before the own one
    }
    models.update(own_models)
    cpu_second = None if base is None else base.cpu_second
    compute = raw.get("compute")
    if compute is not None:
        if not isinstance(compute, Mapping) or set(compute) != {"cpu_second"}:
            raise ConfigError(f"compute: got {compute!r:.100}, allowed {{'cpu_second': price}}")
        cpu_second = _picos("compute: cpu_second", compute["cpu_second"], 1)
    own = _text(raw, "version", "own")
    version = own if base is None or "version" in raw else f"{base.version}+{own}"
    return PriceTable(version, currency, models, cpu_second)


def _text(raw: Mapping[Any, Any], name: str, default: str) -> str:
    text = raw.get(name, default)
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise ConfigError(f"{name}: got {text!r:.100}, allowed 1 to 40 printable characters")
    return text


def _models(raw: object) -> dict[str, Price]:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"models: got {raw!r:.100}, allowed a mapping of prices by model")
    found: dict[str, Price] = {}
    others: dict[str, Price] = {}
    for model, entry in raw.items():
        if not isinstance(model, str) or not model.strip():
            raise ConfigError(f"models: got {model!r:.100}, allowed the name of a model")
        if not isinstance(entry, Mapping):
            raise ConfigError(f"models: {model}: got {entry!r:.100}, allowed a mapping of prices")
        extra = set(entry) - {*_PARTS, "above", "aliases", "source"}
        if extra:
            raise ConfigError(
                f"models: {model}: got {', '.join(sorted(map(repr, extra)))}, allowed "
                f"{', '.join(_PARTS)}, above, aliases, source"
            )
        name = model.strip().lower()
        price = found[name] = _price(f"models: {model}", entry)
        seller = name.rpartition("/")[0]
        for alias in _aliases(model, entry):
            others[f"{seller}/{alias}" if seller else alias] = price
    return {**others, **found}


def _aliases(model: str, entry: Mapping[Any, Any]) -> list[str]:
    given = entry.get("aliases", ())
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ConfigError(f"models: {model}: aliases: got {given!r:.100}, allowed a list of names")
    return [each.lower() for each in given]


def _price(where: str, entry: Mapping[Any, Any]) -> Price:
    said = {
        part: _picos(f"{where}: {part}", entry[part], _MILLION)
        for part in _PARTS
        if entry.get(part) is not None
    }
    if "input" not in said and "output" not in said:
        raise ConfigError(f"{where}: got {dict(entry)!r:.100}, allowed at least input or output")
    above: list[tuple[int, Price]] = []
    raw_above = entry.get("above", {})
    if not isinstance(raw_above, Mapping):
        raise ConfigError(f"{where}: above: got {raw_above!r:.100}, allowed prices by tokens")
    for tokens, prices in raw_above.items():
        if not str(tokens).isdecimal() or not isinstance(prices, Mapping):
            raise ConfigError(f"{where}: above: got {tokens!r:.100}, allowed prices by tokens")
        above.append((int(tokens), _price(f"{where}: above {tokens}", prices)))
    above.sort(key=_threshold, reverse=True)
    whole_in, whole_out = said.get("input"), said.get("output")
    return Price(
        whole_in,
        whole_out,
        said.get("cached", whole_in),
        said.get("cache_write", whole_in),
        said.get("reasoning", whole_out),
        tuple(above),
    )


def _threshold(step: tuple[int, Price]) -> int:
    return step[0]


def _picos(where: str, price: object, per: int) -> int:
    """A price as a whole number of picos: per token from one per million, or as it is."""
    number = _number(price)
    if number is None or number < 0:
        raise ConfigError(f"{where}: got {price!r:.100}, allowed a number of 0 or more")
    picos = number * (PICO // per)
    if picos.denominator != 1:
        most = len(str(PICO // per)) - 1
        raise ConfigError(f"{where}: got {price!r:.100}, allowed at most {most} decimals")
    return int(picos)


def _number(price: object) -> Fraction | None:
    """
    A price, exactly; None for what is no finite number.

    Not by arithmetic of `Decimal`, which leaves a variable in the context of the host: every one
    there makes each measured call slower.
    """
    if isinstance(price, bool) or not isinstance(price, int | float | str | Decimal):
        return None
    try:
        return Fraction(str(price))
    except ValueError:
        return None
