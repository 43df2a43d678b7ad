"""Run the tests that see a line, with that line changed, in a copy of the checkout."""

from __future__ import annotations

import functools
import inspect
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.mutants import Mutant

__all__ = ["Baseline", "killed", "measured", "workspace"]

ROOT = Path(__file__).parents[2]
_COPIED = ("agentmon", "tests", "examples", "pyproject.toml", "docs")
_MARKS = "not slow and not servers and not browser"
_FEW = 12  # tests that are tried before all others that see the line
_PATIENCE = 10.0  # times the usual time and a second; what hangs is noticed too
_MOST_BYTES = 4 << 30

#: Loaded before the processes are forked that run the tests: only agentmon differs in them.
_PRELOADED = ("hypothesis", "prometheus_client", "opentelemetry.sdk.trace", "asyncio", "_pytest")


class Baseline:
    """
    What the tests do while nothing is changed.

    Args:
        seconds: How long each test takes, by its id.
        seen: The tests that run a line, by file (relative to the checkout) and line.
        unseen: Tests of which that is not known.
    """

    def __init__(
        self,
        seconds: dict[str, float],
        seen: dict[str, dict[int, list[str]]],
        unseen: list[str],
    ) -> None:
        self.seconds = seconds
        self.seen = seen
        self.unseen = unseen

    def tests(self, path: str, line: int) -> list[str]:
        """
        The tests that run a line, the fastest first.

        All that run any line of the file where none runs that one, or where it is run outside of
        tests too: what is made when modules are imported, any test may use.
        """
        lines = self.seen.get(path, {})
        ids = lines.get(line, [""])
        if "" in ids:
            ids = sorted({test for tests in lines.values() for test in tests if test})
        own = f"test_{Path(path).stem}.py"
        ids = sorted(ids, key=lambda test: (own not in test, self.seconds.get(test, 1.0)))
        return [*ids, *self.unseen]


class _Watch:
    """Tells coverage which test runs, and notes how long it took."""

    def __init__(self, measuring: coverage.Coverage) -> None:
        self._measuring = measuring
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.unseen: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        # What a signal handler raises while coverage holds its lock would leave that locked, and
        # what another process runs is not seen. Nor is what a test runs that traces by itself,
        # which ends the measuring of all that come after it.
        source = inspect.getsource(item.function) if isinstance(item, pytest.Function) else ""
        unseen = "signal." in source or "subprocess." in source
        if unseen:
            self._measuring.stop()
            self.unseen.append(item.nodeid)
        else:
            self._measuring.switch_context(item.nodeid)
        tracing = sys.gettrace()
        try:
            return (yield)
        finally:
            if not unseen and sys.gettrace() is not tracing:
                self._measuring.stop()
                self.unseen.append(item.nodeid)
                unseen = True
            if unseen:
                self._measuring.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        taken = self.seconds.get(report.nodeid, 0.0) + report.duration
        self.seconds[report.nodeid] = taken
        if report.failed:
            self.failed.append(report.nodeid)


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A copy of the checkout, which is made the place that agentmon is imported from."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    # Without compiled files, which may be taken for those of another change of the same second.
    sys.dont_write_bytecode = True
    before = os.environ.get("PYTHONDONTWRITEBYTECODE")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in _PRELOADED:
        __import__(name)
    try:
        yield folder
    finally:
        sys.dont_write_bytecode = False
        if before is None:
            del os.environ["PYTHONDONTWRITEBYTECODE"]


def measured(folder: Path, paths: Iterable[str], tests: Iterable[str]) -> Baseline:
    """
    Run the tests unchanged.

    Those that fail are left out, and printed: measuring takes time and memory, which a few of them
    look at.
    """
    result = folder / "baseline.json"

    def run() -> int:
        include = [str(folder / path) for path in paths]
        measuring = coverage.Coverage(data_file=None, config_file=False, include=include)
        watch = _Watch(measuring)
        measuring.start()
        _pytest([*tests], [watch])
        measuring.stop()
        data = measuring.get_data()
        seen = {
            str(Path(file).relative_to(folder)): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
        found = {
            "seconds": watch.seconds,
            "seen": seen,
            "unseen": watch.unseen,
            "failed": watch.failed,
        }
        result.write_text(json.dumps(found), encoding="utf-8")
        return 0

    _forked(folder, run, seconds=1800)
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    failed = set(found["failed"])
    for test in sorted(failed):
        print(f"left out, because it fails unchanged: {test}")
    seen = {
        path: {int(line): sorted({*ids} - failed) for line, ids in lines.items()}
        for path, lines in found["seen"].items()
    }
    return Baseline(found["seconds"], seen, sorted({*found["unseen"]} - failed))


def killed(folder: Path, path: str, mutant: Mutant, baseline: Baseline) -> bool:
    """Whether a test fails, or hangs, with the change."""
    module = folder / path
    before = module.read_text(encoding="utf-8")
    module.write_text(mutant.source, encoding="utf-8")
    tests = baseline.tests(path, mutant.line)
    try:
        for some in (tests[:_FEW], tests[_FEW:]):
            seconds = _PATIENCE * (1 + sum(baseline.seconds.get(test, 1.0) for test in some))
            run = functools.partial(_pytest, ["-x", *some], [])
            if some and _forked(folder, run, seconds):
                return True
    finally:
        module.write_text(before, encoding="utf-8")
    return False


def _pytest(arguments: list[str], plugins: list[object]) -> int:
    quiet = ["-q", "-m", _MARKS, "-p", "no:randomly", "-p", "no:cacheprovider"]
    quiet += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was preloaded
    return int(pytest.main([*quiet, *arguments], plugins))


def _forked(folder: Path, work: Callable[[], int], seconds: float) -> bool:
    """Do it in a child with the copy as its checkout; True unless it returns 0 in time."""
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
            os.chdir(folder)
            sys.path[:0] = [str(folder)]
            for name in [n for n in sys.modules if n.partition(".")[0] in {"agentmon", "tests"}]:
                del sys.modules[name]
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            status = work()
        finally:
            os._exit(status)  # whatever was raised: nothing of the parent is to run here
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _clear(child)
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.01)
    _clear(child)
    os.waitpid(child, 0)
    return True


def _clear(group: int) -> None:
    """End what a child has started and left, with the child."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
