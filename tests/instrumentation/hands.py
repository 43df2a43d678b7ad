"""A clock that is moved by hand, and recording that goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentmon.instrumentation.active import ACTIVE
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.recording import recording

__all__ = ["Hands", "clock", "serve_by", "timed"]


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock() -> Hands:
    """The clock of `timed`."""
    return Hands()


@pytest.fixture
def timed(clock: Hands) -> Iterator[Recorded]:
    """Recording with a clock that is moved by hand."""
    with recording("metrics", clock=clock) as taken:
        yield taken


def serve_by(endpoint: Endpoint, clock: Hands, **settings: Any) -> None:
    """Serve, and go by a clock that is moved by hand."""
    endpoint.start(**settings)
    registry = ACTIVE.registry
    assert registry is not None
    registry.clock = ACTIVE.clock = clock
    for follow in ACTIVE.followers:
        follow(registry)
