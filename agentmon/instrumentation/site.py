"""
A place in the user's code that is measured: what was declared there, and its recorders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.active import ACTIVE, METRICS

if TYPE_CHECKING:
    from agentmon.record.declaration import Declaration, Scope
    from agentmon.record.recorder import Recorder

__all__ = ["SEEN", "Naming", "Site"]

#: Kinds of which each call matters, and not only how long it took: a handoff is accepted or not, a
#: run of a workflow has a critical path. They take long compared with what it costs to look.
SEEN: Final = frozenset({"handoff", "workflow"})

_MOST_CACHED = 1000

#: Makes the name of one call from its arguments; None where that fails.
Naming = Callable[[tuple[Any, ...], dict[str, Any]], "str | None"]


class Site:
    """
    Finds the recorder for a call, and remembers it by the names around the call.

    Args:
        declaration: The operation.
        naming: Makes the name of each call from its arguments instead; of a model call, the model.
    """

    __slots__ = (
        "__weakref__",
        "_named",
        "_unwatched",
        "declaration",
        "fast",
        "naming",
        "recorders",
        "seen",
    )

    def __init__(self, declaration: Declaration, naming: Naming | None = None) -> None:
        self.declaration = declaration
        self.naming = naming
        #: Whether its calls are begun and ended one by one, whatever is in force.
        self.seen = declaration.kind in SEEN
        #: Recorders of the registry in force, by the names around the call.
        self.recorders: dict[Scope | None, Recorder] = {}
        #: Those of them whose calls nobody follows.
        self._unwatched: dict[Scope | None, Recorder] = {}
        #: The same while calls may take the fast path, and empty otherwise.
        self.fast: dict[Scope | None, Recorder] = {}
        self._named: dict[str, Site] = {}
        ACTIVE.sites.add(self)
        self.switch(ACTIVE.mode)

    def forget(self) -> None:
        """Drop the recorders: another registry is in force."""
        self.recorders = {}
        self._unwatched = self.fast = {}

    def switch(self, mode: int) -> None:
        """Let calls take the fast path, or not, as the mode says."""
        fast = (
            mode is METRICS
            and self.naming is None
            and not ACTIVE.heeded
            and ACTIVE.metering is None
            and not self.seen
            # Whose successes say that it is up, or whose answers begin before they end; and both
            # take long compared with this.
            and self.declaration.kind not in {"dependency", "model_call"}
        )
        self.fast = self._unwatched if fast else {}

    def bind(self, scope: Scope | None) -> Recorder | None:
        """
        The recorder for a call within *scope*, remembered in `recorders`.

        Returns:
            None if recording was turned off meanwhile.
        """
        recorders, unwatched = self.recorders, self._unwatched
        registry = ACTIVE.registry
        if registry is None:
            return None
        ACTIVE.look()
        recorder = registry.bind(self.declaration, scope)
        if len(recorders) < _MOST_CACHED:
            recorders[scope] = recorder
            if scope is None or not scope.watching:
                unwatched[scope] = recorder
        return recorder

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Site:
        """The site for a call with these arguments; itself where its name is fixed."""
        if self.naming is None:
            return self
        name = self.naming(args, kwargs)
        site = self._named.get(name or "")
        if site is None:
            site = Site(self.declaration if name is None else self.declaration.named(name))
            if len(self._named) < _MOST_CACHED:
                self._named[name or ""] = site
        return site
