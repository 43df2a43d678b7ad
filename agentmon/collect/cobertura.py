"""
Coverage in Cobertura's format, such as ``coverage xml`` writes it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from agentmon.collect.source import Report, Source
from agentmon.collect.xml import Element, read_xml
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts

__all__ = ["WHOLE", "parse"]

#: Stands for all packages together.
WHOLE: Final = "(all)"

_OF = re.compile(r"\d+(?:\.\d+)?% \((\d+)/(\d+)\)")


def parse(source: Source) -> Report:
    """
    Coverage by package and altogether, counted from the lines; by branches, where there are any.

    Raises:
        CollectError: If the file is not what it should be.
    """
    report = Report()
    whole: Counter[str] = Counter()
    for package in read_xml(source, "coverage").all("package"):
        counts: Counter[str] = Counter()
        for each in package.all("class"):
            for lines in each.children:
                if lines.name == "lines":  # those of methods come again in those of the class
                    for line in lines.all("line"):
                        counts.update(_counted(line))
        whole.update(counts)
        _say(report, package["name"].value or ".", counts)
    _say(report, WHOLE, whole)
    return report


def _counted(line: Element) -> Counter[str]:
    line["number"].number(1)
    counts = Counter(lines=1, lines_run=int(line["hits"].number() > 0))
    if line.attributes.get("branch", "").lower() == "true":
        condition = line["condition-coverage"]
        match = _OF.fullmatch(condition.string())
        if match is None or int(match[1]) > int(match[2]):
            condition.fail("such as 50% (1/2)")
        counts.update(branches=int(match[2]), branches_run=int(match[1]))
    return counts


def _say(report: Report, package: str, counts: Counter[str]) -> None:
    for what, label in (("lines", "line"), ("branches", "branch")):
        if counts[what]:
            share = counts[f"{what}_run"] / counts[what]
            report.facts.append(Fact(facts.COVERAGE, (package, label), share))
