"""``agentmon routes explain``: who is told of an alert, when, and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentmon.cli import main

OBJECTIVES = """
[receivers.eu]
kind = "webhook"
url = "http://x"
[receivers.us]
kind = "webhook"
url = "http://x"
[regions.eu]
receiver = "eu"
elsewhere = "us"
days = "monday:friday"
hours = "09:00-17:00"
timezone = "Europe/Berlin"
[maintenance.nightly]
hours = "02:00-04:00"
days = "monday:sunday"
labels = { agent = "a" }
"""
PAGE = ("severity=critical", "region=eu")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of objectives."""
    path = tmp_path / "objectives.toml"
    path.write_text(OBJECTIVES)
    return str(path)


def explain(*words: str) -> int:
    """The exit status."""
    return main(["routes", "explain", *words])


@pytest.mark.parametrize(
    ("at", "told", "silent"),
    [
        ("2026-06-02T12:00+02:00", "eu", "us: is not told: muted by hours-eu"),
        ("2026-06-02T08:59+02:00", "us", "eu: is not told: outside hours-eu"),
        ("2026-06-02T07:30", "eu", "us: is not told: muted by hours-eu"),
        ("2026-06-02T07:30Z", "eu", "us: is not told: muted by hours-eu"),
        ("2026-06-06T12:00+02:00", "us", "eu: is not told: outside hours-eu"),
    ],
)
def test_it_says_who_is_told_and_who_is_not(
    capsys: pytest.CaptureFixture[str], file: str, at: str, told: str, silent: str
) -> None:
    """A time without a zone is UTC."""
    assert explain(*PAGE, "--objectives", file, "--at", at) == 0
    said = capsys.readouterr().out
    assert re.findall(r"^(\w+): is told, again every 4h$", said, re.MULTILINE) == [told]
    assert silent in said
    assert "  Pages of region eu, while people work there.\n" in said


def test_it_says_that_maintenance_keeps_it_silent(
    capsys: pytest.CaptureFixture[str], file: str
) -> None:
    """Nobody is told, and the window is named."""
    assert explain('agent="a"', "--objectives", file, "--at", "2026-06-02T03:00Z") == 0
    assert capsys.readouterr().out == (
        "At Tuesday 2026-06-02 03:00 UTC:\n\n"
        "default: is not told: muted by maintenance-nightly\n"
        "  What the maintenance 'nightly' concerns.\n"
    )


def test_without_objectives_and_time_it_is_the_default_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Everything goes to the default receiver."""
    assert explain("severity=critical") == 0
    said = capsys.readouterr().out
    assert re.match(r"At \w+ \d{4}-\d\d-\d\d \d\d:\d\d UTC:\n", said)
    assert "default: is told, again every 4h\n  Everything that nobody else is told of." in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["severity"], "labels: got 'severity', allowed LABEL=VALUE"),
        (["=critical"], "labels: got '=critical', allowed LABEL=VALUE"),
        (["a=b", "--at", "noon"], "--at: got 'noon', allowed such as 2026-01-31T12:00+01:00"),
        (["a=b", "--objectives", "none.toml"], "objectives: cannot read none.toml"),
    ],
)
def test_what_cannot_be_used_is_said(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """The exit status is 2, and the message says what is allowed."""
    assert explain(*words) == 2
    assert message in capsys.readouterr().err
