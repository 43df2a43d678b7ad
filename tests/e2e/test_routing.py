"""Who real Alertmanagers tell, of which alert, and how that reads."""

from __future__ import annotations

import email
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller

from agentmon.model.objectives import (
    WEEKDAYS,
    Hours,
    Maintenance,
    Objectives,
    Promise,
    Receiver,
    Region,
    Team,
)
from tests.assets.routed import day_now, hours_now, lay, receivers, told_now
from tests.servers.alerting import ALERTMANAGERS, Alertmanager, Sink, alertmanager, sink
from tests.servers.processes import free_port, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("key", ALERTMANAGERS)]

#: Intervals are so much shorter: 30 s of waiting for a group become 0.3 s.
QUICKER = 100.0
WAIT = 30.0


@pytest.fixture
def told() -> Iterator[Sink]:
    """Receivers."""
    with sink() as it:
        yield it


@contextmanager
def running(
    key: str, objectives: Objectives, folder: Path, factor: float = QUICKER
) -> Iterator[Alertmanager]:
    """An Alertmanager with the routes of objectives."""
    lay(objectives, folder, factor)
    with alertmanager(key, folder) as it:
        yield it


def critical(**labels: str) -> dict[str, str]:
    """An alert that pages."""
    return {"alertname": "X", "severity": "critical", **labels}


def all_are_told(
    am: Alertmanager, told: Sink, expected: dict[str, set[str]], alerts: dict[str, dict[str, str]]
) -> None:
    """
    Post alerts, and see that just those are told who are expected.

    What should not come cannot be waited for: so one more alert is posted when all others came, and
    what comes after it, would have come before.
    """
    am.post([{**labels, "agent": name} for name, labels in alerts.items()])

    def came() -> bool:
        return all(expected[name] <= told.told_of(agent=name) for name in alerts)

    wait_until(came, timeout_s=WAIT, what=f"{expected}")
    am.post([{"alertname": "Last", "agent": "last"}])
    wait_until(lambda: bool(told.told_of(agent="last")), timeout_s=WAIT, what="the last")
    assert {name: told.told_of(agent=name) for name in alerts} == expected


def test_the_sun_is_followed_and_nobody_is_swallowed(key: str, told: Sink, tmp_path: Path) -> None:
    """Pages go where people work now, and to somebody where nobody does."""
    regions = {
        name: Region(name, f"{name}-office", hours, f"{name}-elsewhere")
        for name, hours in {
            "tokyo": hours_now("Asia/Tokyo", inside=True),
            "lima": hours_now("America/Lima", inside=False),
            "kolkata": hours_now("Asia/Kolkata", inside=False),
            "oslo": hours_now("Europe/Oslo", inside=True),
            "weekend": day_now(inside=False),
            "weekday": day_now(inside=True),
        }.items()
    }
    names = [f"{name}-{part}" for name in regions for part in ("office", "elsewhere")]
    objectives = Objectives(
        receivers=receivers(told.url, "default", "chat", *names),
        regions=regions,
        teams={"support": Team("support", "chat")},
    )
    expected = {
        "tokyo": {"tokyo-office"},
        "lima": {"lima-elsewhere"},
        "kolkata": {"kolkata-elsewhere"},
        "oslo": {"oslo-office"},
        "weekend": {"weekend-elsewhere"},
        "weekday": {"weekday-office"},
        "moon": {"default"},
    }
    alerts = {name: critical(region=name) for name in expected}
    for name in list(alerts):
        expected[f"{name}-team"] = (expected[name] - {"default"}) | {"chat"}
        alerts[f"{name}-team"] = critical(region=name, team="support")
        expected[f"{name}-ticket"] = {"default"}
        alerts[f"{name}-ticket"] = {**critical(region=name), "severity": "warning"}
    with running(key, objectives, tmp_path) as am:
        all_are_told(am, told, expected, alerts)


