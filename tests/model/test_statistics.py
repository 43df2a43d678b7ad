"""Moments, quantiles and their error, against exact arithmetic on the same durations."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon.model.buckets import DAY_NS, Layout
from agentmon.model.outcome import OUTCOMES
from agentmon.model.statistics import Statistics, merge, variance_shares

LAYOUT = Layout()
DURATIONS = st.integers(0, DAY_NS) | st.integers(0, 10**6) | st.integers(10**6, 10**10)
SETS = st.lists(st.tuples(DURATIONS, st.sampled_from(OUTCOMES)), max_size=60)
FRACTIONS = st.floats(0, 1) | st.integers(0, 1000).map(lambda n: n / 1000)


def statistics_of(calls: list[tuple[int, str]], coarseness: int = 0) -> Statistics:
    """The statistics of durations with outcomes."""
    durations = [duration for duration, _ in calls]
    return Statistics(
        layout=LAYOUT,
        coarseness=coarseness,
        cells=Counter(LAYOUT.index(duration) >> coarseness for duration in durations),
        outcomes=Counter(outcome for _, outcome in calls),
        sum_ns=sum(durations),
        squares_ns2=sum(duration * duration for duration in durations),
        min_ns=min(durations, default=0),
        max_ns=max(durations, default=0),
    )


def of(*durations: int) -> Statistics:
    """The statistics of calls that returned."""
    return statistics_of([(duration, "ok") for duration in durations])


def content(statistics: Statistics) -> tuple[object, ...]:
    """Everything that two statistics of the same set must agree on."""
    return (
        statistics.coarseness,
        dict(statistics.cells),
        {outcome: statistics.outcomes.get(outcome, 0) for outcome in OUTCOMES},
        statistics.sum_ns,
        statistics.squares_ns2,
        statistics.min_ns,
        statistics.max_ns,
    )


@given(SETS.filter(bool), FRACTIONS)
def test_quantiles_are_near_the_exact_ones(calls: list[tuple[int, str]], q: float) -> None:
    """A quantile is within 1 % or 1 µs of the exact one, and within the error that it states."""
    ordered = sorted(duration for duration, _ in calls)
    # A fraction is meant as it is written: 0.07 of 100 is 7.
    rank = max(1, math.ceil(Fraction(repr(q)) * len(ordered)))
    exact = ordered[rank - 1]
    found = statistics_of(calls).quantile(q)
    assert abs(found.value_ns - exact) <= found.error_ns
    assert abs(found.value_ns - exact) <= max(exact / 100, 1000)


@given(SETS.filter(bool), FRACTIONS, st.integers(1, 6))
def test_coarse_quantiles_are_within_their_error(
    calls: list[tuple[int, str]], q: float, coarseness: int
) -> None:
    """A quantile of coarse cells is within the error that it states."""
    ordered = sorted(duration for duration, _ in calls)
    exact = ordered[max(1, math.ceil(Fraction(repr(q)) * len(ordered))) - 1]
    found = statistics_of(calls, coarseness).quantile(q)
    assert abs(found.value_ns - exact) <= found.error_ns


@pytest.mark.parametrize(
    ("q", "exact"), [(0.07, 7), (0.14, 14), (0.28, 28), (0.55, 55), (0.56, 56)]
)
def test_ranks_do_not_suffer_from_rounding(q: float, exact: int) -> None:
    """The rank of a fraction that binary cannot write is the one that was meant."""
    assert q * 100 > exact or q in (0.55, 0.56)
    statistics = of(*(seconds * 10**9 for seconds in range(1, 101)))
    assert statistics.quantile(q).value_ns == pytest.approx(exact * 1e9, rel=0.004)


def test_quantiles_of_one_duration_are_exact() -> None:
    """One duration is every quantile, without error."""
    for quantile in of(123_456_789).quantiles((0.0, 0.5, 1.0)):
        assert (quantile.value_ns, quantile.error_ns) == (123_456_789, 0)


def test_quantiles_come_in_the_order_asked_for() -> None:
    """Quantiles are given in the order of the fractions, also where these fall or repeat."""
    statistics = of(10**6, 10**7, 10**8)
    high, low, again = statistics.quantiles((1.0, 0.0, 1.0))
    assert low.value_ns == pytest.approx(10**6, rel=0.004)
    assert high == again
    assert high.value_ns == pytest.approx(10**8, rel=0.004)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan, math.inf])
def test_a_fraction_that_is_none(q: float) -> None:
    """A fraction outside 0 to 1 is refused, also of an empty set."""
    with pytest.raises(ValueError, match=r"quantile: got .*, allowed 0 to 1"):
        Statistics(LAYOUT).quantile(q)


@given(SETS, SETS, SETS)
def test_merging_is_associative_and_commutative(
    a: list[tuple[int, str]], b: list[tuple[int, str]], c: list[tuple[int, str]]
) -> None:
    """Sets merge in any order and grouping to what recording all into one set gives."""
    one, two, three = statistics_of(a), statistics_of(b), statistics_of(c)
    whole = content(merge(LAYOUT, [statistics_of(a + b + c)]))
    assert content(merge(LAYOUT, [one, two, three])) == whole
    assert content(merge(LAYOUT, [three, one, two])) == whole
    assert content(merge(LAYOUT, [merge(LAYOUT, [one, two]), three])) == whole
    assert content(merge(LAYOUT, [one, merge(LAYOUT, [two, three])])) == whole


@given(st.lists(st.tuples(SETS.filter(bool), st.integers(0, 4)), max_size=4))
def test_merging_is_as_coarse_as_the_coarsest(
    parts: list[tuple[list[tuple[int, str]], int]],
) -> None:
    """Sets of different coarseness merge to the set recorded with the coarsest."""
    coarsest = max((coarseness for _, coarseness in parts), default=0)
    everything = [call for calls, _ in parts for call in calls]
    merged = merge(LAYOUT, [statistics_of(calls, coarseness) for calls, coarseness in parts])
    assert content(merged) == content(statistics_of(everything, coarsest))


@given(SETS.filter(bool))
def test_moments_are_exact(calls: list[tuple[int, str]]) -> None:
    """Mean, variance and what follows from them equal rational arithmetic, rounded once."""
    durations = [Fraction(duration) for duration, _ in calls]
    mean = sum(durations) / len(durations)
    variance = sum((duration - mean) ** 2 for duration in durations) / len(durations)
    found = statistics_of(calls)
    assert found.count == len(calls)
    assert found.mean_ns == float(mean)
    assert found.variance_ns2 == float(variance)
    assert found.stddev_ns == math.sqrt(float(variance))
    if mean:
        assert found.cv == pytest.approx(math.sqrt(variance) / float(mean), rel=1e-12)
    else:
        assert math.isnan(found.cv)


def test_the_variance_of_long_calls_that_hardly_differ() -> None:
    """Nothing cancels where durations are large and their spread is small."""
    assert of(DAY_NS - 2, DAY_NS - 1, DAY_NS).variance_ns2 == float(Fraction(2, 3))


def test_an_empty_set_has_no_numbers() -> None:
    """Without any call, everything that is a number of calls is NaN, and the count is 0."""
    empty = merge(LAYOUT, [])
    assert empty.count == 0
    for number in (
        empty.mean_ns,
        empty.variance_ns2,
        empty.stddev_ns,
        empty.cv,
        empty.error_rate,
        empty.timeout_rate,
        empty.quantile(0.5).value_ns,
        empty.quantile(0.5).error_ns,
    ):
        assert math.isnan(number)


def test_rates_are_shares_of_all_calls() -> None:
    """Error rate and timeout rate count their outcome alone, over all outcomes."""
    calls = [(1, "ok")] * 5 + [(1, "error")] * 2 + [(1, "timeout")] + [(1, "cancelled")] * 2
    found = statistics_of(calls)
    assert (found.error_rate, found.timeout_rate) == (0.2, 0.1)


@given(st.lists(SETS.map(statistics_of), max_size=5))
def test_variance_shares_add_up_to_one(parts: list[Statistics]) -> None:
    """Shares are not negative and add up to 1, or are all 0 where nothing varies."""
    shares = variance_shares(parts)
    assert all(share >= 0 for share in shares)
    spread = merge(LAYOUT, parts)
    if spread.min_ns == spread.max_ns:
        assert shares == [0.0] * len(parts)
    else:
        assert sum(shares) == pytest.approx(1)


def test_variance_shares_by_hand() -> None:
    """
    The law of total variance, on numbers that can be checked by hand.

    Of 2, 4 and 6, 6, 12 the mean is 6. The first set adds (2 - 6)² + (4 - 6)² = 20, the second
    0 + 0 + 36; the empty one nothing.
    """
    assert variance_shares([of(2, 4), of(), of(6, 6, 12)]) == pytest.approx([20 / 56, 0, 36 / 56])


def test_a_steady_but_slow_operation_has_a_share() -> None:
    """Difference between operations counts, not only spread within one."""
    assert variance_shares([of(1, 1), of(3, 3)]) == [0.5, 0.5]
