"""
Three formulas, worked out on a list of values, that say whether the value at a point is odd.

Ours follows `agentmon.assets.rules.seasonal`. The others follow a description of
grafana/promql-anomaly-detection (adaptive and robust), in our own words; what that description
leaves open is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, median, pstdev
from typing import Final

from tests.anomaly.data import DAY, HOUR

__all__ = ["FORMULAS", "Ours"]

Odd = Callable[[int], bool]
_WEEK: Final = 7 * DAY
_SIGMAS: Final = 2
_MARGIN: Final = 0.5


class Ours:
    """
    What `agentmon.assets.rules.seasonal` records, for each point from which all is known.

    Each list has a value for each point; None is where Prometheus has none.
    """

    def __init__(self, values: Sequence[float]) -> None:
        points = range(len(values))
        hours = _means(values, HOUR)
        self.now = _means(values, 3)
        within = _spreads(self.now, HOUR)
        self.usual: list[float | None] = []
        weeks: list[float | None] = []
        spread: list[float | None] = []
        for at in points:
            # The hour whose middle is so many weeks ago.
            samples = _each_week(hours, at)
            usual = median(samples) if len(samples) > 1 else None
            self.usual.append(usual)
            if usual is None:
                weeks.append(None)
                spread.append(None)
                continue
            apart = 1.4826 * median(abs(sample - usual) for sample in samples)
            weeks.append(apart)
            spread.append(max([apart, *_middle(_each_week(within, at))]))
        self.windows = []
        for length in (3, HOUR, 3 * HOUR):
            calls = length * 300
            quarter = length == 3  # points of 5 minutes
            seen, expected, apart_by = (
                [None if each is None else each * calls for each in rates]
                for rates in (
                    self.now if quarter else _means(self.now, length),
                    self.usual if quarter else _means(self.usual, length),
                    spread if quarter else _means(weeks, length),
                )
            )
            off = [_off(*each) for each in zip(seen, expected, strict=True)]
            self.windows.append((off, expected, apart_by))

    def z(self, at: int) -> dict[str, float]:
        """How far off it is, over each window of which that is known."""
        found = {}
        for over, (off, expected, spread) in zip(("15m", "1h", "3h"), self.windows, strict=True):
            here, usual = off[at], expected[at]
            past = sorted(each for each in off[max(0, at - _WEEK + 1) : at + 1] if each is not None)
            if here is None or usual is None or len(past) < 6 * HOUR:
                continue
            often = (_quantile(past, 0.95) / 1.645, _quantile(past, 0.05) / -1.645)
            found[over] = here / max(1, *often, (spread[at] or 0) / _unit(usual))
        return found

    def odd(self, at: int) -> bool:
        usual, now = self.usual[at], self.now[at]
        if usual is None or now is None:
            return False
        z = self.z(at)
        gone = bool(z) and now < 0.1 * usual and usual >= round(20 / 900, 4)
        return gone or any(abs(each) > 4 for each in z.values())  # deviations


def _off(seen: float | None, usual: float | None) -> float | None:
    if seen is None or usual is None or max(seen, usual) < 9.9:  # calls
        return None
    root = math.sqrt(usual + 0.375)
    return (math.sqrt(seen + 0.375) - root) * root * 2 / _unit(usual)


def _unit(usual: float) -> float:
    return math.sqrt(usual + 0.375 + (0.05 * usual) ** 2)


def _each_week(of: Sequence[float | None], at: int) -> list[float]:
    """The values of the hours whose middle is one, two and three weeks ago."""
    ends = (at - weeks * _WEEK + HOUR // 2 for weeks in (1, 2, 3))
    return [found for end in ends if end >= 0 and (found := of[end]) is not None]


def _middle(values: Sequence[float]) -> list[float]:
    return [median(values)] if values else []


def _windowed(values: Sequence[float | None], length: int) -> Iterator[tuple[int, float, float]]:
    """How many values are in the window that ends at each point, their sum, and that of squares."""
    number, whole, squares = 0, 0.0, 0.0
    for at, value in enumerate(values):
        old = values[at - length] if at >= length else None
        for each, sign in ((value, 1), (old, -1)):
            if each is not None:
                number += sign
                whole += sign * each
                squares += sign * each * each
        yield number, whole, squares


def _means(values: Sequence[float | None], length: int) -> list[float | None]:
    return [whole / n if n else None for n, whole, _ in _windowed(values, length)]


def _spreads(values: Sequence[float | None], length: int) -> list[float | None]:
    return [
        math.sqrt(max(0.0, squares / n - (whole / n) ** 2)) if n else None
        for n, whole, squares in _windowed(values, length)
    ]


def _quantile(ordered: Sequence[float], q: float) -> float:
    """As Prometheus has it: between two values in a straight line."""
    rank = q * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _adaptive(values: Sequence[float]) -> Odd:
    """The mean of an hour, with deviations that were large smoothed over 26 hours."""
    spreads: dict[int, tuple[float, float] | None] = {}

    def spread(at: int) -> tuple[float, float] | None:
        if at not in spreads:
            there = [value for value in values[at - HOUR + 1 : at + 1] if value > 0]
            spreads[at] = (fmean(there), pstdev(there)) if there else None
        return spreads[at]

    def odd(at: int) -> bool:
        level = spread(at)
        if values[at] <= 0 or level is None:
            return False
        mid = level[0]
        bands = [(mid * (1 - _MARGIN), mid * (1 + _MARGIN))]
        past = [spread(each) for each in range(at - 26 * HOUR, at + 1)]
        large = [each[1] for each in past if each and each[1] > _MARGIN * each[0]]
        if large:
            wide = _SIGMAS * fmean(large)
            bands.append((mid - wide, mid + wide))
        for ago in (DAY, _WEEK):
            before = spread(at - ago + HOUR // 2)
            if before:
                bands.append(
                    (before[0] - _SIGMAS * before[1], before[0] + _SIGMAS * before[1]),
                )
        return _outside(values[at], bands)

    return odd


def _robust(values: Sequence[float]) -> Odd:
    """The median of an hour against the median of a day."""

    def odd(at: int) -> bool:
        hour = [value for value in values[at - HOUR + 1 : at + 1] if value > 0]
        if values[at] <= 0 or not hour:
            return False
        day = [value for value in values[at - DAY + 1 : at + 1] if value > 0]
        mid = median(day)
        wide = _SIGMAS * median(abs(value - mid) for value in day)
        bands = [(mid - wide, mid + wide), (mid * (1 - _MARGIN), mid * (1 + _MARGIN))]
        for ago in (DAY, _WEEK):
            end = at - ago + 3
            before = [value for value in values[end - 5 : end + 1] if value > 0]
            if before:
                bands.append((median(before), median(before)))
        return _outside(median(hour), bands)

    return odd


def _outside(value: float, bands: Sequence[tuple[float, float]]) -> bool:
    """Whether it is out of all of them."""
    lower = max(0.0, min(low for low, _ in bands))
    return value < lower or value > max(high for _, high in bands)


#: By name: what says of a point of the values whether it is odd.
FORMULAS: Final[dict[str, Callable[[Sequence[float]], Odd]]] = {
    "agentmon": lambda values: Ours(values).odd,
    "adaptive": _adaptive,
    "robust": _robust,
}
