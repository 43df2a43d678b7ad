"""
Rules that ask native histograms, made from those that ask classic buckets.

For a Prometheus that keeps no classic buckets. What is counted under an edge is then as exact as a
bucket is narrow: 2.2 % of the edge, instead of exact.
"""

from __future__ import annotations

import re
from typing import Any, Final

from agentmon.model import catalogue

__all__ = ["natively"]

#: Only durations of operations are native; all other histograms have classic buckets anyway.
_NAMES: Final = "|".join(each.duration.sample for each in catalogue.OPERATIONS.values())
_BY: Final = r"sum(?P<by> by \([^)]*\))?"
_WITHIN: Final = re.compile(
    rf"{_BY} \(rate\((?P<name>{_NAMES})_bucket\{{(?P<where>.*?)(?:, )?"
    r'le=~"(?P<edge>[^"]*)"\}\[(?P<window>\w+)\]\)\)'
)
_BUCKETS: Final = re.compile(rf"\b(?P<name>{_NAMES})_bucket\b")
_COUNTED: Final = re.compile(
    rf"(?P<how>rate|increase)\((?P<name>{_NAMES})_(?P<part>count|sum)(?P<rest>(?:\{{.*?\}})?\[\w+\]\))"
)


def natively(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Groups of rules, as a rule file has them, that ask native histograms.

    Args:
        groups: They, asking classic buckets; not changed.
    """
    return [
        {**group, "rules": [{**rule, "expr": _asked(rule["expr"])} for rule in group["rules"]]}
        for group in groups
    ]


def _asked(text: str) -> str:
    text = _WITHIN.sub(_within, text)
    text = _COUNTED.sub(r"histogram_\g<part>(\g<how>(\g<name>\g<rest>)", text)
    # Buckets are one histogram now, so there is no edge to sum them by.
    if _BUCKETS.search(text):
        text = re.sub(r"\bby \(le(?:, )?", "by (", _BUCKETS.sub(r"\g<name>", text))
        text = text.replace("sum by () (", "sum (")
    return text


def _within(match: re.Match[str]) -> str:
    """What comes under an edge: nothing, and not no number, where nothing comes."""
    edge = match["edge"].replace("([.]0)?", "").replace("[.]", ".")
    where = f"{{{match['where']}}}" if match["where"] else ""
    all_of_it = f"sum{match['by'] or ''} (rate({match['name']}{where}[{match['window']}]))"
    share = f"histogram_fraction(0, {edge}, {all_of_it})"
    count = f"histogram_count({all_of_it})"
    return f"(({share} * {count}) > 0 or ({count} * 0))"
