"""The changes are what they should be, and the tests notice a sample of them."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.__main__ import JUDGED, TESTS, survivors
from tests.mutation.mutants import mutants
from tests.mutation.run import ROOT

SOURCE = '''
"""A docstring with 1 < 2."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    LIMIT: int = 3
__all__ = ["f"]

class C:
    __slots__ = ("x",)

    def f(self, é: "list[1]", y: int = 7) -> int:
        self.x = é
        if self.x and not y:
            raise ValueError(f"é {1 < y}")
        while y <= 3:
            y += 1
            continue
        del y
        return 5 if é else None
'''


def test_every_kind_of_change_is_made() -> None:
    """Each statement and expression is changed in its place, and nothing else is."""
    made = mutants(SOURCE)
    assert [mutant.name for mutant in made] == [
        "C.f: 7 -> (8)",
        "C.f: self.x = é -> pass",
        "C.f: self.x and not y -> (self.x or not y)",
        "C.f: not y -> (y)",
        'C.f: raise ValueError(f"é {1 < y}") -> pass',
        "C.f: y <= 3 -> (y < 3)",
        "C.f: 3 -> (4)",
        "C.f: y += 1 -> pass",
        "C.f: 1 -> (2)",
        "C.f: continue -> break",
        "C.f: del y -> pass",
        "C.f: return 5 if é else None -> return None",
        "C.f: 5 if é else None -> (None if é else 5)",
        "C.f: 5 -> (6)",
    ]
    for mutant in made:
        ast.parse(mutant.source)
        assert len(mutant.source) - len(SOURCE) == len(mutant.after) - len(mutant.before)


def test_conditions_are_negated() -> None:
    """A condition that is a name or a call is negated."""
    made = mutants("if f(x):\n    g()\nwhile x:\n    pass\n")
    assert [mutant.name for mutant in made] == [
        ": f(x) -> (not f(x))",
        ": g() -> pass",
        ": x -> (not x)",
    ]


def test_changes_that_are_alike_are_numbered() -> None:
    """Two changes that would have one name are told apart."""
    assert [mutant.name for mutant in mutants("f(1)[1]\n")] == [
        ": f(1)[1] -> pass",
        ": 1 -> (2)",
        ": 1 -> (2) #2",
    ]


def test_what_is_judged_is_still_there() -> None:
    """A judged change is one that could be made today."""
    lines = JUDGED.read_text(encoding="utf-8").splitlines()
    judged = {line for line in lines if line and not line.startswith("#")}
    places = [ROOT / place for place in TESTS]
    files = [f for p in places for f in (sorted(p.glob("*.py")) if p.is_dir() else [p])]
    possible = {
        f"{file.relative_to(ROOT)} {mutant.name}"
        for file in files
        for mutant in mutants(file.read_text(encoding="utf-8"))
    }
    assert judged - possible == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sample_of_changes_is_noticed() -> None:
    """Of a sample of changes to the recording layer, the tests notice four of five."""
    tried, found = survivors(["agentmon/record"], sample=40)
    assert tried == 40
    assert len(found) <= tried // 5, "\n".join(found)
