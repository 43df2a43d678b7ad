"""
From the exception that ended a call to what failures like it have in common.

It is told from where it was raised, without line numbers: so it stays the same when other code
moves. Of the message and of arguments nothing is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any, Final

from agentmon.instrumentation.classify import GROUP, qualified_name
from agentmon.model.failure import Failure, group_id

__all__ = ["fingerprint"]

#: Functions that tell one place from another.
_FRAMES: Final = 3
#: Causes, and members of exception groups, that are looked at.
_CAUSES: Final = 3
_MEMBERS: Final = 32
#: Where the stack is full, the innermost function is any of those that call each other; so all of
#: them count, as far as they are among so many innermost.
_TURNS: Final = 100
#: Callers that are looked at beyond the block that an exception left.
_CALLERS: Final = 50

_USERS, _LIBRARY, _STANDARD, _OURS = range(4)
_OURS_UNDER: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")  # noqa: PTH118, PTH120  # pathlib is not needed for this
_STANDARD_UNDER: Final = os.path.join(os.path.dirname(os.__file__), "")  # noqa: PTH118, PTH120  # likewise
_LIBRARIES_UNDER: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
#: Before Python 3.12 these had frames of their own.
_COMPREHENSIONS: Final = ("<listcomp>", "<dictcomp>", "<setcomp>")
_LONGEST: Final = 200

#: Whose code a file is, by its name.
_owners: dict[str, int] = {}
#: Names of functions, by file, name of the module and name within it.
_names: dict[tuple[str, object, str], str] = {}
_MOST_KNOWN: Final = 4096


def fingerprint(error: BaseException, error_type: str) -> Failure | None:
    """
    What failures like this one have in common.

    They have the same type and the same innermost functions of the user's code, three at most,
    out to the innermost function that is measured: so one exception is of one group at each
    operation that it passes. Left out are functions of the standard library, of installed packages
    other than that of the measured function, and of agentmon. Functions that call each other again
    and again count once. What it was raised from counts with its type and innermost function;
    members of a group likewise, in any order.

    Args:
        error: The exception.
        error_type: Qualified name of its class.

    Returns:
        None if the exception does not say where it was raised.

    Guarantees:
        It never raises, and holds nothing of the exception.
    """
    try:
        functions = _functions(error, _FRAMES)
        if not functions:
            return None
        parts = [error_type.replace("__mp_main__.", "__main__."), *functions, *_origins(error)]
        return Failure(group_id("\n".join(parts)), error_type, functions[0])
    except Exception:  # noqa: BLE001  # the stack may be full; and an exception is the host's object
        return None


def _origins(error: BaseException) -> list[str]:
    """Type and innermost function of what an exception was raised from, and of its members."""
    origins: list[str] = []
    cause, seen = error.__cause__, {id(error)}
    while cause is not None and id(cause) not in seen and len(seen) <= _CAUSES:
        origins.append(f"from {_brief(cause)}")
        seen.add(id(cause))
        cause = cause.__cause__
    if isinstance(error, GROUP):
        members, waiting = set(), list(error.exceptions[:_MEMBERS])
        for member in waiting:
            if not isinstance(member, GROUP):
                members.add(f"of {_brief(member)}")
            elif len(waiting) < _MEMBERS:
                waiting += member.exceptions[:_MEMBERS]
        origins += sorted(members)
    return origins


def _brief(error: BaseException) -> str:
    return " ".join((qualified_name(type(error)), *_functions(error, 1)))


def _functions(error: BaseException, most: int) -> list[str]:
    """The innermost distinct functions of the user's code that it left, at most so many."""
    left: list[FrameType] = []  # outermost first
    entry = error.__traceback__
    while entry is not None:
        left.append(entry.tb_frame)
        entry = entry.tb_next
    while left and _owner(left[-1]) == _OURS:  # what agentmon itself raised, at the user's mistake
        left.pop()
    if not left:
        return []
    measured = next((n for n in range(len(left), 0, -1) if _owner(left[n - 1]) == _OURS), 0)
    inner = left[measured:]
    outermost = inner[0]
    if not measured:
        inner[:0] = _callers(outermost)
    inner.reverse()
    if isinstance(error, RecursionError):
        turns = [frame for frame in inner[:_TURNS] if _is_users(frame, outermost)]
        return sorted({_name(frame) for frame in turns or inner[:_TURNS]})[:most]
    users = _distinct((f for f in inner if _is_users(f, outermost)), most)
    return users or _distinct(inner, most)


def _callers(frame: FrameType) -> list[FrameType]:
    """
    Who called a block that was left and is not a measured function itself, outermost first.

    Out to the innermost measured function, as the calls around it will see; and to where another
    thread or an event loop begins, which is in the standard library.
    """
    callers: list[FrameType] = []
    caller = frame.f_back
    while caller is not None and _owner(caller) < _STANDARD and len(callers) < _CALLERS:
        callers.append(caller)
        caller = caller.f_back
    callers.reverse()
    return callers


def _is_users(frame: FrameType, outermost: FrameType) -> bool:
    """Whether it is the user's, or of the same installed package as what was measured."""
    owner = _owner(frame)
    if owner != _LIBRARY:
        return owner == _USERS
    return _owner(outermost) != _STANDARD and _package(frame) == _package(outermost)


def _owner(frame: FrameType) -> int:
    file = frame.f_code.co_filename
    owner = _owners.get(file)
    if owner is None:
        if file.startswith(_OURS_UNDER):
            owner = _OURS
        elif any(part in file for part in _LIBRARIES_UNDER):
            owner = _LIBRARY
        elif file.startswith((_STANDARD_UNDER, "<frozen ")):
            owner = _STANDARD
        else:
            owner = _USERS
        if len(_owners) >= _MOST_KNOWN:
            _owners.clear()
        _owners[file] = owner
    return owner


def _distinct(frames: Iterable[FrameType], most: int) -> list[str]:
    names: list[str] = []
    last: CodeType | None = None
    for frame in frames:
        code = frame.f_code
        if code is last or code.co_name in _COMPREHENSIONS:
            continue
        last = code
        name = _name(frame)
        if name not in names:
            names.append(name)
            if len(names) == most:
                break
    return names


def _name(frame: FrameType) -> str:
    """Module and function, as the user knows them."""
    code: Any = frame.f_code
    function = getattr(code, "co_qualname", code.co_name)  # Python 3.10 has no qualified name here
    key = (code.co_filename, frame.f_globals.get("__name__"), function)
    name = _names.get(key)
    if name is None:
        full = f"{_module(frame)}.{function}"[:_LONGEST]
        name = "".join(c if c.isprintable() else "?" for c in full)
        if len(_names) >= _MOST_KNOWN:
            _names.clear()
        _names[key] = name
    return name


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    if name in ("__main__", "__mp_main__"):
        # A program has another name when it runs than when it is imported.
        name = getattr(frame.f_globals.get("__spec__"), "name", None)
    if isinstance(name, str) and name:
        return name
    return os.path.splitext(os.path.basename(frame.f_code.co_filename))[0]  # noqa: PTH119, PTH122


def _package(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]
