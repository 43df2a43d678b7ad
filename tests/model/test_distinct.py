"""Counting what is different, in bounded memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import datasketches
import pytest

from agentmon.model.distinct import LowestHashes, Sketch, SketchOfLibrary

KINDS: dict[str, tuple[Callable[[], Sketch], float]] = {
    "own": (LowestHashes, 0.031),
    "library": (lambda: SketchOfLibrary(datasketches), 0.016),
}


def hashes(seed: int, n: int) -> Iterator[int]:
    """So many different ones."""
    drawn = random.Random(seed)  # noqa: S311  # no secret
    return iter([drawn.getrandbits(64) for _ in range(n)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [10_000, 100_000])
def test_many_are_estimated_within_the_stated_error(kind: str, n: int) -> None:
    """Within four standard errors, of the whole and of parts that overlap."""
    make, error = KINDS[kind]
    whole, half, rest = make(), make(), make()
    for i, each in enumerate(hashes(1, n)):
        whole.add(each)
        if i < 2 * n // 3:
            half.add(each)
        if i >= n // 3:
            rest.add(each)
    assert whole.estimate([]) == pytest.approx(n, rel=4 * error)
    assert half.estimate([rest]) == pytest.approx(n, rel=4 * error)


@pytest.mark.parametrize("kind", KINDS)
def test_few_are_counted_as_they_are(kind: str) -> None:
    """Three that came five times each are three."""
    sketch: Any = KINDS[kind][0]()
    assert round(sketch.estimate([])) == 0
    for _ in range(5):
        for each in hashes(2, 3):
            sketch.add(each)
    assert round(sketch.estimate([])) == 3


def test_our_own_is_exact_up_to_its_bound_and_keeps_no_more() -> None:
    """1,023 are 1,023; of 5,000 it keeps 1,024."""
    sketch = LowestHashes()
    for each in hashes(3, 1023):
        sketch.add(each)
    assert sketch.estimate([]) == 1023
    for each in hashes(4, 5000):
        sketch.add(each)
    assert len(sketch.lowest) == 1024
