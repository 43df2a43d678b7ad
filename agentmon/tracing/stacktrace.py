"""
The stack trace of an exception as text, at a cost that a failing call can bear.
"""

from __future__ import annotations

from pathlib import Path
from traceback import TracebackException
from typing import Any, Final

__all__ = ["stacktrace"]

#: Innermost frames that are kept: a stack that is full has a thousand, and each of the calls on it
#: fails.
_FRAMES: Final = 50

_OURS: Final = f"{Path(__file__).parents[1]}/"


def stacktrace(error: BaseException) -> str:
    """
    What the interpreter would print, of the innermost 50 frames, causes and groups included.

    Left out are frames of agentmon, which are nobody's error, and the marks below each line that
    show where in it the error was: finding them takes more time than all the rest, as each line is
    parsed for it.
    """
    whole = TracebackException(
        type(error), error, error.__traceback__, limit=-_FRAMES, compact=True
    )
    todo: list[Any] = [whole]
    while todo:
        part = todo.pop()
        part.stack[:] = [each for each in part.stack if not each.filename.startswith(_OURS)]
        for frame in part.stack:
            frame.colno = frame.end_colno = None
        chained = (part.__cause__, part.__context__, *(getattr(part, "exceptions", None) or ()))
        todo += [each for each in chained if each is not None]
    return "".join(whole.format())
