"""The tree of routes, and what Alertmanager's own tools say of it."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon.assets import routing
from agentmon.assets.objectives import parse
from agentmon.assets.told import walk
from agentmon.model.objectives import Hours, Maintenance, Objectives, Promise, Region, Team
from tests.assets.routed import labels_of, lay, receivers, routes_test
from tests.servers.processes import required

AMTOOLS = ("amtool2", "amtool")
tools = pytest.mark.parametrize("amtool", AMTOOLS)

EUROPE = Hours("monday:friday", "09:00", "17:00", "Europe/Berlin")
AMERICA = Hours("monday:friday", "09:00", "17:00", "America/New_York")
WHOLE = Objectives(
    defaults=Promise(priority="P3").over(Objectives.defaults),
    promises={("agent", "vital"): Promise(priority="P1"), ("agent", "b"): Promise(priority="P2")},
    receivers=receivers(
        "http://127.0.0.1:9", "default", "deadman", "eu", "us", "chat", "lead", "models"
    ),
    teams={
        "support": Team("support", "chat", "lead"),
        "llm": Team("llm", "models"),
        'odd "team"\\': Team('odd "team"\\', "models"),
    },
    regions={
        "eu": Region("eu", "eu", EUROPE, "us"),
        "us": Region("us", "us", AMERICA, "default"),
    },
    maintenance=(
        Maintenance("crm", Hours("sunday", "22:00", "02:00", "UTC"), {"dependency": "crm"}),
        Maintenance("again", Hours("monday", "22:00", "02:00", "UTC"), {"dependency": "crm"}),
        Maintenance("llm", Hours("saturday:sunday", "00:00", "24:00", "UTC"), {"team": "llm"}),
    ),
)
NOON = datetime(2026, 6, 2, 12, tzinfo=timezone(timedelta(hours=2)))  # a Tuesday in Berlin
NIGHT = NOON.replace(hour=3)
SUNDAY = datetime(2026, 6, 7, 23, tzinfo=timezone.utc)

alerts = st.dictionaries(
    st.sampled_from(["agent", "kind", "service"]), st.sampled_from("ab")
).flatmap(
    lambda more: st.fixed_dictionaries(
        {},
        optional={
            "alertname": st.sampled_from(["AgentmonWatchdog", "X"]),
            "severity": st.sampled_from(["critical", "warning", "info", "none"]),
            "team": st.sampled_from(["support", "llm", "nobody's", 'odd "team"\\']),
            "region": st.sampled_from(["eu", "us", "moon"]),
            "priority": st.sampled_from(["P1", "P2", "P3", "P4"]),
            "dependency": st.sampled_from(["crm", "db"]),
            "escalated": st.just("true"),
        },
    ).map(lambda labels: {**more, **labels})
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001  # made UTC
    lambda moment: moment.replace(tzinfo=timezone.utc)
)


def told(objectives: Objectives, labels: dict[str, str], at: datetime = NOON) -> list[str]:
    """Who is told."""
    return [each.receiver for each in walk(objectives, labels, at) if each.now]


def page(**labels: str) -> dict[str, str]:
    """An alert that pages."""
    return {"alertname": "X", "severity": "critical", **labels}


# ------------------------------------------------------------------ who


@pytest.mark.parametrize(
    ("labels", "at", "expected"),
    [
        (page(), NOON, ["default"]),
        (page(region="eu"), NOON, ["eu"]),
        (page(region="eu"), NIGHT, ["us"]),
        (page(region="eu"), NOON.replace(hour=9), ["eu"]),
        (page(region="eu"), NOON.replace(hour=17), ["us"]),
        (page(region="eu"), SUNDAY, ["us"]),
        (page(region="us"), NOON, ["default"]),
        (page(region="us"), NOON.replace(hour=16), ["us"]),
        (page(region="moon"), NOON, ["default"]),
        (page(region="eu", team="support"), NOON, ["eu", "chat"]),
        (page(region="eu", team="support"), NIGHT, ["us", "chat"]),
        (page(team="llm"), NOON, ["models"]),
        (page(team="llm"), SUNDAY, []),
        (page(team="nobody's"), NOON, ["default"]),
        (page(team='odd "team"\\'), NOON, ["models"]),
        (page(team="support", escalated="true"), NOON, ["lead"]),
        (page(team="llm", escalated="true"), NOON, ["models"]),
        (page(region="eu", priority="P1"), NOON, ["eu"]),
        ({"severity": "warning", "region": "eu"}, NOON, ["default"]),
        ({"severity": "warning", "region": "eu", "team": "llm"}, NOON, ["models"]),
        ({"severity": "info", "region": "eu"}, NOON, ["default"]),
        ({"severity": "info", "team": "support"}, NOON, ["chat"]),
        (page(dependency="crm"), NOON, ["default"]),
        (page(dependency="crm"), SUNDAY, []),
        (page(dependency="crm"), SUNDAY + timedelta(hours=2, minutes=59), []),
        (page(dependency="crm"), SUNDAY + timedelta(hours=3), ["default"]),
        (page(dependency="crm"), SUNDAY + timedelta(days=1), []),
        (page(dependency="db"), SUNDAY, ["default"]),
        (page(dependency="crm", team="llm"), SUNDAY, []),
        (page(dependency="crm", team="llm"), SUNDAY - timedelta(hours=2), []),
        ({"alertname": "AgentmonWatchdog", "severity": "none"}, SUNDAY, ["deadman"]),
    ],
    ids=str,
)
def test_those_are_told_who_should_be(
    labels: dict[str, str], at: datetime, expected: list[str]
) -> None:
    """By severity, region and its hours, team, escalation and maintenance."""
    assert told(WHOLE, labels, at) == expected


@pytest.mark.parametrize(
    ("labels", "repeat"),
    [
        (page(priority="P1"), "30m"),
        (page(priority="P2", team="support"), "2h"),
        (page(priority="P3"), "4h"),
        (page(), "4h"),
        ({"severity": "info", "priority": "P1"}, "24h"),
        ({"alertname": "AgentmonWatchdog"}, "1m"),
    ],
    ids=str,
)
def test_what_the_business_needs_more_is_told_again_sooner(
    labels: dict[str, str], repeat: str
) -> None:
    """A notification is repeated by priority, and a notice once a day."""
    assert [each.repeat for each in walk(WHOLE, labels, NOON)] == [repeat]


def test_a_silent_branch_says_what_keeps_it_silent() -> None:
    """Whoever asks why nobody was told gets the name of the time."""
    region = {each.receiver: each.silent for each in walk(WHOLE, page(region="eu"), NOON)}
    assert region == {"eu": "", "us": "muted by hours-eu"}
    region = {each.receiver: each.silent for each in walk(WHOLE, page(region="eu"), NIGHT)}
    assert region == {"eu": "outside hours-eu", "us": ""}
    (watchdog,) = walk(Objectives(), {"alertname": "AgentmonWatchdog"}, NOON)
    assert (watchdog.now, watchdog.silent) == (False, "it stands for nobody")
    (muted,) = walk(WHOLE, page(dependency="crm"), SUNDAY)
    assert muted.silent == "muted by maintenance-crm"


@given(alerts, moments)
def test_every_alert_reaches_somebody_outside_maintenance(
    labels: dict[str, str], at: datetime
) -> None:
    """Whatever an alert has, and whenever: only a declared window keeps it from everybody."""
    found = walk(WHOLE, labels, at)
    if not any(each.now for each in found):
        assert all(each.silent.startswith("muted by maintenance-") for each in found)
        assert labels.get("dependency") == "crm" or labels.get("team") == "llm"
    elif labels.get("alertname") != "AgentmonWatchdog":
        assert not any("maintenance" in each.silent for each in found)


SHARED = replace(
    WHOLE,
    teams={
        "support": Team("support", "eu"),
        "llm": Team("llm", "us"),
        "both": Team("both", "lead"),
    },
    regions={**WHOLE.regions, "moon": Region("moon", "lead", AMERICA, "lead")},
)


@pytest.mark.parametrize("at", [NOON, NIGHT, NOON.replace(hour=16), SUNDAY])
@pytest.mark.parametrize("region", SHARED.regions)
@pytest.mark.parametrize("team", ["support", "both"])
def test_nobody_is_told_twice(team: str, region: str, at: datetime) -> None:
    """A team that is its region's people too gets one notification of a page, at any time."""
    people = told(SHARED, page(region=region), at)
    everybody = told(SHARED, page(region=region, team=team), at)
    assert len(people) == 1
    assert sorted(everybody) == sorted({*people, SHARED.teams[team].receiver})
    ticket = {"severity": "warning", "region": region, "team": team}
    assert told(SHARED, ticket, at) == [SHARED.teams[team].receiver]