def test_what_is_explained_is_what_happens(key: str, told: Sink, tmp_path: Path) -> None:
    """With regions, teams and windows drawn at random, the walk names those who are told."""
    draw = random.Random(17)  # noqa: S311  # hours, not secrets
    zones = ["Asia/Tokyo", "America/New_York", "Europe/Berlin", "Pacific/Apia", "UTC"]

    def hours() -> Hours:
        # It must not become another time while the test runs.
        while True:
            span = [f"{draw.randrange(24):02}:{draw.choice(('00', '30'))}" for _ in range(2)]
            days = ":".join(draw.choice(WEEKDAYS) for _ in range(2))
            zone = draw.choice(zones)
            now = datetime.now(ZoneInfo(zone))
            soon = {f"{now + timedelta(minutes=n):%H:%M}" for n in range(-1, 5)}
            if span[0] != span[1] and not soon & {*span, "00:00"}:
                return Hours(days, span[0], span[1], zone)

    regions = {f"r{n}": Region(f"r{n}", f"in{n}", hours(), f"out{n}") for n in range(12)}
    objectives = Objectives(
        receivers=receivers(
            told.url,
            "default",
            "a",
            "b",
            "lead",
            *(f"{part}{n}" for n in range(12) for part in ("in", "out")),
        ),
        promises={("agent", "vital"): Promise(priority="P1")},
        regions=regions,
        teams={
            "a": Team("a", "a", "lead"),
            "b": Team("b", "b"),
            "c": Team("c", "in1"),
            "d": Team("d", "out2"),
        },
        maintenance=tuple(
            Maintenance(f"m{n}", hours(), labels)
            for n, labels in enumerate(
                [
                    *({"service": f"s{n}"} for n in range(6)),
                    {"team": "b", "service": "s6"},
                    {"team": "b", "service": "s6"},
                    {"region": "r1"},
                ]
            )
        ),
    )
    choices = {
        "severity": ["critical", "critical", "warning", "info"],
        "team": ["a", "b", "c", "d", "nobody's"],
        "region": [*regions, "r1", "r1", "r2", "r2"],
        "priority": ["P1", "P3"],
        "service": [f"s{n}" for n in range(8)],
        "escalated": ["true"],
    }
    alerts = {
        f"x{n}": {
            "alertname": "X",
            **{name: draw.choice(of) for name, of in choices.items() if draw.random() < 0.6},
        }
        for n in range(120)
    }
    expected = {name: told_now(objectives, labels) for name, labels in alerts.items()}
    assert {"lead", "default", "a", "b"} < set().union(*expected.values())
    assert set() in expected.values(), "some are muted"
    with running(key, objectives, tmp_path) as am:
        all_are_told(am, told, expected, alerts)


def test_maintenance_mutes_what_it_concerns_and_nothing_else(
    key: str, told: Sink, tmp_path: Path
) -> None:
    """Inside its window, alerts with its labels tell nobody; outside, they do."""
    inside, outside = (hours_now("Europe/Berlin", inside=each) for each in (True, False))
    objectives = Objectives(
        receivers=receivers(told.url, "default", "chat"),
        teams={"support": Team("support", "chat")},
        maintenance=(
            Maintenance("now", inside, {"dependency": "crm"}),
            Maintenance("later", outside, {"dependency": "db"}),
            Maintenance("both", inside, {"team": "support", "region": "eu"}),
        ),
    )
    alerts = {
        "now": critical(dependency="crm"),
        "now-team": critical(dependency="crm", team="support"),
        "later": critical(dependency="db"),
        "half": critical(team="support"),
        "both": critical(team="support", region="eu"),
        "three": critical(team="support", region="eu", dependency="db"),
    }
    expected = {
        "now": set(),
        "now-team": set(),
        "later": {"default"},
        "half": {"chat"},
        "both": set(),
        "three": set(),
    }
    with running(key, objectives, tmp_path) as am:
        all_are_told(am, told, expected, alerts)


