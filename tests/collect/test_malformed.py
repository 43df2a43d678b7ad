"""Reports that are not what they should be: each is refused, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.collect.gather import gather
from agentmon.errors import CollectError

DEPLOYED = '{"component": "a", "environment": "b", "deployed_at": "2026-01-02T00:00Z"'

LINE = """<coverage>
<package name="a"><class><lines>
<line number="1" %s/></lines></class></package></coverage>"""

#: Kind, name of the file, content, where the mistake is, and what is said of it.
WRONG = [
    ("coverage", "x.xml", "<coverage>\n<packages", 2, "got no XML: unclosed token"),
    ("coverage", "x.xml", "", 1, "got no XML: no element found"),
    ("coverage", "x.xml", "<testsuites/>", 1, "got <testsuites>, allowed <coverage>"),
    ("coverage", "x.xml", LINE % 'hits="x"', 3, "hits: got 'x', allowed a number from 0"),
    (
        "coverage",
        "x.xml",
        LINE % 'hits="1" branch="true" condition-coverage="150% (3/2)"',
        3,
        "allowed such as 50% (1/2)",
    ),
    ("junit", "x.xml", '<testsuite time="-1"\n/>', 1, "time: got '-1', allowed a number from 0"),
    ("junit", "x.xml", "<testsuite>\n<testcase/></testsuite>", 2, "got no 'name'"),
    ("junit", "x.xml", '<testsuite timestamp="soon"/>', 1, "allowed a date and time"),
    ("radon-cc", "x.json", '{"a.py":\n [{"type": "function"}]}', 2, "got no 'complexity'"),
    ("radon-cc", "x.json", '{"a.py":\n\n "x"}', 3, "a.py: got 'x', allowed a list"),
    ("radon-mi", "x.json", '{"a.py": {\n"mi": 101}}', 2, "allowed a number from 0 to 100"),
    ("ruff", "x.json", "[\n{,", 2, "got no JSON"),
    ("ruff", "x.json", "{}", 1, "allowed a list"),
    ("ruff", "x.json", '[\n{"code": "E1", "filename": 3}]', 2, "[0].filename: got 3, allowed text"),
    ("ruff", "x.json", "[" * 100_000, None, "nested too deeply"),
    ("mypy", "x.json", '{"file": "a", "severity": "note"}\nFound 1 error', 2, "got no JSON"),
    ("mypy", "x.json", '\n{"file": "a", "severity": "bad"}', 2, "severity: got 'bad'"),
    ("pip-audit", "x.json", '{"dependencies": [{"name": "a"}]}', 1, "got no 'vulns'"),
    ("bandit", "x.json", '{"results":\n[{"issue_severity": "BAD"}]}', 2, "got 'BAD', allowed"),
    ("trivy", "x.json", '{\n"SchemaVersion": 3}', 2, "got 3, allowed a number from 2 to 2"),
    ("evaluation", "x.csv", "agent,version\na", 2, "got 1 values, allowed 2"),
    ("evaluation", "x.csv", "", 1, "allowed a line of names first"),
    ("evaluation", "x.csv", "agent,version,dimension,score\na,1,b,2", 2, "from 0 to 1"),
    ("evaluation", "x.csv", "agent,version,dimension,score\na,1,b,nan", 2, "got 'nan'"),
    ("certificate", "x.pem", "nothing", None, "allowed whole certificates in PEM"),
    ("controls", "x.toml", "[[controls]]\ncontrol = 'a'", None, "neither 'met' nor 'evidence'"),
    ("controls", "x.toml", "a = \n", None, "got no TOML"),
    ("controls", "x.yaml", "controls:\n- a: [", 2, "got no YAML"),
    ("controls", "x.yaml", "a: &a [x]\nb: *a", None, "got an alias"),
    ("backups", "x.jsonl", "{}\n", 1, "got no 'at'"),
    ("backups", "x.ini", "", None, "ends in '.ini', allowed .json"),
    ("backups", "x.jsonl", '\n{"at": 1, "what": 2}', 2, "got 'what', allowed backup, run"),
    ("deployments", "x.jsonl", f"{DEPLOYED}}}\n{DEPLOYED}, ", 2, "got no JSON"),
    (
        "deployments",
        "x.jsonl",
        f'{DEPLOYED}, "rollback_of": "v9"}}',
        1,
        "id of a deployment before",
    ),
    ("deployments", "x.jsonl", f'{DEPLOYED}, "committed_at": "2027-01-01"}}', 1, "before deployed"),
    ("deployments", "x.jsonl", DEPLOYED.replace('"a"', '"\\n"') + "}", 1, "allowed text"),
    ("deployments", "x.jsonl", DEPLOYED.replace("01-02", "13-02") + "}", 1, "a date and time"),
    ("capacity", "x.json", '[\n{"resource": "a",\n"limit": true}]', 3, "limit: got True"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong[0]}: {wrong[-1]}")
def test_what_is_wrong_is_said_with_file_and_line(
    wrong: tuple[str, str, str, int | None, str], tmp_path: Path
) -> None:
    """The message begins with the file and the line of the mistake."""
    kind, name, content, line, said = wrong
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(CollectError) as caught:
        gather([f"{kind}={path}"])
    where = f"{path}: " if line is None else f"{path}:{line}: "
    assert str(caught.value).startswith(where)
    assert said in str(caught.value)


BOMB = '<!DOCTYPE coverage [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n<coverage>&b;</coverage>'


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        '<!DOCTYPE coverage [<!ENTITY a SYSTEM "file:///etc/passwd">]><coverage>&a;</coverage>',
        '<!DOCTYPE coverage SYSTEM "x.dtd" [<!ENTITY % a SYSTEM "http://127.0.0.1:9/">%a;]><coverage/>',
        "<!DOCTYPE coverage []><coverage/>",
    ],
)
def test_a_dtd_within_a_file_is_refused(content: str, tmp_path: Path) -> None:
    """Nothing that a report declares grows, or is fetched from elsewhere."""
    path = tmp_path / "x.xml"
    path.write_text(content)
    with pytest.raises(CollectError, match=r"x\.xml:1: got a DTD within the file"):
        gather([f"coverage={path}"])


def test_a_dtd_elsewhere_is_passed_over(tmp_path: Path) -> None:
    """Reports that name the DTD of their format are read; the DTD is not."""
    path = tmp_path / "x.xml"
    path.write_text(f'<!DOCTYPE coverage SYSTEM "{tmp_path}/none.dtd">\n<coverage/>')
    assert gather([f"coverage={path}"]).facts == {"coverage": []}


def test_elements_may_not_be_nested_without_end(tmp_path: Path) -> None:
    """A file of 100,000 open elements is refused, and exhausts no stack."""
    path = tmp_path / "x.xml"
    path.write_text("<coverage>" + "<a>" * 100_000)
    with pytest.raises(CollectError, match="more than 200 levels"):
        gather([f"coverage={path}"])


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """The line of the first such byte is named."""
    path = tmp_path / "x.json"
    path.write_bytes(b"[\n\xff]")
    with pytest.raises(CollectError, match=r"x\.json:2: got bytes that are not UTF-8"):
        gather([f"ruff={path}"])


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports are read whole, so there is a limit."""
    monkeypatch.setattr("agentmon.collect.source.MOST_BYTES", 10)
    path = tmp_path / "x.json"
    path.write_text("[" + " " * 10)
    with pytest.raises(CollectError, match="got more than 10 bytes"):
        gather([f"ruff={path}"])
