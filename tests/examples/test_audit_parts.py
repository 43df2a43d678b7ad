"""The audit's parts really measure, and really fail, for reasons that lie in the data."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.audit import packages, tools
from examples.audit.database import Database
from examples.audit.facts import Facts, estimate, measure
from examples.audit.failures import ContextTooLong, NoSources, SourceTooLarge
from examples.audit.findings import Claim, Finding
from examples.audit.model import BLOCK, LocalModel
from examples.audit.packages import Package
from examples.audit.reviewer import Reviewer
from examples.audit.service import LookupService
from examples.audit.summary import format_duration, format_table

MODULE = '''"""A module."""
import os
try:
    import yaml
except ImportError:
    yaml = None

def simple():
    """Documented."""

def branching(a, b):
    if a and b:
        return [x for x in a if x]
    while b:
        b -= 1

class _Private:
    pass
'''


def test_measure_counts_branches_docstrings_and_imports() -> None:
    """A module's most complex function, documented names and imports are those that it has."""
    facts = measure(MODULE)
    assert (facts.worst, facts.worst_line, facts.complexity) == ("branching", 11, 5)
    assert (facts.functions, facts.documented, facts.documentable) == (2, 2, 3)
    assert sorted(facts.imports) == [("os", 2, False), ("yaml", 4, True)]


def test_estimate_counts_functions_of_what_does_not_parse() -> None:
    """Functions of a Python 2 module are counted from its tokens."""
    old = "def f():\n    print 'old'\n"
    with pytest.raises(SyntaxError):
        measure(old)
    assert estimate(old) == 1


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"x = 1\n" * 100, SourceTooLarge),
        (b"# -*- coding: utf-8 -*-\nx = '\xff'\n", UnicodeDecodeError),
        (b"# -*- coding: nonsense -*-\n", SyntaxError),
    ],
)
def test_read_source_fails_for_a_reason(
    tmp_path: Path, content: bytes, failure: type[Exception]
) -> None:
    """A file that is too large, or in no known encoding, is refused as just that."""
    path = tmp_path / "module.py"
    path.write_bytes(content)
    with pytest.raises(failure):
        tools.read_source(path, limit=100)


def test_package_without_sources_is_refused() -> None:
    """Where there is nothing to read, the package is named."""
    with pytest.raises(NoSources, match="types-psutil"):
        packages.sources(Package("types-psutil", "1", folder=Path(__file__).parent / "nowhere"))


def test_model_reads_a_known_beginning_from_its_cache() -> None:
    """A prompt costs its whole blocks once; a prompt that begins alike finds them cached."""
    model = LocalModel()
    beginning = ["word"] * (2 * BLOCK)
    assert model.read([*beginning, "first"])[1] == 0
    assert model.read([*beginning, "other"])[1] == 2 * BLOCK
    assert model.read(["else", *beginning])[1] == 0


def test_model_streams_no_more_than_asked_for() -> None:
    """The summary ends with the sentence that reaches the limit, the most telling one first."""
    document = (
        "Nothing special happens in this sentence. "
        "Agents measure agents while other agents measure tools. "
        "Agents measure everything that agents measure."
    )
    assert list(LocalModel().chat("", document, 5)) == [
        "Agents measure everything that agents measure."
    ]
    assert len(list(LocalModel().chat("", document, 500))) == 3


