"""What crosses from recording to exporting."""

from __future__ import annotations

from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import ByOutcome


def test_groups_by_outcome_are_a_sequence_of_samples() -> None:
    """Groups iterate, count and index as their samples do, in the order of the outcomes."""
    groups = ByOutcome([(("a", "b"), (1, 2, 3, 4, 5)), (("c", "d"), (6, 7, 8, 9, 10))])
    labels = [("a", "b", outcome) for outcome in OUTCOMES]
    labels += [("c", "d", outcome) for outcome in OUTCOMES]
    assert list(groups) == list(zip(labels, range(1, 11), strict=True))
    assert len(groups) == len(list(groups))
    assert groups[7] == (("c", "d", "timeout"), 8)
    assert (("c", "d", "interrupted"), 10) in groups
