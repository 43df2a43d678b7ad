"""
Agents in asyncio: calls at once with gather, a stream, work in threads, a deadline.

A coordinator asks three searchers at the same time, each of which looks through text in a thread,
and streams the best lines. One search is given too little time: its call has the outcome timeout,
the searcher it abandons is cancelled, and the coordinator goes on without it.

Run: python examples/asyncio_agents.py
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import AsyncIterator
from types import ModuleType

import agentmon

QUESTION = "cancel the task when the timeout expires"


@agentmon.tool("rank_lines")
def rank_lines(source: str, question: str) -> list[str]:
    """The lines most like the question; computes, so it runs in a thread."""
    return difflib.get_close_matches(question, source.splitlines(), n=2, cutoff=0.3)


@agentmon.agent("searcher", version="1.0", team="research")
async def search(module: ModuleType, question: str) -> list[str]:
    """Search one module. `asyncio.to_thread` takes the context along by itself."""
    return await asyncio.to_thread(rank_lines, inspect.getsource(module), question)


@agentmon.agent("coordinator", operation="stream", team="research")
async def answer(question: str, modules: list[ModuleType]) -> AsyncIterator[str]:
    """Stream what the searchers find; measured until the last line."""
    found = await asyncio.gather(*(search(module, question) for module in modules))
    for lines in found:
        for line in lines:
            yield line.strip()


@agentmon.agent("coordinator", operation="hurry", team="research")
async def hurry(question: str, module: ModuleType) -> list[str]:
    """Search, but not for long. What `wait_for` raises ends this call with timeout."""
    return await asyncio.wait_for(search(module, question), timeout=0.001)


@agentmon.workflow("research")
async def research() -> None:
    """One run."""
    async for line in answer(QUESTION, [asyncio.tasks, asyncio.locks, asyncio.queues]):
        print(f"  {line}")
    try:
        await hurry(QUESTION, inspect)
    except (TimeoutError, asyncio.TimeoutError):
        print("  (no time to look any further)")


def main() -> None:
    """Run once, and print what was counted."""
    agentmon.configure(service="research")
    asyncio.run(research())
    for each in agentmon.statistics():
        outcomes = {outcome: n for outcome, n in each.summary.outcomes.items() if n}
        labels = ", ".join(f"{name}={value}" for name, value in each.labels.items())
        print(f"{each.kind:10} {labels:48} {outcomes}")
    agentmon.shutdown()


if __name__ == "__main__":
    main()
