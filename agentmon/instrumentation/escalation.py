"""
Escalations: a question that an agent puts to somebody above it, the wait, and the verdict.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT
from agentmon.instrumentation.path import ESCALATION
from agentmon.instrumentation.waiting import followed
from agentmon.model.catalogue import coordination
from agentmon.model.declared import check_text

if TYPE_CHECKING:
    from agentmon.instrumentation.path import Node
    from agentmon.record.registry import Registry

__all__ = ["MOST_REMEMBERED", "Escalation", "escalation", "escalation_verdict"]

#: Escalations of a process that a verdict finds by their id; the oldest are forgotten first.
MOST_REMEMBERED: Final = 10_000


class Escalation:
    """
    One escalation: a block, by ``with`` or ``async with``, or `begin` and `end`; see `escalation`.

    Guarantees:
        It ends once; what comes later changes nothing.
    """

    __slots__ = ("_agent", "_begun_ns", "_level", "_node", "_open", "_reason", "_registry", "id")

    def __init__(self, level: str, reason: str) -> None:
        #: What `escalation_verdict` finds it by.
        self.id = uuid4().hex
        self._level = level
        self._reason = reason
        self._agent = ""
        self._begun_ns = 0
        self._node: Node | None = None
        self._registry: Registry | None = None
        self._open = False

    def begin(self) -> Escalation:
        """
        Begin it; somebody else may `end` it, in another function, thread or task.

        Returns:
            Itself.
        """
        registry = self._registry = ACTIVE.registry
        if registry is None or self._open:
            return self
        self._open = True
        frame = CURRENT.get()
        self._agent = "" if frame is None or not hasattr(frame, "recorder") else frame.scope.agent
        self._node = followed()
        self._begun_ns = registry.clock()
        labels = (self._agent, self._level, self._reason)
        registry.signals.add(coordination.ESCALATIONS, labels)
        registry.signals.add(coordination.ESCALATIONS_OPEN, (self._level,))
        _remember(self.id, labels)
        return self

    def end(self) -> None:
        """The answer is there, or nobody waits for it any more."""
        registry = self._registry
        with _lock:
            if not self._open:
                return
            self._open = False
        if registry is None or registry is not ACTIVE.registry:
            return
        ended_ns = registry.clock()
        registry.signals.add(coordination.ESCALATIONS_OPEN, (self._level,), -1)
        registry.signals.observe(
            coordination.ESCALATION_WAIT, (self._agent, self._level), ended_ns - self._begun_ns
        )
        if self._node is not None:
            self._node.wait(ESCALATION, self._begun_ns, ended_ns)

    def __enter__(self) -> Escalation:  # noqa: PYI034  # typing has no Self yet
        return self.begin()

    def __exit__(self, *_error: object) -> None:
        self.end()

    async def __aenter__(self) -> Escalation:  # noqa: PYI034  # likewise
        return self.begin()

    async def __aexit__(self, *_error: object) -> None:
        self.end()


def escalation(*, level: str, reason: str) -> Escalation:
    """
    Measure asking somebody above: another agent, a person.

    The block lasts from the question to the answer. For a question that is answered in another
    place, use `Escalation.begin` and `Escalation.end`.

    Args:
        level: Who is asked, such as ``senior``, ``human`` or ``on_call``.
        reason: Why, in one of few words, such as ``low confidence``.

    Returns:
        An `Escalation`, whose ``id`` a later verdict names.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    check_text("escalation", "level", level, empty=False)
    check_text("escalation", "reason", reason, empty=False)
    return Escalation(level, reason)


def escalation_verdict(escalation_id: str, /, *, appropriate: bool) -> bool:
    """
    Say afterwards whether an escalation was called for. A later verdict on the same is not counted.

    Args:
        escalation_id: Its id.
        appropriate: Whether it was right to ask.

    Returns:
        Whether it was counted: not where it is unknown here, judged already, or recording is off.

    Raises:
        DeclarationError: If *appropriate* is neither true nor false.
    """
    if not isinstance(appropriate, bool):
        raise DeclarationError(f"escalation_verdict: got {appropriate!r}, allowed True or False")
    registry = ACTIVE.registry
    if registry is None:
        return False
    with _lock:
        labels = _judged.pop(str(escalation_id), None)
    if labels is None:
        registry.drop("unknown_subject", 1)
        return False
    verdict = "appropriate" if appropriate else "inappropriate"
    registry.signals.add(coordination.ESCALATION_VERDICTS, (*labels, verdict))
    return True


#: What is known of escalations that nobody has judged.
_judged: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
_lock = Lock()


def _remember(escalation_id: str, labels: tuple[str, str, str]) -> None:
    with _lock:
        _judged[escalation_id] = labels
        if len(_judged) > MOST_REMEMBERED:
            _judged.popitem(last=False)
