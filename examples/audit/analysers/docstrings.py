"""How much of a package is documented. A plain function that runs in a thread."""

from __future__ import annotations

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.findings import Case, Finding

__all__ = ["NAME", "analyse", "measure"]

NAME = "docstrings"


async def analyse(environment: Environment, case: Case) -> Finding:
    """Measure in a thread."""
    return await environment.in_thread(measure, environment, case)


@agentmon.agent("docstrings", operation="analyse", version="1.0", team="docs", tier="worker")
def measure(environment: Environment, case: Case) -> Finding:
    """The share of public names with a docstring."""
    ((modules, documented, documentable),) = tools.query_database(
        environment,
        "SELECT count(*), coalesce(sum(documented), 0), coalesce(sum(documentable), 0) "
        "FROM module WHERE package = ? AND problem IS NULL",
        case.package.name,
    )
    return Finding(
        analyser=NAME,
        summary=f"{documented} of {documentable} public names have a docstring",
        coverage=modules / len(case.sources),
    )
