"""The measurements run. What they find depends on the machine, and is not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = (
    "not configured, def",
    "not configured, async def",
    "decorated def",
    "decorated async def",
    "tool in agent",
    "generator of 3 items",
    "with agentmon.tool(...)",
    "decorated def, with a recorded span",
    "span in all, OTLP encoding included, 10 attributes",
    "a decorated call, part by part",
    "the same, if folding were free",
    "folding, for each call",
    "8 threads on one series",
    "a call by one of 8 threads",
    "lost by these threads",
    "scrape of 10,000 counters",
    "scrape of 100 histograms",
    "gzip of the 10,000 counters",
    "scrape of 10,000 counters of 8 processes",
    "the same, where nothing changed",
    "a decorated call whose counts are shared",
    "a series that was never called",
    "the same, with the text that is kept for scrapes",
    "lifetime histogram, every cell used",
    "windows, durations from 1 µs to 24 h alike",
    "a series with all five outcomes and its windows",
    "error of lifetime quantiles",
    "error of quantiles over 1 minute",
    "import agentmon",
    "threads started and unwanted modules loaded by it",
)


@pytest.mark.slow
def test_a_trial_prints_every_row_and_writes_the_table(tmp_path: Path) -> None:
    """``--quick`` ends well, prints all rows, and puts them between the markers of a document."""
    document = tmp_path / "performance.md"
    document.write_text(
        "before\n<!-- bench -->\nwhat was there\n<!-- /bench -->\nafter\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--write", str(document)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    written = document.read_text(encoding="utf-8")
    for row in ROWS:
        assert f"\n{row}  " in done.stdout
        assert f"| {row} |" in written
    assert "what was there" not in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
