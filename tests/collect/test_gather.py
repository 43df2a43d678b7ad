"""Going through files: kinds, patterns, several runs, and what is wrong with any."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from agentmon.collect.gather import gather
from agentmon.errors import CollectError
from tests.collect.reports import REPORTS, told, values

TOLD = {
    "coverage.xml": "coverage",
    "junit-1.xml": "junit",
    "radon-cc.json": "radon-cc",
    "radon-mi.json": "radon-mi",
    "ruff.json": "ruff",
    "mypy.json": "mypy",
    "bandit.json": "bandit",
    "pip-audit.json": "pip-audit",
    "pip-audit-found.json": "pip-audit",
    "trivy.json": "trivy",
    "shop.pem": "certificate",
    "docs": "documentation",
}
OWN = ("deployments.jsonl", "backups.jsonl", "evaluation.csv", "controls.toml", "capacity.json")


@pytest.mark.parametrize(("name", "kind"), TOLD.items())
def test_a_report_is_told_by_its_content(name: str, kind: str) -> None:
    """The kind of each tool's report need not be said."""
    assert list(gather([str(REPORTS / name)]).facts) == [kind]


@pytest.mark.parametrize("name", OWN)
def test_files_of_our_own_are_not_guessed(name: str) -> None:
    """They could be anything; who collects them says what they are."""
    with pytest.raises(CollectError, match="its kind cannot be told; say it"):
        gather([str(REPORTS / name)])


@pytest.mark.parametrize("content", ["", "[]", "{}", "x", "\x00", "{" * 99_999, "null"])
def test_what_says_too_little_is_not_guessed(content: str, tmp_path: Path) -> None:
    """An empty list may come from many tools."""
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(CollectError, match="its kind cannot be told"):
        gather([str(path)])


def test_an_empty_list_is_no_findings_and_says_so(tmp_path: Path) -> None:
    """Zero findings are a sample of 0, not a gap."""
    (tmp_path / "x.json").write_text("[]")
    facts = told(f"ruff={tmp_path}/x.json")
    assert values(facts, "code_findings") == {(".", "ruff", ""): 0}


def test_mypy_that_found_nothing_is_read(tmp_path: Path) -> None:
    """It writes nothing, or that it succeeded."""
    for content in ("", "Success: no issues found in 3 source files\n"):
        (tmp_path / "x.json").write_text(content)
        facts = told(f"mypy={tmp_path}/x.json")
        assert values(facts, "code_findings") == {(".", "mypy", ""): 0}


def test_a_note_of_mypy_is_no_finding(tmp_path: Path) -> None:
    """It belongs to an error, which counts."""
    (tmp_path / "x.json").write_text(
        '{"file": "a/b.py", "severity": "error", "code": null}\n'
        '{"file": "a/b.py", "severity": "note", "code": null}\n'
    )
    facts = told(f"mypy={tmp_path}/x.json")
    assert values(facts, "code_findings") == {("a", "mypy", "misc"): 1, (".", "mypy", ""): 0}


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Each report that cannot be used has a line, and nothing is taken of the good ones."""
    (tmp_path / "x.json").write_text("[")
    given = (f"ruff={tmp_path}/x.json", "nothing-*.xml", "what=x", f"{REPORTS}/coverage.xml")
    with pytest.raises(CollectError) as caught:
        gather(given)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert any("there is no such file" in line for line in lines)
    assert any("got 'what', allowed coverage, junit" in line for line in lines)


def test_a_path_may_hold_an_equals_sign(tmp_path: Path) -> None:
    """What is before it is a kind only if there is such a kind, or no such file."""
    path = tmp_path / "a=b.xml"
    path.write_text("<coverage/>")
    assert list(gather([str(path)]).facts) == ["coverage"]


def test_a_file_that_is_named_twice_counts_once() -> None:
    """A pattern and a name may overlap."""
    facts = told(f"backups={REPORTS}/backups.jsonl", f"backups={REPORTS}/back*.jsonl")
    assert values(facts, "backups")["orders", "backup", "succeeded"] == 2


def test_two_reports_that_say_the_same_are_refused() -> None:
    """The one would silently win over the other; with names they do not clash."""
    one, other = REPORTS / "pip-audit.json", REPORTS / "pip-audit-found.json"
    with pytest.raises(CollectError, match=r"which .* says as well; give them names"):
        gather([str(one), str(other)])
    facts = told(f"pip-audit:api={one}", f"pip-audit:web={other}")
    found = values(facts, "security_findings")
    assert found["pip-audit", "api", "unknown"] == 0
    assert found["pip-audit", "web", "unknown"] == 2


def test_what_a_tool_could_not_look_at_is_noted() -> None:
    """A dependency that pip-audit skipped is no dependency without vulnerabilities."""
    (note,) = gather([f"{REPORTS}/pip-audit.json"]).notes
    assert note.startswith("pip-audit did not look at jinja2: Dependency not found")


def test_complexity_of_a_file_that_radon_cannot_read_is_noted(tmp_path: Path) -> None:
    """It has none, and whoever collects is told."""
    (tmp_path / "x.json").write_text('{"a.py": {"error": "invalid syntax"}}')
    gathered = gather([f"radon-cc={tmp_path}/x.json"])
    assert gathered.facts == {"radon-cc": []}
    assert gathered.notes == ["radon could not read a.py: invalid syntax"]


def test_a_syntax_error_is_a_finding_of_ruff(tmp_path: Path) -> None:
    """It has no code, and is not passed over."""
    (tmp_path / "x.json").write_text('[{"code": null, "filename": "/elsewhere/a/b.py"}]')
    facts = told(f"ruff={tmp_path}/x.json")
    assert values(facts, "code_findings")["elsewhere.a", "ruff", "invalid-syntax"] == 1


def test_suites_within_suites_are_suites_of_their_own(tmp_path: Path) -> None:
    """Only those that hold tests count, and one without tests is a run of none."""
    (tmp_path / "x.xml").write_text(
        '<testsuites><testsuite name="outer"><testsuite name="a"><testcase name="t"/></testsuite>'
        '<testsuite name="b"/></testsuite></testsuites>'
    )
    tests = values(told(f"junit={tmp_path}/x.xml"), "tests")
    assert tests["a", "passed"] == 1
    assert tests["b", "passed"] == 0
    assert not any(suite == "outer" for suite, _ in tests)


def test_a_rollback_of_what_had_failed_ends_that_failure_and_takes_nothing_back(
    tmp_path: Path,
) -> None:
    """The time to restore begins with the first that failed; a failed rollback counts."""
    rows = (
        '"id": "1", "deployed_at": 1000, "result": "failed"',
        '"deployed_at": 1300, "rollback_of": "1", "result": "failed"',
        '"deployed_at": 1600, "rollback_of": "1", "committed_at": 100',
        '"deployed_at": 2000',
    )
    place = '"component": "a", "environment": "b"'
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(f"{{{place}, {row}}}" for row in reversed(rows)))
    facts = told(f"deployments={path}")
    assert values(facts, "deployments") == {("a", "b", "failed"): 2, ("a", "b", "succeeded"): 2}
    assert values(facts, "deployment_restore") == {("a", "b"): 600}
    assert values(facts, "deployment_lead_time") == {}  # nobody waited for what is old


def git(folder: Path, *arguments: str, at: int = 1_700_000_000) -> None:
    """Run git without the configuration of whoever tests."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(
        ["git", "-C", str(folder), *who, *arguments],
        check=True,
        capture_output=True,
        env={"GIT_COMMITTER_DATE": f"{at} +0000", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )


def test_pages_and_evidence_are_as_old_as_their_last_commit(tmp_path: Path) -> None:
    """A checkout makes every file look new; what git does not know is as old as its file."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q")
    for at, name in ((1_600_000_000, "a.md"), (1_700_000_000, "b c.md")):
        (origin / name).write_text("x")
        git(origin, "add", ".")
        git(origin, "commit", "-qm", "x", at=at)
    (origin / "c.toml").write_text('[[controls]]\ncontrol = "x"\nevidence = "a.md"')
    gathered = gather([str(origin), f"controls={origin}/c.toml"], root=origin)
    assert values(gathered.facts["documentation"], "documentation_updated_timestamp") == {
        ("a.md",): 1_600_000_000,
        ("b c.md",): 1_700_000_000,
    }
    evidence = values(gathered.facts["controls"], "compliance_evidence_timestamp")
    assert evidence == {("x", ""): 1_600_000_000}
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{origin}", str(shallow))
    with pytest.raises(CollectError, match="only a part of the history"):
        gather([str(shallow)])


def test_links_in_code_and_comments_are_none(tmp_path: Path) -> None:
    """Links with titles, brackets, angles and definitions are looked for beside their page."""
    (tmp_path / "there (1).md").write_text("x")
    (tmp_path / "page.md").write_text(
        "[a](<there (1).md>) [b](gone.md 'title') [c](#here) [d](mailto:x@example.com)\n"
        "`[e](code.md)` <!-- [f](comment.md) -->\n```\n[g](fence.md)\n```\n"
        "[h](there%20(1).md) [i](/page.md)\n\n[j]: other.md\n![k](picture.png)\n"
    )
    gathered = gather([f"documentation={tmp_path}/page.md"], root=tmp_path)
    dead = {note.split(": ")[1].split(" ")[0] for note in gathered.notes}
    assert dead == {"gone.md", "other.md", "picture.png"}
    counts = values(gathered.facts["documentation"], "documentation_dead_links")
    assert counts == {("page.md",): 3}


class Site(BaseHTTPRequestHandler):
    """Has one page, one that it keeps to itself, and nothing else."""

    def do_GET(self) -> None:
        self.send_response({"/there": 200, "/kept": 403}.get(self.path, 404))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_links_to_other_servers_are_followed_where_that_is_asked_for(tmp_path: Path) -> None:
    """A page that is kept from us is there; one that is gone, or a server that is away, is dead."""
    with HTTPServer(("127.0.0.1", 0), Site) as server, closing(socket.socket()) as taken:
        Thread(target=server.serve_forever, daemon=True).start()
        taken.bind(("127.0.0.1", 0))  # and does not listen
        site = f"http://127.0.0.1:{server.server_port}"
        away = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        (tmp_path / "a.md").write_text(
            f"[a]({site}/there) [b]({site}/kept) [c]({site}/x) [d]({away})"
        )
        given = [f"documentation={tmp_path}"]
        assert gather(given).notes == []
        notes = gather(given, online=True).notes
        server.shutdown()
    assert [note.split(": ", 1)[1] for note in notes] == [
        f"{site}/x leads nowhere",
        f"{away} leads nowhere",
    ]
