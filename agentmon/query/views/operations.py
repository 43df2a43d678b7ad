"""
Views that every kind of operation has: how much, how long, how it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from agentmon.model import catalogue
from agentmon.model.catalogue import OperationMetrics
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_FAILED: Final[Matchers] = {"outcome": ("=~", "error|timeout")}
_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_RESPONSE: Final = "agent_metrics.response_time_metrics."
_HEALTH: Final = "health_monitoring."


class _Kind(NamedTuple):
    """A kind of operation, and how it is spoken of."""

    kind: str
    prefix: str
    each: str
    by: tuple[str, ...]


_KINDS: Final = (
    _Kind("agent", "agent", "each agent", ("agent",)),
    _Kind("tool", "tool", "each tool", ("tool",)),
    _Kind("model_call", "model", "each model", ("model",)),
    _Kind("workflow", "workflow", "each workflow", ("workflow",)),
    _Kind("step", "step", "each step", ("workflow", "step")),
    _Kind("handoff", "handoff", "each pair of agents that hand over", ("source", "target")),
    _Kind("dependency", "dependency", "each dependency", ("dependency", "dependency_kind")),
)
_QUANTILES: Final = (
    (0.5, "50", "50"),
    (0.9, "90", "90"),
    (0.99, "99", "99"),
    (0.999, "999", "99.9"),
)
#: What of agents serves which capability.
_SERVES: Final[dict[str, tuple[str, ...]]] = {
    "traffic": (_HEALTH + "performance_health.throughput_health",),
    "errors": (
        "agent_metrics.quality_metrics.error_rate",
        _HEALTH + "performance_health.error_rate_health",
        _HEALTH + "availability_monitoring.service_availability",
    ),
    "error-types": ("agent_metrics.quality_metrics.error_rate",),
    "timeouts": (_RESPONSE + "timeout_rate",),
    "mean": (_RESPONSE + "mean_response_time",),
    "p50": (_RESPONSE + "p50_response_time",),
    "p90": (_RESPONSE + "p90_response_time",),
    "p99": (
        _RESPONSE + "p99_response_time",
        _HEALTH + "performance_health.response_time_health",
    ),
    "deviation": (_RESPONSE + "variance_analysis",),
    "variation": (_RESPONSE + "variance_analysis",),
}


def _deviation(ask: Ask, metrics: OperationMetrics, by: tuple[str, ...]) -> Expression:
    """From the mean of the squares; rounding can bring that below the square of the mean."""
    came = ask.rate(metrics.duration, by) > 0
    mean = ask.mean(metrics.duration, by)
    squares = ask.rate(metrics.duration_squared, by) / came
    return (squares - mean * mean).at_least(0).function("sqrt")


def _views(kind: _Kind) -> Iterator[View]:
    metrics = catalogue.OPERATIONS[kind.kind]
    by, each = kind.by, kind.each

    def named(name: str) -> tuple[str, tuple[str, ...]]:
        return f"{kind.prefix}-{name}", _SERVES.get(name, ()) if kind.kind == "agent" else ()

    name, serves = named("traffic")
    yield View(
        name,
        "Calls",
        f"How many calls does {each} get?",
        Measure.PER_SECOND,
        by,
        lambda ask: ask.rate(metrics.calls, by),
        serves=serves,
    )
    name, serves = named("outcomes")
    yield View(
        name,
        "Outcomes",
        f"How do the calls of {each} end?",
        Measure.PER_SECOND,
        (*by, "outcome"),
        lambda ask: ask.rate(metrics.calls, (*by, "outcome")),
        serves=serves,
    )
    name, serves = named("errors")
    yield View(
        name,
        "Failed",
        f"What share of the calls of {each} ends in error or timeout?",
        Measure.RATIO,
        by,
        lambda ask: ask.share(metrics.calls, metrics.calls, by, _FAILED, _ENDED),
        better="less",
        serves=serves,
    )
    name, serves = named("error-types")
    yield View(
        name,
        "Failures by type",
        f"With which types of error do the calls of {each} fail?",
        Measure.PER_SECOND,
        (*by, "error_type"),
        lambda ask: ask.rate(metrics.errors, (*by, "error_type")),
        better="less",
        serves=serves,
    )
    name, serves = named("timeouts")
    yield View(
        name,
        "Timed out",
        f"What share of the calls of {each} takes longer than it may?",
        Measure.RATIO,
        by,
        lambda ask: ask.share(metrics.calls, metrics.calls, by, {"outcome": "timeout"}, _ENDED),
        better="less",
        serves=serves,
    )
    name, serves = named("mean")
    yield View(
        name,
        "Mean",
        f"How long do the calls of {each} take on average?",
        Measure.SECONDS,
        by,
        lambda ask: ask.mean(metrics.duration, by),
        better="less",
        serves=serves,
    )
    for q, short, percent in _QUANTILES:
        name, serves = named(f"p{short}")
        yield View(
            name,
            f"p{percent}",
            f"Within what time do {percent} % of the calls of {each} end?",
            Measure.SECONDS,
            by,
            lambda ask, q=q: ask.quantile(q, metrics.duration, by),  # type: ignore[misc]
            better="less",
            serves=serves,
        )
    name, serves = named("deviation")
    yield View(
        name,
        "Standard deviation",
        f"How much do the durations of the calls of {each} vary?",
        Measure.SECONDS,
        by,
        lambda ask: _deviation(ask, metrics, by),
        better="less",
        serves=serves,
    )
    name, serves = named("variation")
    yield View(
        name,
        "Coefficient of variation",
        f"How much do the durations of the calls of {each} vary, compared with their mean?",
        Measure.RATIO,
        by,
        lambda ask: _deviation(ask, metrics, by) / (ask.mean(metrics.duration, by) > 0),
        better="less",
        serves=serves,
    )
    name, serves = named("in-flight")
    yield View(
        name,
        "In flight",
        f"How many calls of {each} are in flight?",
        Measure.COUNT,
        by,
        lambda ask: ask.now(metrics.in_flight, by),
        serves=serves,
    )
    name, serves = named("oldest")
    yield View(
        name,
        "Oldest in flight",
        f"How old is the oldest call of {each} that has not ended?",
        Measure.SECONDS,
        by,
        lambda ask: ask.largest(metrics.oldest_in_flight, by),
        better="less",
        serves=serves,
    )


VIEWS: Final = tuple(view for kind in _KINDS for view in _views(kind))
