"""
Ids of traces and spans: random, from a generator of their own.

A generator of its own, because a host that seeds `random` alike in all its workers would make the
ids of all of them alike.
"""

from __future__ import annotations

from random import Random

__all__ = ["random_bits", "reseed"]

_random = Random()  # noqa: S311  # ids shall differ, they need not be secret

#: A whole number of so many random bits.
random_bits = _random.getrandbits


def reseed() -> None:
    """Begin anew in a forked child, which would otherwise make the ids that its parent makes."""
    _random.seed()
