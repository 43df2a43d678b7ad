"""Random ids."""

from __future__ import annotations

import random

from agentmon.tracing.ids import random_bits, reseed


def test_seeding_the_hosts_generator_changes_nothing() -> None:
    """Two hosts that seed `random` alike do not make the same ids."""
    random.seed(1)
    first = random_bits(64)
    random.seed(1)
    assert random_bits(64) != first


def test_reseeding_takes_another_course() -> None:
    """After reseeding the ids are others than they would have been."""
    from agentmon.tracing import ids

    state = ids._random.getstate()
    would_be = random_bits(64)
    ids._random.setstate(state)
    reseed()
    assert random_bits(64) != would_be
