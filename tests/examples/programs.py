"""Running examples as a user does: in a process of their own, from the root of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "run_program", "start_program"]

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 120


def start_program(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start ``python *arguments*`` with more environment variables."""
    return subprocess.Popen(
        (sys.executable, "-W", "default::ResourceWarning", *arguments),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(
    *arguments: str, code: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python *arguments*`` to its end, which must be with exit code *code*."""
    with start_program(*arguments, **variables) as program:
        try:
            out, err = program.communicate(timeout=LONGEST_SECONDS)
        finally:
            program.kill()
    assert program.returncode == code, f"exit code {program.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(program.args, program.returncode, out, err)
