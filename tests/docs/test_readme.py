"""The code in the pages runs as it stands there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks

WITH_CODE = [
    page
    for page in PAGES
    if blocks(page, "python")
    and "reference" not in page.parts  # signatures, not programs
    and page.name != "web-frameworks.md"  # needs packages of its own: `test_web` runs it
]


def run(page: Path) -> subprocess.CompletedProcess[str]:
    """Run the code of a page, all of it as one program, with a port that nobody has."""
    program = "\n".join(block.text for block in blocks(page, "python"))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace("127.0.0.1:9464", "127.0.0.1:0")],
        cwd=ROOT,
        input="\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_pages_with_code_are_found() -> None:
    """The pages that promise code that runs have some."""
    assert {ROOT / "README.md", ROOT / "docs" / "getting-started.md"} <= set(WITH_CODE)


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_code_runs(page: Path) -> None:
    """The Python code of a page runs to its end and warns of nothing."""
    done = run(page)
    assert done.returncode == 0, done.stderr


def test_quickstart_says_what_it_measured() -> None:
    """The quickstart of the README is 15 lines, and prints the agent and the tool it measured."""
    (block,) = blocks(ROOT / "README.md", "python")
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 15
    out = run(ROOT / "README.md").stdout
    assert "fine and too long" in out
    assert "agent editor: 2 calls" in out
    assert "tool word_count: 2 calls" in out
    assert "http://127.0.0.1:" in out
