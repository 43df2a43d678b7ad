"""
Views of agents, and of the tools and models that they use.
"""

from __future__ import annotations

from typing import Final

from agentmon.model import catalogue
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_AGENT: Final = catalogue.OPERATIONS["agent"]
_TOOL: Final = catalogue.OPERATIONS["tool"]
_MODEL: Final = catalogue.OPERATIONS["model_call"]
_BY: Final = ("agent",)
_FAILED: Final[Matchers] = {"outcome": ("=~", "error|timeout")}
_ENDED: Final[Matchers] = {"outcome": ("=~", "ok|error|timeout")}
_RESPONSE: Final = "agent_metrics.response_time_metrics."


def _variance(ask: Ask) -> Expression:
    """Mean of the squares less the square of the mean; rounding can make that less than 0."""
    came = ask.rate(_AGENT.duration, _BY) > 0
    mean = ask.mean(_AGENT.duration, _BY)
    return (ask.rate(_AGENT.duration_squared, _BY) / came - mean * mean).at_least(0)


def _deviation(ask: Ask) -> Expression:
    return _variance(ask).function("sqrt")


VIEWS: Final = (
    View(
        "agent-traffic",
        "Calls",
        "How many calls does each agent get?",
        Measure.PER_SECOND,
        _BY,
        lambda ask: ask.rate(_AGENT.calls, _BY),
    ),
    View(
        "agent-errors",
        "Failed",
        "What share of each agent's calls ends in error or timeout?",
        Measure.RATIO,
        _BY,
        lambda ask: ask.share(_AGENT.calls, _AGENT.calls, _BY, _FAILED, _ENDED),
        better="less",
        serves=("agent_metrics.quality_metrics.error_rate",),
    ),
    View(
        "agent-error-types",
        "Failures by type",
        "With which types of error do the calls of each agent fail?",
        Measure.PER_SECOND,
        ("agent", "error_type"),
        lambda ask: ask.rate(_AGENT.errors, ("agent", "error_type")),
        better="less",
        serves=("agent_metrics.quality_metrics.error_rate",),
    ),
    View(
        "agent-outcomes",
        "Outcomes",
        "How do the calls of each agent end?",
        Measure.PER_SECOND,
        ("agent", "outcome"),
        lambda ask: ask.rate(_AGENT.calls, ("agent", "outcome")),
    ),
    View(
        "agent-timeouts",
        "Timed out",
        "What share of each agent's calls takes longer than it may?",
        Measure.RATIO,
        _BY,
        lambda ask: ask.share(_AGENT.calls, _AGENT.calls, _BY, {"outcome": "timeout"}, _ENDED),
        better="less",
        serves=(_RESPONSE + "timeout_rate",),
    ),
    View(
        "agent-mean",
        "Mean",
        "How long do the calls of each agent take on average?",
        Measure.SECONDS,
        _BY,
        lambda ask: ask.mean(_AGENT.duration, _BY),
        better="less",
        serves=(_RESPONSE + "mean_response_time",),
    ),
    *(
        View(
            f"agent-p{name}",
            f"p{percent}",
            f"Within what time do {percent} % of each agent's calls end?",
            Measure.SECONDS,
            _BY,
            lambda ask, q=q: ask.quantile(q, _AGENT.duration, _BY),  # type: ignore[misc]
            better="less",
            serves=serves,
        )
        for q, name, percent, serves in (
            (0.5, "50", "50", (_RESPONSE + "p50_response_time",)),
            (0.9, "90", "90", (_RESPONSE + "p90_response_time",)),
            (0.99, "99", "99", (_RESPONSE + "p99_response_time",)),
            (0.999, "999", "99.9", ()),
        )
    ),
    View(
        "agent-deviation",
        "Standard deviation",
        "How much do the durations of each agent's calls vary?",
        Measure.SECONDS,
        _BY,
        _deviation,
        better="less",
        serves=(_RESPONSE + "variance_analysis",),
    ),
    View(
        "agent-variation",
        "Coefficient of variation",
        "How much do the durations of each agent's calls vary, compared with their mean?",
        Measure.RATIO,
        _BY,
        lambda ask: _deviation(ask) / (ask.mean(_AGENT.duration, _BY) > 0),
        better="less",
        serves=(_RESPONSE + "variance_analysis",),
    ),
    View(
        "agent-in-flight",
        "In flight",
        "How many calls of each agent are in flight?",
        Measure.COUNT,
        _BY,
        lambda ask: ask.now(_AGENT.in_flight, _BY),
    ),
    View(
        "agent-oldest",
        "Oldest in flight",
        "How old is the oldest call of each agent that has not ended?",
        Measure.SECONDS,
        _BY,
        lambda ask: ask.largest(_AGENT.oldest_in_flight, _BY),
        better="less",
    ),
    View(
        "agent-facts",
        "Versions, teams and tiers",
        "Which version of each agent runs, whose is it, and in which tier?",
        Measure.COUNT,
        ("agent", "version", "team", "tier"),
        lambda ask: ask.now(catalogue.AGENT_INFO, ("agent", "version", "team", "tier")),
    ),
    View(
        "tool-traffic",
        "Tool calls",
        "How many calls does each tool get?",
        Measure.PER_SECOND,
        ("tool",),
        lambda ask: ask.rate(_TOOL.calls, ("tool",)),
    ),
    View(
        "tool-errors",
        "Failed tool calls",
        "What share of each tool's calls fails?",
        Measure.RATIO,
        ("tool",),
        lambda ask: ask.share(_TOOL.calls, _TOOL.calls, ("tool",), _FAILED, _ENDED),
        better="less",
    ),
    View(
        "tool-p99",
        "Tools, p99",
        "Within what time do 99 % of each tool's calls end?",
        Measure.SECONDS,
        ("tool",),
        lambda ask: ask.quantile(0.99, _TOOL.duration, ("tool",)),
        better="less",
    ),
    View(
        "model-traffic",
        "Model calls",
        "How many calls does each model get?",
        Measure.PER_SECOND,
        ("model",),
        lambda ask: ask.rate(_MODEL.calls, ("model",)),
    ),
    View(
        "model-errors",
        "Failed model calls",
        "What share of each model's calls fails?",
        Measure.RATIO,
        ("model",),
        lambda ask: ask.share(_MODEL.calls, _MODEL.calls, ("model",), _FAILED, _ENDED),
        better="less",
    ),
    View(
        "model-p99",
        "Models, p99",
        "Within what time do 99 % of each model's calls end?",
        Measure.SECONDS,
        ("model",),
        lambda ask: ask.quantile(0.99, _MODEL.duration, ("model",)),
        better="less",
    ),
    View(
        "agent-tokens",
        "Tokens",
        "How many tokens does each agent use, of which type?",
        Measure.PER_SECOND,
        ("agent", "token_type"),
        lambda ask: ask.rate(catalogue.MODEL_TOKENS, ("agent", "token_type")),
    ),
    View(
        "error-groups",
        "Error groups",
        "Which failures are alike, and how often did each come?",
        Measure.COUNT,
        ("error_group", "error_type", "location", "kind", "name", "agent"),
        lambda ask: ask.increase(
            catalogue.ERROR_GROUP,
            ("error_group", "error_type", "location", "kind", "name", "agent"),
        ),
        better="less",
        serves=("monitoring_system.data_collection.error_logging",),
    ),
    View(
        "error-groups-first-seen",
        "First seen",
        "When was each group of failures first seen?",
        Measure.TIMESTAMP,
        ("error_group",),
        lambda ask: ask.smallest(catalogue.ERROR_GROUP_FIRST_SEEN, ("error_group",)),
    ),
    View(
        "error-groups-last-seen",
        "Last seen",
        "When was each group of failures last seen?",
        Measure.TIMESTAMP,
        ("error_group",),
        lambda ask: ask.largest(catalogue.ERROR_GROUP_LAST_SEEN, ("error_group",)),
    ),
)
