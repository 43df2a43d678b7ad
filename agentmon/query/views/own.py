"""
Views of the monitoring itself.
"""

from __future__ import annotations

from typing import Final

from agentmon.model.catalogue import own
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS"]

_HEALTH: Final = ("health_monitoring.operational_health.monitoring_health",)
_INSTANCE: Final = ("instance",)

VIEWS: Final = (
    View(
        "dropped",
        "Not kept as they came",
        "What cannot be kept as it is recorded, and why?",
        Measure.PER_SECOND,
        ("instance", "reason"),
        lambda ask: ask.rate(own.DROPPED, ("instance", "reason")),
        better="less",
        serves=_HEALTH,
    ),
    View(
        "series",
        "Series",
        "How many series does each process hold?",
        Measure.COUNT,
        _INSTANCE,
        lambda ask: ask.now(own.SERIES, _INSTANCE),
        serves=_HEALTH,
    ),
    View(
        "scrapes",
        "Scrapes",
        "How often are the metrics of each process read?",
        Measure.PER_SECOND,
        _INSTANCE,
        lambda ask: ask.rate(own.SCRAPES, _INSTANCE),
        serves=_HEALTH,
    ),
    View(
        "scrape-duration",
        "Time of a scrape",
        "How long does it take to render the metrics of each process?",
        Measure.SECONDS,
        _INSTANCE,
        lambda ask: ask.largest(own.SCRAPE_DURATION, _INSTANCE),
        better="less",
        serves=_HEALTH,
    ),
    View(
        "versions",
        "Versions of agentmon",
        "Which versions of agentmon run?",
        Measure.COUNT,
        ("version",),
        lambda ask: ask.now(own.BUILD_INFO, ("version",)),
        serves=_HEALTH,
    ),
)
