"""
The context that a handoff takes along: how much it is, and how much of it arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

from agentmon.instrumentation.active import ACTIVE

__all__ = ["Luggage", "unpacked", "weigh"]

#: Keys of which a message says the sizes one by one.
_MOST: Final = 32
_REST: Final = "-"

#: Bytes and tokens.
_Weight = tuple[int, int]


class Luggage:
    """
    The sizes of a context; never the context itself.

    Args:
        items: Bytes and tokens of each key, by a digest of the key.
        size: Bytes of all, keys included.
    """

    __slots__ = ("items", "size")

    def __init__(self, items: dict[str, _Weight], size: int) -> None:
        self.items = items
        self.size = size

    def packed(self) -> str:
        """As a message says it; of many keys, the rest as one."""
        named = list(self.items.items())
        if len(named) > _MOST:
            rest = [weight for _, weight in named[_MOST:]]
            together = (sum(n for n, _ in rest), sum(n for _, n in rest))
            named = [*named[:_MOST], (_REST, together)]
        return ",".join(f"{key}:{size}:{tokens}" for key, (size, tokens) in named)

    def kept_by(self, other: Luggage) -> dict[str, float]:
        """
        What share of it another has, by measure.

        A key counts where the other has it; its bytes and tokens as far as the other has as many.
        """
        known = {key: weight for key, weight in self.items.items() if key != _REST}
        if not known:
            return {}
        found = {key: other.items[key] for key in known if key in other.items}
        shares = {"keys": len(found) / len(known)}
        for measure, at in (("bytes", 0), ("tokens", 1)):
            whole = sum(weight[at] for weight in known.values())
            if whole:
                kept = sum(min(weight[at], known[key][at]) for key, weight in found.items())
                shares[measure] = kept / whole
        if not any(weight[1] for weight in other.items.values()):
            shares.pop("tokens", None)
        return shares


def weigh(context: object, tokens: Callable[[str], int] | None) -> Luggage | None:
    """
    Measure a context.

    Args:
        context: A mapping, a text, bytes, or anything that has a text.
        tokens: Counts the tokens of a text.

    Returns:
        None where it cannot be measured; that is counted.
    """
    try:
        return _weigh(context, tokens)
    except Exception:  # noqa: BLE001  # objects and functions of the host's
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("invalid_value", 1)
        return None


def _weigh(context: object, tokens: Callable[[str], int] | None) -> Luggage:
    parts = dict(context) if isinstance(context, Mapping) else {"": context}
    items: dict[str, _Weight] = {}
    size = 0
    for key, value in parts.items():
        name = str(key)
        text = _text(value)
        data = value if isinstance(value, bytes) else text.encode("utf-8", "replace")
        n = 0 if tokens is None else int(tokens(text))
        items[blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()] = (len(data), n)
        size += len(name.encode("utf-8", "replace")) + len(data)
    return Luggage(items, size)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, default=str, ensure_ascii=False)


def unpacked(packed: str) -> Luggage:
    """
    What a message says.

    Raises:
        ValueError: If it makes no sense.
    """
    items: dict[str, _Weight] = {}
    for item in packed.split(","):
        key, size, n = item.split(":")
        items[key] = (int(size), int(n))
    return Luggage(items, sum(size for size, _ in items.values()))
