"""What the page on objectives shows: a file that is understood, and the defaults of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from agentmon.assets.objectives import _PROMISE, _TABLES, _TOP, parse
from agentmon.cli import main
from agentmon.model.objectives import DEFAULT, Objectives
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "objectives.md"
(FILE,) = (block.text for block in blocks(PAGE, "toml"))
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.read_text(), re.MULTILINE)


def test_the_file_is_understood() -> None:
    """It has no mistake, and says what it says."""
    told = parse(FILE)
    assert told.promise("agent", "triage").availability == 0.999
    assert {level for level, _ in told.promises} == {*_TABLES.values(), "system"}


def test_the_tables_have_every_key_and_its_default() -> None:
    """Nothing that can be declared is missing, and defaults are those of the code."""
    keys = dict(ROWS)
    assert set(_PROMISE) <= set(keys)
    assert DEFAULT.latency is not None
    assert keys.pop("latency") == f"{DEFAULT.latency.threshold:g} s, {DEFAULT.latency.share}"
    for name in set(_PROMISE) - {"latency"}:
        assert keys.pop(name) == str(getattr(DEFAULT, name))
    elsewhere = {"defaults", "system", *_TABLES, "teams", "components", "receivers", "maintenance"}
    assert set(keys) == set(_TOP) - elsewhere
    assert keys["window"] == f"`{Objectives.window}d`"
    assert keys["currency"] == f"`{Objectives.currency}`"


def test_the_mistake_is_reported_as_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints just that."""
    (block,) = blocks(PAGE, "console")
    command, _, said = block.text.partition("\n")
    (tmp_path / "objectives.toml").write_text(FILE.replace("threshold = 2,", "threshold = 4,"))
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[2:]) == 2
    assert capsys.readouterr().err == said


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown in Python does what it says."""
    (block,) = blocks(PAGE, "python")
    exec(compile(block.text, str(PAGE), "exec"), {})  # noqa: S102  # ours
    assert capsys.readouterr().out == "0.999\n"
