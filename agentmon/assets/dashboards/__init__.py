"""The dashboards that ship: six for each of three kinds of reader."""

from __future__ import annotations

from typing import Final
from warnings import catch_warnings, simplefilter

from agentmon.assets.dashboards import developer, executive, operational
from agentmon.assets.dashboards.board import Board
from agentmon.assets.dashboards.grafana import dashboard
from agentmon.assets.dashboards.pages import pages
from agentmon.model.objectives import Objectives

__all__ = ["BOARDS", "files"]

BOARDS: Final[tuple[Board, ...]] = (*executive.BOARDS, *operational.BOARDS, *developer.BOARDS)


def files(objectives: Objectives) -> dict[str, str]:
    """
    The dashboards as Grafana reads them, and a page on each, by their paths.

    Raises:
        ConfigError: If Grafana's builders are not installed.
    """
    with catch_warnings():  # the builders would rather make what only newer Grafanas read
        simplefilter("ignore", DeprecationWarning)
        boards = {
            f"grafana/dashboards/{board.audience}/{board.uid}.json": dashboard(
                board, BOARDS, objectives
            )
            for board in BOARDS
        }
    return boards | {f"docs/dashboards/{name}": page for name, page in pages(BOARDS).items()}
