"""
What the values of settings may be.

A function here takes what was given and returns what is meant, or raises `ValueError`. Those that
read the text of a variable are named after what the text is, those that check a value ``..._of``.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn, TypeAlias
from urllib.parse import unquote, urlsplit

from agentmon.errors import ConfigError
from agentmon.instrumentation.adapters import ADAPTERS, AUTO
from agentmon.tracing.limits import Limits
from agentmon.tracing.options import Traces

__all__ = [
    "FALSE",
    "TRUE",
    "Exceptions",
    "access_of",
    "address_of",
    "as_it_is",
    "attributes",
    "callable_of",
    "choice_of",
    "exceptions_of",
    "exposed",
    "flag",
    "flag_of",
    "folder_of",
    "fraction",
    "goes_by_otlp",
    "headers_of",
    "items_of",
    "just",
    "key_of",
    "libraries_of",
    "limit_of",
    "limits_of",
    "listed",
    "masked",
    "milliseconds",
    "path_of",
    "prices_of",
    "pushes_of",
    "ratio_of",
    "repeated_of",
    "sampler_of",
    "seconds_of",
    "seconds_or_no",
    "service_name",
    "storage_of",
    "target_of",
    "targets_of",
    "text_of",
    "traces_of",
    "true_only",
    "whole",
    "whole_of",
]

#: An exception class or several.
Exceptions: TypeAlias = "type[BaseException] | Iterable[type[BaseException]]"

TRUE: Final = ("1", "true", "yes", "on")
FALSE: Final = ("0", "false", "no", "off")
SCHEMES: Final = ("http", "https", "grpc", "grpcs")
MODES: Final = ("auto", "host", "none")
OTLP: Final = "otlp"

_LONGEST_SHOWN: Final = 120
_SHORTEST_KEY: Final = 16
_LONGEST_NAME: Final = 200
# Name and password before the host of a URL, and what follows its question mark.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#'\"\s]*(?=@)|(?<=\?)[^'\"\s]+")

# ---------------------------------------------------------------------- texts of variables


def just(text: str) -> str:
    """The text itself."""
    return text


def flag(text: str) -> bool:
    """Yes or no."""
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError


def true_only(text: str) -> bool:
    """Yes or no as OpenTelemetry has it: what is not ``true`` means no."""
    return text.lower() == "true"


def whole(text: str) -> int:
    """A whole number."""
    return int(text) if text.isascii() and text.isdigit() else _refuse()


def fraction(text: str) -> float:
    """A number."""
    return float(text)


def milliseconds(text: str) -> float:
    """Whole milliseconds as seconds: the unit of OpenTelemetry's variables."""
    return whole(text) / 1e3


def seconds_or_no(text: str) -> float | bool:
    """A number, or that there is none."""
    return False if text.lower() in FALSE else fraction(text)


def listed(text: str) -> tuple[str, ...]:
    """Items, separated by commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def attributes(text: str) -> dict[str, str]:
    """``key=value,key=value``, percent-encoded, as W3C baggage and OpenTelemetry have it."""
    found = {}
    for item in filter(None, map(str.strip, text.split(","))):
        key, equals, value = item.partition("=")
        key = unquote(key.strip())
        if not equals or not key:
            raise ValueError
        found[key] = unquote(value.strip())
    return found


def service_name(text: str) -> str | None:
    """The name of the service among the attributes of the resource, if it is there."""
    try:
        return attributes(text).get("service.name")
    except ValueError:  # said where the attributes themselves are needed
        return None


# ---------------------------------------------------------------------- values


def as_it_is(value: object) -> object:
    """Anything; it is checked where it is used."""
    return value


def text_of(longest: int) -> Callable[[object], str]:
    """A check for short printable text."""

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            _refuse()
        return value

    return check


def address_of(value: object) -> str:
    """An address to serve on, or empty."""
    if not isinstance(value, str):
        _refuse()
    if value:
        from agentmon.export.server import parse_address  # noqa: PLC0415  # only to serve

        try:
            parse_address(value)
        except ConfigError:
            _refuse()
    return value


def choice_of(*names: str) -> Callable[[object], str]:
    """A check for one of several words."""

    def check(value: object) -> str:
        return value if isinstance(value, str) and value in names else _refuse()

    return check


def flag_of(value: object) -> bool:
    """True or False."""
    return value if isinstance(value, bool) else _refuse()


def whole_of(least: int) -> Callable[[object], int]:
    """A check for a whole number that is not below *least*."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            _refuse()
        return value

    return check


