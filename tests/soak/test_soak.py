"""The soak itself, for a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_short_soak_accounts_for_every_span_and_keeps_its_memory(protocol: str) -> None:
    """After half a minute at full rate every span is accounted for, and memory has not grown."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.5", "--protocol", protocol],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 unaccounted for" in done.stdout
