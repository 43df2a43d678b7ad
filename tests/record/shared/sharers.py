"""Processes that share their counts, as the tests start them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from agentmon.record.shared.folder import Folder, fresh_name
from agentmon.record.shared.merged import Merged
from agentmon.record.shared.paper import Paper
from agentmon.record.shared.sharing import Sharing

__all__ = ["LAYOUT", "Sharer", "killed", "merged", "numbers"]

LAYOUT = Layout()


class Sharer:
    """A registry that shares what it records, as a process of its own would."""

    def __init__(self, path: Path) -> None:
        Folder(path).claim(LAYOUT)
        self.registry = Registry(LAYOUT, perf_counter_ns)
        self.paper = Paper(path, fresh_name(), {}, time.time_ns())
        self.sharing = Sharing(self.registry, self.paper)
        self.registry.shared = self.sharing
        self.paper.show()

    def tool(self, name: str = "measure", **declared: Any) -> Any:
        """A recorder of a tool."""
        return self.registry.bind(Declaration("tool", name, **declared), None)

    def fail(self, recorder: Any, duration_ns: int, error_type: str = "ValueError") -> None:
        """Record a call that failed."""
        recorder.details.append((0, duration_ns, "error", error_type, 0, None))
        recorder.press()

    def die(self) -> None:
        """End as a process that is killed does: nothing is folded, the lock is gone."""
        self.sharing.abandon()


def merged(path: Path) -> Merged:
    """What somebody reads who reads for the first time."""
    return Merged(Folder(path), LAYOUT, perf_counter_ns, 10_000)


def numbers(registry: Registry) -> dict[Any, Any]:
    """Every sample that is not 0, with count, sum, buckets and cells of histograms."""
    found: dict[Any, Any] = {}
    for family in registry.collect(cells=True):
        for labels, value in family.samples:
            if isinstance(value, int | float):
                if value:
                    found[family.metric.sample, labels] = value
            else:
                sum_ns = getattr(value, "sum_ns", None)
                kept = (value.count, value.total if sum_ns is None else sum_ns, value.buckets)
                found[family.metric.sample, labels] = kept
    for kind, labels, outcome, cells in registry.histograms():
        found["cells", kind, labels, outcome] = cells
    return found


def killed(work: Callable[[], object], kill: Callable[[int], object]) -> None:
    """Fork a child that works until it is killed."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(1)
    kill(pid)
    os.waitpid(pid, 0)
