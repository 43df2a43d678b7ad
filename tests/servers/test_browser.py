"""The real browser opens a page and says what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.mark.browser
def test_page_runs_its_script(browser: Chrome, tmp_path: Path) -> None:
    """A page is loaded, its script runs, and its console and a screenshot can be read."""
    page = tmp_path / "page.html"
    page.write_text(
        "<title>before</title><script>document.title = `${6 * 7}`; console.warn('seen')</script>"
    )
    browser.get(page.as_uri())
    assert browser.title == "42"
    assert any("seen" in entry["message"] for entry in browser.get_log("browser"))  # type: ignore[no-untyped-call]
    assert browser.get_screenshot_as_png().startswith(b"\x89PNG")
