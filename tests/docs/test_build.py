"""The generated pages: rendered from the code, and found out when they are not what it says."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import agentmon
import agentmon.testing
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
BUILD = ROOT / "docs" / "build.py"


def build(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, BUILD, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def module() -> ModuleType:
    """The command as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_committed_pages_are_fresh() -> None:
    """The pages in the repository are what the code says."""
    done = build("--check")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", ["api.md", "metrics.md", "settings.md"])
def test_one_wrong_byte_is_found_and_mended(tmp_path: Path, page: str) -> None:
    """A page with one byte changed fails the check, which says how to mend it; that mends it."""
    folder = shutil.copytree(REFERENCE, tmp_path / "reference")
    content = bytearray((folder / page).read_bytes())
    middle = len(content) // 2
    content[middle] ^= 1
    (folder / page).write_bytes(content)

    done = build("--check", "--folder", folder)
    assert done.returncode == 1
    assert f"--- {folder / page}" in done.stdout
    assert "make build" in done.stdout
    assert (folder / page).read_bytes() == content, "a check must not write"

    assert build("--folder", folder).returncode == 0
    assert (folder / page).read_bytes() == (REFERENCE / page).read_bytes()
    assert build("--check", "--folder", folder).returncode == 0


def test_a_page_that_is_missing_is_stale(tmp_path: Path) -> None:
    """A page that was never written fails the check."""
    done = build("--check", "--folder", tmp_path)
    assert done.returncode == 1
    assert "+# Metrics" in done.stdout


def test_an_export_that_no_part_lists_stops_the_build(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds to the public door is told to say where the reference shows it."""
    monkeypatch.delitem(module.PARTS, "Threads")
    with pytest.raises(SystemExit, match=r"differ in: carry, carrying"):
        module.api_page(ROOT)


def test_reference_has_all_that_is_public() -> None:
    """Everything exported has an entry with its signature or its docstring."""
    page = (REFERENCE / "api.md").read_text()
    for package in (agentmon, agentmon.testing):
        for name in set(package.__all__) - {"__version__"}:
            assert f"\n### `{package.__name__}.{name}`\n" in page
    for argument in ("serve_optional", "named_by", "cached_tokens", "max_series"):
        assert f"| `{argument}` |" in page
