"""Native histograms scraped by real Prometheus servers, held against the durations themselves."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentmon.export.respond import Endpoint
from agentmon.export.server import Server
from agentmon.model.buckets import Layout
from agentmon.model.exponential import FINEST
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from tests.servers.processes import Scraper, scraper

pytestmark = pytest.mark.servers

SERVERS = ("prometheus2", "prometheus3")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "native-histograms.md"
QUANTILES = (0.1, 0.5, 0.9, 0.99)
#: One bucket at the finest schema, and half the width of a cell: what the page says.
STATED = 2 ** (2**-FINEST) * (1 + 1 / 256) - 1

draw = random.Random(11)  # noqa: S311  # durations, not secrets
DISTRIBUTIONS = {
    "narrow": [draw.gauss(0.2, 0.01) for _ in range(3000)],
    "lognormal": [draw.lognormvariate(-1.0, 0.5) for _ in range(3000)],
    "two": [draw.choice((0.05, 4.0)) * draw.uniform(0.9, 1.1) for _ in range(3000)],
}


def serving(recorded: dict[str, list[float]]) -> Server:
    """A process's endpoint, after calls of these durations by agents of these names."""
    registry = Registry(Layout(), time.perf_counter_ns)
    for name, seconds in recorded.items():
        recorder = registry.bind(Declaration("agent", name, operation="invoke"), None)
        recorder.plain.extend(round(each * 1e9) for each in seconds)
    return Server(Endpoint(registry, native_histograms=True))


@pytest.fixture(params=SERVERS)
def scraped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scraper]:
    """A server that has scraped two processes, each with half of the calls of each distribution."""
    halves = [{name: values[n::2] for name, values in DISTRIBUTIONS.items()} for n in range(2)]
    servers = [serving(half) for half in halves]
    try:
        with scraper(
            request.param,
            [f"127.0.0.1:{server.port}" for server in servers],
            tmp_path / "scraper",
            more=["--enable-feature=native-histograms"],
        ) as running:
            running.wait_for_scrape()
            yield running
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_agree_with_the_durations(scraped: Scraper, name: str) -> None:
    """Merged over two processes, quantiles are those of all durations, within the stated error."""
    values = sorted(DISTRIBUTIONS[name])
    merged = f'sum(agentmon_agent_duration_seconds{{agent="{name}", outcome="ok"}})'
    assert scraped.value(f"histogram_count({merged})") == len(values)
    assert scraped.value(f"histogram_sum({merged})") == pytest.approx(sum(values), rel=1e-6)
    for q in QUANTILES:
        found = scraped.value(f"histogram_quantile({q}, {merged})")
        exact = values[math.ceil(q * len(values)) - 1]
        assert found == pytest.approx(exact, rel=STATED), (q, found, exact)


def test_shares_under_an_objective_agree(scraped: Scraper) -> None:
    """The share of calls under a threshold is right within the calls of one bucket."""
    values = DISTRIBUTIONS["two"]
    merged = 'sum(agentmon_agent_duration_seconds{agent="two", outcome="ok"})'
    found = scraped.value(f"histogram_fraction(0, 1, {merged})")
    assert found == pytest.approx(sum(each <= 1 for each in values) / len(values), abs=0.005)


def _jobs(key: str) -> list[dict[str, Any]]:
    """What the page shows for a server line."""
    blocks = re.findall(r"^```(?:yaml|text)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [each for each in blocks if f"# {key}" in each]
    jobs: list[dict[str, Any]] = yaml.safe_load(block)["scrape_configs"]
    return jobs


@pytest.mark.parametrize(("key", "classic"), [("prometheus2", False), ("prometheus3", True)])
def test_configuration_of_the_page_does_what_it_says(
    key: str, classic: bool, tmp_path: Path
) -> None:
    """With the page's configuration native histograms come, and classic ones where it says so."""
    server = serving({"narrow": DISTRIBUTIONS["narrow"]})
    try:
        (job,) = _jobs(key)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{server.port}"]}]
        job["scrape_interval"] = job["scrape_timeout"] = "1s"
        with scraper(
            key, [], tmp_path, jobs=[job], more=["--enable-feature=native-histograms"]
        ) as running:
            native = 'histogram_count(agentmon_agent_duration_seconds{agent="narrow"})'
            deadline = time.monotonic() + 30
            while math.isnan(running.value(native)):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            buckets = running.instant('agentmon_agent_duration_seconds_bucket{agent="narrow"}')
            assert bool(buckets) is classic
    finally:
        server.close()
