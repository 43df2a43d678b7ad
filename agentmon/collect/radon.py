"""
Complexity and maintainability, as ``radon cc -j`` and ``radon mi -j`` write them.
"""

from __future__ import annotations

from agentmon.collect.source import Node, Report, Source, package_of, parsed
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts

__all__ = ["parse_complexity", "parse_maintainability"]


def parse_complexity(source: Source) -> Report:
    """
    Mean and largest complexity of the functions and methods of each package.

    Raises:
        CollectError: If the file is not what it should be.
    """
    report = Report()
    packages: dict[str, list[float]] = {}
    for path, blocks in parsed(source).items():
        if _unreadable(report, path, blocks):
            continue
        for block in blocks.entries():
            if block["type"].choice("function", "method", "class") != "class":
                found = packages.setdefault(package_of(source, path), [])
                found.append(block["complexity"].number(1))
    for package, values in packages.items():
        mean = sum(values) / len(values)
        report.facts.append(Fact(facts.CODE_COMPLEXITY, (package, "mean"), mean))
        report.facts.append(Fact(facts.CODE_COMPLEXITY, (package, "largest"), max(values)))
    return report


def parse_maintainability(source: Source) -> Report:
    """
    Mean maintainability index of the modules of each package.

    Raises:
        CollectError: If the file is not what it should be.
    """
    report = Report()
    packages: dict[str, list[float]] = {}
    for path, module in parsed(source).items():
        if not _unreadable(report, path, module):
            index = module["mi"].number(0, 100)
            packages.setdefault(package_of(source, path), []).append(index)
    for package, values in packages.items():
        mean = sum(values) / len(values)
        report.facts.append(Fact(facts.CODE_MAINTAINABILITY, (package,), mean))
    return report


def _unreadable(report: Report, path: str, node: Node) -> bool:
    """Whether the tool could not read a file of code."""
    if not isinstance(node.value, dict) or "error" not in node.value:
        return False
    report.notes.append(f"radon could not read {path}: {node.value['error']!s:.120}")
    return True
