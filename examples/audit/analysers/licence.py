"""Under which licence a package comes: two ways of finding out, the faster one wins."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.failures import NotKnown
from examples.audit.findings import Case, Finding
from examples.audit.packages import Package

__all__ = ["NAME", "analyse"]

NAME = "licence"

COPYLEFT = ("GPL", "MPL", "EPL", "EUPL")


@agentmon.agent("licence", operation="analyse", version="1.4", team="legal", tier="worker")
async def analyse(environment: Environment, case: Case) -> Finding:
    """
    The licence.

    Raises:
        NotKnown: If neither metadata nor licence file tell.
    """
    package = case.package
    ways: list[Coroutine[Any, Any, str] | asyncio.Future[str]] = [
        _by_metadata(environment, package)
    ]
    if package.folder is None:
        ways.append(environment.in_thread(tools.read_licence, package))
    answer = await _first(ways)
    doubts = [f"{word} asks for something in return" for word in COPYLEFT if word in answer]
    return Finding(analyser=NAME, summary=f"licence {answer}", doubts=tuple(doubts))


async def _by_metadata(environment: Environment, package: Package) -> str:
    if not package.licence:
        raise NotKnown(f"{package.name} declares no licence")
    await tools.ask_service(environment, "licence", package.licence)
    return package.licence


async def _first(ways: Iterable[Coroutine[Any, Any, str] | asyncio.Future[str]]) -> str:
    """The first answer; the others are cancelled, or not heard where they cannot be stopped."""
    running = {asyncio.ensure_future(way) for way in ways}
    failures: list[str] = []
    try:
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            failures += (str(task.exception()) for task in done if task.exception())
            for task in done:
                if task.exception() is None:
                    return task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    raise NotKnown("; ".join(failures))
