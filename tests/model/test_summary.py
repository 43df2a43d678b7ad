"""Statistics as people read them."""

from __future__ import annotations

import math

import pytest

from agentmon.model.buckets import Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.model.statistics import Statistics
from agentmon.model.summary import OperationSummary, summarise

LAYOUT = Layout()


def test_a_summary_is_in_seconds() -> None:
    """Nanoseconds become seconds, square ones square seconds."""
    second = 10**9
    summary = summarise(
        Statistics(
            layout=LAYOUT,
            cells={LAYOUT.index(second): 1, LAYOUT.index(3 * second): 3},
            outcomes={"ok": 2, "error": 1, "timeout": 1},
            sum_ns=10 * second,
            squares_ns2=28 * second**2,
            min_ns=second,
            max_ns=3 * second,
        )
    )
    assert summary.count == 4
    assert (summary.sum, summary.mean, summary.min, summary.max) == (10.0, 2.5, 1.0, 3.0)
    assert summary.variance == 0.75
    assert summary.stddev == pytest.approx(math.sqrt(0.75))
    assert summary.cv == pytest.approx(math.sqrt(0.75) / 2.5)
    for quantile in (summary.p50, summary.p90, summary.p99, summary.p999):
        assert quantile == pytest.approx(3.0, rel=0.01)
    assert summary.outcomes == {"ok": 2, "error": 1, "timeout": 1, "cancelled": 0, "interrupted": 0}
    assert (summary.error_rate, summary.timeout_rate) == (0.25, 0.25)


def test_the_summary_of_nothing() -> None:
    """Without calls the sum is 0, the outcomes are all there, and the other numbers are NaN."""
    summary = summarise(Statistics(LAYOUT))
    assert (summary.count, summary.sum) == (0, 0.0)
    assert summary.outcomes == dict.fromkeys(OUTCOMES, 0)
    for number in (summary.mean, summary.min, summary.max, summary.p50, summary.p999, summary.cv):
        assert math.isnan(number)


def test_an_operation_is_named_by_its_first_label() -> None:
    """The name of an operation is the value of its kind's first label."""
    summary = summarise(Statistics(LAYOUT))
    labels = {"tool": "search", "agent": "a"}
    assert OperationSummary("tool", labels, summary, 0.0, 0, {}).name == "search"
