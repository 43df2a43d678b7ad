"""
Documentation: how old each page is, and which of its links lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from agentmon.collect.history import commits
from agentmon.collect.source import Report, Source
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts

__all__ = ["parse"]

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+).+?\1")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\]\(\s*(?:<([^>\n]*)>|((?:[^()\s]|\([^()\s]*\))+))")
_DEFINED = re.compile(r"^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)", re.MULTILINE)
_SECONDS: Final = 10
#: The server has something there, and will not show it to us.
_THERE: Final = {401, 403, 405, 429}


def parse(source: Source) -> Report:
    """
    Age and dead links of each page of Markdown in a folder.

    The age is that of the last commit, or of the file where git does not know it. Links within a
    page are not followed, nor are those to other servers, but for `Source.online`.

    Raises:
        CollectError: If there is no page, or a page is not in UTF-8, or git has only a part of the
            history.
    """
    pages = [source.path] if source.path.is_file() else sorted(source.path.rglob("*.md"))
    pages = [page for page in pages if page.is_file()]
    if not pages:
        source.fail("got no page, allowed a folder with files that end in .md")
    try:
        committed = commits(source.path if source.path.is_dir() else source.path.parent)
    except ValueError as error:
        source.fail(str(error))
    report = Report()
    answers: dict[str, bool] = {}
    for page in pages:
        label = (_shown(source, page),)
        at = committed.get(page.resolve(), page.stat().st_mtime)
        report.facts.append(Fact(facts.DOCUMENT_UPDATED, label, at))
        text = Source(page).text()
        dead = [link for link in _links(text) if not _leads(page, link, source, answers)]
        report.facts.append(Fact(facts.DOCUMENT_DEAD_LINKS, label, len(dead)))
        report.notes += [f"{page}: {link} leads nowhere" for link in dead]
    return report


def _shown(source: Source, page: Path) -> str:
    whole, root = page.resolve(), source.root.resolve()
    return (whole.relative_to(root) if whole.is_relative_to(root) else page).as_posix()


def _links(text: str) -> Iterator[str]:
    for each in (_FENCE, _COMMENT, _CODE):
        text = each.sub("", text)
    for match in _LINK.finditer(text):
        yield match[1] or match[2] or ""
    for match in _DEFINED.finditer(text):
        yield match[1]


def _leads(page: Path, link: str, source: Source, answers: dict[str, bool]) -> bool:
    """Whether a link leads somewhere, as far as that is looked at."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        if source.online and link not in answers:
            answers[link] = _answers(link)
        return answers.get(link, True)
    if parts.scheme or parts.netloc or not parts.path:
        return True
    path = unquote(parts.path)
    return (source.root / path.lstrip("/") if path.startswith("/") else page.parent / path).exists()


def _answers(link: str) -> bool:
    request = Request(link, headers={"User-Agent": "agentmon collect"})  # noqa: S310  # http only
    try:
        with urlopen(request, timeout=_SECONDS):  # noqa: S310  # likewise
            return True
    except HTTPError as error:
        return error.code in _THERE
    except (OSError, ValueError):
        return False
