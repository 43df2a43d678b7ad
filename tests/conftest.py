"""Fixtures that many tests share: the real servers and a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.driven import endpoint
from tests.servers.processes import SCRAPERS, Scraper, scraper

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser", "endpoint", "scrape"]

# How long an example takes says something of the machine only.
settings.register_profile("agentmon", deadline=None)
settings.load_profile("agentmon")

# Sampling moves numbers and threads; tests of it ask for it.
os.environ["AGENTMON_RESOURCES"] = "off"


@pytest.fixture(params=[pytest.param(key, marks=pytest.mark.servers) for key in SCRAPERS])
def scrape(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Sequence[str]], Scraper]]:
    """
    Start a server that scrapes the given ``host:port`` targets; it stops with the test.

    The test runs once for each of Prometheus 2, Prometheus 3 and VictoriaMetrics.
    """
    with ExitStack() as stack:
        yield lambda targets: stack.enter_context(
            scraper(request.param, targets, tmp_path / "scraper")
        )


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """A headless Chromium with a new profile. Mark the test ``browser``."""
    # Selenium takes half a second to import, which tests without a browser need not wait for.
    from tests.servers.browser import chromium

    with chromium(tmp_path / "profile") as chrome:
        yield chrome
