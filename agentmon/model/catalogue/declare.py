"""
Short ways to declare a metric.
"""

from __future__ import annotations

from agentmon.model.metric import Across, Kind, Label, Metric, Unit

__all__ = [
    "COSTS",
    "DAYS",
    "MONEY",
    "NANOSECONDS",
    "SCORES",
    "counter",
    "gauge",
    "histogram",
    "info",
]

#: Counters of durations count nanoseconds.
NANOSECONDS = 10**9
#: Counters of declared money count millionths of the currency's unit; those of costs, which are
#: sums of the prices of tokens, thousandths of those.
MONEY = 10**6
COSTS = 10**9

#: Edges for scores from 0 to 1. Whole stars and thumbs fall onto edges.
SCORES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0)

_HOUR = 3600.0
#: Edges for what takes from minutes to months, in seconds.
DAYS = (
    60.0,
    300.0,
    900.0,
    _HOUR,
    4 * _HOUR,
    12 * _HOUR,
    24 * _HOUR,
    2 * 24 * _HOUR,
    7 * 24 * _HOUR,
    14 * 24 * _HOUR,
    30 * 24 * _HOUR,
    90 * 24 * _HOUR,
)


def counter(
    name: str,
    help_text: str,
    labels: tuple[Label, ...] = (),
    *serves: str,
    unit: Unit = Unit.NONE,
    scale: int = 1,
    diagnostic: str = "",
) -> Metric:
    """A counter; *serves* names the capabilities that it serves."""
    return Metric(
        name,
        Kind.COUNTER,
        unit,
        help_text,
        labels,
        scale=scale,
        serves=serves,
        diagnostic=diagnostic,
    )


def gauge(
    name: str,
    help_text: str,
    labels: tuple[Label, ...] = (),
    *serves: str,
    unit: Unit = Unit.NONE,
    across: Across = Across.SUM,
    diagnostic: str = "",
) -> Metric:
    """A gauge; *serves* names the capabilities that it serves."""
    return Metric(
        name,
        Kind.GAUGE,
        unit,
        help_text,
        labels,
        across=across,
        serves=serves,
        diagnostic=diagnostic,
    )


def histogram(
    name: str,
    help_text: str,
    labels: tuple[Label, ...] = (),
    *serves: str,
    unit: Unit = Unit.SECONDS,
    edges: tuple[float, ...] = (),
    diagnostic: str = "",
) -> Metric:
    """A histogram, of durations unless it has edges; *serves* names capabilities."""
    return Metric(
        name,
        Kind.HISTOGRAM,
        unit,
        help_text,
        labels,
        edges=edges,
        serves=serves,
        diagnostic=diagnostic,
    )


def info(
    name: str,
    help_text: str,
    labels: tuple[Label, ...],
    *serves: str,
    diagnostic: str = "",
) -> Metric:
    """Facts as labels; *serves* names the capabilities that it serves."""
    return Metric(
        name, Kind.INFO, Unit.NONE, help_text, labels, serves=serves, diagnostic=diagnostic
    )
