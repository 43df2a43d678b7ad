"""What a package needs, says it needs, and who needs it: the dependency graph."""

from __future__ import annotations

import json
import re
import sys

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.failures import ServiceFailed
from examples.audit.findings import Case, Claim, Finding
from examples.audit.packages import normalise

__all__ = ["NAME", "analyse"]

NAME = "imports"


@agentmon.agent("imports", operation="analyse", version="3.0", team="code", tier="worker")
async def analyse(environment: Environment, case: Case) -> Finding:
    """Imports without a requirement, the size of the dependency tree, and version conflicts."""
    package = case.package
    edges, required = await environment.in_thread(_look_up, environment, package.name)
    graph = {
        name: {normalise(re.split(r"[^A-Za-z0-9._-]", each)[0]) for each in json.loads(requires)}
        for name, requires in required
    }
    declared = _reachable(graph, package.name)
    claims = []
    for path, target, line in edges:
        provider = environment.providers.get(target.partition(".")[0])
        if provider and provider not in declared | {package.name}:
            claims.append(Claim(f"imports {target}, never requires {provider}", path, line, target))
    try:
        answer = await tools.ask_service(environment, "conflicts", package.name)
        conflicts = f"{len(answer['conflicts'])} version conflicts"
    except ServiceFailed:
        conflicts = "version conflicts not known"
    return Finding(
        analyser=NAME,
        summary=f"{len(claims)} undeclared imports, {len(declared)} dependencies, {conflicts}",
        claims=tuple(claims[:5]),
    )


def _look_up(
    environment: Environment, name: str
) -> tuple[list[tuple[str, str, int]], list[tuple[str, str]]]:
    edges = tools.query_database(
        environment,
        "SELECT path, target, line FROM import_edge WHERE package = ? AND NOT optional",
        name,
    )
    required = tools.query_database(environment, "SELECT name, requires FROM package")
    known = sys.stdlib_module_names
    return [each for each in edges if each[1].partition(".")[0] not in known], required


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph.get(ahead.pop(), ()):
            if name not in found:
                found.add(name)
                ahead.append(name)
    return found
