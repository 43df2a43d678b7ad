"""
Taking over work that another agent hands over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT, Call, Frame, restore
from agentmon.instrumentation.luggage import weigh
from agentmon.instrumentation.propagate import Arrival, received, stand_for
from agentmon.model.outcome import INTERRUPTED

if TYPE_CHECKING:
    from agentmon.instrumentation.handoff import Passing

__all__ = ["Accepting", "accepting", "handoff_confirmed"]

#: The header in which whoever takes a handoff says so.
_HEADER: Final = "agentmon-handoff"


class Accepting:
    """
    A block in which the work of a handoff is done; see `accepting`.

    The handoff is accepted when the first agent is called within, when `accept` is called, or when
    the block is left, unless it was rejected before; it ends with the block.
    """

    __slots__ = ("_around", "_begun_ns", "_context", "_frame", "_passing", "_token", "_tokens")

    def __init__(
        self,
        around: received | Call,
        context: object,
        tokens: Callable[[str], int] | None,
    ) -> None:
        self._around = around
        self._context = context
        self._tokens = tokens
        self._passing: Passing | None = None
        self._frame: Arrival | None = None
        self._token: Token[Frame | None] | None = None

    def __enter__(self) -> Accepting:  # noqa: PYI034  # typing has no Self yet
        around = self._around
        self._begun_ns = ACTIVE.clock()
        if isinstance(around, received):
            around.__enter__()
            passing = around.passing
        else:
            passing = around.passing
            self._frame = None if passing is None else stand_for(passing, around.span)
            if self._frame is not None:
                self._token = CURRENT.set(self._frame)
        self._passing = passing
        if passing is not None and not passing.over:
            passing.held = True
            if self._context is not None and passing.luggage is not None:
                found = weigh(self._context, self._tokens)
                shares = {} if found is None else passing.luggage.kept_by(found)
                for measure, share in shares.items():
                    passing.kept(measure, share)
        return self

    def __exit__(self, type_: object, error: BaseException | None, traceback: object) -> None:
        passing = self._passing
        if passing is not None:
            passing.accept(self._begun_ns)
            passing.held = False
            passing.done(failed=error is not None and _failed(error))
        if isinstance(self._around, received):
            self._around.__exit__(type_, error, traceback)
        elif self._token is not None:
            restore(self._frame, self._token)

    async def __aenter__(self) -> Accepting:  # noqa: PYI034  # likewise
        return self.__enter__()

    async def __aexit__(
        self, type_: object, error: BaseException | None, traceback: object
    ) -> None:
        self.__exit__(type_, error, traceback)

    def accept(self) -> None:
        """Say that the work is taken."""
        if self._passing is not None:
            self._passing.accept(ACTIVE.clock())

    def reject(self) -> None:
        """Say that the work is not taken; nothing happens where it was accepted before."""
        if self._passing is not None:
            self._passing.reject()

    def kept(self, measure: str, share: float) -> None:
        """
        Say what share of the context the target has, by a measure of your own.

        Args:
            measure: Name of the measure.
            share: From 0 to 1; what is not is dropped.
        """
        if self._passing is not None and isinstance(measure, str):
            self._passing.kept(measure, share)

    def confirmation(self, headers: dict[str, str] | None = None) -> dict[str, str]:
        """
        Write into the answer that the handoff came here, for `handoff_confirmed`.

        Args:
            headers: Headers of the answer; by default a new dictionary.

        Returns:
            The headers.
        """
        written = {} if headers is None else headers
        if self._passing is not None and self._passing.id:
            written[_HEADER] = self._passing.id
        return written


def _failed(error: BaseException) -> bool:
    """Whether what ended the work is more than an interruption, such as a pause for a person."""
    return ACTIVE.classifier.meaning(error, ())[0] != INTERRUPTED


def accepting(
    handoff: Call | Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None,
    /,
    *,
    context: object = None,
    tokens: Callable[[str], int] | None = None,
) -> Accepting:
    """
    Do work that was handed over within a block, by ``with`` or ``async with``.

    Where an agent is called within the block of the handoff itself, it accepts by itself, and
    nothing of this is needed.

    Args:
        handoff: What `agentmon.handoff` gave, in the process in which it began; elsewhere, the
            headers or the envelope with which it came, as `received` takes them.
        context: The context that arrived, to be compared with what was handed over.
        tokens: Counts the tokens of a text, if it is to be compared in those too.

    Returns:
        An `Accepting`.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    if tokens is not None and not callable(tokens):
        raise DeclarationError(f"accepting: tokens: got {tokens!r}, allowed a function")
    around = handoff if isinstance(handoff, Call) else received(handoff)
    return Accepting(around, context, tokens)


def handoff_confirmed(headers: Mapping[str, str] | None) -> bool:
    """
    Take note that another process has a handoff of this one, as its answer says.

    That process counts what becomes of it; this one does not take it for lost any more.

    Args:
        headers: Those of the answer, with what `Accepting.confirmation` wrote.

    Returns:
        Whether they spoke of a handoff that this process remembers.
    """
    if ACTIVE.coordination is None or headers is None:
        return False
    said = next((v for k, v in headers.items() if str(k).lower() == _HEADER), None)
    return isinstance(said, str) and ACTIVE.coordination.handoffs.confirm(said)
