"""
Change the package in small ways and see whether a test fails: ``python -m tests.mutation``.

Prints each change that no test noticed, but for those that are judged in ``judged.txt``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.run import ROOT, killed, measured, workspace

__all__ = ["JUDGED", "survivors"]

#: What is changed, and the tests that are to notice.
TESTS = {
    "agentmon/model": ("tests/model", "tests/record"),
    "agentmon/model/catalogue/operations.py": ("tests/assets", "tests/docs/test_build.py"),
    "agentmon/model/attributes.py": ("tests/instrumentation/test_host.py",),
    "agentmon/model/objectives.py": (
        "tests/model/test_objectives.py",
        "tests/assets/test_objectives.py",
    ),
    "agentmon/assets/objectives.py": ("tests/assets/test_objectives.py",),
    "agentmon/assets/routing.py": ("tests/assets/test_routing.py", "tests/e2e/test_routing.py"),
    "agentmon/assets/told.py": ("tests/assets/test_routing.py",),
    "agentmon/record": ("tests/record",),
    "agentmon/export/text.py": ("tests/export/test_text.py",),
    "agentmon/instrumentation": ("tests/instrumentation", "tests/test_testing.py"),
}
#: Changes that no test can notice, or need not, with the reason.
JUDGED = Path(__file__).parent / "judged.txt"


def _judged() -> set[str]:
    lines = JUDGED.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def survivors(
    places: Sequence[str],
    sample: int | None = None,
    only: frozenset[str] = frozenset(),
    *,
    loud: bool = False,
) -> tuple[int, list[str]]:
    """
    Try changes.

    Args:
        places: Keys of `TESTS`, or modules below them.
        sample: How many, drawn with a fixed seed; all by default.
        only: Names of those to try; all by default.
        loud: Whether to print what comes of each.

    Returns:
        How many were tried, and the names of those that no test noticed and nobody judged.
    """
    paths = list(dict.fromkeys(path for place in places for path in _modules(place)))
    tests = {test for place, some in TESTS.items() if _within(place, paths) for test in some}
    judged = _judged()
    changes = [
        (path, mutant)
        for path in paths
        for mutant in mutants((ROOT / path).read_text(encoding="utf-8"))
        if f"{path} {mutant.name}" not in judged and (not only or f"{path} {mutant.name}" in only)
    ]
    if sample is not None:
        changes = random.Random(1).sample(changes, min(sample, len(changes)))
    found: list[str] = []
    with tempfile.TemporaryDirectory() as name, workspace(Path(name).resolve()) as folder:
        baseline = measured(folder, paths, sorted(tests))
        for path, mutant in changes:
            noticed = killed(folder, path, mutant, baseline)
            if not noticed:
                found.append(f"{path} {mutant.name}")
            if loud:
                _say(path, mutant, noticed=noticed)
    return len(changes), found


def _modules(place: str) -> list[str]:
    start = ROOT / place
    files = sorted(start.glob("*.py")) if start.is_dir() else [start]
    return [str(file.relative_to(ROOT)) for file in files if file.name != "__init__.py"]


def _within(place: str, paths: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for path in paths)


def _say(path: str, mutant: Mutant, *, noticed: bool) -> None:
    verdict = "noticed " if noticed else "SURVIVED"
    print(f"{verdict} {path}:{mutant.line} {mutant.name}", flush=True)


def main() -> None:
    """Try the changes and print what no test noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("places", nargs="*", default=[*TESTS], help="folders or modules")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of the changes only")
    parser.add_argument("--only", type=Path, metavar="FILE", help="those named in its lines only")
    options = parser.parse_args()
    only = options.only.read_text(encoding="utf-8").splitlines() if options.only else []
    tried, found = survivors(options.places, options.sample, frozenset(only), loud=True)
    print(f"{tried} changes, {len(found)} not noticed")
    for name in found:
        print(name)


if __name__ == "__main__":
    main()