def test_what_was_not_mended_in_time_goes_up(key: str, told: Sink, tmp_path: Path) -> None:
    """An escalated alert reaches whom its team escalates to, and a team without goes on itself."""
    objectives = Objectives(
        receivers=receivers(told.url, "default", "chat", "lead"),
        teams={"support": Team("support", "chat", "lead"), "core": Team("core", "chat")},
    )
    alerts = {
        "first": critical(team="support"),
        "old": critical(team="support", escalated="true"),
        "alone": critical(team="core", escalated="true"),
    }
    with running(key, objectives, tmp_path) as am:
        all_are_told(am, told, {"first": {"chat"}, "old": {"lead"}, "alone": {"chat"}}, alerts)


def test_a_page_is_repeated_sooner_where_the_business_needs_it(
    key: str, told: Sink, tmp_path: Path
) -> None:
    """P1 comes every half hour, P3 every four: on a clock 1000 times as fast."""
    objectives = Objectives(
        receivers=receivers(told.url, "default"),
        promises={("agent", "vital"): Promise(priority="P1")},
    )
    with running(key, objectives, tmp_path, factor=1000) as am:
        am.post([critical(agent="vital", priority="P1"), critical(agent="other", priority="P3")])

        def times(agent: str) -> int:
            return sum(each.firing()[0]["agent"] == agent for each in told.to("default"))

        wait_until(lambda: times("vital") >= 4, timeout_s=WAIT, what="the page to be repeated")
        assert times("other") <= times("vital") / 2


def test_one_incident_is_one_notification(key: str, told: Sink, tmp_path: Path) -> None:
    """What fires of one agent comes together, of another one apart; so does its end."""
    objectives = Objectives(receivers=receivers(told.url, "default"))
    same = [
        critical(agent="a", component="agent", region="eu", alertname=name, objective=name)
        for name in ("Availability", "Latency", "Quality")
    ]
    other = critical(agent="b", component="agent", region="eu", alertname="Availability")
    with running(key, objectives, tmp_path) as am:
        am.post([*same, other])
        wait_until(lambda: len(told.to("default")) >= 2, timeout_s=WAIT, what="two notifications")
        sizes = sorted(len(each.alerts) for each in told.to("default"))
        assert sizes == [1, 3]
        am.post(same, ended=True)
        wait_until(
            lambda: any(each.body["status"] == "resolved" for each in told.to("default")),
            timeout_s=WAIT,
            what="the end",
        )
        (end,) = (each for each in told.to("default") if each.body["status"] == "resolved")
        assert {each["labels"]["agent"] for each in end.alerts} == {"a"}


