"""
Findings of linters and type checkers: ``ruff check --output-format json``, ``mypy --output json``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from agentmon.collect.source import Node, Report, Source, package_of, parsed
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts

__all__ = ["parse_mypy", "parse_ruff"]


def parse_ruff(source: Source) -> Report:
    """
    Findings of ruff by package and rule.

    Raises:
        CollectError: If the file is not what it should be.
    """
    return _counted("ruff", _of_ruff(source))


def _of_ruff(source: Source) -> Iterator[tuple[str, str]]:
    for finding in parsed(source).entries():
        code = finding["code"]
        rule = "invalid-syntax" if code.value is None else code.string()
        yield package_of(source, finding["filename"].string()), rule


def parse_mypy(source: Source) -> Report:
    """
    Errors of mypy by package and code; notes are no findings.

    Raises:
        CollectError: If the file is not what it should be.
    """
    return _counted("mypy", _of_mypy(source))


def _of_mypy(source: Source) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(source.text().split("\n"), 1):
        if not line.strip() or line.startswith("Success: "):
            continue
        try:
            finding = Node(source, json.loads(line), line=number)
        except (json.JSONDecodeError, RecursionError):
            source.fail("got no JSON, allowed the output of mypy --output json", number)
        if finding["severity"].choice("error", "note", "warning") == "error":
            code = finding.get("code")
            package = package_of(source, finding["file"].string())
            yield package, "misc" if code is None else code.string()


def _counted(checker: str, found: Iterable[tuple[str, str]]) -> Report:
    counts = Counter(found)
    # Without this, nothing found would look like nothing looked at.
    counts.setdefault((".", ""), 0)
    return Report(
        [
            Fact(facts.CODE_FINDINGS, (package, checker, rule), count)
            for (package, rule), count in counts.items()
        ]
    )
