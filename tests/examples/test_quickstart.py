"""The smallest example."""

from __future__ import annotations

from pathlib import Path

from tests.examples.programs import ROOT, run_program

QUICKSTART = Path("examples/quickstart.py")


def test_is_short() -> None:
    """The quickstart has fewer than 30 lines, docstring and blank lines included."""
    assert len((ROOT / QUICKSTART).read_text().splitlines()) < 30


def test_prints_what_was_measured() -> None:
    """The quickstart prints both operations with their number of calls, and where to look."""
    done = run_program(str(QUICKSTART))
    assert "agent editor: 2 calls" in done.stdout
    assert "tool word_count: 2 calls" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
