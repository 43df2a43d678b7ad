"""
Calls of ours around what a framework does, for frameworks that let us stand around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.adapters import runs
from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.call import Standing, activate, deactivate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractContextManager

    from agentmon.instrumentation.call import Before, Call

__all__ = ["Block", "Note", "awaited", "block", "stepped"]

#: Looks at a result, or at a part of one; gives the outcome that it means, if any.
Note: TypeAlias = "Callable[[Call, Any], str | None]"


class Block:
    """
    One call in flight, current until it ends.

    Args:
        library: For what is said of errors.
        call: Begun, and not current yet.
        handed: The handoff that it is the work of, which ends with it.
    """

    __slots__ = ("_before", "_handed", "_open", "call", "library")

    def __init__(self, library: str, call: Call, handed: Call | None = None) -> None:
        self.library = library
        self._open = True
        self._handed = handed
        self.call = call
        self._before: Before | None = activate(call)

    def leave(self) -> None:
        """Have it no longer be current, while it goes on: a stream gives way to its reader."""
        before, self._before = self._before, None
        guarded(self.library, deactivate, self.call, before)

    def end(self, error: BaseException | None = None, outcome: str | None = None) -> None:
        """End it, once; what goes wrong with that is counted."""
        if self._open:
            self._open = False
            guarded(self.library, self._end, error, outcome)

    def _end(self, error: BaseException | None, outcome: str | None) -> None:
        try:
            deactivate(self.call, self._before)
        finally:
            self.call.end(error=error, outcome=outcome)
            if self._handed is not None:
                self._handed.end(error=error, outcome=outcome)


def block(
    library: str, kind: str, name: str, detail: str = "", handed: Call | None = None
) -> Block | None:
    """
    Begin a call within the one that is current.

    Args:
        library: For what is said of errors.
        kind: Of the operation.
        name: Of the operation.
        detail: As `runs.operation_of` takes it.
        handed: The handoff that it is the work of, instead of what is current.

    Returns:
        None while recording is off, and where something of ours failed.
    """
    if ACTIVE.mode is OFF:
        return None
    return guarded(library, _begun, library, kind, name, detail, handed)


def _begun(library: str, kind: str, name: str, detail: str, handed: Call | None) -> Block:
    call = runs.operation_of(kind, name, detail).begin(parent=handed)
    return Block(library, call, handed)


async def awaited(ours: Block | None, theirs: Awaitable[Any], note: Note | None = None) -> Any:
    """What *theirs* gives, with a block of ours around it."""
    if ours is None:
        return await theirs
    try:
        result = await theirs
    except BaseException as error:
        ours.end(error)
        raise
    ours.end(None, None if note is None else guarded(ours.library, note, ours.call, result))
    return result


async def stepped(
    ours: Block, stream: Any, note: Note, around: Callable[[], AbstractContextManager[None]]
) -> AsyncGenerator[Any, None]:
    """
    The items of a stream, with a block of ours around each step and none around its reader.

    Args:
        ours: Ends with the stream, as the last note that said so.
        stream: An asynchronous generator.
        note: Looks at each item.
        around: What else is around each step.
    """
    ours.leave()
    standing = Standing(ours.call)
    error: BaseException | None = None
    outcome: str | None = None
    try:
        while True:
            try:
                with standing, around():
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            outcome = guarded(ours.library, note, ours.call, item) or outcome
            yield item
    except BaseException as raised:
        error, outcome = raised, None
        raise
    finally:
        try:
            await stream.aclose()
        finally:
            ours.end(error, outcome)
