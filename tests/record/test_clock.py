"""The clock of the calls, and its place on the calendar."""

from __future__ import annotations

import time

from agentmon.record.clock import epoch_offset_ns


def test_the_offset_leads_from_the_clock_to_the_calendar() -> None:
    """A reading of the clock and the offset make the nanoseconds since 1970."""
    before = time.time_ns()
    offset = epoch_offset_ns(lambda: 10**15)
    after = time.time_ns()
    assert before <= 10**15 + offset <= after
