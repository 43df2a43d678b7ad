"""``agentmon ask``: a question that has a name, put to a Prometheus."""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from agentmon.cli.entry import add_entry, authorization_of
from agentmon.errors import CatalogueError, QueryError
from agentmon.export.terminal import count, duration, percent, plain, rate
from agentmon.export.top import StatusError

if TYPE_CHECKING:
    from agentmon.cli.command import Commands
    from agentmon.query.server import Row
    from agentmon.query.views import View

__all__ = ["add"]

_GAP: Final = "  "
_KILO: Final = 1024.0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    ask = commands.add_parser(
        "ask",
        help="ask a Prometheus a question that has a name",
        description="Put a question to a Prometheus, or to what answers like one: the same that "
        "dashboards and alerts ask. --list shows all of them.",
        allow_abbrev=False,
    )
    ask.add_argument("view", nargs="?", metavar="VIEW", help="the question, such as agent-p99")
    ask.add_argument("--list", action="store_true", help="show all questions")
    ask.add_argument(
        "--url",
        default="http://localhost:9090",
        metavar="URL",
        help="the server (%(default)s)",
    )
    ask.add_argument(
        "--window", default="5m", metavar="TIME", help="what rates look back over (%(default)s)"
    )
    ask.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="LABEL=VALUE",
        help="only of this label; can be given several times",
    )
    ask.add_argument(
        "--native", action="store_true", help="the server holds native histograms only"
    )
    ask.add_argument("--at", metavar="TIME", type=_moment, help="such as 2026-01-31T12:00Z")
    ask.add_argument("--format", choices=("table", "json", "csv"), default="table")
    ask.add_argument("--promql", action="store_true", help="show the expression, ask nobody")
    add_entry(ask)
    ask.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from agentmon.query.views import VIEWS  # noqa: PLC0415  # few commands need it

    if chosen.list:
        _list(VIEWS.values())
        return 0
    if chosen.view is None:
        print("agentmon ask: name a question, or give --list", file=sys.stderr)
        return 2
    if chosen.view not in VIEWS:
        near = ", ".join(_near(chosen.view, VIEWS)) or "see --list"
        print(f"agentmon ask: no question {chosen.view!r}; allowed: {near}", file=sys.stderr)
        return 2
    try:
        return _asked(chosen, VIEWS[chosen.view])
    except (CatalogueError, QueryError, StatusError) as error:
        print(f"agentmon ask: {error}", file=sys.stderr)
        return 1


def _asked(chosen: argparse.Namespace, view: View) -> int:
    from agentmon.query.ask import Ask  # noqa: PLC0415
    from agentmon.query.server import Server  # noqa: PLC0415

    where = _where(chosen.where)
    plain_text = view.expression(Ask(chosen.window, {}, chosen.native)).text
    for label, value in where.items():
        if view.expression(Ask(chosen.window, {label: value}, chosen.native)).text == plain_text:
            raise CatalogueError(f"--where: {view.name} has no label {label!r}")
    expression = view.expression(Ask(chosen.window, where, chosen.native))
    if chosen.promql:
        print(expression)
        return 0
    certificate = chosen.certificate
    server = Server(
        chosen.url,
        authorization=authorization_of(chosen),
        ca=chosen.ca,
        certificate=(certificate, chosen.key) if certificate and chosen.key else certificate,
        insecure=chosen.insecure,
    )
    rows = sorted(server.ask(expression.text, at=chosen.at), key=_size, reverse=True)
    if chosen.format == "json":
        _json(view, rows)
    elif chosen.format == "csv":
        _csv(view, rows)
    else:
        _table(view, rows, of_rules=":agentmon_" in expression.text)
    return 0


def _where(given: Iterable[str]) -> dict[str, str]:
    where = {}
    for each in given:
        label, sign, value = each.partition("=")
        if not sign:
            raise CatalogueError(f"--where: got {each!r}, allowed LABEL=VALUE")
        where[label] = value
    return where


def _near(name: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415  # after a mistake only

    return get_close_matches(name, list(known), n=5, cutoff=0.4)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, allowed a time such as 2026-01-31T12:00Z"
        ) from error
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()


def _size(row: Row) -> float:
    return -math.inf if math.isnan(row.value) else row.value


# ------------------------------------------------------------------ answers


def _list(views: Iterable[View]) -> None:
    width = shutil.get_terminal_size().columns
    every = list(views)
    column = max(len(view.name) for view in every) + len(_GAP)
    for view in every:
        lines = textwrap.wrap(f"{view.question} [{view.measure.value}]", max(20, width - column))
        print(f"{view.name:<{column}}{lines[0]}")
        for line in lines[1:]:
            print(" " * column + line)


def _json(view: View, rows: Sequence[Row]) -> None:
    told = {
        "view": view.name,
        "question": view.question,
        "unit": view.measure.value,
        "rows": [
            {
                "labels": dict(row.labels),
                "value": row.value if math.isfinite(row.value) else str(row.value),
            }
            for row in rows
        ],
    }
    print(json.dumps(told, indent=2, ensure_ascii=False))


def _csv(view: View, rows: Sequence[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*view.by, view.measure.value])
    for row in rows:
        writer.writerow([*(row.labels.get(label, "") for label in view.by), repr(row.value)])


def _table(view: View, rows: Sequence[Row], *, of_rules: bool) -> None:
    print(view.question)
    if not rows:
        print("\nThe server has nothing to answer with: nothing was recorded in this window.")
        if of_rules:
            print("The answer is read from what the shipped rules record: are they loaded?")
        return
    lines = [
        [*(plain(row.labels.get(label, "")) or "-" for label in view.by), _said(view, row.value)]
        for row in rows
    ]
    head = [*view.by, view.title]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    print()
    for line in (head, *lines):
        cells = [f"{cell:<{width}}" for cell, width in zip(line[:-1], widths, strict=False)]
        print(_GAP.join((*cells, f"{line[-1]:>{widths[-1]}}")))


def _said(view: View, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return _WORDS[view.measure.value](value)


def _bytes(value: float) -> str:
    size, unit = value, "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(size) < _KILO:
            break
        size, unit = size / _KILO, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value.is_integer() else f"{value:,.4g}"


_WORDS: Final[dict[str, Callable[[float], str]]] = {
    "s": duration,
    "ratio": percent,
    "/s": lambda value: f"{rate(value)} /s",
    "count": lambda value: count(int(value)) if value.is_integer() else f"{value:.1f}",
    "bytes": _bytes,
    "bytes/s": lambda value: f"{_bytes(value)}/s",
    "cores": lambda value: f"{value:.2f} cores",
    "money": lambda value: f"{value:,.4f}",
    "money/s": lambda value: f"{value * 3600:,.4f} /h",
    "time": lambda value: f"{datetime.fromtimestamp(value, tz=timezone.utc):%Y-%m-%d %H:%M:%S} UTC",
    "yes": lambda value: "yes" if value else "no",
    "score": lambda value: f"{value:.3f}",
    "number": _number,
}