def test_windows_of_maintenance_do_not_multiply() -> None:
    """Windows that cannot concern the same alert share no branch, so that many can be declared."""
    hours = Hours("sunday", "02:00", "04:00", "UTC")
    many = Objectives(
        maintenance=tuple(Maintenance(f"m{n}", hours, {"agent": f"a{n}"}) for n in range(50))
    )
    assert len(routing.tree(many).routes) < 60
    assert told(many, page(agent="a49"), SUNDAY.replace(hour=3)) == []
    assert told(many, page(agent="a50"), SUNDAY.replace(hour=3)) == ["default"]


def test_priorities_that_nothing_has_have_no_route() -> None:
    """Only what can be asked for is in the tree."""

    def priorities(objectives: Objectives) -> set[str]:
        return {
            value
            for route in routing.tree(objectives).routes
            for label, _, value in route.matchers
            if label == "priority"
        }

    assert priorities(Objectives()) == set()
    assert priorities(WHOLE) == {"P1", "P2"}
    assert priorities(parse("[defaults]\npriority = 'P1'")) == {"P1"}


def test_a_route_is_written_as_alertmanager_has_it() -> None:
    """Everything that a route says, escaped; and nothing that it does not say."""
    whole = routing.Route(
        "why",
        (("a", "=", 'x"\\\n'), ("b", "=~", "c|d")),
        "r",
        ("in",),
        ("out", "gone"),
        go_on=True,
        settings={"repeat_interval": "1h"},
        routes=(routing.Route("below"),),
    )
    assert whole.rendered() == {
        "matchers": ['a="x\\"\\\\\\n"', 'b=~"c|d"'],
        "receiver": "r",
        "repeat_interval": "1h",
        "active_time_intervals": ["in"],
        "mute_time_intervals": ["out", "gone"],
        "continue": True,
        "routes": [{}],
    }


