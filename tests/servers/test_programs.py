"""Programs are found where they were named, then on PATH, then among the fetched ones."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.servers import fetch
from tests.servers.programs import PROGRAMS, Program, Unavailable, find, parse_version


def _program(path: Path, version: str) -> Path:
    """An executable that says it has *version*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{path.name}, version {version} (branch: x)'\n")
    path.chmod(0o755)
    return path


def _fetched(folder: Path, key: str, path: Path, version: str) -> None:
    entry = {"path": str(path.relative_to(folder)), "version": version, "origin": "forky"}
    (folder / "manifest.json").write_text(json.dumps({key: entry}))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("prometheus, version 2.42.0+ds (branch: debian/sid)", (2, 42, 0)),
        ("1.145.0+ds1-2", (1, 145, 0)),
        ("2:3.5.3+ds1-6", (3, 5, 3)),
        ("victoria-metrics-20240101-000000-tags-v1.100.1-0-g12", (1, 100, 1)),
        ("\n", ()),
    ],
)
def test_version_is_read(text: str, version: tuple[int, ...]) -> None:
    """Versions of packages and of what the programs print are understood."""
    assert parse_version(text) == version


def test_named_file_wins(tmp_path: Path) -> None:
    """The file that the environment names wins over PATH and over what was fetched."""
    named = _program(tmp_path / "named" / "prom", "3.1.0")
    _program(tmp_path / "bin" / "prometheus", "3.2.0")
    environ = {"PATH": str(tmp_path / "bin"), "AGENTMON_PROMETHEUS3": str(named)}
    found = find("prometheus3", environ | {"AGENTMON_SERVERS": str(tmp_path)})
    assert found is not None
    assert (found.path, found.version, found.origin) == (named, "3.1.0", "environment")


def test_named_file_must_serve(tmp_path: Path) -> None:
    """A named file of the wrong version, or one that does not run, is refused with a reason."""
    old = _program(tmp_path / "prom", "2.53.0")
    with pytest.raises(Unavailable, match=r"is 2\.53\.0, wanted 3 or newer"):
        find("prometheus3", {"AGENTMON_PROMETHEUS3": str(old)})
    with pytest.raises(Unavailable, match="does not run"):
        find("prometheus3", {"AGENTMON_PROMETHEUS3": str(tmp_path / "nothing")})


def test_path_wins_where_its_version_suffices(tmp_path: Path) -> None:
    """A program on PATH is taken before a fetched one, but not if it is of another line."""
    on_path = _program(tmp_path / "bin" / "prometheus", "2.45.1")
    fetched = _program(tmp_path / "cache" / "forky" / "prometheus", "3.5.3")
    _fetched(tmp_path / "cache", "prometheus3", fetched, "3.5.3")
    environ = {"PATH": str(tmp_path / "bin"), "AGENTMON_SERVERS": str(tmp_path / "cache")}
    old, new = find("prometheus2", environ), find("prometheus3", environ)
    assert old is not None
    assert new is not None
    assert (old.path, old.origin) == (on_path, "PATH")
    assert (new.path, new.version, new.origin) == (fetched, "3.5.3", "forky")


def test_fetched_file_that_is_gone_is_not_found(tmp_path: Path) -> None:
    """A fetched program whose file was removed counts as missing."""
    fetched = _program(tmp_path / "forky" / "prometheus", "3.5.3")
    _fetched(tmp_path, "prometheus3", fetched, "3.5.3")
    environ = {"PATH": "", "AGENTMON_SERVERS": str(tmp_path)}
    assert find("prometheus3", environ) is not None
    fetched.unlink()
    assert find("prometheus3", environ) is None


def test_nothing_is_fetched_where_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With every program at hand the fetcher asks nobody and prints what there is."""
    for program in PROGRAMS:
        version = ".".join(map(str, program.at_least)) + ".1"
        monkeypatch.setenv(program.variable, str(_program(tmp_path / program.key, version)))
    monkeypatch.setattr(fetch, "fetch", lambda _: pytest.fail("asked the archive"))
    assert fetch.main() == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PROGRAMS)


def test_without_apt_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no apt the fetcher ends with 1 and names the way out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AGENTMON_SERVERS", str(tmp_path))
    for program in PROGRAMS:
        monkeypatch.delenv(program.variable, raising=False)
    assert fetch.main() == 1
    assert "put the programs on PATH" in capsys.readouterr().err


def test_a_program_finds_its_data_where_they_were_unpacked(tmp_path: Path) -> None:
    """A program that knows its folder of data by heart is told another one."""
    data = "/usr/share/nobody-has-this"
    program = Program("x", ("x", "debian-x"), (0,), (1,), (), (), data=data)
    real = tmp_path / "usr" / "bin" / "debian-x"
    real.parent.mkdir(parents=True)
    real.write_text(f"#!/bin/sh\ncat {data}/said $1\n")
    (tmp_path / data.strip("/")).mkdir(parents=True)
    (tmp_path / data.strip("/") / "said").write_text("found")
    (tmp_path / "more").write_text(" it")
    fetch._moved(program, tmp_path)
    said = subprocess.run([real.with_name("x"), tmp_path / "more"], capture_output=True, check=True)
    assert said.stdout == b"found it"
