"""Which functions are the hardest to follow. A plain function that runs in a thread."""

from __future__ import annotations

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.findings import Case, Claim, Finding

__all__ = ["NAME", "analyse", "measure"]

NAME = "complexity"


async def analyse(environment: Environment, case: Case) -> Finding:
    """Measure in a thread."""
    return await environment.in_thread(measure, environment, case)


@agentmon.agent("complexity", operation="analyse", version="2.1", team="code", tier="worker")
def measure(environment: Environment, case: Case) -> Finding:
    """The functions with most branches, and how much of the package that was seen in."""
    ((modules, lines, functions),) = tools.query_database(
        environment,
        "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(functions), 0) "
        "FROM module WHERE package = ? AND problem IS NULL",
        case.package.name,
    )
    worst = tools.query_database(
        environment,
        "SELECT path, worst, worst_line, complexity FROM module "
        "WHERE package = ? AND complexity > 10 ORDER BY complexity DESC LIMIT 3",
        case.package.name,
    )
    return Finding(
        analyser=NAME,
        summary=f"{lines} lines, {functions} functions; {len(worst)} of them branch too much",
        claims=tuple(
            Claim(f"{name} has {branches} branches", path, line, f"def {name}")
            for path, name, line, branches in worst
        ),
        coverage=modules / len(case.sources),
    )
