"""
Statistics as people read them: in seconds, with the usual quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentmon.model.outcome import OUTCOMES
from agentmon.model.statistics import Statistics

__all__ = ["OperationSummary", "Summary", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """
    A set of calls. Times are in seconds, and NaN without any call.

    Args:
        count: Calls that ended.
        sum: Sum of their durations, exact.
        mean: Mean, exact.
        variance: Population variance, in square seconds, exact.
        stddev: Standard deviation.
        cv: Coefficient of variation: standard deviation / mean.
        min: Shortest, exact.
        max: Longest, exact.
        p50: Median; this and the other quantiles lie within 1 % of the exact one.
        p90: 90th percentile.
        p99: 99th percentile.
        p999: 99.9th percentile.
        outcomes: How many ended how; all five outcomes are there.
        error_rate: Share that ended in error.
        timeout_rate: Share that exceeded their timeout.
    """

    count: int
    sum: float
    mean: float
    variance: float
    stddev: float
    cv: float
    min: float
    max: float
    p50: float
    p90: float
    p99: float
    p999: float
    outcomes: Mapping[str, int]
    error_rate: float
    timeout_rate: float


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """
    A summary of one operation.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow`` or ``step``.
        labels: What it is recorded under.
        summary: Its calls.
        variance_share: How much it contributes to the variance of all operations of its kind
            together; the shares of a kind add up to 1.
        in_flight: Calls begun and not ended.
        errors: Failures since recording began, by type.
    """

    kind: str
    labels: Mapping[str, str]
    summary: Summary
    variance_share: float
    in_flight: int
    errors: Mapping[str, int]

    @property
    def name(self) -> str:
        """Name of the agent, tool, workflow or step; of a model call, its operation."""
        return next(iter(self.labels.values()))


def summarise(statistics: Statistics) -> Summary:
    """The same set of calls in seconds."""
    nothing = float("nan")
    count = statistics.count
    p50, p90, p99, p999 = (
        quantile.value_ns / 1e9 for quantile in statistics.quantiles((0.5, 0.9, 0.99, 0.999))
    )
    return Summary(
        count=count,
        sum=statistics.sum_ns / 1e9,
        mean=statistics.mean_ns / 1e9,
        variance=statistics.variance_ns2 / 1e18,
        stddev=statistics.stddev_ns / 1e9,
        cv=statistics.cv,
        min=statistics.min_ns / 1e9 if count else nothing,
        max=statistics.max_ns / 1e9 if count else nothing,
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        outcomes={outcome: statistics.outcomes.get(outcome, 0) for outcome in OUTCOMES},
        error_rate=statistics.error_rate,
        timeout_rate=statistics.timeout_rate,
    )
