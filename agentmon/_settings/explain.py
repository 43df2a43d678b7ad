"""
What the environment says, and why: the output of ``agentmon config``.

Values that are secret are never part of it, nor are those of variables that are not known.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentmon._settings.find import DEFAULT, Found, find
from agentmon._settings.owned import destinations, owned
from agentmon._settings.resolve import access_from, pushed
from agentmon._settings.spelling import doubts
from agentmon._settings.table import (
    ACCESS,
    LIMITS,
    PROPAGATORS,
    RATIO,
    RESOURCE,
    SDK_DISABLED,
    SETTINGS,
    SHARING,
    TRACES,
    TRANSPORT,
    Setting,
)
from agentmon._settings.values import goes_by_otlp, masked
from agentmon.errors import ConfigError
from agentmon.tracing.options import Traces

if TYPE_CHECKING:
    from agentmon.export.otlp.destination import Destination

__all__ = ["Explanation", "Part", "Row", "explain"]

T = TypeVar("T")

_LEAST_VALUE_WIDTH: Final = 14
_GAP: Final = "  "
_LINK: Final = re.compile(r"\[(.*?)\]\(.*?\)")
_UNUSABLE: Final = "cannot be used"

_NAMED: Final = {setting.name: setting for setting in SETTINGS}
_ACCESS = _NAMED["access"]
(_OFF,) = SDK_DISABLED.variables
_PUSH, _TRACES = _NAMED["push"], _NAMED["traces"]


@dataclass(frozen=True, slots=True)
class Row:
    """
    One setting as it is in force.

    Args:
        name: What it is called.
        value: Its value in words; a secret is not shown.
        source: ``default``, or the variable that says it.
        hides: The variables that are set as well, and outranked.
        variables: The variables that can say it, strongest first.
    """

    name: str
    value: str
    source: str
    hides: tuple[str, ...]
    variables: tuple[str, ...]

    def sources(self) -> list[str]:
        """Where its value comes from, and what else would say it."""
        return [self.source, *(f"hides {name}" for name in self.hides)]


@dataclass(frozen=True, slots=True)
class Part:
    """
    Settings that belong together.

    Args:
        title: What they are about.
        rows: The settings.
        used: Whether they are in force: those of spans are if agentmon exports spans.
    """

    title: str
    rows: tuple[Row, ...]
    used: bool = True

    def lines(self, width: int) -> Iterator[str]:
        """
        The settings as a table.

        Args:
            width: Columns of the terminal.
        """
        names = {row: row.name.partition(".")[2] or row.name for row in self.rows}
        longest = max(map(len, names.values()))
        room = width - longest - 3 * len(_GAP)
        fitting = [
            len(source)
            for row in self.rows
            for source in row.sources()
            if len(source) <= room - _LEAST_VALUE_WIDTH
        ]
        sources = max(fitting, default=0)
        values = max(_LEAST_VALUE_WIDTH, room - sources)
        values = min(values, max(len(row.value) for row in self.rows))
        for row, name in names.items():
            said, source = _wrapped(row.value, values), row.sources()
            if max(map(len, source)) > sources:  # below the value, where there is more room
                said, source = said + source, []
            for first, value, last in zip_longest((name,), said, source, fillvalue=""):
                yield f"{_GAP}{first:{longest}}{_GAP}{value:{values}}{_GAP}{last}".rstrip()


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    What is in force, and what is wrong.

    Args:
        parts: The settings.
        problems: What ``configure()`` refuses.
        doubts: What to say of variables that do nothing.
    """

    parts: tuple[Part, ...]
    problems: tuple[str, ...]
    doubts: dict[str, str]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.doubts

    def json(self) -> str:
        """Everything as JSON."""
        return json.dumps(asdict(self), indent=2)

    def text(self, width: int) -> str:
        """
        Everything as tables.

        Args:
            width: Columns of the terminal.
        """
        lines = []
        for part in self.parts:
            lines += [part.title if part.used else f"{part.title} (not used)"]
            lines += [*part.lines(width), ""]
        for title, said in (
            ("Wrong", self.problems),
            ("Doubtful", [f"{name} {doubt}" for name, doubt in self.doubts.items()]),
        ):
            for each in said:
                lines += _wrapped(f"{title}: {each}", width, _GAP)
        if self.well:
            lines.append("Nothing is wrong.")
        return "\n".join(lines) + "\n"


