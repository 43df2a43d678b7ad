"""How far quantiles are off, against exact ones of the same durations."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from itertools import accumulate

from agentmon.model.buckets import Layout
from agentmon.model.outcome import OK
from agentmon.record.batch import Batch
from agentmon.record.histogram import Histogram
from agentmon.record.limits import FULL
from agentmon.record.series import statistics
from agentmon.record.window import Windows
from tests.bench.table import Row, at_most, no_target

__all__ = ["quantiles"]

_QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
_MICROSECOND = 1_000


def _distributions(n: int) -> dict[str, list[int]]:
    source = random.Random(1)
    peaks = [(5e7, 5e6), (9e9, 9e8)]  # mean and standard deviation

    def drawn(draw: Iterable[float]) -> list[int]:
        return [max(0, round(value)) for value in draw]

    return {
        "constant": [123_456_789] * n,
        "uniform": drawn(source.uniform(1e3, 1e9) for _ in range(n)),
        "normal": drawn(source.gauss(2e9, 2e8) for _ in range(n)),
        "exponential": drawn(source.expovariate(1e-9) for _ in range(n)),
        "log-normal σ 0.5": drawn(source.lognormvariate(20, 0.5) for _ in range(n)),
        "log-normal σ 2": drawn(source.lognormvariate(18, 2) for _ in range(n)),
        "Pareto α 1.2": drawn(min(1e6 * source.paretovariate(1.2), 8e13) for _ in range(n)),
        "two peaks": drawn(source.gauss(*source.choice(peaks)) for _ in range(n)),
        "microseconds": drawn(source.uniform(0, 2e5) for _ in range(n)),
    }


def _exact(ordered: Sequence[int], q: float) -> int:
    return ordered[max(1, math.ceil(q * len(ordered))) - 1]


def _classic(buckets: Sequence[int], edges_s: Sequence[float], q: float) -> float:
    """What ``histogram_quantile`` of Prometheus answers from classic buckets, in nanoseconds."""
    reached = list(accumulate(buckets))
    rank = q * reached[-1]
    bucket = next(n for n, count in enumerate(reached) if count >= rank and buckets[n])
    if bucket == len(edges_s):
        return edges_s[-1] * 1e9
    low = edges_s[bucket - 1] * 1e9 if bucket else 0.0
    into = (rank - (reached[bucket] - buckets[bucket])) / buckets[bucket]
    return low + (edges_s[bucket] * 1e9 - low) * into


class _Worst:
    """The largest error, and where it was."""

    def __init__(self) -> None:
        self.share = 0.0
        self.where = ""

    def see(self, where: str, error_ns: float, allowed_ns: float) -> None:
        """Note an error as a share of what is allowed."""
        if error_ns / allowed_ns > self.share:
            self.share, self.where = error_ns / allowed_ns, where


def quantiles(rounds: int) -> list[Row]:
    """Largest error over many distributions and quantiles: lifetime, windows, classic buckets."""
    layout = Layout()
    life, window, stated, classic = _Worst(), _Worst(), _Worst(), _Worst()
    distributions = _distributions(50_000 if rounds > 1 else 5_000)
    for name, values in distributions.items():
        histogram, windows = Histogram(layout), Windows(layout)
        for start in range(0, len(values), FULL):
            batch = Batch(layout, OK, 0, values[start : start + FULL])
            histogram.add(batch)
            windows.add(batch)
        ordered = sorted(values)
        lifelong, windowed = statistics(OK, histogram, layout), windows.read("1m", 0)
        state = histogram.state()
        for q in _QUANTILES:
            exact = _exact(ordered, q)
            where = f"{name}, q {q}"
            allowed = max(exact / 100, _MICROSECOND)
            life.see(where, abs(lifelong.quantile(q).value_ns - exact), allowed)
            found = windowed.quantile(q)
            if windowed.coarseness <= 1:  # as fine as windows are
                window.see(where, abs(found.value_ns - exact), allowed)
            stated.see(where, abs(found.value_ns - exact), found.error_ns or 1)
            if layout.edges_s[0] * 1e9 <= exact <= layout.edges_s[-1] * 1e9:
                answer = _classic(state.buckets, layout.edges_s, q)
                classic.see(where, abs(answer - exact), exact / 100)
    over = f"{len(distributions)} distributions, {len(_QUANTILES)} quantiles; worst: "
    unit = "{:.2f} % or as many hundredths of 1 µs"
    return [
        at_most("error of lifetime quantiles", life.share, 1, unit, over + life.where),
        at_most("error of quantiles over 1 minute", window.share, 1, unit, over + window.where),
        at_most(
            "the same, where durations spread so far that cells were halved again",
            stated.share,
            1,
            "{:.2f} of what the quantile states",
            f"worst: {stated.where}",
        ),
        no_target(
            "histogram_quantile over classic buckets",
            f"{classic.share:.0f} %",
            f"within 10 ms to 2 h; worst: {classic.where}",
        ),
    ]
