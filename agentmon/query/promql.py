"""
PromQL made from metrics of the catalogue, so that no name or label in it can be wrong.

An expression knows the labels that its result has; asking for one that it has not is an error at
once, and not an empty panel later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agentmon.errors import CatalogueError
from agentmon.model.catalogue import CONSTANT_LABELS
from agentmon.model.metric import Kind, Metric

__all__ = [
    "FROM_SCRAPE",
    "Expression",
    "Matchers",
    "buckets",
    "count_of",
    "exemplars",
    "gauge",
    "increase",
    "mean",
    "native",
    "number",
    "over_time",
    "predicted",
    "quantile",
    "quantile_of",
    "rate",
    "recorded",
    "sum_of",
    "total",
    "within",
]

#: Labels that a sample has besides those of its metric: from `configure()` and from the scrape.
FROM_SCRAPE: Final = (*(label.name for label in CONSTANT_LABELS), "job", "instance")

#: What a selector asks for, by label: a value, or an operator and a value as in ``("=~", "a|b")``.
Matchers = Mapping[str, "str | tuple[Literal['=', '!=', '=~', '!~'], str]"]

_WINDOW = re.compile(r"(\d+(ms|[smhdwy]))+\Z|\$__(rate_interval|interval|range)\Z|\$\w+\Z")


@dataclass(frozen=True)
class Expression:
    """
    One expression, and the labels of its result.

    Args:
        text: As PromQL spells it.
        labels: The names of the labels that its series have.
        simple: Whether it binds tighter than any operator.
    """

    text: str
    labels: frozenset[str]
    simple: bool = True

    def __str__(self) -> str:
        return self.text

    @property
    def inner(self) -> str:
        """Its text as a part of another one."""
        return self.text if self.simple else f"({self.text})"

    # ---------------------------------------------------------------- arithmetic

    def _with(
        self, sign: str, other: Expression | float, on: Iterable[str] | None, keep: str = ""
    ) -> Expression:
        if not isinstance(other, Expression):
            return Expression(f"{self.inner} {sign} {number(other)}", self.labels, simple=False)
        match = ""
        if on is not None:
            names = tuple(on)
            self.check(names)
            other.check(names)
            match = f" on ({', '.join(names)}){keep}"
        elif self.labels != other.labels and self.labels and other.labels:
            raise CatalogueError(
                f"{self.text} {sign} {other.text}: their labels differ, got {sorted(self.labels)} "
                f"and {sorted(other.labels)}; say what to match on"
            )
        labels = self.labels if on is None or keep else frozenset(on)
        if sign in ("and", "unless", "or") or sign in _COMPARISONS:
            labels = self.labels
        return Expression(
            f"{self.inner} {sign}{match} {other.inner}", labels or other.labels, simple=False
        )

    def __add__(self, other: Expression | float) -> Expression:
        return self._with("+", other, None)

    def __sub__(self, other: Expression | float) -> Expression:
        return self._with("-", other, None)

    def __mul__(self, other: Expression | float) -> Expression:
        return self._with("*", other, None)

    def __truediv__(self, other: Expression | float) -> Expression:
        return self._with("/", other, None)

    def __gt__(self, other: Expression | float) -> Expression:
        return self._with(">", other, None)

    def __ge__(self, other: Expression | float) -> Expression:
        return self._with(">=", other, None)

    def __lt__(self, other: Expression | float) -> Expression:
        return self._with("<", other, None)

    def equals(self, other: Expression | float) -> Expression:
        """The series whose value is that of the other."""
        return self._with("==", other, None)

    def combine(
        self,
        sign: Literal["+", "-", "*", "/", ">", ">=", "<", "==", "and", "or", "unless"],
        other: Expression,
        on: Iterable[str],
        *,
        many: bool = False,
    ) -> Expression:
        """
        With an expression that has other labels.

        Args:
            sign: The operator.
            other: The other one.
            on: The labels that must agree.
            many: Whether several series of this one meet one of the other; all labels of this one
                stay.
        """
        return self._with(sign, other, on, " group_left ()" if many else "")

    def taking(self, other: Expression, on: Iterable[str], add: Iterable[str]) -> Expression:
        """
        With labels of another one, whose values are 1.

        Args:
            other: The other one.
            on: The labels that must agree.
            add: Its labels that are to be had.
        """
        names, more = tuple(on), tuple(add)
        self.check(names)
        other.check((*names, *more))
        return Expression(
            f"{self.inner} * on ({', '.join(names)}) group_left ({', '.join(more)}) {other.inner}",
            self.labels | set(more),
            simple=False,
        )

    def also(self, other: Expression, on: Iterable[str] | None = None) -> Expression:
        """The series of this one for which the other has one."""
        return self._with("and", other, on)

    def unless(self, other: Expression, on: Iterable[str] | None = None) -> Expression:
        """The series of this one for which the other has none."""
        return self._with("unless", other, on)

    def otherwise_on(self, other: Expression, on: Iterable[str]) -> Expression:
        """The series of this one, and those of the other whose like, by some labels, it has not."""
        found = self._with("or", other, on)
        return Expression(found.text, self.labels | other.labels, simple=False)

    def otherwise(self, other: Expression) -> Expression:
        """The series of this one, and those of the other that this one has not."""
        return self._with("or", other, None)

    # ---------------------------------------------------------------- functions

    def function(self, name: str, *before: float) -> Expression:
        """The result of a function that keeps the labels, such as ``abs``."""
        given = "".join(f"{number(each)}, " for each in before)
        return Expression(f"{name}({given}{self.text})", self.labels)

    def at_least(self, least: float) -> Expression:
        """Its values, or the number where they are less."""
        return Expression(f"clamp_min({self.text}, {number(least)})", self.labels)

    def rounded(self, to: float) -> Expression:
        """Its values as multiples of a number: for people, and alike on all servers."""
        return Expression(f"round({self.text}, {number(to)})", self.labels)

    def top(self, n: int | str) -> Expression:
        """The series with the largest values."""
        return Expression(f"topk({n}, {self.text})", self.labels)

    def offset(self, window: str) -> Expression:
        """The same, so long ago; of a selector or a range."""
        _check_window(window)
        return Expression(f"{self.inner} offset {window}", self.labels)

    def sum(self, by: Iterable[str] = ()) -> Expression:
        """Summed over all labels but those."""
        return self._aggregated("sum", by)

    def max(self, by: Iterable[str] = ()) -> Expression:
        """The largest over all labels but those."""
        return self._aggregated("max", by)

    def min(self, by: Iterable[str] = ()) -> Expression:
        """The smallest over all labels but those."""
        return self._aggregated("min", by)

    def count(self, by: Iterable[str] = ()) -> Expression:
        """The number of series."""
        return self._aggregated("count", by)

    def _aggregated(self, how: str, by: Iterable[str]) -> Expression:
        names = tuple(by)
        self.check(names)
        grouped = f" by ({', '.join(names)})" if names else ""
        return Expression(f"{how}{grouped} ({self.text})", frozenset(names))

    def joined(
        self, facts: Metric, on: str, add: Iterable[str], where: Matchers | None = None
    ) -> Expression:
        """
        With labels of an info metric.

        Args:
            facts: The info metric; where processes tell different facts, one is taken.
            on: The label that both have.
            add: Its labels that are to be had.
            where: Which of the facts count.
        """
        names = tuple(add)
        _check_labels(facts, (on, *names))
        told = gauge(facts, where).group((on, *names))
        return self.taking(told.top_of((on,)), (on,), names)

    def group(self, by: Iterable[str]) -> Expression:
        """1 for each group."""
        return self._aggregated("group", by)

    def top_of(self, by: Iterable[str]) -> Expression:
        """One series of each group, with all its labels."""
        names = tuple(by)
        self.check(names)
        return Expression(f"topk by ({', '.join(names)}) (1, {self.text})", self.labels)

    def labelled(self, **labels: str) -> Expression:
        """With labels of a fixed value."""
        text = self.text
        for name, value in labels.items():
            text = f'label_replace({text}, "{name}", "{value}", "", "")'
        return Expression(text, self.labels | set(labels))

    def check(self, names: Iterable[str]) -> None:
        """Raise `CatalogueError` for a label that its series have not."""
        for name in names:
            if name not in self.labels:
                raise CatalogueError(
                    f"{self.text}: got label {name!r}, allowed {', '.join(sorted(self.labels))}"
                )


_COMPARISONS: Final = (">", ">=", "<", "<=", "==", "!=")


def number(value: float) -> str:
    """A number as PromQL spells it."""
    return repr(int(value)) if float(value).is_integer() else repr(value)


def _selector(name: str, known: Iterable[str], where: Matchers | None) -> str:
    matchers = []
    for label, wanted in (where or {}).items():
        if label not in known:
            raise CatalogueError(f"{name}: got label {label!r}, allowed {', '.join(sorted(known))}")
        sign, value = wanted if isinstance(wanted, tuple) else ("=", wanted)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        matchers.append(f'{label}{sign}"{escaped}"')
    return f"{name}{{{', '.join(matchers)}}}" if matchers else name


def _of(metric: Metric, suffix: str, where: Matchers | None) -> str:
    return _selector(f"{metric.sample}{suffix}", (*metric.label_names, *FROM_SCRAPE), where)


def _has(metric: Metric) -> frozenset[str]:
    return frozenset((*metric.label_names, *FROM_SCRAPE))


def _check_labels(metric: Metric, names: Iterable[str]) -> None:
    for name in names:
        if name not in metric.label_names:
            raise CatalogueError(
                f"{metric.sample}: got label {name!r}, allowed {', '.join(metric.label_names)}"
            )


def _check_kind(metric: Metric, *kinds: Kind) -> None:
    if metric.kind not in kinds:
        allowed = " or ".join(kind.value for kind in kinds)
        raise CatalogueError(f"{metric.sample}: got a {metric.kind.value}, allowed a {allowed}")


def _check_window(window: str) -> None:
    if not _WINDOW.match(window):
        raise CatalogueError(f"window: got {window!r}, allowed one such as 5m")


def gauge(metric: Metric, where: Matchers | None = None) -> Expression:
    """The present value of a gauge, or of an info metric."""
    _check_kind(metric, Kind.GAUGE, Kind.INFO)
    return Expression(_of(metric, "", where), _has(metric))


def total(metric: Metric, where: Matchers | None = None) -> Expression:
    """The present value of a counter: what it counted since its process began."""
    _check_kind(metric, Kind.COUNTER)
    return Expression(_of(metric, "", where), _has(metric))


def rate(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a counter, how fast it grows, for each second."""
    _check_kind(metric, Kind.COUNTER)
    return _counted("rate", metric.sample, _has(metric), window, where)


