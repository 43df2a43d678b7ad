"""
What a collector answers, as all transports say it.

The few messages that come back are read by hand: nothing else here reads protobuf, and what comes
back may be anything.

Source: OTLP specification 1.x, "OTLP/gRPC" and "OTLP/HTTP"; google.rpc.Status and RetryInfo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

__all__ = [
    "LONGEST_ANSWER",
    "Answer",
    "Transport",
    "accepted",
    "printable",
    "retry_delay",
    "status_message",
]

#: Bytes of an answer that are read; the rest is not waited for.
LONGEST_ANSWER: Final = 64 * 1024
_LONGEST_MESSAGE: Final = 200
_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"
_WORD_BITS: Final = 64
_VARINT, _FIXED64, _DATA, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What became of one attempt to send.

    Args:
        verdict: ``accepted``; ``retry``, which may go well later; or ``failed``, which never will.
        message: What went wrong, fit to be shown.
        rejected: How much of what was accepted was rejected after all.
        after_seconds: When to try again, if the collector said so.
        unknown: Whether the collector does not know what was sent at all.
    """

    verdict: Literal["accepted", "retry", "failed"]
    message: str = ""
    rejected: int = 0
    after_seconds: float | None = None
    unknown: bool = False


class Transport(Protocol):
    """
    A way to one collector.

    Guarantees:
        - No method raises.
        - What is done here makes no spans.
    """

    def pack(self, body: bytes) -> bytes:
        """The body as it is sent: done once, however often it is sent."""
        ...

    def send(self, packed: bytes, timeout_seconds: float) -> Answer:
        """Try once, for at most so long."""
        ...

    def abort(self) -> None:
        """Make a `send` in another thread return now, as far as that can be done."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    def abandon(self) -> None:
        """In a forked child: forget all connections without touching them; the parent uses them."""
        ...


def accepted(body: bytes) -> Answer:
    """The answer with a successful response, which may yet reject a part."""
    rejected, message = 0, ""
    try:
        for number, value in _fields(body):
            if number == 1 and isinstance(value, bytes):
                for inner, content in _fields(value):
                    if inner == 1 and isinstance(content, int):
                        rejected = content
                    elif inner == 2 and isinstance(content, bytes):  # noqa: PLR2004  # its number
                        message = printable(content)
    except ValueError:
        return Answer("accepted", "the answer is not that of a collector")
    # A negative number comes as one that is too large.
    return Answer("accepted", message, rejected if rejected < 1 << (_WORD_BITS - 1) else 0)


def status_message(body: bytes) -> str:
    """The message of a google.rpc.Status; empty if it is none."""
    try:
        for number, value in _fields(body):
            if number == 2 and isinstance(value, bytes):  # noqa: PLR2004  # the number of the field
                return printable(value)
    except ValueError:
        pass
    return ""


def retry_delay(status: bytes) -> float | None:
    """
    When to try again, in seconds, if a google.rpc.Status has a RetryInfo that says so.

    Returns:
        Seconds, 0 or more; None if there is none.
    """
    try:
        for number, detail in _fields(status):
            if number == 3 and isinstance(detail, bytes):  # noqa: PLR2004  # the number of the field
                found = dict(_fields(detail))
                value = found.get(2)
                if found.get(1) == _RETRY_INFO and isinstance(value, bytes):
                    return _duration(dict(_fields(value)).get(1))
    except ValueError:
        pass
    return None


def _duration(encoded: int | bytes | None) -> float | None:
    if not isinstance(encoded, bytes):
        return None
    parts = dict(_fields(encoded))
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int) or seconds >> 63 or nanos >> 63:
        return None
    return seconds + nanos / 1e9


def printable(message: bytes | str) -> str:
    """What somebody else said, fit for one line of a log."""
    text = message.decode(errors="replace") if isinstance(message, bytes) else message
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 3] + "..."


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """
    The fields of a message: numbers of varints, bytes of the others.

    Raises:
        ValueError: If it is no message.
    """
    at, end = 0, len(message)
    while at < end:
        head, at = _varint(message, at)
        number, wire_type = head >> 3, head & 7
        if not number:
            raise ValueError("no field has the number 0")
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _DATA:
            size, at = _varint(message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"there is no wire type {wire_type}")
        if size > end - at:
            raise ValueError("it ends within a field")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    n = shift = 0
    while at < len(message) and shift < _WORD_BITS:
        byte = message[at]
        n |= (byte & 127) << shift
        at += 1
        if byte < 128:  # noqa: PLR2004  # the last one
            return n & ((1 << _WORD_BITS) - 1), at
        shift += 7
    raise ValueError("it ends within a number")
