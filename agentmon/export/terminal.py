"""
The status as lines of a terminal: what ``agentmon top`` shows.

Everything here is a pure function of the status JSON, see `agentmon.export.status`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from unicodedata import category, combining, east_asian_width

__all__ = [
    "LEAST_WIDTH",
    "SORTS",
    "count",
    "duration",
    "percent",
    "plain",
    "rate",
    "render",
]

#: The narrowest terminal that everything is fitted into.
LEAST_WIDTH: Final = 40

NO_VALUE: Final = "-"

_Json = dict[str, Any]

_KINDS = {
    "agent": ("AGENTS", "agent"),
    "workflow": ("WORKFLOWS", "workflow"),
    "step": ("STEPS", "step"),
    "tool": ("TOOLS", "tool"),
    "model_call": ("MODEL CALLS", "model call"),
    "handoff": ("HANDOFFS", "handoff"),
    "dependency": ("DEPENDENCIES", "dependency"),
}
_WINDOWS = {"1m": "minute", "5m": "5 minutes", "1h": "hour"}
_STYLES = {
    "": "",
    "strong": "\x1b[1m",
    "muted": "\x1b[2m",
    "ok": "\x1b[94m",
    "error": "\x1b[31m",
    "timeout": "\x1b[33m",
}
_BLOCKS = "▁▂▃▄▅▆▇█"
_NO_BREAK = "\u00a0"
_GAP = 2
_LEAST_NAME = 16
_MOST_NAME = 44
_LEAST_LABELS = 4  # less would be an ellipsis alone
_FEW_CALLS = 4
_LEAST_ROWS = 6
_WIDE = 60  # from here on, recent calls have room for when they were
_BRIEF_SECONDS = 10  # shorter timeouts are told with their fractions


class _Piece(NamedTuple):
    """A text and how it looks."""

    text: str
    style: str = ""


# ---------------------------------------------------------------------- numbers


def _round(value: float) -> str:
    """One decimal while that says something."""
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"  # noqa: PLR2004


def duration(seconds: float | None) -> str:
    """A duration as people read it: 850 µs, 12.3 ms, 1.4 s, 2 m 05 s, 1 h 03 m, 1 d 02 h."""
    if seconds is None:
        return NO_VALUE
    if seconds <= 0:
        return "0 s"
    for factor, unit, below in ((1e6, "µs", 0.0009995), (1e3, "ms", 0.9995), (1, "s", 59.95)):
        if seconds < below:
            return f"{_round(seconds * factor)} {unit}"
    minutes, rest = divmod(_half_up(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left:02} h"
    return f"{hours} h {minutes_left:02} m" if hours else f"{minutes} m {rest:02} s"


def _age(seconds: float) -> str:
    """A duration without fractions of a second."""
    return duration(seconds) if seconds >= 60 else f"{max(int(seconds), 0)} s"  # noqa: PLR2004


def _lateness(seconds: float, timeout_seconds: float) -> tuple[str, str]:
    """The age of a call and its timeout, as exact as their difference asks for."""
    say = duration if timeout_seconds < _BRIEF_SECONDS else _age
    return say(seconds), say(timeout_seconds)


def _together(text: str) -> str:
    """A text that no line ends within."""
    return text.replace(" ", _NO_BREAK)


def _half_up(value: float) -> int:
    """The nearest whole number, and of two the greater, as the page has it."""
    return math.floor(value + 0.5)


def count(value: float | None) -> str:
    """A number of things, in at most 6 characters."""
    if value is None:
        return NO_VALUE
    if value < 100_000:  # noqa: PLR2004
        return f"{value:,}"
    for factor, unit, below in ((1e3, "k", 999_500), (1e6, "M", 999.95e6)):
        if value < below:
            return f"{_half_up(value / factor) if unit == 'k' else _round(value / factor)}{unit}"
    return f"{_round(value / 1e9)}G"


def rate(per_second: float) -> str:
    """A number of calls a second."""
    if per_second == 0:
        return "0"
    for below, digits in ((0.01, None), (9.995, 2), (99.95, 1)):
        if per_second < below:
            return "<0.01" if digits is None else f"{per_second:.{digits}f}"
    return count(_half_up(per_second))


def percent(share: float | None) -> str:
    """A share; none and all are said only of none and all."""
    if share is None:
        return NO_VALUE
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    for side, beyond in (("<0.1", share < 0.001), (">99.9", share > 0.999)):  # noqa: PLR2004
        if beyond:
            return f"{side} %"
    return f"{share * 100:.1f} %"


# ---------------------------------------------------------------------- text


def plain(text: object) -> str:
    """A text without anything that a terminal would obey; names come from anywhere."""
    return "".join("?" if category(char)[0] in "CZ" and char != " " else char for char in str(text))


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def _cut(text: str, width: int) -> str:
    """A text cut to a width, with an ellipsis if something is missing."""
    if _cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept, used = [], 0
    for char in text:
        used += _cells(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def _pad(text: str, width: int, *, right: bool = False) -> str:
    """A text of exactly a width."""
    text = _cut(text, width)
    space = " " * (width - _cells(text))
    return space + text if right else text + space


def _line(pieces: Iterable[_Piece], width: int, *, colour: bool) -> str:
    """Pieces one after the other, cut to a width."""
    parts: list[str] = []
    left = width
    for text, style in pieces:
        shown = _cut(text, left)
        left -= _cells(shown)
        parts.append(f"{_STYLES[style]}{shown}\x1b[0m" if colour and style and shown else shown)
        if left <= 0:
            break
    return "".join(parts).rstrip()


def _flow(groups: Sequence[Sequence[_Piece]], width: int) -> list[list[_Piece]]:
    """Groups of pieces side by side, in as many lines as they need."""
    lines: list[list[_Piece]] = []
    used = 0
    for group in groups:
        wide = sum(_cells(piece.text) for piece in group)
        if lines and used + 3 + wide <= width:
            lines[-1].extend((_Piece("   "), *group))
            used += 3 + wide
        else:
            lines.append(list(group))
            used = wide
    return lines


# ---------------------------------------------------------------------- one operation


def _failed(stats: _Json) -> int:
    failed: int = stats["outcomes"]["error"] + stats["outcomes"]["timeout"]
    return failed


def _overdue(operation: _Json) -> bool:
    timeout = operation["timeout_seconds"]
    return bool(operation["in_flight"] and timeout and operation["oldest_seconds"] > timeout)


def _labels(operation: _Json) -> str:
    """The labels besides the name."""
    return " · ".join(value for value in list(operation["labels"].values())[1:] if value)


def _traffic(points: Sequence[_Json]) -> list[_Piece]:
    """One block for each cell of time; those in which something failed are red."""
    most = max((point["count"] for point in points), default=0)
    pieces = []
    for point in points:
        height = math.ceil(point["count"] / most * len(_BLOCKS)) if most else 0
        text = _BLOCKS[height - 1] if height else " "
        pieces.append(_Piece(text, "error" if point["failed"] else "ok"))
    return pieces


#: What rows are sorted by, and how; what has no value comes last.
SORTS: Final[dict[str, Callable[[_Json, _Json], tuple[Any, ...]]]] = {
    "traffic": lambda _, stats: (-stats["per_second"],),
    "in-flight": lambda operation, _: (-operation["in_flight"],),
    "p99": lambda _, stats: (stats["p99"] is None, -(stats["p99"] or 0)),
    "failures": lambda _, stats: (-_failed(stats) / (stats["count"] or 1),),
    "name": lambda *_: (),
}


@dataclass(frozen=True, slots=True)
class _Column:
    """
    A column of the table.

    Args:
        title: What stands above it.
        width: Cells it takes.
        place: Columns with a high one are left out first where the terminal is narrow.
        cell: What it shows of an operation, given its statistics over the window.
    """

    title: str
    width: int
    place: int
    cell: Callable[[_Json, _Json], _Piece]


def _time(name: str) -> Callable[[_Json, _Json], _Piece]:
    return lambda _, stats: _Piece(duration(stats[name]), "muted" if stats[name] is None else "")


def _share(name: str, outcome: str) -> Callable[[_Json, _Json], _Piece]:
    def cell(_: _Json, stats: _Json) -> _Piece:
        style = outcome if stats["outcomes"][outcome] else "muted"
        return _Piece(percent(stats[name]), style)

    return cell


def _in_flight(operation: _Json, _: _Json) -> _Piece:
    flying = operation["in_flight"]
    style = "timeout" if _overdue(operation) else "strong" if flying else "muted"
    return _Piece(f"{count(flying)}{'!' if _overdue(operation) else ''}", style)


def _oldest(operation: _Json, _: _Json) -> _Piece:
    oldest = operation["oldest_seconds"]
    if _overdue(operation):
        return _Piece(_lateness(oldest, operation["timeout_seconds"])[0], "timeout")
    if not operation["in_flight"] or oldest < 1:
        return _Piece("")
    return _Piece(_age(oldest), "muted")


def _other(_: _Json, stats: _Json) -> _Piece:
    ended = stats["outcomes"]["cancelled"] + stats["outcomes"]["interrupted"]
    return _Piece(count(ended), "" if ended else "muted")


_COLUMNS = (
    _Column("FLIGHT", 6, 0, _in_flight),
    _Column("OLDEST", 9, 7, _oldest),
    _Column("CALLS/S", 7, 3, lambda _, stats: _Piece(rate(stats["per_second"]))),
    _Column("P50", 9, 5, _time("p50")),
    _Column("P90", 9, 8, _time("p90")),
    _Column("P99", 9, 1, _time("p99")),
    _Column("P99.9", 9, 9, _time("p999")),
    _Column("MEAN", 9, 10, _time("mean")),
    _Column("SD", 9, 11, _time("stddev")),
    _Column("ERRORS", 7, 2, _share("error_rate", "error")),
    _Column("TIMEOUTS", 8, 6, _share("timeout_rate", "timeout")),
    _Column("OTHER", 6, 12, _other),
)
_TRAFFIC_TITLE = "TRAFFIC"
_TRAFFIC_PLACE = 4
_ERROR_WIDTH = 24


# ---------------------------------------------------------------------- the parts of the screen


class _Screen:
    """One status over one window, as lines."""

    def __init__(self, status: _Json, width: int, window: str, sort: str, *, colour: bool) -> None:
        self._status = status
        self._width = max(width, LEAST_WIDTH)
        self._window = window
        self._sort = sort
        self._colour = colour

    def _line(self, pieces: Iterable[_Piece]) -> str:
        return _line(pieces, self._width, colour=self._colour)

    def _stats(self, operation: _Json) -> _Json:
        stats: _Json = operation["windows"][self._window]
        return stats

    def _members(self, kind: str) -> list[_Json]:
        members = [each for each in self._status["operations"] if each["kind"] == kind]
        order = SORTS[self._sort]
        return sorted(
            members,
            key=lambda each: (*order(each, self._stats(each)), list(each["labels"].values())),
        )

    def header(self) -> list[str]:
        """Who this is."""
        status = self._status
        name = [_Piece(plain(status["service"] or "agentmon"), "strong")]
        if status["region"]:
            name.append(_Piece(f" {plain(status['region'])}", "muted"))
        facts = (
            ("up", _age(status["now"] - status["started"])),
            ("spans", status["spans"]),
            ("agentmon", status["version"]),
            ("pid", status["pid"]),
        )
        groups = [
            name,
            *([_Piece(f"{title} ", "muted"), _Piece(plain(text))] for title, text in facts),
        ]
        return [self._line(line) for line in _flow(groups, self._width)]

    def verdict(self) -> list[str]:
        """How it goes: for agents, or else for the first kind there is."""
        kinds = [kind for kind in _KINDS if self._members(kind)]
        if not kinds:
            return []
        members = self._members(kinds[0])
        stats = [self._stats(each) for each in members]
        calls = sum(each["count"] for each in stats)
        flying = sum(each["in_flight"] for each in members)
        errors = sum(each["outcomes"]["error"] for each in stats)
        timeouts = sum(each["outcomes"]["timeout"] for each in stats)
        late = any(_overdue(each) for each in members)
        slowest = max(members, key=lambda each: self._stats(each)["p99"] or 0)
        groups = [
            [_Piece("in flight ", "muted"), _Piece(count(flying), "timeout" if late else "strong")],
            [
                _Piece("calls/s ", "muted"),
                _Piece(rate(sum(each["per_second"] for each in stats)), "strong"),
            ],
            [
                _Piece("errors ", "muted"),
                _Piece(percent(errors / calls if calls else None), "error" if errors else "strong"),
            ],
            [
                _Piece("timeouts ", "muted"),
                _Piece(
                    percent(timeouts / calls if calls else None),
                    "timeout" if timeouts else "strong",
                ),
            ],
            [
                _Piece("highest p99 ", "muted"),
                _Piece(duration(self._stats(slowest)["p99"]), "strong"),
                _Piece(f" {_cut(plain(slowest['name']), 24)}" if calls else "", "muted"),
            ],
        ]
        lines = [self._line(line) for line in _flow(groups, self._width)]
        style, text = self._sentence(kinds[0], members)
        lines += [
            self._line([_Piece(line.replace(_NO_BREAK, " "), style)])
            for line in textwrap.wrap(text, self._width)
        ]
        return lines

    def _sentence(self, kind: str, members: Sequence[_Json]) -> tuple[str, str]:
        """The verdict in words, and its style."""
        noun = _KINDS[kind][1]
        span = f"in the last {_WINDOWS.get(self._window, self._window)}"
        late = [each for each in members if _overdue(each)]
        bad = sorted(
            (each for each in members if _failed(self._stats(each))),
            key=lambda each: -_failed(self._stats(each)),
        )
        said = []
        if late:
            first, n = late[0], _distinct(late)
            age, limit = map(
                _together, _lateness(first["oldest_seconds"], first["timeout_seconds"])
            )
            said.append(
                f"! {_several(n, noun)} {'has a call' if n == 1 else 'have calls'} past the "
                f"timeout: {plain(first['name'])}, {age} of {limit}"
                f"{', and others' if len(late) > 1 else ''}."
            )
        if bad:
            worst = self._stats(bad[0])
            said.append(
                f"{_distinct(bad)} of {_several(_distinct(members), noun)} failed {span}, most "
                f"often {plain(bad[0]['name'])} ({count(_failed(worst))} of "
                f"{_several(worst['count'], 'call')})."
            )
        if said:
            return ("timeout" if late else "error"), " ".join(said)
        if any(self._stats(each)["count"] for each in members):
            return "", f"No {noun} failed {span}."
        flying = sum(each["in_flight"] for each in members)
        if flying:
            return "", f"No {noun} call ended {span}; {flying} under way."
        return "muted", f"Quiet: no {noun} call {span}."

    def tables(self, rows: int | None) -> list[str]:
        """
        The operations, kind by kind.

        Args:
            rows: The most lines to take; None for as many as it takes.
        """
        lines: list[str] = []
        hidden = 0
        columns, name_width, points, errors = self._layout()
        for kind, (title, _) in _KINDS.items():
            members = self._members(kind)
            if not members:
                continue
            # A heading needs a row below it, and most times a line that counts what is left out.
            least = (3 if lines else 2) + (kind != self._last_kind() or len(members) > 1)
            if rows is not None and (hidden or len(lines) + least > rows):
                hidden += len(members)
                continue
            head = [_Piece(_pad(f"{title} {len(members)}", name_width), "strong")]
            if not lines:
                head.extend(self._titles(columns, points, errors))
            else:
                lines.append("")
            lines.append(self._line(head))
            room = len(members) if rows is None else rows - len(lines) - 1
            if len(members) == room + 1 and kind == self._last_kind():
                room += 1  # the last row takes the place of the line that would count it
            lines += [
                self._line(self._row(each, columns, name_width, points, errors))
                for each in members[:room]
            ]
            hidden += max(0, len(members) - room)
        if hidden:
            lines.append(self._line([_Piece(f"and {hidden} more: make it taller", "muted")]))
        return lines

    def _last_kind(self) -> str:
        return [kind for kind in _KINDS if self._members(kind)][-1]

    def _layout(self) -> tuple[list[_Column], int, int, bool]:
        """The columns that fit, width of the name, length of the traffic, whether errors fit."""
        operations = self._status["operations"]
        points = max((len(each["history"][self._window]) for each in operations), default=0)
        points = max(points, len(_TRAFFIC_TITLE))
        left = self._width - _LEAST_NAME
        kept: set[int] = set()
        traffic = 0
        wanted = sorted(
            [(column.place, column.width) for column in _COLUMNS] + [(_TRAFFIC_PLACE, points)]
        )
        for place, wide in wanted:
            if wide + _GAP > left:
                break
            left -= wide + _GAP
            if place == _TRAFFIC_PLACE:
                traffic = points
            else:
                kept.add(place)
        errors = len(kept) == len(_COLUMNS) and left >= _ERROR_WIDTH + _GAP
        if errors:
            left -= _ERROR_WIDTH + _GAP
        longest = max((_cells(_title(each)) + 1 for each in operations), default=0)
        name_width = min(_LEAST_NAME + left, max(_LEAST_NAME, longest, 14), _MOST_NAME)
        return [column for column in _COLUMNS if column.place in kept], name_width, traffic, errors

    def _titles(self, columns: Sequence[_Column], points: int, errors: bool) -> list[_Piece]:  # noqa: FBT001
        pieces = []
        for column in columns:
            pieces.append(
                _Piece(" " * _GAP + _pad(column.title, column.width, right=True), "muted")
            )
            if column.title == "CALLS/S" and points:
                pieces.append(_Piece(" " * _GAP + _pad(_TRAFFIC_TITLE, points), "muted"))
        if errors:
            pieces.append(_Piece(" " * _GAP + "MOST FREQUENT ERROR", "muted"))
        return pieces

    def _row(
        self,
        operation: _Json,
        columns: Sequence[_Column],
        name_width: int,
        points: int,
        errors: bool,  # noqa: FBT001
    ) -> list[_Piece]:
        stats = self._stats(operation)
        name = _cut(plain(operation["name"]), name_width)
        room = name_width - _cells(name)
        text = f" {plain(_labels(operation))}" if room >= _LEAST_LABELS else ""
        labels = _pad(text, room)
        pieces = [_Piece(name), _Piece(labels, "muted")]
        for column in columns:
            text, style = column.cell(operation, stats)
            pieces.append(_Piece(" " * _GAP + _pad(text, column.width, right=True), style))
            if column.title == "CALLS/S" and points:
                pieces.append(_Piece(" " * _GAP))
                traffic = _traffic(operation["history"][self._window])
                pieces.extend((*traffic, _Piece(" " * (points - len(traffic)))))
        if errors and operation["errors"]:
            top = operation["errors"][0]
            text = f"{count(top['count'])} {plain(top['type']).rpartition('.')[2]}"
            pieces.append(_Piece(" " * _GAP + _cut(text, _ERROR_WIDTH)))
        return pieces

    def recent(self, key: str, title: str, most: int) -> list[str]:
        """The calls that failed last, or were slowest."""
        calls = sorted(
            self._status["recent"][key],
            key=lambda call: -call["at"] if key == "failed" else -call["seconds"],
        )
        if not calls or most < 1:
            return []
        lines = ["", self._line([_Piece(f"{title} {len(calls)}", "strong")])]
        for call in calls[:most]:
            style = call["outcome"] if call["outcome"] in ("error", "timeout") else ""
            kind = _KINDS.get(call["kind"], ("", call["kind"]))[1]
            when = f"  {_age(self._status['now'] - call['at'])} ago"
            wide = self._width >= _WIDE
            lines.append(
                self._line(
                    [
                        _Piece(_pad(duration(call["seconds"]), 9, right=True)),
                        _Piece(_pad(when, 17) if wide else "  ", "muted"),
                        _Piece(_pad(plain(call["outcome"]), 12 if wide else 9), style),
                        _Piece(plain(call["name"])),
                        _Piece(
                            f" {plain(_labels(call))} ({plain(kind)})"
                            if _labels(call)
                            else f" ({plain(kind)})",
                            "muted",
                        ),
                        _Piece(f"  {plain(call['error_type'])}" if call["error_type"] else ""),
                    ]
                )
            )
        return lines

    def groups(self, most: int) -> list[str]:
        """Errors by what they have in common, that which was seen last first."""
        found: dict[tuple[str, ...], list[_Json]] = {}
        for each in self._status["error_groups"]:
            key = (each["group"], each["type"], each["location"])
            found.setdefault(key, []).append(each)
        if not found or most < 1:
            return []
        lines = ["", self._line([_Piece(f"ERROR GROUPS {len(found)}", "strong")])]
        alike = sorted(found.values(), key=lambda members: -_last_seen(members))
        for members in alike[:most]:
            # One exception fails each call that it passes: the most are where it began.
            first = max(members, key=lambda each: each["count"])
            kind = _KINDS.get(first["kind"], ("", first["kind"]))[1]
            when = f"  {_age(self._status['now'] - _last_seen(members))} ago"
            wide = self._width >= _WIDE
            place = f" in {plain(first['location'])}" if first["location"] else ""
            more = f" and {len(members) - 1} more" if len(members) > 1 else ""
            lines.append(
                self._line(
                    [
                        _Piece(_pad(count(first["count"]), 9, right=True)),
                        _Piece(_pad(when, 17) if wide else "  ", "muted"),
                        _Piece(plain(first["type"]), "error"),
                        _Piece(f"  {plain(first['name'])}"),
                        _Piece(f" ({plain(kind)}){more}{place}", "muted"),
                    ]
                )
            )
        return lines

    def exporter(self) -> list[str]:
        """The exporter's own health."""
        own = self._status["self"]
        last = own["last_scrape"]
        scrapes = f"{_several(own['scrapes'], 'scrape')}"
        if last is not None:
            scrapes += f", last {_age(self._status['now'] - last)} ago"
        if own["scrape_seconds"] is not None:
            scrapes += f" in {duration(own['scrape_seconds'])}"
        groups = [
            [_Piece("exporter", "muted")],
            [_Piece(_several(own["series"], "series", "series"))],
            [_Piece(scrapes)],
        ]
        dropped = {reason: n for reason, n in own["dropped"].items() if n}
        groups += [
            [_Piece(f"{count(n)} {plain(reason).replace('_', ' ')}", "timeout")]
            for reason, n in dropped.items()
        ]
        if not dropped:
            groups.append([_Piece("nothing dropped", "muted")])
        return [self._line(line) for line in _flow(groups, self._width)]

    def empty(self) -> list[str]:
        """What to do while nothing has been called."""
        return [
            *textwrap.wrap(
                "Nothing has been called yet. Mark an agent; it shows up here once it is called:",
                self._width,
            ),
            "",
            "    import agentmon",
            "",
            '    @agentmon.agent("triage")',
            "    def triage(ticket): ...",
        ]