def seconds_of(*, zero: bool = False) -> Callable[[object], float]:
    """A check for a time in seconds, above 0 or also 0."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse()
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            _refuse()
        return float(value)

    return check


def repeated_of(value: object) -> float:
    """The seconds between two times that something is done; 0 for never."""
    return 0.0 if value is False else seconds_of()(value)


def ratio_of(value: object) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        _refuse()
    return float(value)


def items_of(value: object) -> tuple[Any, ...]:
    """The items of anything that has some."""
    try:
        return tuple(value)  # type: ignore[arg-type]  # that is what is asked
    except TypeError:
        return _refuse()


def exceptions_of(value: object) -> tuple[type[BaseException], ...]:
    """One exception class, or several."""
    given = (value,) if isinstance(value, type) else items_of(value)
    for item in given:
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            _refuse()
    return given


def callable_of(value: object) -> Callable[..., Any]:
    """Something that can be called."""
    return value if callable(value) else _refuse()


def path_of(value: object) -> str:
    """The path of a file."""
    if not isinstance(value, str | os.PathLike):
        _refuse()
    path = os.fspath(value)
    return path if isinstance(path, str) and path else _refuse()


def folder_of(value: object) -> str | None:
    """The path of a folder, from the root; None for an empty one."""
    return None if value == "" else os.path.abspath(path_of(value))  # noqa: PTH100  # not resolved


def headers_of(value: object) -> dict[str, str]:
    """Names and texts."""
    if not isinstance(value, Mapping):
        _refuse()
    if not all(isinstance(item, str) for pair in value.items() for item in pair):
        _refuse()
    return dict(value)


def storage_of(value: object) -> dict[str, str]:
    """Paths by name."""
    if not isinstance(value, Mapping):
        _refuse()
    named = {text_of(_LONGEST_NAME)(name): path_of(path) for name, path in value.items()}
    return named if all(named) else _refuse()


def sampler_of(*names: str) -> Callable[[object], object]:
    """A check for a sampler: one of several names, or an object."""

    def check(value: object) -> object:
        if isinstance(value, str):
            return value if value in names else _refuse()
        return value if _has(value, "should_sample") else _refuse()

    return check


def target_of(value: object) -> object:
    """One place where spans go."""
    if isinstance(value, str):
        return value if value == OTLP or _is_url(value) else _refuse()
    exports = _has(value, "export", "shutdown")
    return value if exports or _has(value, "on_start", "on_end", "shutdown") else _refuse()


def limit_of(value: object) -> int | None:
    """A whole number, or None for no limit."""
    return None if value is None else whole_of(0)(value)


def limits_of(value: object) -> Limits:
    """What a span may hold."""
    return value if isinstance(value, Limits) else _refuse()


def pushes_of(value: object) -> tuple[object, ...]:
    """Where metrics are pushed to."""
    from agentmon.export.push.ways import place  # noqa: PLC0415  # few push

    return tuple(map(place, value if isinstance(value, list | tuple) else (value,)))


def goes_by_otlp(push: object) -> bool:
    """Whether one of the places where metrics are pushed to takes OTLP."""
    from agentmon.export.push.otlp import OTLPMetrics  # noqa: PLC0415  # likewise

    return isinstance(push, OTLPMetrics)


def access_of(value: object) -> object:
    """Who may read the endpoint."""
    from agentmon.export.access import Access  # noqa: PLC0415  # few restrict access

    return value if isinstance(value, Access) else _refuse()


def prices_of(value: object) -> object:
    """A table of prices, on top of the one that is shipped: a mapping, or a file of JSON."""
    from agentmon._settings.prices import table  # noqa: PLC0415  # reads files

    return table(value)


def libraries_of(value: object) -> tuple[str, ...]:
    """Names of libraries that can be measured by themselves."""
    names = items_of(value)
    if not {AUTO, *ADAPTERS}.issuperset(names):
        _refuse()
    return names


def key_of(value: object) -> bytes:
    """A key that is long enough not to be guessed."""
    key = value.encode() if isinstance(value, str) else value
    return key if isinstance(key, bytes) and len(key) >= _SHORTEST_KEY else _refuse()


def targets_of(value: object) -> tuple[object, ...]:
    """The places where spans go, at least one."""
    given = value if isinstance(value, list | tuple | set) else (value,)
    return tuple(map(target_of, given)) or _refuse()


def traces_of(value: object) -> object:
    """One of the modes as a word, or `Traces`."""
    if isinstance(value, str) and value in MODES:
        return value
    if not isinstance(value, Traces):
        return Traces(targets_of(value))
    return replace(value, to=targets_of(value.to))


# ---------------------------------------------------------------------- in messages


def exposed(value: object) -> str:
    """A value as a message may show it: without what a URL may hold of secrets, and not long."""
    return f"{masked(repr(value)):.{_LONGEST_SHOWN}}"


def masked(text: str) -> str:
    """A text without what the URLs in it may hold of secrets."""
    return _CREDENTIALS.sub("***", text)


def _has(value: object, *methods: str) -> bool:
    """Whether an object, and not its class, has these methods."""
    return not isinstance(value, type) and all(
        callable(getattr(value, name, None)) for name in methods
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.hostname) and text.isprintable()


def _refuse() -> NoReturn:
    raise ValueError
