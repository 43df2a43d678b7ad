"""Broken copies of alerts, which their cases have to notice."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agentmon.assets import rules
from agentmon.assets.rules.rule import Alert
from tests.assets.rules.promtool import prove
from tests.assets.rules.test_capabilities import CASES

pytestmark = [pytest.mark.servers, pytest.mark.slow]

#: How many are tried; ``RULE_MUTANTS=0`` tries all.
_MOST = int(os.environ.get("RULE_MUTANTS", "40"))
_COMPARED = re.compile(r" (>=|<=|==|>|<) (\d+(?:\.\d+)?)(?=[\s)]|\Z)")
_BY = re.compile(r"by \(([a-z_]+(?:, [a-z_]+)*)\)")
_MATCHED = re.compile(r'\w+(?:=~|!~|!=|=)"[^"]*"')
_SIGN = re.compile(r'(=~|!~|!=|=)"')
_ENOUGH = {"4.5", "100"}
_OTHER = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!="}
_NEGATED = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


def _texts(text: str) -> Iterator[tuple[str, str]]:
    """What is broken, wherever it is so, and the expression with it."""
    for sign, number in sorted(set(_COMPARED.findall(text))):
        here = f" {sign} {number}"
        yield f"{here} turned round", text.replace(here, f" {_OTHER[sign]} {number}")
    # What is told of comes first; the others are conditions, such as that there are enough.
    for sign, number in _COMPARED.findall(text)[:1]:
        for factor in (0.5, 2) if float(number) and number not in _ENOUGH else ():
            other = f" {sign} {float(number) * factor:g}"
            yield f"{sign} {number}:{other}", text.replace(f" {sign} {number}", other, 1)
    for grouped in sorted(set(_BY.findall(text))):
        names = grouped.split(", ")
        for name in names:
            rest = ", ".join(each for each in names if each != name)
            yield f"without {name}", text.replace(f"by ({grouped})", f"by ({rest})")
    for matched in sorted(set(_MATCHED.findall(text))):
        sign = _SIGN.search(matched)[1]  # type: ignore[index]  # it has one
        yield f"{matched} negated", text.replace(matched, matched.replace(sign, _NEGATED[sign], 1))


def _mutants() -> list[tuple[str, str, Alert]]:
    every = [
        (alert.name, what, replace(alert, expression=replace(alert.expression, text=text)))
        for alert in rules.alerts()
        if alert.name in CASES
        for what, text in _texts(alert.expression.text)
    ]
    return random.Random(5).sample(every, _MOST) if _MOST else every  # noqa: S311  # no secret


MUTANTS = _mutants()


@pytest.mark.parametrize(
    ("name", "mutant"),
    [(name, mutant) for name, _, mutant in MUTANTS],
    ids=[f"{name}: {what} ({n})" for n, (name, what, _) in enumerate(MUTANTS)],
)
def test_a_broken_copy_of_an_alert_is_noticed(name: str, mutant: Alert, tmp_path: Path) -> None:
    """With a threshold, an operator or a label changed, its case fails."""
    with pytest.raises(pytest.fail.Exception):
        prove("promtool3", name, CASES[name], tmp_path, mutant)
