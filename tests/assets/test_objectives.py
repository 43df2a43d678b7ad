"""Objectives from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.objectives import parse, read
from agentmon.errors import ConfigError
from agentmon.model.objectives import (
    Hours,
    Latency,
    Maintenance,
    Objectives,
    Promise,
    Receiver,
    Region,
    Team,
)

WHOLE = """
window = "28d"
currency = "EUR"
dashboards_url = "https://grafana.example/d"
runbooks_url = "https://wiki.example/runbooks"

[defaults]
availability = 0.995
priority = "P4"

[system]
availability = 0.9

[agents.triage]
latency = { threshold = 2, share = 0.9 }
quality = 0.8
satisfaction = 0.75
cost_per_task = 0.2
priority = "P1"

[workflows.answer]
availability = 0.99

[dependencies.crm]
availability = 0.9

[tiers.gold]
availability = 0.999

[teams.support]
receiver = "support-chat"
escalate_to = "default"
escalate_after = "1h"

[regions.eu]
availability = 0.99
receiver = "support-chat"
elsewhere = "default"
days = "monday:friday"
hours = "09:00-17:00"
timezone = "Europe/Berlin"

[receivers.default]
kind = "webhook"
url = "https://hooks.example/agentmon"

[receivers.support-chat]
kind = "slack"
url_file = "/etc/alertmanager/slack-url"
channel = "#support"