# ------------------------------------------------------------------ the tools of Alertmanager


#: One of each kind of receiver, and of each thing that can be declared.
KINDS = """
[receivers.default]
kind = "webhook"
url = "https://hooks.example/agentmon"
credentials_file = "/etc/alertmanager/token"
[receivers.mail]
kind = "email"
to = "people@example.org"
from = "alerts@example.org"
smarthost = "mail.example.org:587"
user = "alerts"
password_file = "/etc/alertmanager/mail"
[receivers.chat]
kind = "slack"
url_file = "/etc/alertmanager/slack"
channel = "#agents"
[receivers.pager]
kind = "pagerduty"
key_file = "/etc/alertmanager/pagerduty"
[agents.vital]
priority = "P1"
[teams.support]
receiver = "chat"
escalate_to = "pager"
[teams.core]
receiver = "mail"
[regions.eu]
receiver = "pager"
elsewhere = "default"
days = "sunday:thursday"
hours = "18:00-02:00"
timezone = "Asia/Jerusalem"
[maintenance.nightly]
days = "monday:sunday"
hours = "02:00-04:00"
labels = { agent = "batch", team = "core" }
[maintenance.move]
days = "friday:monday"
hours = "00:00-24:00"
labels = { team = "core" }
"""
DECLARED = {"nothing": Objectives(), "whole": WHOLE, "kinds": parse(KINDS)}
declared = pytest.mark.parametrize("objectives", DECLARED.values(), ids=DECLARED)


@pytest.mark.servers
@tools
@declared
def test_alertmanager_takes_the_configuration(
    amtool: str, objectives: Objectives, tmp_path: Path
) -> None:
    """Both lines of Alertmanager find nothing wrong, with every kind of receiver."""
    path = lay(objectives, tmp_path)
    done = subprocess.run(
        [required(amtool), "check-config", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


@declared
def test_amlint_finds_nothing(objectives: Objectives, tmp_path: Path) -> None:
    """No route is out of reach, no template missing, no inhibition too wide."""
    path = lay(objectives, tmp_path)
    done = subprocess.run(
        [Path(sys.executable).with_name("amlint"), "check", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "ERROR" not in done.stdout, done.stdout
    assert "WARN" not in done.stdout, done.stdout


def test_amlint_would_find_something(tmp_path: Path) -> None:
    """The check can fail: a route that is told twice is out of reach the second time."""
    path = lay(WHOLE, tmp_path)
    text = path.read_text()
    head, route, rest = text.partition("inhibit_rules:\n")
    twice = '  - receiver: eu\n    matchers: [team="llm"]\n'
    path.write_text(head + twice * 2 + route + rest)
    done = subprocess.run(
        [Path(sys.executable).with_name("amlint"), "check", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "route-match-collision" in done.stdout


@pytest.mark.servers
@tools
def test_the_walk_agrees_with_alertmanager(amtool: str, tmp_path: Path) -> None:
    """Whatever the labels, `agentmon routes explain` names the branches that Alertmanager names."""
    path = lay(WHOLE, tmp_path)
    draw = random.Random(5)  # noqa: S311  # labels, not secrets
    choices = {
        "alertname": ["AgentmonWatchdog", "X"],
        "severity": ["critical", "critical", "warning", "info", "none"],
        "team": ["support", "llm", "nobody's"],
        "region": ["eu", "us", "moon"],
        "priority": ["P1", "P2", "P3"],
        "dependency": ["crm", "db"],
        "escalated": ["true"],
        "agent": ["a", "b"],
    }
    for _ in range(60):
        labels = {
            name: draw.choice(values) for name, values in choices.items() if draw.random() < 0.6
        }
        expected = [each.receiver for each in walk(WHOLE, labels, NOON)]
        found = routes_test(amtool, path, labels)
        assert found == list(dict.fromkeys(expected)) or found == expected, labels


@pytest.mark.servers
@tools
def test_receivers_can_be_verified(amtool: str, tmp_path: Path) -> None:
    """The command of the page on routing fails where somebody else is told."""
    path = lay(WHOLE, tmp_path)
    for wanted, code in (("eu,us", 0), ("chat", 1)):
        done = subprocess.run(
            [
                required(amtool),
                "config",
                "routes",
                "test",
                f"--config.file={path}",
                f"--verify.receivers={wanted}",
                *labels_of(page(region="eu")),
            ],
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stdout


def test_secrets_are_only_named_as_files() -> None:
    """No secret is in the configuration: only where it is."""
    text = str(routing.configuration(parse(KINDS)))
    for name in ("token", "mail", "slack", "pagerduty"):
        assert f"/etc/alertmanager/{name}'" in text
    for key in ("'routing_key'", "'api_url'", "'auth_password'", "'credentials'"):
        assert key not in text
