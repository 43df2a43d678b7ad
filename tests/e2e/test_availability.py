"""Availability, MTBF and MTTR in real servers, from a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

import agentmon
from agentmon.export.respond import Endpoint
from agentmon.export.server import Server
from agentmon.instrumentation.active import ACTIVE
from agentmon.testing import ManualClock
from tests.instrumentation.recording import recording
from tests.servers.processes import Scraper

AVAILABILITY = """
sum(agentmon_component_time_seconds_total{component="orders-db", state="up"})
/ sum(agentmon_component_time_seconds_total{component="orders-db"})
"""
MTBF = """
sum(agentmon_component_time_seconds_total{component="orders-db", state="up"})
/ sum(agentmon_outages_total{component="orders-db"})
"""
MTTR = """
sum(agentmon_outage_duration_seconds_sum{component="orders-db"})
/ sum(agentmon_outage_duration_seconds_count{component="orders-db"})
"""


def test_availability_mtbf_and_mttr_follow(scrape: Callable[[Sequence[str]], Scraper]) -> None:
    """Calls that fail for 6 s and for 4 s within 100 s make 0.9, 45 s and 5 s, to the digit."""
    clock = ManualClock()
    with recording(clock=clock):
        assert ACTIVE.registry is not None
        endpoint = Endpoint(ACTIVE.registry, process_metrics=False)
        server = Server(endpoint, "127.0.0.1", 0)
        try:
            database = agentmon.dependency("orders-db", kind="database")

            def call(error: BaseException | None = None, *, times: int = 1) -> None:
                for _ in range(times):
                    database.begin().end(error=error)

            call()
            clock.advance(60)
            call(ConnectionError(), times=3)
            clock.advance(6)
            call()
            clock.advance(20)
            call(TimeoutError(), times=5)
            clock.advance(4)
            call()
            clock.advance(10)
            scraper = scrape([server.url.removeprefix("http://")])
            scraper.wait_for_scrape()
            assert scraper.value(AVAILABILITY) == pytest.approx(0.9, abs=1e-12)
            assert scraper.value(MTBF) == pytest.approx(45, abs=1e-9)
            assert scraper.value(MTTR) == pytest.approx(5, abs=1e-9)
            assert scraper.value('agentmon_component_up{component="orders-db"}') == 1
            calls = 'sum by (outcome) (agentmon_dependency_calls_total{dependency="orders-db"})'
            counted = {each.labels["outcome"]: each.value for each in scraper.instant(calls)}
            assert {o: n for o, n in counted.items() if n} == {"ok": 3, "error": 3, "timeout": 5}
        finally:
            server.close()
