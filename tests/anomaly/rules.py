"""
Three formulas, worked out on a list of values, that say whether the value at a point is odd.

Ours follows `agentmon.assets.rules.seasonal`. The others follow a description of
grafana/promql-anomaly-detection (adaptive and robust), in our own words; what that description
leaves open is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, median, pstdev
from typing import Final

from tests.anomaly.data import DAY, HOUR

__all__ = ["FORMULAS"]

Odd = Callable[[int], bool]
_WEEK: Final = 7 * DAY
_SIGMAS: Final = 2
_MARGIN: Final = 0.5


def _ours(values: Sequence[float], at: int) -> bool:
    hours = [_hour(values, at - weeks * _WEEK) for weeks in (1, 2, 3)]
    samples = [fmean(hour) for hour in hours]
    usual = median(samples)
    now = fmean(values[at - 2 : at + 1])
    scale = max(
        1.4826 * median(abs(sample - usual) for sample in samples),
        median(pstdev(hour) for hour in hours),
        0.05 * usual,
        math.sqrt(max(usual, 1 / 900) / 900),
    )
    far = abs(now - usual) > 4 * scale or now < 0.1 * usual
    return far and max(now, usual) >= 20 / 900


def _hour(values: Sequence[float], middle: int) -> Sequence[float]:
    return values[middle - HOUR // 2 + 1 : middle + HOUR // 2 + 1]


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
    "agentmon": lambda values: partial(_ours, values),
    "adaptive": _adaptive,
    "robust": _robust,
}
