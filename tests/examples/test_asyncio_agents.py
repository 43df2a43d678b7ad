"""The asyncio example."""

from __future__ import annotations

import re

from tests.examples.programs import run_program


def test_counts_every_way_to_end() -> None:
    """Three searches that are waited for end ok, the abandoned one cancelled, its caller late."""
    out = " ".join(run_program("examples/asyncio_agents.py").stdout.split())
    assert "agent=searcher, operation=invoke {'ok': 3, 'cancelled': 1}" in out
    assert "agent=coordinator, operation=hurry {'timeout': 1}" in out
    assert "agent=coordinator, operation=stream {'ok': 1}" in out
    # The thread of the abandoned search may have begun, and then ends in its own time.
    assert re.search(r"tool=rank_lines, agent=searcher \{'ok': [34]\}", out)
    assert "workflow=research {'ok': 1}" in out