def _last_seen(groups: Iterable[_Json]) -> float:
    return max(float(each["last_seen"]) for each in groups)


def _title(operation: _Json) -> str:
    return f"{plain(operation['name'])} {plain(_labels(operation))}"


def _several(n: int, noun: str, nouns: str = "") -> str:
    return f"{count(n)} {noun if n == 1 else nouns or noun + 's'}"


def _distinct(operations: Iterable[_Json]) -> int:
    """How many there are by name: one agent with several operations is still one agent."""
    return len(
        {
            tuple(each["labels"].values()) if each["kind"] == "model_call" else each["name"]
            for each in operations
        }
    )


def render(
    status: dict[str, Any],
    width: int,
    height: int | None,
    window: str,
    sort: str,
    *,
    colour: bool = False,
    bottom: str = "",
) -> list[str]:
    """
    Put a status into lines.

    Args:
        status: What ``/api/status`` answers.
        width: Cells of a line; taken as `LEAST_WIDTH` if it is less.
        height: The most lines; None for as many as it takes.
        window: ``1m``, ``5m`` or ``1h``.
        sort: One of `SORTS`.
        colour: Whether to colour.
        bottom: What to end with, such as the keys; wraps where three spaces are.

    Raises:
        KeyError: If it is no status, or has no such window.
        TypeError: If it is no status.
    """
    screen = _Screen(status, width, window, sort, colour=colour)
    wide = max(width, LEAST_WIDTH)
    lines = screen.header()
    groups = [[_Piece(part, "muted")] for part in bottom.split("   ")] if bottom else []
    keys = [_line(line, wide, colour=colour) for line in _flow(groups, wide)]
    ends = [*screen.exporter(), *keys]
    if not status["operations"]:
        lines += ["", *(_cut(line, wide) for line in screen.empty()), "", *ends]
    else:
        lines += [*screen.verdict(), ""]
        if height is not None and height - len(lines) - len(ends) - 1 < _LEAST_ROWS:
            ends = keys  # the agents matter more than their exporter
        room = None if height is None else max(2, height - len(lines) - len(ends) - 1)
        table = screen.tables(room)
        left = _FEW_CALLS if room is None else room - len(table) - 2
        recent = screen.groups(min(_FEW_CALLS, left))
        for key, title in (("failed", "FAILED"), ("slow", "SLOW")):
            left = _FEW_CALLS if room is None else room - len(table) - len(recent) - 2
            recent += screen.recent(key, title, min(_FEW_CALLS, left))
        lines += [*table, *recent, "", *ends]
    if height is None or len(lines) <= height:
        return lines
    return [*lines[: max(0, height - len(keys))], *keys][:height]
