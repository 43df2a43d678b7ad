"""
Wrapping attributes of libraries so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import wrapt

__all__ = ["Patches", "Wrapper"]

#: Gets what it wraps, the instance, and the arguments of the call.
Wrapper: TypeAlias = "Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]"


class Patches:
    """
    What was wrapped in one library.

    Guarantees:
        Once it is undone no wrapper runs any more, even where somebody else has wrapped the same
        attribute since, or holds on to what they got.
    """

    def __init__(self) -> None:
        self._on = True
        self._undo: list[Callable[[], object]] = []

    @property
    def on(self) -> bool:
        """Whether it is in force."""
        return self._on

    def wrap(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        """
        Wrap an attribute of a module or class.

        Args:
            owner: The module or class.
            name: Of the attribute; it must be there.
            wrapper: Runs instead of it.

        Raises:
            AttributeError: If the library has no such thing.
        """
        own = vars(owner).get(name)
        original = getattr(owner, name) if own is None else own
        wrapped = wrapt.FunctionWrapper(original, wrapper, enabled=lambda: self._on)
        setattr(owner, name, wrapped)

        def restore() -> None:
            if vars(owner).get(name) is wrapped:
                if own is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, own)

        self._undo.append(restore)

    def add(self, undo: Callable[[], object]) -> None:
        """Have this called as well when it is undone."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Unwrap all, the last first."""
        self._on = False
        while self._undo:
            self._undo.pop()()
