"""A headless Chromium of the distribution, driven through Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.servers.processes import missing

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    # What follows keeps it from asking the outside for anything.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # A container's shared memory is too small for a page.
    "--disable-dev-shm-usage",
)


@contextmanager
def chromium(profile: Path, *, width: int = 1280, height: int = 900) -> Iterator[Chrome]:
    """
    A browser with a new *profile* folder and a window of *width* by *height* pixels.

    Ends the test where Chromium or its driver is missing.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        missing("chromium and chromedriver are missing: run `make browser`")
        raise AssertionError
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    # Lets a test read what the page wrote to its console.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(executable_path=driver))
    try:
        yield browser
    finally:
        browser.quit()
