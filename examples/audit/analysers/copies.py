"""Which files of a package are copies of another package's. The service compares, at length."""

from __future__ import annotations

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.findings import Case, Finding

__all__ = ["NAME", "analyse"]

NAME = "copies"

#: Seconds to wait for the answer, by attempt.
PATIENCE = {1: 0.3, 2: 1.0}


@agentmon.agent("copies", operation="analyse", version="0.9", team="code", tier="worker")
async def analyse(environment: Environment, case: Case) -> Finding:
    """
    Copied files.

    Raises:
        ServiceBusy: If the service compares for others.
        asyncio.TimeoutError: If the comparison takes longer than the attempt is worth.
    """
    name = case.package.name
    answer = await tools.ask_service(environment, "copies", name, patience=PATIENCE[case.attempt])
    origins = {each["package"] for each in answer["copies"]}
    return Finding(
        analyser=NAME,
        summary=f"{len(answer['copies'])} copies from {len(origins)} packages",
    )
