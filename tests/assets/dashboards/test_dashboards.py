"""The dashboards as they ship: valid, of one habit, and true to the catalogue."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentmon.assets import rules
from agentmon.assets.dashboards import BOARDS, files
from agentmon.assets.dashboards.board import COLUMNS, Board
from agentmon.model import catalogue
from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.metric import Kind
from agentmon.model.objectives import Objectives
from tests.servers.processes import required

ROOT = Path(__file__).parents[3]
CHECKER = ROOT.parent / "shared" / "tools" / "check-dashboards.py"
boards = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
#: What Grafana puts for its variables.
FILLED = {"$__rate_interval": "5m", "$__range": "6h", "$__interval": "1m"}
#: Names that Prometheus itself makes.
OWN = {"ALERTS", "up"}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """What is made, by path."""
    return files(Objectives())


@pytest.fixture(scope="module")
def made(texts: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Each dashboard as Grafana reads it, by its uid."""
    found = (json.loads(text) for path, text in texts.items() if path.endswith(".json"))
    return {each["uid"]: each for each in found}


def filled(text: str, value: str) -> str:
    """An expression with all variables filled in."""
    for name, window in FILLED.items():
        text = text.replace(name, window)
    return re.sub(r'"\$\w+"', f'"{value}"', text)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels of a dashboard, those inside folded rows too."""
    return [each for panel in dashboard["panels"] for each in (panel, *panel.get("panels", []))]


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """All that a dashboard asks."""
    return [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", [])]


def test_there_is_one_dashboard_for_each_capability() -> None:
    """Eighteen, six for each kind of reader."""
    owed = {name for name in CAPABILITIES if name.startswith("visualization_framework.")}
    assert sorted(board.capability for board in BOARDS) == sorted(owed)


@pytest.mark.parametrize(
    "name", [name for name, owed in CAPABILITIES.items() if "panel" in owed.by]
)
def test_every_capability_that_is_met_on_a_panel_is_on_one(name: str) -> None:
    """A dashboard that is the capability, or a panel of one that serves it."""
    serving = [board for board in BOARDS if board.capability == name]
    serving += [board for board in BOARDS for panel in board.panels if name in panel.serves]
    assert serving


def test_uids_and_titles_are_unique() -> None:
    """Links and bookmarks rely on them."""
    assert len({board.uid for board in BOARDS}) == len(BOARDS)
    assert len({board.title for board in BOARDS}) == len(BOARDS)


@boards
def test_what_is_committed_is_what_is_made(board: Board, texts: dict[str, str]) -> None:
    """`make build` writes it."""
    path = f"grafana/dashboards/{board.audience}/{board.uid}.json"
    assert (ROOT / path).read_text() == texts[path]


def test_grafanas_own_schemas_and_the_habits_of_good_mixins_are_kept() -> None:
    """By a checker that is not ours; where it is not there, that is said."""
    if not CHECKER.exists():
        pytest.skip("shared/tools/check-dashboards.py is not there")
    every = sorted(map(str, (ROOT / "grafana" / "dashboards").glob("*/*.json")))
    run = subprocess.run(
        [sys.executable, CHECKER, *every], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "18 dashboards, 0 faults" in run.stderr


@boards
def test_each_panel_says_what_it_means_and_what_it_says_when_empty(
    board: Board, made: dict[str, dict[str, Any]]
) -> None:
    """A reader who has never seen it can tell."""
    for panel in panels(made[board.uid]):
        if panel["type"] in ("row", "text"):
            continue
        assert panel["title"]
        assert len(panel["description"]) > 15
        assert panel["fieldConfig"]["defaults"]["noValue"]


@boards
def test_panels_fill_the_grid_without_overlapping(
    board: Board, made: dict[str, dict[str, Any]]
) -> None:
    """Twenty-four columns, and no cell twice, folded rows closed or one of them open."""
    top = made[board.uid]["panels"]
    check_grid(top)
    for row in top:
        check_grid(row.get("panels", []))
        assert all(each["gridPos"]["y"] > row["gridPos"]["y"] for each in row.get("panels", []))


def check_grid(some: list[dict[str, Any]]) -> None:
    """No cell is taken twice, and none is outside."""
    taken: set[tuple[int, int]] = set()
    for panel in some:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < COLUMNS
        assert not cells & taken
        taken |= cells


@boards
def test_each_name_is_of_the_catalogue_or_recorded(
    board: Board, made: dict[str, dict[str, Any]]
) -> None:
    """A name that nobody writes would be an empty panel for ever."""
    native = {each.duration.sample for each in catalogue.OPERATIONS.values()}
    samples = set(OWN) | native
    for metric in catalogue.CATALOGUE:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        samples |= {metric.sample + suffix for suffix in suffixes}
    samples |= {rule.name for group in rules.record_groups(Objectives()) for rule in group.rules}
    for text in expressions(made[board.uid]):
        bare = re.sub(r'"[^"]*"', "", text)
        used = set(re.findall(r"\b(?:\w+:agentmon_\w+:\w+|agentmon_\w+)", bare))
        assert used <= samples, text


def test_every_metric_is_on_a_dashboard_or_says_why_not(made: dict[str, dict[str, Any]]) -> None:
    """What nobody sees need not be recorded."""
    seen = " ".join(text for each in made.values() for text in expressions(each))
    forgotten = [
        metric.sample
        for metric in catalogue.CATALOGUE
        if not metric.diagnostic
        and not re.search(rf"\b{metric.sample}(_bucket|_sum|_count)?\b", seen)
    ]
    assert forgotten == []


def test_the_percentiles_of_a_panel_are_of_the_same_few(made: dict[str, dict[str, Any]]) -> None:
    """Each ranked by itself would show others, and read ten times as much for it."""
    [shown] = [
        panel
        for panel in panels(made["agentmon-agent-details"])
        if panel["title"] == "Percentiles of the slowest"
    ]
    rankings = {target["expr"].partition(" topk(")[2] for target in shown["targets"]}
    assert len(shown["targets"]) > 1
    assert len(rankings) == 1
    assert "_bucket" not in rankings.pop()


def test_percentiles_over_time_are_of_what_is_recorded(made: dict[str, dict[str, Any]]) -> None:
    """And have no more points than are recorded; what is scraped would be a hundred times more."""
    shown = [
        (panel, target["expr"])
        for board in made.values()
        for panel in panels(board)
        for target in panel.get("targets", [])
        if "agentmon_agent_duration_seconds_bucket" in target["expr"] and panel["type"] != "heatmap"
    ]
    assert len(shown) > 10
    for panel, text in shown:
        assert "agent:agentmon_agent_duration_seconds_bucket:rate5m" in text
        assert (panel["interval"], panel["maxDataPoints"]) == ("5m", 150)


@boards
def test_absence_is_not_hidden(board: Board, made: dict[str, dict[str, Any]]) -> None:
    """Nothing recorded is not 0."""
    for text in expressions(made[board.uid]):
        assert not re.search(r"\bvector\(|\bor 0\b|\babsent", text.replace("or 0 * sum", ""))


@pytest.mark.servers
@pytest.mark.parametrize("program", ["promtool2", "promtool3", "vmalert"])
def test_every_query_is_valid_on_every_server(
    program: str, made: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """With each variable as one value and as All."""
    asked = {
        filled(text, value)
        for dashboard in made.values()
        for text in expressions(dashboard)
        for value in ("a", ".*")
    }
    every = [{"record": f"x:panel_{n}:y", "expr": text} for n, text in enumerate(sorted(asked))]
    (tmp_path / "queries.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "queries", "rules": every}]})
    )
    command = (
        ["-dryRun", f"-rule={tmp_path}/queries.yml"]
        if program == "vmalert"
        else ["check", "rules", "--lint=none", str(tmp_path / "queries.yml")]
    )
    run = subprocess.run([required(program), *command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
