"""
When a number is good, and when it is not: the few colours, each with one meaning.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.dashboards.board import Step

__all__ = ["FEWER", "MORE", "NONE", "at_least", "at_most"]


def at_least(good: float, bad: float) -> tuple[Step, ...]:
    """Green from *good* on, yellow from *bad* on, red below."""
    return (Step(None, "red"), Step(bad, "yellow"), Step(good, "green"))


def at_most(good: float, bad: float) -> tuple[Step, ...]:
    """Green up to *good*, yellow up to *bad*, red above."""
    return (Step(None, "green"), Step(good, "yellow"), Step(bad, "red"))


#: Shares that should be nearly all, or nearly none.
MORE: Final = at_least(0.99, 0.95)
FEWER: Final = at_most(0.01, 0.05)
#: What there should be none of.
NONE: Final = (Step(None, "green"), Step(1, "red"))
