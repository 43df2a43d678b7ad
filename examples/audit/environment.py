"""What every agent of the audit works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from examples.audit.database import Database
from examples.audit.model import LocalModel
from examples.audit.packages import Package
from examples.audit.service import LookupService

__all__ = ["Environment"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Environment:
    """
    The dependencies of the agents.

    Args:
        packages: What can be audited, by name.
        providers: Which distribution provides a top-level import name.
        database: Shared knowledge.
        service: Lookups over HTTP.
        model: The local text model.
        threads: Where blocking and computing calls run; it carries the caller's context.
    """

    packages: dict[str, Package]
    providers: dict[str, str]
    database: Database
    service: LookupService
    model: LocalModel
    threads: Executor

    def in_thread(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Call *function* in one of the threads; cancelling stops it if it has not begun."""
        return asyncio.wrap_future(self.threads.submit(function, *args, **kwargs))
