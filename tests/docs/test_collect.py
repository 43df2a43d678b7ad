"""What the page on collecting shows: commands and formats."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from agentmon.cli import main
from agentmon.collect.gather import gather
from agentmon.collect.kinds import KINDS
from tests.collect.reports import REPORTS
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "collect.md"
COMMANDS = [
    line
    for block in blocks(PAGE, "sh")
    for line in block.text.splitlines()
    if line.startswith("agentmon ")
]
FORMATS = {
    "jsonl": ("deployments", "backups"),
    "csv": ("evaluation",),
    "toml": ("controls",),
    "json": ("capacity",),
}


def test_the_page_names_every_kind() -> None:
    """Each stands in the table."""
    text = PAGE.read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_work(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the reports of the example; what they push goes into a file."""
    monkeypatch.chdir(REPORTS)
    monkeypatch.delenv("AGENTMON_PUSH", raising=False)
    line = line.replace("pushgateway=http://localhost:9091", f"textfile={tmp_path}/x.prom")
    line = line.replace("--textfile shop.prom", f"--textfile {tmp_path}/x.prom")
    assert main(shlex.split(line)[1:]) == 0
    assert (tmp_path / "x.prom").exists() == ("x.prom" in line)


@pytest.mark.parametrize("language", FORMATS)
def test_formats_are_read(language: str, tmp_path: Path) -> None:
    """Each piece that is shown is taken, and says something."""
    shown = blocks(PAGE, language)
    for kind, block in zip(FORMATS[language], shown, strict=True):
        path = tmp_path / f"{kind}.{language}"
        path.write_text(block.text)
        assert gather([f"{kind}={path}"]).facts[kind]
