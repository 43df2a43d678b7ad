"""Fixtures of the instrument layer's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import CURRENT
from agentmon.testing import Recorded
from tests.instrumentation.hands import clock, timed
from tests.instrumentation.recording import MODES, Spans, recording

__all__ = ["clock", "timed"]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every test begins and ends with recording off and no current call."""
    assert ACTIVE.mode == OFF
    assert CURRENT.get() is None
    yield
    assert ACTIVE.mode == OFF
    assert CURRENT.get() is None


@pytest.fixture(params=MODES)
def recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    """Recording on, in each mode: metrics only (the fast path), with details, and with spans."""
    with recording(request.param) as taken:
        yield taken


@pytest.fixture
def spans() -> Spans:
    """A tracer provider of the host."""
    return Spans()


@pytest.fixture
def traced(spans: Spans) -> Iterator[Recorded]:
    """Recording on, with spans to the host's provider."""
    with recording("spans", spans=spans) as taken:
        yield taken
