"""
The terms of a question: over which window, of which labels, and how durations are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agentmon.model.metric import Kind, Metric
from agentmon.query import promql
from agentmon.query.promql import FROM_SCRAPE, Expression, Matchers
from agentmon.query.rates import RATES, Rates, read_over

__all__ = ["Ask"]


@dataclass(frozen=True)
class Ask:
    """
    How a view is asked.

    Args:
        window: What rates look back over.
        where: Which labels; a metric that has not one of them is asked without it.
        native: Whether durations are native histograms at the server, and no classic ones.
    """

    window: str = "5m"
    where: Matchers = field(default_factory=dict)
    native: bool = False

    def matchers(self, metric: Metric, more: Matchers | None = None) -> Matchers:
        """What to ask of a metric, with more of it."""
        known = (*metric.label_names, *FROM_SCRAPE)
        return {**{k: v for k, v in self.where.items() if k in known}, **(more or {})}

    def rate(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """How fast a counter grows, for each second; of a histogram, how many values come."""
        chosen = self.matchers(metric, where)
        if metric.kind is Kind.COUNTER:
            return promql.rate(metric, self.window, chosen).sum(by)
        if self._is_native(metric):
            return self._native("histogram_count", metric, by, chosen)
        return promql.count_of(metric, self.window, chosen).sum(by)

    def increase(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """By how much a counter grew."""
        return promql.increase(metric, self.window, self.matchers(metric, where)).sum(by)

    def now(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """The present value of a gauge, summed."""
        return promql.gauge(metric, self.matchers(metric, where)).sum(by)

    def told(self, metric: Metric, by: Iterable[str] = ()) -> Expression:
        """The present value of a gauge that several processes may tell alike: each counts once."""
        one_each = promql.gauge(metric, self.matchers(metric)).max(metric.label_names)
        return one_each.sum(by)

    def largest(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """The present value of a gauge, the largest."""
        return promql.gauge(metric, self.matchers(metric, where)).max(by)

    def smallest(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """The present value of a gauge, the smallest."""
        return promql.gauge(metric, self.matchers(metric, where)).min(by)

    def mean(
        self, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """The mean of the values of a histogram; nothing where none came."""
        chosen = self.matchers(metric, where)
        if self._is_native(metric):
            came = self._native("histogram_count", metric, by, chosen)
            return self._native("histogram_sum", metric, by, chosen) / (came > 0)
        names = tuple(by)
        rates = self._rates(metric, (*names, *chosen))
        if rates is not None:
            came = rates.summed("count", self.window, names, chosen)
            return rates.summed("sum", self.window, names, chosen) / (came > 0)
        return promql.mean(metric, self.window, names, chosen)

    def quantile(
        self, q: float, metric: Metric, by: Iterable[str] = (), where: Matchers | None = None
    ) -> Expression:
        """A quantile of the values of a histogram."""
        chosen = self.matchers(metric, where)
        if self._is_native(metric):
            return self._native("histogram_quantile", metric, by, chosen, q)
        names = tuple(by)
        rates = self._rates(metric, (*names, *chosen))
        if rates is not None:
            summed = rates.summed("bucket", self.window, ("le", *names), chosen)
            return promql.quantile_of(q, summed, names)
        return promql.quantile(q, metric, self.window, names, chosen)

    def share(
        self,
        part: Metric,
        whole: Metric,
        by: Iterable[str] = (),
        part_where: Matchers | None = None,
        whole_where: Matchers | None = None,
    ) -> Expression:
        """The part of what was counted, 0 to 1; nothing where nothing was counted."""
        every = self.rate(whole, by, whole_where)
        some = self.rate(part, by, part_where).otherwise(every * 0)
        return some / (every > 0)

    def distribution(self, metric: Metric) -> Expression:
        """How many values come into each bucket and those below it, for each second."""
        return promql.buckets(metric, self.window, self.matchers(metric)).sum(("le",))

    def total_time(self, metric: Metric, by: Iterable[str] = ()) -> Expression:
        """How fast the sum of a histogram of durations grows: a share of the time."""
        chosen = self.matchers(metric)
        if self._is_native(metric):
            return self._native("histogram_sum", metric, by, chosen)
        return promql.sum_of(metric, self.window, chosen).sum(by)

    def growth(self, metric: Metric, by: Iterable[str] = ()) -> Expression:
        """By how much a gauge grew that counts up."""
        selected = promql.gauge(metric, self.matchers(metric))
        return promql.over_time("increase", selected, self.window).max(by)

    def _rates(self, metric: Metric, labels: Iterable[str]) -> Rates | None:
        """What rules record of a histogram, where the window is long, and the labels are there."""
        rates = RATES.get(metric.sample) if read_over(self.window) else None
        return rates if rates is not None and set(labels) <= set(rates.labels) else None

    def _is_native(self, metric: Metric) -> bool:
        return self.native and metric.kind is Kind.HISTOGRAM and not metric.edges

    def _native(
        self,
        function: str,
        metric: Metric,
        by: Iterable[str],
        where: Matchers,
        *before: float,
    ) -> Expression:
        return promql.native(metric, self.window, where).sum(by).function(function, *before)