def increase(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a counter, by how much it grew."""
    _check_kind(metric, Kind.COUNTER)
    return _counted("increase", metric.sample, _has(metric), window, where)


def count_of(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a histogram, how many values come, for each second."""
    _check_kind(metric, Kind.HISTOGRAM)
    return _counted("rate", f"{metric.sample}_count", _has(metric), window, where)


def sum_of(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a histogram, how fast its sum grows, for each second."""
    _check_kind(metric, Kind.HISTOGRAM)
    return _counted("rate", f"{metric.sample}_sum", _has(metric), window, where)


def buckets(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a histogram, how many values come into each bucket, for each second."""
    _check_kind(metric, Kind.HISTOGRAM)
    known = _has(metric) | {"le"}
    return _counted("rate", f"{metric.sample}_bucket", known, window, where)


def exemplars(metric: Metric, where: Matchers | None = None) -> Expression:
    """
    Of a histogram no values, for those who ask for the exemplars of what an expression names.

    Looked at once, at the end: over a range all that was scraped would be read to show nothing.
    """
    _check_kind(metric, Kind.HISTOGRAM)
    known = _has(metric) | {"le"}
    selector = _selector(f"{metric.sample}_bucket", known, where)
    return Expression(f"{selector} @ end() < 0", known, simple=False)


def native(metric: Metric, window: str, where: Matchers | None = None) -> Expression:
    """Of a native histogram, what comes, for each second, as a histogram."""
    _check_kind(metric, Kind.HISTOGRAM)
    return _counted("rate", metric.sample, _has(metric), window, where)


def _counted(
    function: str, sample: str, known: frozenset[str], window: str, where: Matchers | None
) -> Expression:
    _check_window(window)
    return Expression(f"{function}({_selector(sample, known, where)}[{window}])", known)


def mean(
    metric: Metric, window: str, by: Iterable[str], where: Matchers | None = None
) -> Expression:
    """Of a histogram, the mean of the values that came; nothing where none came."""
    names = tuple(by)
    came = count_of(metric, window, where).sum(names)
    return sum_of(metric, window, where).sum(names) / (came > 0)


def quantile(
    q: float, metric: Metric, window: str, by: Iterable[str], where: Matchers | None = None
) -> Expression:
    """Of a histogram, a quantile of the values that came; buckets are summed before."""
    names = tuple(by)
    return quantile_of(q, buckets(metric, window, where).sum(("le", *names)), names)


def quantile_of(q: float, summed: Expression, by: Iterable[str]) -> Expression:
    """A quantile of the values that buckets have counted."""
    return Expression(f"histogram_quantile({number(q)}, {summed.text})", frozenset(by))


def within(
    metric: Metric, edge: float, window: str, by: Iterable[str], where: Matchers | None = None
) -> Expression:
    """
    Of a histogram, how many values come that are at most an edge of its buckets, for each second.

    Servers spell whole edges differently, with or without a dot; both are meant.
    """
    spelled = (
        f"{int(edge)}([.]0)?" if float(edge).is_integer() else repr(float(edge)).replace(".", "[.]")
    )
    chosen: Matchers = {**(where or {}), "le": ("=~", spelled)}
    return buckets(metric, window, chosen).sum(by)


def over_time(
    how: str, inner: Expression, window: str, *before: float, back: str = ""
) -> Expression:
    """
    A function of the values within a window, such as ``avg_over_time``, ``deriv``, ``quantile``.

    Args:
        how: The function.
        inner: A selector, or anything else, which is then worked out anew each minute.
        window: How far to look back.
        before: Arguments that come before the range.
        back: How long ago the window ends; by default now.
    """
    _check_window(window)
    ago = f" offset {back}" if back else ""
    given = "".join(f"{number(each)}, " for each in before)
    range_text = (
        f"{inner.text}[{window}]"
        if inner.simple and "(" not in inner.text
        else (f"{inner.inner}[{window}:1m]")
    )
    return Expression(f"{how}({given}{range_text}{ago})", inner.labels)


def predicted(inner: Expression, window: str, ahead_s: float) -> Expression:
    """Where a straight line through the window leads."""
    found = over_time("predict_linear", inner, window)
    return Expression(f"{found.text[:-1]}, {number(ahead_s)})", inner.labels)


def recorded(name: str, labels: Iterable[str], where: Matchers | None = None) -> Expression:
    """The series of a recording rule."""
    known = tuple(labels)
    return Expression(_selector(name, known, where), frozenset(known))