def test_a_page_hides_the_ticket_about_the_same_and_never_the_unrelated(
    key: str, told: Sink, tmp_path: Path
) -> None:
    """Labels that are missing on both sides make nothing alike."""
    objectives = Objectives(receivers=receivers(told.url, "default"))
    pages = [
        critical(component="agent", agent="a", objective="availability", n="1"),
        critical(component="system", objective="availability", n="2"),
        critical(component="region", region="eu", objective="availability", n="3"),
        critical(component="agent", n="4"),  # without a name, and so without dependents
        critical(component="workflow", workflow="w", region="eu", objective="latency", n="7"),
        critical(component="dependency", dependency="d", objective="latency", n="8"),
        critical(component="tier", tier="gold", objective="latency", n="9"),
        critical(component="agent", agent="c", objective="latency", kind="escalation", n="10"),
        {"alertname": "AgentmonTargetDown", "severity": "warning", "component": "instance"}
        | {"instance": "i:1", "n": "5"},
        {"alertname": "AgentmonTargetDown", "severity": "warning", "component": "instance"}
        | {"n": "6"},
    ]
    ticket = {"alertname": "Slow", "severity": "warning"}
    agent = {**ticket, "component": "agent", "agent": "a", "objective": "availability"}
    hidden = {
        "same agent": agent,
        "system": {**ticket, "component": "system", "objective": "availability"},
        "region": {**ticket, "component": "region", "region": "eu", "objective": "availability"},
        "workflow": {**ticket, "component": "workflow", "workflow": "w", "objective": "latency"}
        | {"region": "eu"},
        "dependency": {**ticket, "component": "dependency", "dependency": "d"}
        | {"objective": "latency"},
        "tier": {**ticket, "component": "tier", "tier": "gold", "objective": "latency"},
        "same instance": {"alertname": "Dropping", "component": "instance", "instance": "i:1"}
        | {"severity": "warning"},
    }
    shown = {
        "other agent": {**agent, "agent": "b"},
        "other objective": {**agent, "objective": "latency"},
        "elsewhere": {**agent, "region": "eu"},
        "no agent": {**ticket, "component": "agent", "objective": "availability"},
        "no objective": {**ticket, "component": "agent", "agent": "a"},
        "neither": {**ticket, "component": "agent"},
        "disk": {"alertname": "DiskFull", "severity": "warning"},
        "other system": {**ticket, "component": "system", "objective": "latency"},
        "other workflow": {**ticket, "component": "workflow", "objective": "latency"}
        | {"workflow": "a", "region": "eu"},
        "workflow elsewhere": {**ticket, "component": "workflow", "objective": "latency"}
        | {"workflow": "w", "region": "us"},
        "other tier": {**ticket, "component": "tier", "tier": "x", "objective": "latency"},
        "what escalated": {**agent, "agent": "c", "objective": "latency"},
        "other instance": {"alertname": "Dropping", "component": "instance", "instance": "i:2"}
        | {"severity": "warning"},
        "no instance": {"alertname": "Dropping", "component": "instance", "severity": "warning"},
    }
    with running(key, objectives, tmp_path) as am:
        am.post(pages)
        wait_until(
            lambda: all(told.told_of(n=page["n"]) for page in pages),
            timeout_s=WAIT,
            what="the pages",
        )
        am.post([{**labels, "case": name} for name, labels in {**hidden, **shown}.items()])
        wait_until(
            lambda: all(told.told_of(case=name) for name in shown), timeout_s=WAIT, what="tickets"
        )
        am.post([{"alertname": "Last", "case": "last"}])
        wait_until(lambda: bool(told.told_of(case="last")), timeout_s=WAIT, what="the last")
        assert {name for name in hidden if told.told_of(case=name)} == set()
        states = {each["labels"].get("case"): each["status"] for each in am.alerts()}
        assert all(states[name]["inhibitedBy"] for name in hidden)


def test_the_watchdog_comes_all_the_time(key: str, told: Sink, tmp_path: Path) -> None:
    """Its receiver gets it again and again, also in maintenance, and nobody else gets it."""
    inside = hours_now("UTC", inside=True)
    objectives = Objectives(
        receivers=receivers(told.url, "default", "deadman"),
        maintenance=(Maintenance("now", inside, {"severity": "none"}),),
    )
    with running(key, objectives, tmp_path, factor=300) as am:
        am.post([{"alertname": "AgentmonWatchdog", "severity": "none", "kind": "monitoring"}])
        wait_until(lambda: len(told.to("deadman")) >= 4, timeout_s=WAIT, what="the watchdog")
        assert told.to("default") == []


# ------------------------------------------------------------------ how it reads


