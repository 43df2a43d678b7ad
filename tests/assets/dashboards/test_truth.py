"""
The dashboards tell the truth: on 35 days of history of a fleet of which everything is known.

Prometheus 3 and VictoriaMetrics hold the same history, with the recording rules replayed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final

import pytest

from agentmon.assets.dashboards import BOARDS, files
from agentmon.assets.dashboards.board import Board, Panel
from agentmon.cli import main
from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.objectives import Objectives
from agentmon.query.ask import Ask
from agentmon.query.views import VIEWS, Measure, View
from tests.history.expected import EXPECTED, LIVE, PANELS, Answer, Asked, Key, Within, same
from tests.history.served import Served, served
from tests.servers.processes import Scraper

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(400)]

_HALF_HOUR_S: Final = 1800
#: What Grafana puts for its own variables, and how long that is.
WINDOWS: Final = {
    "$__rate_interval": ("5m", 300),
    "$__range": ("6h", 21_600),
    "$__interval": ("1m", 60),
}
#: What a reader chooses: everything, or one of each.
EVERYTHING: Final = ".*"
CHOSEN: Final = {
    "service": "shop",
    "region": "us",
    "team": "blue",
    "tier": "basic",
    "agent": "writer",
    "workflow": "a workflow",
    "model": "small",
    "version": "1.4",
}
#: What of several is one number by being summed.
_ADDITIVE: Final = (
    Measure.PER_SECOND,
    Measure.COUNT,
    Measure.BYTES,
    Measure.BYTES_PER_SECOND,
    Measure.CORES,
    Measure.MONEY_PER_SECOND,
)
KEYS: Final = ("prometheus3", "victoriametrics")
servers = pytest.mark.parametrize("key", KEYS)
boards = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The history, up to the last half-hour that is full."""
    end = time.time() // _HALF_HOUR_S * _HALF_HOUR_S
    with served(tmp_path_factory.mktemp("history"), end) as found:
        yield found


def filled(text: str, chosen: Mapping[str, str] | None) -> str:
    """An expression as Grafana asks it: with everything chosen, or with one of each."""
    for name, (window, _) in WINDOWS.items():
        text = text.replace(name, window)
    return re.sub(
        r"\$(\w+)", lambda found: EVERYTHING if chosen is None else chosen[found[1]], text
    )


def answer(server: Scraper, text: str, at: float) -> dict[Key, float]:
    """What a server answers, by labels."""
    return {
        frozenset((k, v) for k, v in each.labels.items() if k != "__name__" and v): each.value
        for each in server.instant(text, at=at)
    }


def differing(got: dict[Key, float], expected: Answer, factor: float = 1.0) -> str:
    """How an answer differs from what it has to be; nothing if it does not."""
    if got.keys() != expected.keys():
        return f"has {sorted(map(sorted, got))}, not {sorted(map(sorted, expected))}"
    wrong = [
        f"{sorted(key)}: {got[key]}, not {factor} * {expected[key]}"
        for key in expected
        if not same(got[key], expected[key], factor=factor)
    ]
    return "; ".join(wrong)


# ------------------------------------------------------------------ views


@servers
@pytest.mark.parametrize("where", [{}, {"region": "us"}], ids=["all", "one region"])
def test_every_view_answers_what_is_true(history: Served, key: str, where: dict[str, str]) -> None:
    """Every series of it, each with its value, and no other series."""
    wrong = {}
    for name, view in VIEWS.items():
        expected = EXPECTED[name](Asked(history.fleet, view.by, 300, where))
        text = view.expression(Ask("5m", where)).text
        got = answer(history.scrapers[key], text, history.fleet.end)
        assert expected, f"{name}: nothing is known of the fleet"
        if said := differing(got, expected):
            wrong[name] = said
    assert wrong == {}


def test_a_view_answers_nothing_where_nothing_was_recorded(history: Served) -> None:
    """Absence is never 0."""
    for view in VIEWS.values():
        assert history.empty.instant(view.expression().text, at=history.fleet.end) == []


# ------------------------------------------------------------------ panels


@pytest.fixture(scope="module")
def made() -> dict[str, list[dict[str, Any]]]:
    """The panels as Grafana reads them, in order, by the uid of their dashboard."""
    found = {}
    for path, text in files(Objectives()).items():
        if path.endswith(".json"):
            board = json.loads(text)
            every = [each for one in board["panels"] for each in (one, *one.get("panels", []))]
            found[board["uid"]] = [each for each in every if each["type"] not in ("row", "text")]
    return found


def asking(
    board: Board, made: dict[str, list[dict[str, Any]]]
) -> Iterator[tuple[Panel, dict[str, Any]]]:
    """The panels of a dashboard that ask something, with what Grafana reads of them."""
    asked = (panel for panel in board.panels if panel.form != "text")
    for panel, shown in zip(asked, made[board.uid], strict=True):
        if (board.uid, panel.title) not in LIVE:
            yield panel, shown


