"""The questions that have a name."""

from __future__ import annotations

from typing import Final

from agentmon.query.views import (
    agents,
    coordination,
    facts,
    operations,
    own,
    reliability,
    resources,
    work,
)
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS", "Measure", "View"]

#: Every view, by name.
VIEWS: Final[dict[str, View]] = {
    view.name: view
    for views in (
        operations.VIEWS,
        agents.VIEWS,
        work.VIEWS,
        coordination.VIEWS,
        reliability.VIEWS,
        resources.VIEWS,
        facts.VIEWS,
        own.VIEWS,
    )
    for view in views
}
