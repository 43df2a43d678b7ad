"""The questions that have a name."""

from __future__ import annotations

from typing import Final

from agentmon.query.views import agents
from agentmon.query.views.view import Measure, View

__all__ = ["VIEWS", "Measure", "View"]

#: Every view, by name.
VIEWS: Final[dict[str, View]] = {view.name: view for view in agents.VIEWS}