def targets(shown: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What a panel asks, and what it asks of all that is left out of rankings."""
    asked = [each for each in shown["targets"] if not each.get("exemplar")]
    others = [each["expr"] for each in asked if each.get("legendFormat") == "all others"]
    return [each["expr"] for each in asked if each["expr"] not in others], others


def worst(answer: Answer, view: View) -> Answer:
    """What a panel of one number makes of several."""
    values = list(answer.values())
    if not view.by or not values:
        return answer
    if view.measure in _ADDITIVE:
        return {frozenset(): sum(value for value in values if isinstance(value, float))}
    chosen = min if view.better == "more" else max
    low = chosen(value.low if isinstance(value, Within) else value for value in values)
    high = chosen(value.high if isinstance(value, Within) else value for value in values)
    return {frozenset(): Within(low, high)}


def shown_as(answer: Answer, panel: Panel, view: View, end: float) -> Answer:
    """In the unit and the form of a panel."""
    if panel.form == "stat":
        answer = worst(answer, view)
    if view.measure is Measure.TIMESTAMP and panel.form == "table":
        sign = 1 if panel.ahead else -1
        days = {k: sign * (v - end) / 86_400 for k, v in answer.items() if isinstance(v, float)}
        assert days.keys() == answer.keys()
        return days
    factor = {
        Measure.MONEY_PER_SECOND: 3600.0,
        Measure.TIMESTAMP: 1000.0,
        **({Measure.RATIO: 100.0, Measure.SCORE: 100.0} if panel.form == "table" else {}),
    }.get(view.measure, 1.0)
    return {
        key: Within(value.low * factor, value.high * factor)
        if isinstance(value, Within)
        else value * factor
        for key, value in answer.items()
    }


@servers
@pytest.mark.parametrize("chosen", [None, CHOSEN], ids=["all", "one of each"])
@boards
def test_every_panel_shows_what_is_true(
    history: Served,
    made: dict[str, list[dict[str, Any]]],
    key: str,
    board: Board,
    chosen: dict[str, str] | None,
) -> None:
    """In the unit and the form that it has, with everything chosen and with one of each."""
    wrong = []
    where = {name: CHOSEN[name] for name in board.variables if name in CHOSEN} if chosen else {}
    for panel, shown in asking(board, made):
        texts, others = targets(shown)
        for n, (query, text) in enumerate(zip(panel.queries, texts, strict=True)):
            by = query.ask.by if isinstance(query.ask, View) and query.by is None else query.by
            asked = Asked(history.fleet, by or (), WINDOWS[query.window][1], where)
            if isinstance(query.ask, View):
                true = EXPECTED[query.ask.name](asked)
                expected = shown_as(true, panel, query.ask, history.fleet.end)
            else:
                expected = PANELS[board.uid, panel.title][n](asked)
            if not expected:
                wrong.append(f"{panel.title}: nothing is known")
            got = answer(history.scrapers[key], filled(text, chosen), history.fleet.end)
            if said := differing(got, expected):
                wrong.append(f"{panel.title} (query {n}): {said}")
        wrong += [
            f"{panel.title}: there are others, and nothing was left out"
            for text in others  # a ranking has room for ten
            if answer(history.scrapers[key], filled(text, chosen), history.fleet.end)
        ]
    assert not wrong, "\n".join(wrong)


@boards
def test_a_panel_is_empty_where_nothing_was_recorded(
    history: Served, made: dict[str, list[dict[str, Any]]], board: Board
) -> None:
    """It then says why, and does not show 0."""
    for panel, shown in asking(board, made):
        for text in (each["expr"] for each in shown["targets"]):
            assert not answer(history.empty, filled(text, None), history.fleet.end), panel.title


# ------------------------------------------------------------------ the same elsewhere


@boards
def test_a_panel_shows_what_agentmon_ask_answers(
    history: Served,
    made: dict[str, list[dict[str, Any]]],
    board: Board,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command, asked the same over the same window, has the number of the panel."""
    server = history.scrapers["prometheus3"]
    at = datetime.fromtimestamp(history.fleet.end, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    for panel, shown in asking(board, made):
        texts, _ = targets(shown)
        for query, text in zip(panel.queries, texts, strict=True):
            if not isinstance(query.ask, View) or query.by is not None:
                continue
            words = ["ask", query.ask.name, "--url", server.url, "--at", at, "--format", "json"]
            assert main([*words, "--window", WINDOWS[query.window][0]]) == 0
            told = {
                frozenset((k, v) for k, v in row["labels"].items() if v): row["value"]
                for row in json.loads(capsys.readouterr().out)["rows"]
            }
            expected = shown_as(told, panel, query.ask, history.fleet.end)
            got = answer(server, filled(text, None), history.fleet.end)
            assert not differing(got, expected), f"{panel.title}: {query.ask.name}"


# ------------------------------------------------------------------ capabilities


@pytest.mark.parametrize(
    "name", [name for name in CAPABILITIES if name.startswith("visualization_framework.")]
)
def test_every_capability_of_dashboards_has_panels_with_the_right_values(
    history: Served, made: dict[str, list[dict[str, Any]]], name: str
) -> None:
    """Each points to one dashboard, and all that this asks is answered as is true."""
    [board] = [board for board in BOARDS if board.capability == name]
    test_every_panel_shows_what_is_true(history, made, "prometheus3", board, None)
    shown = [
        panel.title
        for panel, each in asking(board, made)
        if any(
            answer(history.scrapers["prometheus3"], filled(text, None), history.fleet.end)
            for text in targets(each)[0]
        )
    ]
    assert shown == [panel.title for panel, _ in asking(board, made)]
