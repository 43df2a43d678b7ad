"""``agentmon run`` against python itself, and what a program records that knows nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROGRAM = """
import sys

def fail():
    raise LookupError("not there")

print(sys.argv, __name__, __file__, sys.path[0], sorted(globals()), sys.modules[__name__].fail)
match sys.argv[-1]:
    case "fail":
        fail()
    case "7":
        sys.exit(7)
    case "words":
        sys.exit("that is why")
    case "interrupt":
        raise KeyboardInterrupt
"""
SPAWNING = """
import multiprocessing

def double(n):
    return 2 * n

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""
ASKING = """
import sqlite3
sqlite3.connect("/tmp/../orders.sqlite".replace("/tmp/..", "{folder}")).execute("select 1")
"""
CONFIGURING = """
import agentmon
agentmon.configure(service="clerk", resources=False)
with agentmon.agent("a"):
    pass
"""


def python(folder: Path, *line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What this interpreter does with a command line."""
    return subprocess.run(
        [sys.executable, *line],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
    )


def pushed(folder: Path, *line: str, **variables: str) -> str:
    """What a program recorded."""
    file = folder / "recorded.prom"
    ended = python(
        folder, "-m", "agentmon", "run", *line, AGENTMON_PUSH=f"textfile={file}", **variables
    )
    assert not ended.returncode, ended.stderr
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        ("app.py", "-x", "--", "--flag"),
        ("./app.py", "fail"),
        ("app.py", "7"),
        ("app.py", "words"),
        ("app.py", "interrupt"),
        ("-m", "app", "-m", "fail"),
        ("-m", "nowhere"),
        ("folder", "fail"),
        ("archive.zip", "7"),
        ("broken.py",),
    ],
    ids=" ".join,
)
def test_a_program_runs_as_python_itself_would_run_it(
    tmp_path: Path, line: tuple[str, ...]
) -> None:
    """Its arguments, its ``__main__``, its output, its traceback and its exit status."""
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(PROGRAM)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", PROGRAM)
    theirs = python(tmp_path, *line)
    ours = python(tmp_path, "-m", "agentmon", "run", *line)
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)
    assert ours.stdout.partition(" at 0x")[0] == theirs.stdout.partition(" at 0x")[0]
    if line[-1] == "interrupt":
        assert ours.returncode == -signal.SIGINT


def test_processes_that_are_spawned_find_the_program(tmp_path: Path) -> None:
    """They load it again by its file, as they do without us."""
    (tmp_path / "app.py").write_text(SPAWNING)
    ended = python(tmp_path, "-m", "agentmon", "run", "app.py")
    assert ended.stdout == "[2, 4]\n", ended.stderr


def test_a_program_that_knows_nothing_of_it_is_measured(tmp_path: Path) -> None:
    """A statement is a call of the database."""
    (tmp_path / "app.py").write_text(ASKING.format(folder=tmp_path))
    seen = pushed(tmp_path, "app.py")
    assert 'agentmon_dependency_calls_total{dependency="orders.sqlite"' in seen


def test_the_variable_says_which_libraries_are_measured(tmp_path: Path) -> None:
    """Others are left alone."""
    (tmp_path / "app.py").write_text(ASKING.format(folder=tmp_path))
    assert "orders.sqlite" not in pushed(tmp_path, "app.py", AGENTMON_INSTRUMENT="httpx, redis")
    assert "orders.sqlite" in pushed(tmp_path, "app.py", AGENTMON_INSTRUMENT="sqlite3")


def test_a_program_that_configures_itself_needs_only_the_variable(tmp_path: Path) -> None:
    """What it names is measured from then on."""
    (tmp_path / "app.py").write_text(
        "import agentmon\nagentmon.configure()" + ASKING.format(folder=tmp_path)
    )
    file = tmp_path / "recorded.prom"
    ended = python(
        tmp_path, "app.py", AGENTMON_PUSH=f"textfile={file}", AGENTMON_INSTRUMENT="sqlite3"
    )
    assert not ended.returncode, ended.stderr
    assert "orders.sqlite" in file.read_text(encoding="utf-8")


def test_what_the_program_configures_wins(tmp_path: Path) -> None:
    """The environment stands in for it until then."""
    (tmp_path / "app.py").write_text(CONFIGURING)
    seen = pushed(tmp_path, "app.py", AGENTMON_SERVICE="other")
    assert 'agent="a"' in seen
    assert 'service="clerk"' in seen
    assert 'service="other"' not in seen


@pytest.mark.parametrize(
    ("line", "variables", "said"),
    [
        ((), {}, "got no program, allowed a file, or -m and a module"),
        (("-m",), {}, "got no program"),
        (("nowhere.py",), {}, "agentmon run: cannot open 'nowhere.py': No such file or directory"),
        (
            ("x.py",),
            {"AGENTMON_INSTRUMENT": "curl"},
            "AGENTMON_INSTRUMENT: got 'curl', allowed auto",
        ),
        (("x.py",), {"AGENTMON_SERVE": "nowhere"}, "AGENTMON_SERVE: got 'nowhere'"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(
    tmp_path: Path, line: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    """With the exit status of bad use."""
    ended = python(tmp_path, "-m", "agentmon", "run", *line, **variables)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
