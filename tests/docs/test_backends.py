"""The settings and files that the page on backends shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
VARIABLES = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _run(program: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTMON_", "OTEL_"))}
    return subprocess.run(
        [sys.executable, *program],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def test_page_shows_blocks_of_each_kind() -> None:
    """There is something to be tested."""
    assert (len(VARIABLES), len(FILES)) == (8, 2)


@pytest.mark.parametrize("block", VARIABLES)
def test_variables_are_accepted(block: str) -> None:
    """`agentmon config` finds nothing wrong, and says that agentmon exports."""
    variables = dict(line.split("=", 1) for line in block.splitlines())
    program = "import sys; from agentmon.cli import main; sys.exit(main(['config']))"
    done = _run(["-c", program], variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    assert "(not used)" not in done.stdout.partition("Spans that agentmon exports itself")[2]
    for line in block.splitlines():
        assert line.partition("=")[0] in done.stdout


@pytest.mark.parametrize("block", FILES)
def test_files_hang_together(block: str) -> None:
    """Files are YAML, with the receivers that the variables need, and name only what is there."""
    whole: dict[str, Any] = yaml.safe_load(block)
    receivers = whole.get("receivers") or whole["distributor"]["receivers"]
    ports = {
        each["endpoint"].rpartition(":")[2] for each in receivers["otlp"]["protocols"].values()
    }
    assert ports == {"4317", "4318"}
    for pipeline in whole.get("service", {}).get("pipelines", {}).values():
        for part, names in pipeline.items():
            assert set(names) <= set(whole[part])