class Mailbox:
    """Takes mail."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """As `aiosmtpd` asks."""
        message = email.message_from_bytes(envelope.content, policy=modern)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """A mail server, and its address."""
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"127.0.0.1:{port}"
    finally:
        controller.stop()


def alert(name: str, severity: str, **labels: str) -> dict[str, str]:
    """An alert with all that a notification shows."""
    return {
        "alertname": f"Agentmon{name}",
        "severity": severity,
        "component": "agent",
        "agent": "a",
        "team": "support",
        "priority": "P1",
        "region": "eu",
        "_summary": f"Agent a <{name}> & more.",
        "_description": "12% of the calls failed.",
        "_runbook_url": f"https://wiki.example/{name}.md",
        "_dashboard_url": "https://grafana.example/d/x?var-agent=a&from=now-6h",
        **labels,
    }


def body(message: EmailMessage, kind: str) -> str:
    """A part of a mail."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_mail_says_what_how_bad_since_when_and_what_to_do(
    key: str, told: Sink, mailbox: tuple[Mailbox, str], tmp_path: Path
) -> None:
    """Of several, the subject names the worst; of what is over, when it was."""
    box, address = mailbox
    objectives = Objectives(
        receivers={
            "default": Receiver(
                "default",
                "email",
                {"to": "people@example.org", "from": "x@example.org", "smarthost": address},
            )
        }
    )
    path = lay(objectives, tmp_path, QUICKER)
    # The mail server of a test has no certificate.
    path.write_text(path.read_text().replace("resolve_timeout: 5m", "smtp_require_tls: false"))
    two = [alert("Crawling", "warning"), alert("Failing", "critical")]
    with alertmanager(key, tmp_path) as am:
        before = datetime.now(timezone.utc) - timedelta(minutes=1)
        am.post(two)
        wait_until(lambda: len(box.messages) >= 1, timeout_s=WAIT, what="a mail")
        am.post([two[1]], ended=True)
        wait_until(lambda: len(box.messages) >= 2, timeout_s=WAIT, what="the second mail")
        am.post([two[0]], ended=True)
        wait_until(lambda: len(box.messages) >= 3, timeout_s=WAIT, what="the third mail")
    first, second, third = box.messages[:3]
    assert first["Subject"] == "[critical] Agent a <Failing> & more. (1 of 2)"
    assert second["Subject"] == "[warning] Agent a <Crawling> & more."
    assert third["Subject"].startswith("[resolved] Agent a <")
    lines = body(first, "plain").splitlines()
    for name, severity in (("Crawling", "warning"), ("Failing", "critical")):
        start = lines.index(f"Agent a <{name}> & more.")
        said = lines[start : start + 5]
        since = datetime.strptime(said[2][6:26], "%Y-%m-%d %H:%M %Z").replace(tzinfo=timezone.utc)
        assert before <= since <= datetime.now(timezone.utc)
        assert said[1] == "12% of the calls failed."
        assert said[2].endswith(f": {severity}, priority P1, team support, region eu")
        assert said[3] == f"What to do: https://wiki.example/{name}.md"
        assert said[4] == "Dashboard: https://grafana.example/d/x?var-agent=a&from=now-6h"
    html = body(first, "html")
    assert "<h3 " in html
    assert "Agent a &lt;Crawling&gt; &amp; more." in html
    assert 'href="https://grafana.example/d/x?var-agent=a&amp;from=now-6h"' in html
    assert "Resolved: Agent a <Failing> & more. (" in body(second, "plain")
    assert "Resolved: " not in body(first, "plain")
    assert "What to do" not in body(third, "plain")


def test_chat_reads_like_mail(key: str, told: Sink, tmp_path: Path) -> None:
    """A message has the title and the text; the address of the chat is only in a file."""
    (tmp_path / "url").write_text(f"{told.url}/chat")
    settings = {"url_file": str(tmp_path / "url"), "channel": "#agents"}
    objectives = Objectives(receivers={"default": Receiver("default", "slack", settings)})
    with running(key, objectives, tmp_path) as am:
        am.post([alert("Slow", "warning")])
        wait_until(lambda: bool(told.to("chat")), timeout_s=WAIT, what="a message")
    message = told.to("chat")[0].body
    assert message["channel"] == "#agents"
    (attachment,) = message["attachments"]
    assert attachment["title"].startswith("[warning] Agent a ")
    assert "12% of the calls failed." in attachment["text"]
