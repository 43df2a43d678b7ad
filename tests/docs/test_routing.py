"""What the page on routing shows: objectives that can be built, and what is explained of them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from agentmon.assets import routing
from agentmon.assets.objectives import parse
from agentmon.cli import main
from tests.assets.routed import lay, routes_test
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "routing.md"
WHOLE, OWNERS, DEADMAN = (block.text for block in blocks(PAGE, "toml"))


def test_what_is_declared_is_understood() -> None:
    """The file of the page has no mistake, and the receiver of the watchdog is found."""
    assert set(parse(WHOLE).regions) == {"eu", "us"}
    assert parse(WHOLE + OWNERS).components["queue"].team == "support"
    assert routing.tree(parse(DEADMAN)).routes[0].receiver == "deadman"


def test_what_is_explained_is_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command of the page prints just that."""
    (tmp_path / "objectives.toml").write_text(WHOLE)
    monkeypatch.chdir(tmp_path)
    (text,) = (each.text for each in blocks(PAGE, "console") if "explain" in each.text)
    command, _, expected = text.partition("\n")
    assert main(shlex.split(command)[2:]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.servers
@pytest.mark.parametrize("amtool", ["amtool2", "amtool"])
def test_amtool_says_what_the_page_verifies(amtool: str, tmp_path: Path) -> None:
    """Those that the page verifies are those who are told at some time."""
    (text,) = (each.text for each in blocks(PAGE, "sh") if "--verify" in each.text)
    words = shlex.split(text)
    labels = dict(word.split("=") for word in words if re.match(r"[a-z]+=", word))
    (verified,) = (word.partition("=")[2] for word in words if word.startswith("--verify"))
    path = lay(parse(WHOLE), tmp_path)
    assert routes_test(amtool, path, labels) == verified.split(",")


def test_receivers_need_what_the_table_says() -> None:
    """The table of receivers is that of the code."""
    from agentmon.model.objectives import _NEEDS

    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?)\|$", PAGE.read_text(), re.MULTILINE)
    told = {
        kind: (
            *re.findall(r"`(\w+)`", needs),
            *(f"{each}?" for each in re.findall(r"`(\w+)`", may)),
        )
        for kind, needs, may in rows
    }
    assert told == dict(_NEEDS)
