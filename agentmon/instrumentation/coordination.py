"""
What is followed beyond single calls: handoffs, and runs of workflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentmon.instrumentation.handoff import Handoffs
from agentmon.instrumentation.path import split
from agentmon.model.catalogue import coordination

if TYPE_CHECKING:
    from agentmon.instrumentation.path import Node
    from agentmon.record.registry import Registry

__all__ = ["Coordination"]


class Coordination:
    """
    Takes handoffs, and the runs of workflows as they end.

    Args:
        registry: Takes what is recorded.
    """

    def __init__(self, registry: Registry) -> None:
        self._signals = registry.signals
        self.handoffs = Handoffs(registry)

    def run_ended(self, workflow: str, run: Node) -> None:
        """Record where the time of a run went that has ended."""
        found = split(run)
        add = self._signals.add
        for (agent, kind), ns in found.path.items():
            add(coordination.WORKFLOW_CRITICAL_PATH, (workflow, agent, kind), ns)
        add(coordination.WORKFLOW_WORK, (workflow,), found.work_ns)
        add(coordination.WORKFLOW_FAN_OUT, (workflow,), found.fan_out_ns)
        add(coordination.WORKFLOW_STRAGGLER, (workflow,), found.straggler_ns)
        add(coordination.WORKFLOW_UNTRACKED, (workflow,), int(found.lost))
