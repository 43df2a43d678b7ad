"""Native histograms as they grow: from fold to fold, with buckets joined, over a restart."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from agentmon.export.respond import Endpoint
from agentmon.export.server import Server
from agentmon.model.buckets import Layout
from agentmon.model.exponential import FINEST, exponential
from agentmon.model.snapshot import HistogramState
from agentmon.record.declaration import Declaration
from agentmon.record.recorder import Recorder
from agentmon.record.registry import Registry
from tests.servers.processes import Scraper, free_port, scraper

pytestmark = pytest.mark.servers

SERVERS = ("prometheus2", "prometheus3")
DURATION = "agentmon_agent_duration_seconds"
NARROW = [0.2 + n / 100_000 for n in range(5000)]
#: From a millisecond to a quarter of an hour: too wide for the finest buckets.
WIDE = [1e-3 * 1.01**n for n in range(1380)]
#: What was added within a minute: by the native histogram, over what the counter says.
AGREEMENT = (
    f"sum(histogram_count(increase({DURATION}[1m])))"
    ' / sum(increase(agentmon_agent_calls_total{outcome="ok"}[1m]))'
)


@contextmanager
def serving(port: int) -> Iterator[tuple[Registry, Recorder]]:
    """A process's endpoint, and what records its calls."""
    registry = Registry(Layout(), time.perf_counter_ns)
    server = Server(Endpoint(registry, native_histograms=True), port=port)
    try:
        yield registry, registry.bind(Declaration("agent", "a", operation="invoke"), None)
    finally:
        server.close()


def scraping(key: str, port: int, folder: Path) -> AbstractContextManager[Scraper]:
    """A server that takes native histograms from there."""
    features = ["--enable-feature=native-histograms"]
    return scraper(key, [f"127.0.0.1:{port}"], folder, more=features)


def record(recorder: Recorder, seconds: list[float]) -> None:
    """Record calls that took so long, in any order, folded a hundred at a time."""
    shuffled = random.Random(5).sample(seconds, len(seconds))  # noqa: S311  # no secret
    for begin in range(0, len(shuffled), 100):
        recorder.plain.extend(round(each * 1e9) for each in shuffled[begin : begin + 100])
        recorder.fold()


def shown_schema(registry: Registry) -> int:
    """How fine the buckets are at present."""
    (family,) = [each for each in registry.collect(cells=True) if each.metric.sample == DURATION]
    ((_, state),) = family.samples
    assert isinstance(state, HistogramState)
    assert state.cells is not None
    return exponential(state.layout, state.cells).schema


@pytest.mark.parametrize("key", SERVERS)
def test_joined_buckets_are_no_reset(key: str, tmp_path: Path) -> None:
    """When buckets are joined between two scrapes, counts, quantiles and increases stay right."""
    port = free_port()
    with serving(port) as (registry, recorder), scraping(key, port, tmp_path) as server:
        record(recorder, NARROW)
        assert shown_schema(registry) == FINEST
        server.wait_for_scrape()
        assert server.value(f"histogram_count({DURATION})") == len(NARROW)
        record(recorder, WIDE)
        coarse = shown_schema(registry)
        assert coarse < FINEST
        server.wait_for_scrape()
        every = sorted([*NARROW, *WIDE])
        assert server.value(f"histogram_count({DURATION})") == len(every)
        assert server.value(f"histogram_sum({DURATION})") == pytest.approx(sum(every), rel=1e-6)
        stated = 2 ** (2**-coarse) * (1 + 1 / 256) - 1
        for q in (0.1, 0.5, 0.9, 0.99):
            found = server.value(f"histogram_quantile({q}, {DURATION})")
            assert found == pytest.approx(every[math.ceil(q * len(every)) - 1], rel=stated), q
        # Were it taken for a reset, what was there before would be added once more.
        assert server.value(AGREEMENT) == pytest.approx(1.0)


@pytest.mark.parametrize("key", SERVERS)
def test_restart_is_a_reset(key: str, tmp_path: Path) -> None:
    """After a restart counts begin anew, and increases go on from there."""
    port = free_port()
    with scraping(key, port, tmp_path) as server:
        with serving(port) as (_, recorder):
            record(recorder, NARROW)
            server.wait_for_scrape()
        with serving(port) as (_, recorder):
            record(recorder, WIDE)
            server.wait_for_scrape()
            assert server.value(f"histogram_count({DURATION})") == len(WIDE)
            assert server.value(AGREEMENT) == pytest.approx(1.0)