def explain(environ: Mapping[str, str]) -> Explanation:
    """
    What is in force where ``configure()`` gets no arguments.

    Args:
        environ: Environment variables.
    """
    problems: dict[str, str] = {}  # by what they are about
    general = _rows(
        [*(each for each in SETTINGS if each is not _ACCESS), SDK_DISABLED, PROPAGATORS],
        environ,
        problems,
    )
    access = _rows(ACCESS, environ, problems)
    _attempt(problems, access_from, environ)
    asked, pushes = _value(_TRACES, environ), _value(_PUSH, environ)
    off = _value(SDK_DISABLED, environ)
    _attempt(problems, pushed, pushes, environ, off)
    exports = isinstance(asked, Traces) and not off
    if off:
        stopped = {_TRACES.name: "none"} if isinstance(asked, Traces) else {}
        if any(map(goes_by_otlp, pushes)):
            pushes = tuple(each for each in pushes if not goes_by_otlp(each))
            stopped[_PUSH.name] = _worded(_PUSH, pushes)
        general = [
            replace(row, value=stopped[row.name], source=_OFF, hides=_outranked(row))
            if row.name in stopped
            else row
            for row in general
        ]
    idle: dict[str, str] = {}
    spans = _rows([*TRACES, *LIMITS], environ, problems if exports else idle)
    shares = exports and str(_value(TRACES[0], environ)).endswith(SHARING)
    spans[1:1] = _rows([RATIO], environ, problems if shares else idle)
    spans += _rows([RESOURCE], environ, problems if exports or pushes else idle)
    transport = {each: _rows(rows, environ, idle) for each, rows in TRANSPORT.items()}
    if exports:
        chosen = find(_TRACES, None, environ)
        whole = _attempt(problems, owned, chosen, environ)
        if whole is not None:  # a default may have to give way to what is set
            batch_size = str(whole.batch_size)
            spans = [
                replace(row, value=batch_size) if row.name == "traces.batch_size" else row
                for row in spans
            ]
        for signal in ("traces", "logs"):
            places = _attempt(problems, destinations, signal, chosen, environ)
            if places is None:  # that was the first problem; there may be more
                _rows(TRANSPORT[signal], environ, problems)
            transport[signal] = _placed(transport[signal], places, chosen)
    others = (
        Part(title, tuple(rows), used)
        for title, signal, used in (
            ("Log records by OTLP, where it differs from spans", "logs", exports),
            (
                "Metrics by OTLP, where it differs from spans",
                "metrics",
                any(map(goes_by_otlp, pushes)),
            ),
        )
        if (rows := [row for row in transport[signal] if f"_{signal.upper()}_" in row.source])
    )
    return Explanation(
        (
            Part("In this environment; arguments of configure() win over it", tuple(general)),
            Part("Access to the endpoint", tuple(access)),
            Part("Spans that agentmon exports itself", (*spans, *transport["traces"]), exports),
            *others,
        ),
        tuple(problems.values()),
        doubts(environ),
    )


def _rows(
    settings: Iterable[Setting], environ: Mapping[str, str], problems: dict[str, str]
) -> list[Row]:
    rows = []
    for setting in settings:
        name = setting.name.removeprefix(".")
        variables = tuple(setting.variables)
        try:
            found = find(setting, None, environ)
        except ConfigError as error:
            _note(problems, error)
            source = next(each for each in variables if environ.get(each, "").strip())
            rows.append(Row(name, _UNUSABLE, source, (), variables))
            continue
        value = _worded(setting, found.value)
        rows.append(Row(name, value, found.source, found.hidden, variables))
    return rows


def _value(setting: Setting, environ: Mapping[str, str]) -> Any:
    """The value in force, the default where that cannot be used."""
    try:
        return find(setting, None, environ).value
    except ConfigError:
        return setting.default


def _attempt(problems: dict[str, str], check: Callable[..., T], *given: object) -> T | None:
    try:
        return check(*given)
    except ConfigError as error:
        _note(problems, error)
        return None


def _note(problems: dict[str, str], error: ConfigError) -> None:
    """Keep what is wrong with a variable, once."""
    message = str(error)
    problems.setdefault(message.partition(":")[0], message)


def _placed(rows: list[Row], places: tuple[Destination, ...] | None, chosen: Found) -> list[Row]:
    """The rows with what a URL says that stands in another setting."""
    if not places or chosen.value.to == ("otlp",):
        return rows
    said = {"endpoint": places[0].shown, "protocol": places[0].protocol}
    return [
        row
        if (value := said.get(row.name.rpartition(".")[2], row.value)) == row.value
        else replace(row, value=value, source=chosen.source, hides=_outranked(row))
        for row in rows
    ]


def _outranked(row: Row) -> tuple[str, ...]:
    return row.hides if row.source == DEFAULT else (row.source, *row.hides)


# ---------------------------------------------------------------------- words


def _worded(setting: Setting, value: object) -> str:
    if value is None or value in ("", (), {}):
        text = _LINK.sub(r"\1", setting.shown).replace("`", "") or "none"
    elif setting.secret:
        text = "set, not shown"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, Traces):
        text = ", ".join(map(str, value.to))
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key}={each}" for key, each in value.items())
    elif isinstance(value, tuple):
        text = ", ".join(map(str, value))
    else:
        text = f"{value:g} {setting.unit}" if setting.unit else str(value)
    text = masked(text)
    return text if text.isprintable() else repr(text)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
