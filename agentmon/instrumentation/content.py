"""
What was said: arguments, results and messages as text that may be kept on spans.

Only in force where ``configure(content=True)`` asks for it; the exceptions of failed calls pass
through here always, as their messages may hold anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from json import dumps
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.call import CURRENT, Call
from agentmon.model import attributes
from agentmon.tracing.stacktrace import stacktrace

if TYPE_CHECKING:
    from agentmon.instrumentation.call import Frame

__all__ = ["Content", "exception_attributes", "rendered"]

#: Characters looked at beyond those that are kept: a secret at the end of what is kept should be
#: whole when it is looked for. At the end of what was looked at it may not be: that is left out.
_MARGIN: Final = 4096
_UNSURE: Final = 512
_DEEPEST: Final = 12
_LONGEST_SECONDS: Final = 0.1
#: Characters of the message of an exception and of its stack trace.
_LONGEST_EXCEPTION: Final = 16 * 1024

#: Modules whose objects are better shown as ``str`` does it.
_AS_STR: Final = ("datetime", "decimal", "pathlib", "uuid")


@dataclass(frozen=True)
class Content:
    """
    Puts what was said on the spans of calls.

    Args:
        redact: Every text passes through it.
        limit: Characters kept of one value.

    Guarantees:
        No method raises, whatever the values and *redact* do. What cannot be made into text is left
        out and counted in ``agentmon_dropped_total{reason="content_failed"}``.
    """

    redact: Callable[[str], str]
    limit: int

    def messages(self, call: Call, input: object, output: object, system: object) -> None:  # noqa: A002
        """
        Note what went into a call and came out of it.

        Args:
            call: The call.
            input: Arguments of a tool; else a text, or messages.
            output: Result of a tool; else likewise.
            system: Instructions besides the input.
        """
        tool = call.kind == "tool"
        for what, value in (("input", input), ("output", output), ("system", system)):
            if value is None:
                continue
            if tool and what in attributes.TOOL_CONTENT:
                self._note(call, attributes.TOOL_CONTENT[what], _as_is, value)
            else:
                self._note(call, attributes.CONTENT[what], _SHAPES[what], value)

    def observe(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function that is a tool, and note its arguments and result on the current call."""
        call = CURRENT.get()
        self.arguments(call, fn, args, kwargs)
        result = fn(*args, **kwargs)
        self._result(call, result)
        return result

    async def observe_async(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Likewise, of a coroutine function."""
        call = CURRENT.get()
        self.arguments(call, fn, args, kwargs)
        result = await fn(*args, **kwargs)
        self._result(call, result)
        return result

    def arguments(
        self,
        call: Frame | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Note the arguments of a tool that is a function, by the names of its parameters."""
        key = attributes.TOOL_CONTENT["input"]
        self._note(call, key, lambda given: _bound(fn, *given), (args, kwargs))

    def _result(self, call: Frame | None, result: object) -> None:
        if result is not None:
            self._note(call, attributes.TOOL_CONTENT["output"], _as_is, result)

    def _note(
        self, call: Frame | None, key: str, shape: Callable[[Any], Any], value: object
    ) -> None:
        span = call.span if isinstance(call, Call) else None
        if span is None or not span.trace_id:  # nobody will see it
            return
        try:
            span.set(key, self.text(shape(value)))
        except Exception:  # noqa: BLE001  # the hook for redaction, or a value of the host
            if ACTIVE.registry is not None:
                ACTIVE.registry.drop("content_failed", 1)

    def text(self, value: object) -> str:
        """
        A value as it may be kept: text as it is, all else as JSON; redacted, and then cut.

        Raises:
            Exception: Whatever *redact* raises.
            TypeError: If that returns no text.
        """
        text, whole = rendered(value, self.limit + _MARGIN)
        return _kept(text, self.limit, whole=whole, redact=self.redact)


def _kept(text: str, limit: int, *, whole: bool, redact: Callable[[str], str]) -> str:
    """
    As much of a text as is kept, redacted, and with a mark where that is not all.

    Args:
        text: The text.
        limit: Characters kept.
        whole: Whether it is all that there is.
        redact: What it passes through.

    Raises:
        TypeError: If that returns no text.
    """
    looked_at = text[: limit + _MARGIN]
    redacted = redact(looked_at)
    if not isinstance(redacted, str):
        raise TypeError(f"redact: got {type(redacted).__name__} from it, allowed text")
    if len(looked_at) == limit + _MARGIN:  # it ends somewhere, perhaps within a secret
        redacted = redacted[: max(0, len(redacted) - _UNSURE)]
    elif whole and len(redacted) <= limit:
        return redacted
    return f"{redacted[:limit]}… [cut]"


def exception_attributes(error: BaseException) -> dict[str, str]:
    """
    Message and stack trace of an exception, redacted.

    Args:
        error: The exception.

    Returns:
        Attributes of the event that describes it; one that cannot be made is empty text, and
        counted.
    """
    from agentmon.redaction import standard  # noqa: PLC0415  # only calls that fail need it

    redact = ACTIVE.redact or standard
    described = {}
    for key, make in (("exception.message", str), ("exception.stacktrace", stacktrace)):
        try:
            text = _encodable(make(error))
            described[key] = _kept(text, _LONGEST_EXCEPTION, whole=True, redact=redact)
        except Exception:  # noqa: BLE001  # as above
            described[key] = ""
            if ACTIVE.registry is not None:
                ACTIVE.registry.drop("content_failed", 1)
    return described


# ------------------------------------------------------------------ arguments

_signatures: WeakKeyDictionary[Any, inspect.Signature | None] = WeakKeyDictionary()


def _bound(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the names of parameters; those of a method without the object it belongs to."""
    try:
        signature = _signatures[fn]
    except (KeyError, TypeError):  # not seen before, or not to be remembered
        signature = _signature(fn)
    if signature is not None:
        try:
            named = dict(signature.bind(*args, **kwargs).arguments)
        except TypeError:  # the function itself will say so
            pass
        else:
            first = next(iter(signature.parameters), None)
            if first in ("self", "cls"):
                del named[first]
            return named
    return {"args": args, "kwargs": kwargs}


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        signature: inspect.Signature | None = inspect.signature(fn)
    except (TypeError, ValueError):  # some that are built in have none
        signature = None
    with suppress(TypeError):
        _signatures[fn] = signature
    return signature


# ------------------------------------------------------------------ messages


def _as_is(value: Any) -> Any:
    return value


def _instructions(value: Any) -> Any:
    """System instructions in the shape of the conventions: a list of parts."""
    return [_part(each) for each in (value if isinstance(value, list | tuple) else [value])]


def _messages(value: Any, role: str) -> Any:
    """Messages in the shape of the conventions, of a text, of one message or of several."""
    several = value if isinstance(value, list | tuple) else [value]
    return [_message(each, role) for each in several]


def _message(value: Any, role: str) -> Any:
    if not isinstance(value, Mapping) or "parts" in value:
        return value if isinstance(value, Mapping) else {"role": role, "parts": [_part(value)]}
    role = value.get("role", role)
    said = value.get("content")
    parts = said if isinstance(said, list | tuple) else [] if said is None else [said]
    if role == "tool":
        made = [_answer(value.get("tool_call_id"), said)]
    else:
        made = [_part(each) for each in parts]
    for call in value.get("tool_calls") or ():
        function = call.get("function", call)
        made.append(_tool_call(call.get("id"), function.get("name"), function.get("arguments")))
    message = {"role": role, "parts": made}
    if value.get("finish_reason") is not None:
        message["finish_reason"] = value["finish_reason"]
    return message


def _part(value: Any) -> Any:
    """A part of a message, of the shapes that APIs of models have for them."""
    if not isinstance(value, Mapping):
        return {"type": "text", "content": value}
    match value.get("type"):
        case "text" | "input_text" | "output_text" if "text" in value:
            return {"type": "text", "content": value["text"]}
        case "tool_use":
            return _tool_call(value.get("id"), value.get("name"), value.get("input"))
        case "tool_result":
            return _answer(value.get("tool_use_id"), value.get("content"))
    return value


def _tool_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def _answer(call_id: Any, response: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": call_id, "response": response}


_SHAPES: Final[dict[str, Callable[[Any], Any]]] = {
    "input": lambda value: _messages(value, "user"),
    "output": lambda value: _messages(value, "assistant"),
    "system": _instructions,
}

# ------------------------------------------------------------------ text


def rendered(value: object, longest: int) -> tuple[str, bool]:
    """
    Any value as text: text as it is, all else as JSON.

    What JSON has no word for becomes the text that ``repr`` gives; a dataclass or a model of
    pydantic, its fields, save those that are kept out of its ``repr``.

    Args:
        value: The value, which may be large, hold itself, or raise when it is looked at.
        longest: Once so many characters have been made, or after a tenth of a second, the rest is
            left out.

    Returns:
        The text, and whether it is all.
    """
    if issubclass(type(value), str):
        text = str.__getitem__(value, slice(longest + 1))  # type: ignore[index]
        return _encodable(text), len(text) <= longest
    writer = _Writer(longest)
    writer.write(value, 0)
    return _encodable("".join(writer.parts)), not writer.full


def _encodable(text: str) -> str:
    """The text without halves of characters, which cannot be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


class _Writer:
    """Writes JSON until there is enough of it."""

    def __init__(self, longest: int) -> None:
        self.parts: list[str] = []
        self.full = False
        self._room = longest
        self._until = monotonic() + _LONGEST_SECONDS

    def _put(self, text: str) -> None:
        self.parts.append(text)
        self._room -= len(text)
        if self._room < 0 or monotonic() > self._until:
            self.full = True

    def write(self, value: object, depth: int) -> None:
        """Add a value."""
        cls = type(value)  # not isinstance, which asks the value
        if value is None or issubclass(cls, int | float):
            self._put(_number(value))
        elif issubclass(cls, str):
            self._text(value)  # type: ignore[arg-type]
        elif issubclass(cls, bytes | bytearray | memoryview):
            self._text(f"<{cls.__name__} of {memoryview(value).nbytes}>")  # type: ignore[arg-type]
        elif depth >= _DEEPEST:
            self._text("…")
        elif issubclass(cls, dict):
            self._members(dict.items(value), depth)  # type: ignore[arg-type]
        elif issubclass(cls, list):
            self._elements(list.__iter__(value), depth)  # type: ignore[arg-type]
        elif issubclass(cls, tuple):
            self._elements(tuple.__iter__(value), depth)  # type: ignore[arg-type]
        elif issubclass(cls, set | frozenset):
            self._elements(iter(value), depth)  # type: ignore[call-overload]
        elif (fields := _fields(cls)) is not None:
            self._members(((name, getattr(value, name, None)) for name in fields), depth)
        else:
            self._text(_described(value))

    def _text(self, text: str) -> None:
        piece = str.__getitem__(text, slice(max(0, self._room) + 1))
        self._put(dumps(piece, ensure_ascii=False))

    def _elements(self, elements: Any, depth: int) -> None:
        self._put("[")
        for n, each in enumerate(_safely(elements)):
            if n:
                self._put(", ")
            self.write(each, depth + 1)
            if self.full:
                return
        self._put("]")

    def _members(self, members: Any, depth: int) -> None:
        self._put("{")
        for n, (key, value) in enumerate(_safely(members)):
            if n:
                self._put(", ")
            self._text(key if type(key) is str else _described(key))
            self._put(": ")
            self.write(value, depth + 1)
            if self.full:
                return
        self._put("}")


def _safely(elements: Any) -> Any:
    """The elements, until one cannot be had: another thread may be changing them."""
    try:
        yield from elements
    except Exception:  # noqa: BLE001  # a property of the host's may raise anything
        return


def _number(value: Any) -> str:
    """None, a bool or a number, as JSON."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        text = float.__repr__(value)
        return text if text[-1].isdigit() else f'"{text}"'  # else it is nan or infinite
    try:
        return int.__repr__(value)
    except ValueError:  # thousands of digits
        return '"<a large number>"'


def _described(value: object) -> str:
    """What ``repr`` gives, or the name of the class where that raises."""
    try:
        return str(value) if type(value).__module__ in _AS_STR else repr(value)
    except Exception:  # noqa: BLE001  # likewise
        return f"<{type(value).__name__}>"


def _fields(cls: type) -> list[str] | None:
    """Names of the fields of a dataclass or of a model of pydantic, that its ``repr`` shows."""
    for kept in ("__dataclass_fields__", "__pydantic_fields__"):
        fields = vars(cls).get(kept)
        if isinstance(fields, dict):
            return [name for name, field in fields.items() if getattr(field, "repr", True)]
    return None
