"""
Where facts go: each kind into a group of its own at a Pushgateway, else all of them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from time import perf_counter_ns
from typing import Any, Final

from agentmon.export.push.pusher import Pushing
from agentmon.export.push.pushgateway import Pushgateway
from agentmon.export.push.target import Origin
from agentmon.export.text import Renderer
from agentmon.instrumentation.facts import Fact, take
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.model.catalogue import facts as catalogue
from agentmon.model.snapshot import Family
from agentmon.record.registry import Registry

__all__ = ["GROUP", "families", "send", "text"]

#: The label of the grouping that tells kinds apart.
GROUP: Final = "collected"

_SERIES: Final = 100_000
_OWN: Final = frozenset(catalogue.METRICS)


def families(facts: Iterable[Fact]) -> tuple[list[Family], int]:
    """
    Facts as metrics.

    Returns:
        The metrics, and how many facts went under ``other`` for want of room.
    """
    registry = Registry(Layout(digits=2, edges_s=EDGES_S), perf_counter_ns, _SERIES)
    take(registry.signals, facts)
    found = [family for family in registry.collect() if family.metric in _OWN]
    return found, sum(registry.dropped.values())


def text(facts: Mapping[str, Sequence[Fact]], labels: Mapping[str, str]) -> str:
    """Facts as Prometheus reads them."""
    found, _ = families(chain.from_iterable(facts.values()))
    return Renderer(labels).prometheus(found).decode()


def send(
    facts: Mapping[str, Sequence[Fact]], places: Iterable[Any], origin: Origin, seconds: float
) -> list[str]:
    """
    Push facts.

    A Pushgateway replaces a group whole. So each kind of report has its own, with the kind in the
    label ``collected``, and jobs that collect different kinds leave each other's alone.

    Args:
        facts: By the kind of report.
        places: Options of ways to push.
        origin: Where the facts come from.
        seconds: How long each place may take.

    Returns:
        For each push that failed, which and why.
    """
    reasons: list[str] = []
    whole, _ = families(chain.from_iterable(facts.values()))
    for place in places:
        if isinstance(place, Pushgateway):
            for kind, several in facts.items():
                grouping = {**(place.grouping or {}), GROUP: kind}
                reasons += _pushed(
                    replace(place, grouping=grouping), families(several)[0], origin, seconds
                )
        else:
            reasons += _pushed(place, whole, origin, seconds)
    return reasons


def _pushed(place: Any, found: Sequence[Family], origin: Origin, seconds: float) -> list[str]:
    """Push once, from this thread."""
    return Pushing([place], origin, lambda: found, lambda *_: None).push(seconds)
