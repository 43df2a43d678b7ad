"""
What a user declared about an operation, and the names around it that its series take on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Declaration", "Scope"]


class Scope:
    """
    The names around a call: the innermost workflow and agent, empty where there is none.

    Interned by the registry and compared by identity, so that looking one up is cheap.
    """

    __slots__ = ("_watched", "agent", "watching", "workflow")

    def __init__(self, workflow: str, agent: str) -> None:
        self.workflow = workflow
        self.agent = agent
        #: Whether each call within is to be seen, and not only its duration kept: what it is part
        #: of, a run of a workflow or a handoff, is followed.
        self.watching = False
        self._watched: Scope | None = None

    @property
    def watched(self) -> Scope:
        """The same names, around calls that are to be seen."""
        if self.watching:
            return self
        if self._watched is None:
            watched = Scope(self.workflow, self.agent)
            watched.watching = True
            self._watched = watched
        return self._watched


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    An operation as declared.

    Args:
        kind: ``agent``, ``tool``, ``model_call``, ``workflow``, ``step``, ``handoff`` or
            ``dependency``.
        name: Name of the agent, tool, workflow or step; of a model call, its operation; of a
            handoff, its target.
        operation: Entry point of an agent; of a handoff, the agent that hands over, if it is not
            the one around; of a dependency, what kind it is.
        model: Model that a model call asks for.
        provider: Who serves that model.
        timeout_ns: A call that takes longer has the outcome timeout.
        version: Version of an agent.
        team: Team that owns an agent.
        tier: Tier of an agent.
        interrupts: Exceptions by which the operation steers itself; not errors.
    """

    kind: str
    name: str
    operation: str = ""
    model: str = ""
    provider: str = ""
    timeout_ns: int | None = None
    version: str = ""
    team: str = ""
    tier: str = ""
    interrupts: tuple[type[BaseException], ...] = ()

    def named(self, name: str) -> Declaration:
        """The same by another name; a model call, of another model."""
        if self.kind == "model_call":
            return replace(self, model=name)
        return replace(self, name=name)

    def label_values(self, scope: Scope) -> tuple[str, ...]:  # noqa: PLR0911  # one for each kind
        """Values of the kind's labels for a call made within *scope*."""
        match self.kind:
            case "agent":
                return (self.name, self.operation)
            case "tool":
                return (self.name, scope.agent)
            case "model_call":
                return (self.name, self.model, self.provider, scope.agent)
            case "dependency":
                return (self.name, self.operation, scope.agent)
            case "handoff":
                return (self.name, self.operation or scope.agent)
            case "step":
                return (self.name, scope.workflow)
            case _:
                return (self.name,)
