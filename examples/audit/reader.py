"""The agent that reads and parses a package's files: an async generator over work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.failures import SourceTooLarge
from examples.audit.packages import Package

__all__ = ["read"]

AT_ONCE = 8


@agentmon.agent("reader", operation="read", version="1.2", team="intake", tier="worker", timeout=60)
async def read(
    environment: Environment, package: Package, paths: list[Path], limit: int
) -> AsyncGenerator[bool, None]:
    """
    Read, parse and measure files, and write down what they hold.

    Args:
        limit: Largest file to read, in bytes.

    Yields:
        For each file, in the order in which they are done, whether it could be measured.
    """
    for start in range(0, len(paths), AT_ONCE):
        examined = [
            environment.in_thread(_examine, environment, package, path, limit)
            for path in paths[start : start + AT_ONCE]
        ]
        for each in asyncio.as_completed(examined):
            yield await each


def _examine(environment: Environment, package: Package, path: Path, limit: int) -> bool:
    found = None
    problem = ""
    try:
        found = tools.parse_source(tools.read_source(path, limit))
    except (SourceTooLarge, SyntaxError, UnicodeDecodeError, RecursionError) as error:
        problem = type(error).__name__
    tools.store_facts(environment, package, path, found, problem)
    return found is not None
