"""What the dashboards have to show of the known history is stated, all of it."""

from __future__ import annotations

from agentmon.assets.dashboards import BOARDS
from agentmon.model import catalogue
from agentmon.query.promql import Expression
from agentmon.query.views import VIEWS
from tests.history.expected import EXPECTED, LIVE, PANELS, Asked
from tests.history.fleet import PROCESSES, Fleet
from tests.history.served import levels

FLEET = Fleet.until(1_800_000_000.0)


def test_every_view_has_an_answer_that_is_known() -> None:
    """One without would be believed unseen."""
    assert EXPECTED.keys() == VIEWS.keys()


def test_what_is_known_is_something() -> None:
    """An answer that has to be empty would be met by a question that is wrong."""
    for name, view in VIEWS.items():
        assert EXPECTED[name](Asked(FLEET, view.by, 300.0, {})), name


def test_every_panel_of_no_view_has_answers_that_are_known() -> None:
    """One for each of its queries."""
    asked = {
        (board.uid, panel.title): len(panel.queries)
        for board in BOARDS
        for panel in board.panels
        if any(isinstance(query.ask, Expression) for query in panel.queries)
        and (board.uid, panel.title) not in LIVE
    }
    assert {key: len(answers) for key, answers in PANELS.items()} == asked


def test_the_fleet_has_every_metric_in_each_process() -> None:
    """What it had not, no panel could be seen to show."""
    instances = {instance for instance, _ in PROCESSES}
    for metric in catalogue.CATALOGUE:
        assert {each.labels["instance"] for each in FLEET.of(metric, {})} == instances


def test_a_rule_is_replayed_after_those_that_it_reads() -> None:
    """By then what they recorded is there."""
    seen: set[str] = set()
    for level in levels():
        names = {rule.name for rule in level}
        for rule in level:
            assert not any(name in rule.expression.text for name in names), rule.name
        assert not names & seen, "a level has what another one has"
        seen |= names
