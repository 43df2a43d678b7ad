"""
A file that is collected: its content, and how what is wrong with it is said.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Final, NoReturn

from agentmon.errors import CollectError
from agentmon.instrumentation.facts import Fact

__all__ = ["MOST_BYTES", "Node", "Report", "Source", "package_of", "parsed"]

#: Reports are read whole.
MOST_BYTES: Final = 100 * 1024 * 1024

_SPACE = re.compile(r"[ \t\r\n]*")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?"
)


@dataclass(slots=True)
class Report:
    """
    What was found in files.

    Args:
        facts: What they say.
        notes: What whoever collects should know besides.
    """

    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """
    A file that is collected.

    Args:
        path: Where it is.
        name: What it is about, where the file does not say so; may be empty.
        root: What paths within it are relative to.
        online: Whether other servers may be asked.
    """

    path: Path
    name: str = ""
    root: Path = field(default_factory=Path.cwd)
    online: bool = False

    def read(self) -> bytes:
        """
        The content of the file.

        Raises:
            CollectError: If it cannot be had.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            self.fail(f"cannot be read: {error.strerror}")
        if len(content) > MOST_BYTES:
            self.fail(f"got more than {MOST_BYTES:,} bytes, allowed fewer")
        return content

    def text(self) -> str:
        """
        The content of the file as text.

        Raises:
            CollectError: If it cannot be had, or is not in UTF-8.
        """
        content = self.read()
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.fail("got bytes that are not UTF-8", content.count(b"\n", 0, error.start) + 1)

    def written_at(self) -> float:
        """When the file was changed last, in seconds since 1970."""
        return self.path.stat().st_mtime

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        """Say what is wrong, and where."""
        where = str(self.path) if line is None else f"{self.path}:{line}"
        raise CollectError(f"{where}: {message}")


class Node:
    """
    A value within a file, which knows where it stands.

    Args:
        source: The file.
        value: The value.
        steps: How it is reached: keys and indices.
        text: The JSON that it stands in; empty where lines are known otherwise.
        line: Its first line: of `text`, else of the value.
    """

    __slots__ = ("_line", "_source", "_steps", "_text", "value")

    def __init__(
        self,
        source: Source,
        value: Any,
        steps: tuple[str | int, ...] = (),
        text: str = "",
        line: int | None = None,
    ) -> None:
        self.value = value
        self._source = source
        self._steps = steps
        self._text = text
        self._line = line

    def fail(self, allowed: str) -> NoReturn:
        """Say that something else is allowed here."""
        self.wrong(f"got {self.value!r:.60}, allowed {allowed}")

    def wrong(self, message: str) -> NoReturn:
        """Say what is wrong here."""
        line = self._line
        if self._text:
            line = (line or 1) + _lines_before(self._text, self._steps)
        what = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._steps)
        self._source.fail(f"{what.lstrip('.')}: {message}" if what else message, line)

    def _inner(self, value: Any, step: str | int) -> Node:
        return Node(self._source, value, (*self._steps, step), self._text, self._line)

    def __getitem__(self, key: str) -> Node:
        if key not in self.mapping():
            self.wrong(f"got no {key!r}, which is needed")
        return self._inner(self.value[key], key)

    def get(self, key: str) -> Node | None:
        """What stands under a key; None without it, and for nothing."""
        value = self.mapping().get(key)
        return None if value is None or value == "" else self._inner(value, key)

    def mapping(self) -> dict[str, Any]:
        """The value, which must be a mapping."""
        if not isinstance(self.value, dict):
            self.fail("names with values")
        return self.value

    def items(self) -> Iterator[tuple[str, Node]]:
        """What the mapping holds."""
        for key, value in self.mapping().items():
            yield str(key), self._inner(value, key)

    def entries(self) -> Iterator[Node]:
        """What the list holds."""
        if not isinstance(self.value, list):
            self.fail("a list")
        for index, value in enumerate(self.value):
            yield self._inner(value, index)

    def only(self, *allowed: str) -> None:
        """Refuse keys that nobody reads."""
        for key, node in self.items():
            if key not in allowed:
                node.wrong(f"got {key!r}, allowed {', '.join(allowed)}")

    def string(self) -> str:
        """The value, which must be text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail("text")
        return self.value

    def number(self, low: float = 0.0, high: float = math.inf) -> float:
        """The value, which must be a number between two others."""
        value = self.value
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not (low <= value <= high and math.isfinite(value)):
            self.fail(f"a number from {low:g}" + ("" if high == math.inf else f" to {high:g}"))
        return float(value)

    def flag(self) -> bool:
        """The value, which must be true or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value

    def choice(self, *allowed: str) -> str:
        """The value, which must be one of some texts."""
        if self.value not in allowed:
            self.fail(", ".join(allowed))
        return str(self.value)

    def moment(self, *, local: bool = False) -> float:
        """
        The value as seconds since 1970.

        Args:
            local: Whether a time without a zone is that of this machine, else that of UTC.
        """
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return self.number()
        found = _moment(str(self.value).strip(), local=local)
        if found is None:
            self.fail("a date and time such as 2026-01-31T12:00:00Z")
        return found


def parsed(source: Source) -> Node:
    """
    A file of JSON.

    Raises:
        CollectError: If it is none.
    """
    text = source.text()
    try:
        return Node(source, json.loads(text), text=text)
    except json.JSONDecodeError as error:
        source.fail(f"got no JSON: {error.msg}, column {error.colno}", error.lineno)
    except RecursionError:
        source.fail("got JSON that is nested too deeply")


def package_of(source: Source, path: str) -> str:
    """
    The package that a file of code is in, by its folder: ``shop.cart`` for ``shop/cart/cart.py``.

    Args:
        source: The report; its root is what paths are relative to.
        path: The file of code.
    """
    pure = PurePath(path.replace("\\", "/"))
    if pure.is_absolute() and pure.is_relative_to(source.root):
        pure = pure.relative_to(source.root)
    folder = pure.parent.relative_to(pure.anchor)
    return ".".join(part for part in folder.parts if part != ".") or "."


def _moment(text: str, *, local: bool) -> float | None:
    """A date and time in ISO 8601 as seconds since 1970."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    if zone is None:
        zone = "" if local else "+00:00"
    elif zone == "Z":
        zone = "+00:00"
    elif ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        time = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}").timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return time + float(fraction or 0) if time >= 0 else None


def _lines_before(text: str, steps: tuple[str | int, ...]) -> int:
    """How many lines of a JSON text come before what some steps lead to."""
    decoder = json.JSONDecoder()
    at = _space(text, 0)
    for step in steps:
        index = 0
        at = _space(text, at + 1)
        while True:
            key: str | int = index
            if isinstance(step, str):
                key, at = json.decoder.scanstring(text, at + 1)  # type: ignore[attr-defined]
                at = _space(text, _space(text, at) + 1)
            if key == step:
                break
            _, at = decoder.raw_decode(text, at)
            at = _space(text, _space(text, at) + 1)
            index += 1
    return text.count("\n", 0, at)


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
