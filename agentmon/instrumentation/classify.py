"""
From the exception that ended a call to its outcome.
"""

from __future__ import annotations

import builtins
from typing import Any

from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK, TIMEOUT, Outcome

__all__ = ["GROUP", "Classifier", "qualified_name"]

#: By qualified name, so that none of these modules is imported for it.
_BY_NAME: dict[str, Outcome] = {
    "asyncio.exceptions.CancelledError": CANCELLED,
    "concurrent.futures._base.CancelledError": CANCELLED,
    "trio.Cancelled": CANCELLED,
    "asyncio.exceptions.TimeoutError": TIMEOUT,  # a class of its own before Python 3.11
    "concurrent.futures._base.TimeoutError": TIMEOUT,
}

#: A consumer that leaves a generator is done with it; an iterator that ends has not failed.
_BY_CLASS: tuple[tuple[type[BaseException], Outcome], ...] = (
    (GeneratorExit, CANCELLED),
    (StopIteration, OK),
    (StopAsyncIteration, OK),
    (KeyboardInterrupt, INTERRUPTED),
    (SystemExit, INTERRUPTED),
    (TimeoutError, TIMEOUT),
)

_MOST_TYPES = 1000
_LONGEST_NAME = 200

#: Python 3.10 has no groups, and nothing is an instance of no class.
GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())


def qualified_name(error: type[BaseException]) -> str:
    """Name of an exception class with its module, which builtins go without."""
    module, name = error.__module__, error.__qualname__
    full = name if module in ("builtins", None) else f"{module}.{name}"
    return "".join(c if c.isprintable() else "?" for c in full[:_LONGEST_NAME])


class Classifier:
    """
    Tells the outcome that an exception means, and remembers it by class.

    Args:
        interrupts: Exceptions by which a program steers itself, such as a pause for a human.
        timeouts: Exceptions that mean a timeout, besides `TimeoutError`.
    """

    def __init__(
        self,
        interrupts: tuple[type[BaseException], ...] = (),
        timeouts: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._interrupts = interrupts
        self._timeouts = timeouts
        self._known: dict[type[BaseException], tuple[Outcome, str]] = {}

    def meaning(
        self, error: BaseException, interrupts: tuple[type[BaseException], ...] = ()
    ) -> tuple[Outcome, str]:
        """
        Outcome and qualified name of an exception.

        Args:
            error: It; a group means what all its exceptions mean, if that is one and the same.
            interrupts: Exceptions by which the operation steers itself, besides the general ones.
        """
        if interrupts and isinstance(error, interrupts):
            return INTERRUPTED, qualified_name(type(error))
        outcome, name = self.classify(type(error))
        if outcome == ERROR and isinstance(error, GROUP):
            meant = {self.meaning(each, interrupts)[0] for each in error.exceptions}
            if len(meant) == 1:
                outcome = meant.pop()
        return outcome, name

    def classify(self, error: type[BaseException]) -> tuple[Outcome, str]:
        """Outcome and qualified name of an exception's class."""
        known = self._known.get(error)
        if known is None:
            known = (self._outcome(error), qualified_name(error))
            if len(self._known) < _MOST_TYPES:
                self._known[error] = known
        return known

    def _outcome(self, error: type[BaseException]) -> Outcome:
        if issubclass(error, self._interrupts):
            return INTERRUPTED
        if issubclass(error, self._timeouts):
            return TIMEOUT
        for ancestor in error.__mro__:
            outcome = _BY_NAME.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
            if outcome is not None:
                return outcome
        for ancestor, outcome in _BY_CLASS:
            if issubclass(error, ancestor):
                return outcome
        return ERROR
