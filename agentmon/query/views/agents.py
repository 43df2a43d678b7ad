"""
Views of what is known of agents besides their calls: facts, tokens, error groups.
"""

from __future__ import annotations

from typing import Final

from agentmon.model import catalogue
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

VIEWS: Final = (
    View(
        "agent-facts",
        "Versions, teams and tiers",
        "Which version of each agent runs, whose is it, and in which tier?",
        Measure.COUNT,
        ("agent", "version", "team", "tier"),
        lambda ask: ask.now(catalogue.AGENT_INFO, ("agent", "version", "team", "tier")),
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
        "model-first-output",
        "Time to the first output, p90",
        "Within what time does 90 % of what each model streams begin?",
        Measure.SECONDS,
        ("model",),
        lambda ask: ask.quantile(0.9, catalogue.MODEL_FIRST_OUTPUT, ("model",)),
        better="less",
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
