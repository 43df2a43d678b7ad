"""
When a number is good, and when it is not: the few colours, each with one meaning.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Step
from agentmon.model.objectives import Promise

__all__ = ["CHEAP", "CONTENT", "FEWER", "MORE", "NONE", "QUICK", "SOUND", "at_least", "at_most"]

_FACTOR: Final = 5  # from what is promised to what is bad, in failures


def at_least(good: float, bad: float) -> tuple[Step, ...]:
    """Green from *good* on, yellow from *bad* on, red below."""
    return (Step(None, "red"), Step(bad, "yellow"), Step(good, "green"))


def at_most(good: float, bad: float) -> tuple[Step, ...]:
    """Green up to *good*, yellow up to *bad*, red above."""
    return (Step(None, "green"), Step(good, "yellow"), Step(bad, "red"))


def _allowed(promise: Promise) -> float:
    return 1 - (promise.availability or 0)


def _threshold(promise: Promise) -> float:
    return promise.latency.threshold if promise.latency else 0.0


#: Shares that succeed, or fail: as promised, and up to five times as many failures.
MORE: Final = (
    Step(None, "red"),
    Step(lambda promise: 1 - _FACTOR * _allowed(promise), "yellow"),
    Step(lambda promise: promise.availability or 0, "green"),
)
FEWER: Final = (
    Step(None, "green"),
    Step(_allowed, "yellow"),
    Step(lambda promise: _FACTOR * _allowed(promise), "red"),
)
#: Durations: as promised, and up to twice as long.
QUICK: Final = (
    Step(None, "green"),
    Step(_threshold, "yellow"),
    Step(lambda promise: 2 * _threshold(promise), "red"),
)
#: Scores by evaluators and ratings by users: as promised, and down to three quarters of that.
SOUND: Final = (
    Step(None, "red"),
    Step(lambda promise: 0.75 * (promise.quality or 0), "yellow"),
    Step(lambda promise: promise.quality or 0, "green"),
)
CONTENT: Final = (
    Step(None, "red"),
    Step(lambda promise: 0.75 * (promise.satisfaction or 0), "yellow"),
    Step(lambda promise: promise.satisfaction or 0, "green"),
)
#: What a task costs: as promised, and up to twice as much.
CHEAP: Final = (
    Step(None, "green"),
    Step(lambda promise: promise.cost_per_task or 0, "yellow"),
    Step(lambda promise: 2 * (promise.cost_per_task or 0), "red"),
)
#: What there should be none of.
NONE: Final = (Step(None, "green"), Step(1, "red"))