def test_model_refuses_what_exceeds_its_context() -> None:
    """A prompt that is too long is refused with its length and the context's."""
    with pytest.raises(ContextTooLong, match="12 tokens, the context holds 10"):
        list(LocalModel(context=10).chat("two words", "word " * 10, 5))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database that knows three packages."""
    database = Database(tmp_path / "audit.sqlite")
    database.register(
        (
            Package("old", "1.2", requires=()),
            Package("new", "2.0b1", requires=("old>=2",)),
            Package("fine", "3.0", requires=("old (>=1,<2) ; python_version > '3'",)),
        )
    )
    yield database
    database.close()


@pytest.fixture
def service(database: Database) -> Iterator[str]:
    """The URL of a lookup service on that database."""
    service = LookupService(database)
    yield f"http://127.0.0.1:{service.port}"
    service.close()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("licence/MIT", {"ids": ["MIT"], "approved": True}),
        ("licence/MIT%20OR%20WTFPL", {"ids": ["MIT", "WTFPL"], "approved": False}),
        ("conflicts/old", {"version": "1.2", "conflicts": ["new requires old>=2"]}),
        ("conflicts/fine", {"version": "3.0", "conflicts": []}),
    ],
)
def test_service_answers(service: str, question: str, answer: object) -> None:
    """Licences and version conflicts come from the database."""
    with urllib.request.urlopen(f"{service}/{question}", timeout=30) as response:
        assert json.load(response) == answer


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("licence/Homemade", 404),
        ("conflicts/unheard-of", 404),
        ("copies/fine", 404),
        ("weather/here", 404),
        ("conflicts/new", 500),
    ],
)
def test_service_fails_for_a_reason(service: str, question: str, status: int) -> None:
    """What is not known is 404; a pre-release breaks it, which is 500."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{service}/{question}", timeout=30)
    with caught.value as error:
        assert error.code == status
        assert "error" in json.load(error)


def test_service_finds_copied_files(service: str, database: Database) -> None:
    """A file whose lines another package's file shares is a copy; others are not."""
    lines = [f"something = {n} * the_number_of_lines" for n in range(40)]
    texts = {
        "old": "\n".join(lines),
        "fine": "\n".join([*lines[:35], *(f"entirely_different = 'text {n}'" for n in range(5))]),
        "new": "\n".join(f"no_line_in_common_with_them = {n}" for n in range(40)),
    }
    with database.transaction() as writing:
        for name, text in texts.items():
            found: Facts = measure(text)
            writing.execute(
                "INSERT INTO module (package, path, lines, sketch) VALUES (?, ?, ?, ?)",
                (name, f"{name}.py", found.lines, json.dumps(found.sketch)),
            )
    with urllib.request.urlopen(f"{service}/copies/fine", timeout=30) as response:
        assert json.load(response)["copies"] == [
            {"path": "fine.py", "package": "old", "like": "old.py"}
        ]


def test_reviewer_rejects_what_the_source_does_not_show(tmp_path: Path) -> None:
    """A claim is looked up where it points to: the true one passes, the false one is named."""
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    true = Claim("branching has 5 branches", str(path), 11, "def branching")
    false = Claim("gone has 9 branches", str(path), 11, "def gone")
    assert Reviewer().check(Finding("complexity", "", (true,))).accepted
    reasons = Reviewer().check(Finding("complexity", "", (true, false))).reasons
    assert len(reasons) == 1
    assert "gone has 9 branches" in reasons[0]
    assert not Reviewer().check(Finding("complexity", "", coverage=0.5)).accepted


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (float("nan"), "-"),
        (0.0000004, "0.400 µs"),
        (0.00123456, "1.23 ms"),
        (0.0999, "99.9 ms"),
        (0.09999, "100 ms"),
        (0.99999, "1.00 s "),
        (12.345, "12.3 s "),
        (1234.5, "1234 s "),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    """A duration is written with three digits and a unit that keeps a column aligned."""
    assert format_duration(seconds) == text


def test_table_is_aligned() -> None:
    """Names stand to the left, numbers to the right, headings on lines of their own."""
    many = ("  first", "b", "1,000", "7", "1 ms", "1 ms", "1 ms", "10 ms", "3 error")
    few = ("  2nd", "b", "8", "7", "1 ms", "1 ms", "1 ms", "1 ms", "")
    header, *above, upper, lower = format_table([("kind",), many, few]).splitlines()
    assert above == ["", "kind"]
    end_of_calls = header.index("calls") + len("calls")
    assert upper[:end_of_calls].endswith(" 1,000")
    assert lower[:end_of_calls].endswith(" 8")
    assert upper.index("first") == lower.index("2nd")
    assert header.index("not ok") == upper.index("3 error")