[maintenance.nightly]
days = "sunday"
hours = "02:00-04:00"
labels = { dependency = "crm" }
"""


def test_everything_that_can_be_declared_is_understood() -> None:
    """Each table of the file becomes what it says."""
    told = parse(WHOLE)
    assert told == Objectives(
        window=28,
        currency="EUR",
        dashboards_url="https://grafana.example/d",
        runbooks_url="https://wiki.example/runbooks",
        defaults=Promise(0.995, Latency(30.0, 0.95), 0.7, 0.7, 1.0, "P4"),
        promises={
            ("agent", "triage"): Promise(None, Latency(2.0, 0.9), 0.8, 0.75, 0.2, "P1"),
            ("workflow", "answer"): Promise(0.99),
            ("dependency", "crm"): Promise(0.9),
            ("tier", "gold"): Promise(0.999),
            ("region", "eu"): Promise(0.99),
            ("system", ""): Promise(0.9),
        },
        teams={"support": Team("support", "support-chat", "default", 3600.0)},
        regions={
            "eu": Region(
                "eu",
                "support-chat",
                Hours("monday:friday", "09:00", "17:00", "Europe/Berlin"),
                "default",
            )
        },
        receivers={
            "default": Receiver("default", "webhook", {"url": "https://hooks.example/agentmon"}),
            "support-chat": Receiver(
                "support-chat",
                "slack",
                {"url_file": "/etc/alertmanager/slack-url", "channel": "#support"},
            ),
        },
        maintenance=(
            Maintenance("nightly", Hours("sunday", "02:00", "04:00", "UTC"), {"dependency": "crm"}),
        ),
    )


def test_an_empty_file_declares_the_defaults() -> None:
    """Whoever says nothing gets useful promises."""
    assert parse("") == Objectives()


def test_own_buckets_allow_own_thresholds() -> None:
    """A threshold is an edge of the buckets that `configure` got."""
    told = parse("buckets = [0.7, 7]\n[defaults]\nlatency = { threshold = 7, share = 0.9 }")
    assert told.edges == (0.7, 7.0)
    assert told.defaults.latency == Latency(7.0, 0.9)


def test_a_region_without_anybody_to_tell_is_a_promise_only() -> None:
    """What is promised of a region does not ask for people there."""
    told = parse("[regions.eu]\navailability = 0.9")
    assert told.regions == {}
    assert told.promise("region", "eu").availability == 0.9


@pytest.mark.parametrize("days", [1, 90])
def test_budgets_are_counted_over_a_day_to_a_quarter(days: int) -> None:
    """The shortest and the longest window are allowed."""
    assert parse(f'window = "{days}d"').window == days


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 1800), ("escalate_after = '1m'", 60), ("escalate_after = '2h'", 7200)],
)
def test_a_team_has_half_an_hour_unless_it_says_so(text: str, seconds: int) -> None:
    """A minute is the least: rules are worked out so often."""
    team = parse(f"[teams.t]\nreceiver = 'default'\n{text}").teams["t"]
    assert team.escalate_after == seconds


RECEIVER = '[receivers.x]\nkind = "webhook"\nurl = "http://x"\n'
REGION = '[regions.eu]\nreceiver = "default"\n'
MAINTENANCE = '[maintenance.m]\nlabels = { agent = "a" }\n'
WRONG = {
    "nonsense = 1": r"the file: got 'nonsense', allowed window, currency, buckets",
    "window = 30": r"window: got 30, allowed such as 30m",
    'window = "36h"': r"window: got '36h', allowed whole days, such as 30d",
    'window = "0d"': r"window: got 0 days, allowed 1 to 90",
    'window = "91d"': r"window: got 91 days, allowed 1 to 90",
    "currency = 1": r"the file, currency: got 1, allowed a text",
    "buckets = 1": r"buckets: got 1, allowed rising numbers, as in configure\(\)",
    "buckets = []": r"buckets: got \[\], allowed rising numbers",
    "buckets = [2, 1]": r"buckets: got \[2, 1\], allowed rising numbers",
    "buckets = [true]": r"buckets: got \[True\], allowed rising numbers",
    "defaults = 1": r"defaults: got 1, allowed a table",
    "[defaults]\nlatnecy = 1": r"defaults: got 'latnecy', allowed availability, latency",
    "[system]\nlatnecy = 1": r"system: got 'latnecy', allowed availability",
    "agents = 1": r"agents: allowed tables, such as \[agents.example\]",
    "agents.a = 1": r"agents: allowed tables, such as \[agents.example\]",
    "[agents.a]\nhours = 1": r"agents.a: got 'hours', allowed availability, .* priority$",
    "[agents.a]\navailability = '1'": r"agents.a, availability: got '1', allowed a number",
    "[agents.a]\navailability = true": r"agents.a, availability: got True, allowed a number",
    "[agents.a]\navailability = 1": r"agent a, availability: got 1.0, allowed 0.5 to less than 1",
    "[agents.a]\navailability = 0.4": r"agent a, availability: got 0.4, allowed 0.5 to less than",
    "[agents.a]\nquality = 2": r"agent a, quality: got 2.0, allowed more than 0, at most 1",
    "[agents.a]\nsatisfaction = 0": r"agent a, satisfaction: got 0.0, allowed more than 0, at mo",
    "[agents.a]\ncost_per_task = 0": r"agent a, cost_per_task: got 0.0, allowed more than 0",
    "[agents.a]\npriority = 'P5'": r"agent a, priority: got 'P5', allowed P1, P2, P3, P4",
    "[agents.a]\nlatency = 2": r"agents.a, latency: got 2, allowed such as \{ threshold = 2.5, sha",
    "[agents.a]\nlatency = { threshold = 2 }": r"agents.a.latency, share: got None, allowed a num",
    "[agents.a]\nlatency = { x = 2 }": r"agents.a.latency: got 'x', allowed threshold, share",
    "[agents.a]\nlatency = { threshold = 2, share = 1 }": r"agent a, latency: got share 1.0, allo",
    "[agents.a]\nlatency = { threshold = 4, share = 0.9 }": (
        r"agent a, latency: got threshold 4 s, allowed an edge of the buckets, such as 2, 3, 5"
    ),
    "[receivers.x]\nurl = 'http://x'": r"receivers.x, kind: got None, allowed a text",
    "[receivers.x]\nkind = 'pigeon'": r"receiver x: got kind 'pigeon', allowed webhook, email",
    "[receivers.x]\nkind = 'webhook'": r"receiver x: url is missing",
    RECEIVER + "token = 'secret'": (
        r"receiver x: got 'token', allowed url, credentials_file: secrets are given by file"
    ),
    "[teams.t]\nescalate_to = 'default'": r"teams.t, receiver: got None, allowed a text",
    "[teams.t]\nreceiver = 'y'": r"team t, receiver: got 'y', allowed default$",
    RECEIVER + "[teams.t]\nreceiver = 'x'\nescalate_to = 'y'": (
        r"team t, escalate_to: got 'y', allowed default, x"
    ),
    "[teams.t]\nreceiver = 'default'\nescalate_after = '30s'": (
        r"team t, escalate_after: got 30 s, allowed 60 or more"
    ),
    "[teams.t]\nreceiver = 'default'\nescalate_after = 30": (
        r"teams.t, escalate_after: got 30, allowed such as 30m"
    ),
    "[teams.t]\nreceiver = 'default'\nlead = 'x'": r"teams.t: got 'lead', allowed receiver, escal",
    "[components.quue]\nteam = 't'": r"components: got 'quue', allowed agent, backup, cert",
    "[components.queue]\nowner = 't'": r"components.queue: got 'owner', allowed team, priority",
    "[components.queue]\nteam = 't'": r"component queue, team: got 't', allowed none$",
    "[components.queue]\npriority = 1": r"components.queue, priority: got 1, allowed a text",
    "[components.queue]\npriority = 'P5'": r"component queue, priority: got 'P5', allowed P1, P2",
    REGION: r"regions.eu, hours: got None, allowed a text",
    REGION + "hours = '9 to 5'": r"regions.eu, hours: got '9 to 5', allowed such as 09:00-17:00",
    REGION + "hours = '9:00-17:00'": r"region eu, begin: got '9:00', allowed a time such as 09:00",
    REGION + "hours = '09:00-25:00'": r"region eu, end: got '25:00', allowed a time such as 09:00",
    REGION + "hours = '09:00-09:00'": (
        r"region eu, hours: got 09:00-09:00, allowed such as 09:00-17:00, or 00:00-24:00 for whole"
    ),
    REGION + "hours = '24:00-06:00'": r"region eu, hours: got 24:00-06:00, allowed such as",
    REGION + "hours = '09:00-17:00'\ndays = 'mon:fri'": (
        r"region eu, days: got 'mon:fri', allowed such as monday:friday or saturday"
    ),
    REGION + "hours = '09:00-17:00'\ndays = 'monday:'": r"region eu, days: got 'monday:', allowed",
    REGION + "hours = '09:00-17:00'\ntimezone = 'Berlin'": (
        r"region eu, timezone: got 'Berlin', allowed a name such as Europe/Berlin"
    ),
    REGION + "hours = '09:00-17:00'\nelsewhere = 'y'": r"region eu, elsewhere: got 'y', allowed d",
    "[regions.eu]\nhours = '09:00-17:00'": r"regions.eu, receiver: got None, allowed a text",
    "[maintenance.m]\nhours = '02:00-04:00'": r"maintenance m: got no labels, allowed at least on",
    MAINTENANCE + "hour = '02:00-04:00'": r"maintenance.m: got 'hour', allowed days, hours, timez",
    "[maintenance.m]\nlabels = 1\nhours = '02:00-04:00'": r"maintenance.m, labels: got 1, allowed",
    "[maintenance.m]\nlabels = { a-b = 'c' }\nhours = '02:00-04:00'": (
        r"maintenance m, labels: got 'a-b', allowed letters, digits and underscores"
    ),
    MAINTENANCE + "hours = '02:00-02:00'": r"maintenance m, hours: got 02:00-02:00, allowed such",
    "[": r"objectives: ",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_is_said_with_its_place_and_what_is_allowed(text: str) -> None:
    """Each error says where, what was got, and what is allowed."""
    with pytest.raises(ConfigError, match=rf"\A{WRONG[text]}"):
        parse(text)


def test_errors_in_a_file_name_the_file(tmp_path: Path) -> None:
    """Whoever has several files is told which one."""
    path = tmp_path / "objectives.toml"
    path.write_text("window = 1")
    with pytest.raises(ConfigError, match=rf"\A{path}: window: got 1"):
        read(path)
    with pytest.raises(ConfigError, match=r"\Aobjectives: cannot read .*none\.toml"):
        read(tmp_path / "none.toml")


def test_a_file_is_read(tmp_path: Path) -> None:
    """A file says what its text says."""
    path = tmp_path / "objectives.toml"
    path.write_text('currency = "EUR"')
    assert read(path) == Objectives(currency="EUR")
