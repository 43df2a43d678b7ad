"""What is committed is the rendering of the defaults, and `agentmon build` says when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agentmon.assets.render import render, stale, write
from agentmon.cli import main
from agentmon.model.objectives import Objectives
from tests.docs.pages import ROOT

# The builders of Grafana warn that there is a newer form of dashboards.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The rendering of the defaults."""
    return render(Objectives())


def test_what_is_committed_is_fresh(files: dict[str, str]) -> None:
    """Nothing on disk differs from what would be written."""
    assert stale(files, ROOT) == [], "run `make build`"


def test_nothing_lies_around_that_is_not_rendered(files: dict[str, str]) -> None:
    """Folders that are rendered hold nothing else, such as a runbook of an alert that is gone."""
    for folder in ("prometheus", "docs/runbooks"):
        found = {
            str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()
        }
        assert found == {path for path in files if path.startswith(f"{folder}/")}


def test_one_wrong_byte_is_found_and_mended(files: dict[str, str], tmp_path: Path) -> None:
    """What differs is named, and written; what does not, is left alone."""
    assert sorted(write(files, tmp_path)) == sorted(files)
    assert stale(files, tmp_path) == []
    victim = "prometheus/alertmanager.yml"
    path = tmp_path / victim
    path.write_text(path.read_text().replace("30s", "31s"))
    assert stale(files, tmp_path) == [victim]
    assert write(files, tmp_path) == [victim]
    assert path.read_text() == files[victim]


def test_a_file_that_is_missing_or_no_text_is_not_fresh(tmp_path: Path) -> None:
    """Nothing is taken for granted."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert stale({"binary": "x", "missing": "x"}, tmp_path) == ["binary", "missing"]


def test_yaml_can_be_read_back(files: dict[str, str]) -> None:
    """Every file of YAML is one, and says that it was made."""
    for path, text in files.items():
        if path.endswith(".yml"):
            assert all(each is not None for each in yaml.safe_load_all(text)), path
            assert text.startswith("# Made by `agentmon build`"), path


def test_the_command_writes_what_objectives_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes once, then finds all fresh; with other objectives it is not."""
    objectives = tmp_path / "objectives.toml"
    objectives.write_text('runbooks_url = "https://wiki.example/r"')
    asked = ["build", "--to", str(tmp_path), "--objectives", str(objectives)]
    assert main([*asked, "--check"]) == 1
    assert f"not fresh: {tmp_path / 'prometheus/alertmanager.yml'}" in capsys.readouterr().err
    assert not (tmp_path / "prometheus").exists()
    assert main(asked) == 0
    assert f"wrote {tmp_path / 'prometheus/alertmanager.yml'}" in capsys.readouterr().out
    assert (
        "https://wiki.example/r/watchdog.md"
        in (tmp_path / "prometheus/rules/agentmon-alerts.yml").read_text()
    )
    assert main([*asked, "--check"]) == 0
    assert main(["build", "--to", str(tmp_path), "--check"]) == 1


def test_the_command_says_what_is_wrong_with_objectives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2, the message names the file, and nothing is written."""
    objectives = tmp_path / "objectives.toml"
    objectives.write_text("window = 1")
    assert main(["build", "--to", str(tmp_path), "--objectives", str(objectives)]) == 2
    assert f"agentmon build: {objectives}: window: got 1" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [objectives]
