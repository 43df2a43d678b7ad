"""The agent that chooses what to audit next."""

from __future__ import annotations

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.packages import Package

__all__ = ["choose"]


@agentmon.agent("planner", operation="choose", version="1.0", team="intake", tier="coordinator")
def choose(environment: Environment) -> Package:
    """The package that was audited least often, and the first of them in the agreed order."""
    while True:
        ((name, audits),) = tools.query_database(
            environment, "SELECT name, audits FROM package ORDER BY audits, place LIMIT 1"
        )
        if _claim(environment, name, audits):
            return environment.packages[name]


def _claim(environment: Environment, name: str, audits: int) -> bool:
    """Take it, unless another workflow's planner was faster."""
    with environment.database.transaction() as writing:
        changed = writing.execute(
            "UPDATE package SET audits = audits + 1 WHERE name = ? AND audits = ?", (name, audits)
        )
        return changed.rowcount == 1
