"""
How much a span may hold, and what may be held at all.

Names and defaults are those of OpenTelemetry's specification ("SDK configuration": attribute and
span limits), and so is the cleaning of values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["DEFAULT", "Limits", "clean", "held"]


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What a span may hold; None is no limit.

    Args:
        attributes: Attributes of a span; one more takes the place of the oldest.
        attribute_length: Characters of an attribute's text; the rest is cut off.
        events: Events of a span; one more takes the place of the oldest.
        links: Links of a span; one more takes the place of the oldest.
        event_attributes: Attributes of an event.
        link_attributes: Attributes of a link.
    """

    attributes: int | None = 128
    attribute_length: int | None = None
    events: int | None = 128
    links: int | None = 128
    event_attributes: int | None = 128
    link_attributes: int | None = 128


DEFAULT: Final = Limits()


def clean(value: object, longest: int | None) -> Any:
    """
    An attribute's value as it can be kept: whole, detached from what the caller may change later.

    Args:
        value: None, text, bytes, a bool, a number, or a sequence or mapping of such; anything else
            is kept as its text, and as None where making that fails.
        longest: Characters of text kept; None for all.
    """
    try:
        return _cleaned(value, longest)
    except Exception:  # noqa: BLE001  # a value of the host, which may do anything and hold itself
        return None


def _cleaned(value: object, longest: int | None) -> Any:
    if isinstance(value, str):
        return value if longest is None else value[:longest]
    if value is None or isinstance(value, bool | int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(key): _cleaned(each, longest) for key, each in value.items() if key}
    if isinstance(value, Sequence):
        return tuple([_cleaned(each, longest) for each in value])
    try:
        return _cleaned(str(value), longest)
    except Exception:  # noqa: BLE001  # likewise
        return None


def held(
    given: Mapping[str, object] | None, most: int | None, longest: int | None
) -> tuple[dict[str, Any] | None, int]:
    """
    Attributes as they can be kept.

    Args:
        given: The attributes.
        most: How many are kept; the last ones are.
        longest: Characters of text kept of each.

    Returns:
        The attributes, None if there are none; and how many were dropped.
    """
    if not given:
        return None, 0
    kept = {key: clean(each, longest) for key, each in given.items() if key and type(key) is str}
    if most is not None and len(kept) > most:
        kept = dict(list(kept.items())[len(kept) - most :])
    return kept, len(given) - len(kept)
