"""
Test runs in the format of JUnit, such as ``pytest --junitxml`` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentmon.collect.source import Report, Source
from agentmon.collect.xml import Element, read_xml
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts

__all__ = ["parse_all"]

_RESULTS: Final = ("passed", "failed", "error", "skipped")


@dataclass(frozen=True)
class _Run:
    """One run of a suite."""

    suite: str
    at: float
    seconds: float
    tests: list[tuple[tuple[str, str], str]]


def parse_all(sources: Sequence[Source]) -> Report:
    """
    The latest run of each suite, and how many tests came out both ways within all runs.

    Raises:
        CollectError: If a file is not what it should be.
    """
    runs: dict[str, list[_Run]] = {}
    for source in sources:
        for element in _suites(read_xml(source, "testsuites", "testsuite")):
            run = _run(source, element)
            runs.setdefault(run.suite, []).append(run)
    report = Report()
    for suite, several in runs.items():
        latest = max(several, key=lambda run: run.at)
        counts = Counter(result for _, result in latest.tests)
        report.facts += [Fact(facts.TESTS, (suite, each), counts[each]) for each in _RESULTS]
        report.facts += [
            Fact(facts.TESTS_FLAKY, (suite,), _flaky(several)),
            Fact(facts.TEST_DURATION, (suite,), latest.seconds),
            Fact(facts.TEST_RUN, (suite,), latest.at),
        ]
    return report


def _suites(root: Element) -> list[Element]:
    """The suites that hold tests themselves."""
    inner = [suite for child in root.all("testsuite") for suite in _suites(child)]
    holds = any(child.name == "testcase" for child in root.children)
    return [root, *inner] if root.name == "testsuite" and (holds or not inner) else inner


def _run(source: Source, suite: Element) -> _Run:
    seconds = suite.get("time")
    name = suite.get("name")
    tests = [_test(child) for child in suite.children if child.name == "testcase"]
    return _Run(
        source.name or (name.string() if name is not None and name.value else "tests"),
        _at(source, suite),
        0.0 if seconds is None else seconds.number(),
        tests,
    )


def _at(source: Source, suite: Element) -> float:
    node = suite.get("timestamp")
    # Tools that say no time zone mean that of the machine.
    return source.written_at() if node is None else node.moment(local=True)


def _test(case: Element) -> tuple[tuple[str, str], str]:
    inner = {child.name for child in case.children}
    result = "passed"
    for name, said in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        if name in inner:
            result = said
            break
    return (case.attributes.get("classname", ""), case["name"].string()), result


def _flaky(runs: list[_Run]) -> int:
    """How many tests passed and failed."""
    seen: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for test, result in run.tests:
            seen.setdefault(test, set()).add(result)
    return sum(
        "passed" in each and not each.isdisjoint({"failed", "error"}) for each in seen.values()
    )
