"""The numbers that bound what is recorded."""

from __future__ import annotations

from pathlib import Path

from agentmon.record.limits import CELL_NS, CROWDED, FULL, MAX_SERIES

PAGE = Path(__file__).parents[2] / "docs" / "how-it-works.md"


def test_limits_are_those_that_the_page_gives() -> None:
    """How many calls may wait, for how long, and in how many series, is as documented."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"the caller that finds {FULL} entries waiting" in text
    assert f"with {CROWDED:,} waiting it waits for its turn" in text
    assert f"after a cell of time, {CELL_NS // 10**9} seconds, has passed" in text
    assert f"| series | `max_series`, {MAX_SERIES:,} by default" in text
    assert CELL_NS % 10**9 == 0
