"""Weeks of traffic with noise, and what happens to it; fixed by seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

__all__ = ["DAY", "HELD_OUT", "HOUR", "INCIDENTS", "NOISES", "ONSET", "SEEN", "WATCHED", "traffic"]

HOUR: Final = 12  # points, one each 5 minutes
DAY: Final = 24 * HOUR
#: A quiet week is watched for false alarms, after three of history; then something happens.
ONSET: Final = 29 * DAY
WATCHED: Final = 8 * HOUR
#: Thresholds of others are set on the first seeds; the table is about the others.
SEEN: Final = range(100, 105)
HELD_OUT: Final = range(9000, 9010)
NOISES: Final = ("steady", "restless", "sparse")

Change = Callable[[float, int, int], float]


def _shape(point: int) -> float:
    """Calls a second: busy by day, less at the end of the week."""
    day = 1 + 0.6 * math.sin(2 * math.pi * point / DAY)
    return 2 * day * (0.5 if point % (7 * DAY) >= 5 * DAY else 1)


#: By name, the true rate from the usual one, the point, and the points since it began.
INCIDENTS: Final[dict[str, Change]] = {
    "sudden, threefold": lambda rate, _, __: 3 * rate,
    "sudden, to a third": lambda rate, _, __: rate / 3,
    "slow ramp to threefold in 6 h": lambda rate, _, since: rate * (1 + min(since / 72, 1) * 2),
    "threefold for 20 min": lambda rate, _, since: 3 * rate if since < 4 else rate,
    "drop to zero": lambda _, __, ___: 0.0,
    "season shifted by 6 h": lambda rate, at, _: rate * _shape(at + 6 * HOUR) / _shape(at),
    "+40 %": lambda rate, _, __: 1.4 * rate,
    "-60 %": lambda rate, _, __: 0.4 * rate,
}


def traffic(noise: str, seed: int, incident: str | None) -> list[float]:
    """The rate over 5 minutes at each point."""
    chance = random.Random(f"{noise} {seed}")  # noqa: S311  # no secret
    begin = ONSET + chance.randrange(DAY)
    values = []
    for point in range(begin + WATCHED):
        rate = _shape(point)
        if incident is not None and point >= begin:
            rate = INCIDENTS[incident](rate, point, point - begin)
        if noise == "sparse":  # about six calls in 5 minutes, counted
            values.append(_counted(chance, rate * 3) / 300)
        else:
            values.append(rate * chance.lognormvariate(0, 0.05 if noise == "steady" else 0.3))
    return values


def _counted(chance: random.Random, mean: float) -> int:
    """A number of events that come by chance."""
    left, count = math.exp(-mean), 0
    product = chance.random()
    while product > left:
        product *= chance.random()
        count += 1
    return count
