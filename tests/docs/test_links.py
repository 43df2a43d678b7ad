"""What the pages point at is there: files, anchors, metrics, make targets."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from agentmon.model import catalogue
from agentmon.model.metric import Kind
from tests.docs.pages import PAGES, ROOT

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_METRIC = re.compile(r"(?<![:\w])\bagentmon_[a-z_]+\b")
_MAKE = re.compile(r"\bmake ([a-z][a-z-]+)")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCED.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = _LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        kept = (c for c in text.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
        slug = "".join(kept).replace(" ", "-")
        count = 0
        while (anchor := f"{slug}-{count}" if count else slug) in found:
            count += 1
        found.add(anchor)
    return found


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page point."""
    return _LINK.findall(_SPAN.sub(lambda span: "x" * len(span[0]), prose(page)))


def test_pages_are_found() -> None:
    """The pages that people start from are among those looked at."""
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md"} <= names
    assert "docs/getting-started.md" in links(ROOT / "README.md")
    assert "promql" in anchors(ROOT / "docs" / "getting-started.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file that exists, and to a heading in it."""
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_metrics_exist(page: Path) -> None:
    """Every name of a metric in a page is one that the catalogue gives."""
    known: set[str] = set()
    for metric in catalogue.CATALOGUE:
        known |= {metric.sample, metric.family}
        if metric.kind is Kind.HISTOGRAM:
            known |= {f"{metric.sample}_{part}" for part in ("bucket", "count", "sum")}
    named = {name for name in _METRIC.findall(page.read_text()) if not name.endswith("_")}
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    """Every ``make`` command of a page is one that the Makefile has."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join((*_FENCED.findall(page.read_text()), *_SPAN.findall(prose(page))))
    assert set(_MAKE.findall(code)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nobody_is_sent_to_the_package_of_strangers(page: Path) -> None:
    """No page says to install the distribution that only shares the import name."""
    assert not re.search(r"install\s+(-\S+\s+)*agentmon(?!-telemetry)\b", page.read_text())


@pytest.fixture(scope="module")
def reached() -> set[Path]:
    """The pages that one comes to from the README, by links only."""
    found: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        targets = ((here.parent / link.partition("#")[0]).resolve() for link in links(here))
        waiting.extend(target for target in targets if target.suffix == ".md" and target.is_file())
    return found


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name != "decisions"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_page_can_be_reached(page: Path, reached: set[Path]) -> None:
    """From the README, by links only, one comes to every page."""
    assert page in reached
