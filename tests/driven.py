"""
Metrics driven from what a user calls to what a server scrapes.

A test marked ``drives("agentmon_x_total", ...)`` puts a known truth in and reads each of these
samples from an endpoint through the fixture `endpoint`; `tests/test_driven.py` finds the metrics
that no test drives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

import agentmon

__all__ = ["Endpoint", "endpoint"]


class Endpoint:
    """An endpoint that is scraped over HTTP, and what of it was looked at."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._given: str | None = None

    def take(self, text: str) -> None:
        """Look at a text from now on, such as a textfile, instead of being scraped."""
        self._given = text

    def start(self, **settings: Any) -> None:
        """Configure agentmon, serving on a free port of loopback."""
        settings = {"traces": "none", "process_metrics": False, "resources": False, **settings}
        agentmon.configure(serve="127.0.0.1:0", **settings)

    def samples(self, sample: str, **labels: str) -> dict[tuple[str, ...], float]:
        """
        The samples of a name, by the values of the labels that are not given, in their order.

        Args:
            sample: Name of the sample line; of a histogram with ``_count``, ``_sum``, ``_bucket``.
            labels: Labels that it must have.
        """
        text = self._scraped() if self._given is None else self._given
        found = {
            tuple(v for k, v in each.labels.items() if k not in labels): each.value
            for family in text_string_to_metric_families(text)
            for each in family.samples
            if each.name == sample and labels.items() <= each.labels.items()
        }
        if found:
            self.seen.add(sample)
        return found

    def _scraped(self) -> str:
        address = agentmon.endpoint()
        assert address is not None
        with urlopen(f"{address}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    def value(self, sample: str, **labels: str) -> float | None:
        """The sum of the samples of a name that have the labels; None without any."""
        found = self.samples(sample, **labels)
        return sum(found.values()) if found else None


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """An endpoint of the test, which must look at all that it says it drives."""
    it = Endpoint()
    try:
        yield it
    finally:
        agentmon.shutdown()
    driven = {name for mark in request.node.iter_markers("drives") for name in mark.args}
    unseen = {name for name in driven if not any(seen.startswith(name) for seen in it.seen)}
    assert not unseen, f"this test says that it drives what it never saw: {sorted(unseen)}"
