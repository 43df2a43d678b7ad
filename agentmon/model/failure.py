"""
What failures that are alike have in common, and the short name for it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Failure", "group_id", "unlocated"]

_PRIME: Final = 0x100000001B3
_BASIS: Final = 0xCBF29CE484222325
_WORD: Final = (1 << 64) - 1
_MOST_KNOWN: Final = 1000

#: What `group_id` has made.
_known: dict[str, str] = {}


class Failure(NamedTuple):
    """
    What failures that are alike have in common.

    Args:
        group: Identifies them, in every process and on every host.
        error_type: Qualified name of the exception's class; the outcome where there was none.
        location: Module and function where it was raised, as far as that is the user's code; empty
            where that is not known.
    """

    group: str
    error_type: str
    location: str


def group_id(text: str) -> str:
    """
    A short name for a text: the same everywhere, 12 hexadecimal digits.

    Source: FNV-1a of 64 bits, folded to 48 (Fowler, Noll, Vo). It guards against no attacker; the
    hashes that do are not loaded for it.
    """
    known = _known.get(text)
    if known is None:
        value = _BASIS
        for byte in text.encode(errors="backslashreplace"):
            value = (value ^ byte) * _PRIME & _WORD
        known = f"{(value >> 48) ^ (value & ((1 << 48) - 1)):012x}"
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[text] = known
    return known


def unlocated(error_type: str, kind: str, name: str) -> Failure:
    """What failures have in common of which only their type and the operation are known."""
    return Failure(group_id(f"{error_type}\n{kind}\n{name}"), error_type, "")
