"""Remote write: what is sent, read by protobuf's own code, and by the servers that take it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmon.export.push.remote_write import Receiver, RemoteWrite
from tests.export.push.exposed import ORIGIN, moment, series, shown
from tests.servers.processes import SCRAPERS, Scraper, scraper


@pytest.fixture(params=[pytest.param(key, marks=pytest.mark.servers) for key in SCRAPERS])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scraper]:
    """A server that takes remote write, and scrapes nothing."""
    vm = request.param == "victoriametrics"
    more = () if vm else ("--web.enable-remote-write-receiver",)
    with scraper(request.param, (), tmp_path / "server", more=more) as server:
        yield server


def path(server: Scraper) -> str:
    """Where it takes remote write."""
    return f"{server.url}/api/v1/write"


def test_what_is_stored_is_what_a_scrape_would_have_stored(receiver: Scraper) -> None:
    """Every sample arrives with its labels and its exact value."""
    now = moment()
    target = Receiver(RemoteWrite(path(receiver), labels={"instance": "me"}), ORIGIN)
    for attempt in target.prepare(now):
        assert attempt(10.0).verdict == "accepted"
    target.close()
    stored = receiver.instant('{__name__=~"agentmon_.+"}')
    found = {series(s.labels["__name__"], s.labels, "job", "instance"): s.value for s in stored}
    assert found == shown(now.families)
    assert {(s.labels["job"], s.labels["instance"]) for s in stored} == {(ORIGIN.job, "me")}
