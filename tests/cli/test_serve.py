"""``agentmon serve``: the counts of a folder, on an address."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from agentmon.cli import main
from tests.record.shared.sharers import Sharer

ROOT = Path(__file__).resolve().parents[2]


def test_counts_of_a_folder_are_served_until_it_is_stopped(tmp_path: Path) -> None:
    """What processes count is scraped from it while they live and after, and SIGTERM ends it."""
    one = Sharer(tmp_path)
    tool = one.tool()
    tool.keep(5)
    command = [sys.executable, "-c", "import sys; from agentmon.cli import main; sys.exit(main())"]
    with subprocess.Popen(
        [*command, "serve", "--dir", str(tmp_path), "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        line = 'agentmon_tool_calls_total{tool="measure",agent="",outcome="ok"} '
        with urlopen(f"{url}/metrics") as answer:
            assert f"{line}1\n" in answer.read().decode()
        tool.keep(5)
        one.die()
        with urlopen(f"{url}/metrics") as answer:
            assert f"{line}2\n" in answer.read().decode()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_a_folder_without_counts_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so and ends with status 1."""
    assert main(["serve", "--dir", str(tmp_path), "--listen", "127.0.0.1:0"]) == 1
    assert "holds no counts" in capsys.readouterr().err


def test_a_folder_has_to_be_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither argument nor variable: status 2."""
    monkeypatch.delenv("AGENTMON_SHARED_DIR", raising=False)
    assert main(["serve"]) == 2
    assert "--dir" in capsys.readouterr().err
