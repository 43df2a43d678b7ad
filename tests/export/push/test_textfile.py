"""Text files: whole or not at all, readable, and read by a real node exporter."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from agentmon.errors import ConfigError
from agentmon.export.otlp.answer import Answer
from agentmon.export.push.target import Moment, Origin
from agentmon.export.push.textfile import File, Textfile
from tests.export.push.exposed import ORIGIN, moment, run, samples, shown
from tests.servers.processes import node_exporter


def written(path: Path | str, now: Moment | None = None, origin: Origin = ORIGIN) -> Answer:
    """What becomes of writing once."""
    (attempt,) = File(Textfile(path), origin).prepare(now or moment())
    return attempt(10.0)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.servers
def test_a_node_exporter_shows_what_a_scrape_would_have_shown(tmp_path: Path) -> None:
    """Every sample is there with its exact value, and the exporter finds nothing to complain of."""
    folder = tmp_path / "text"
    folder.mkdir()
    now = moment()
    assert written(folder / "agentmon.prom", now).verdict == "accepted"
    with node_exporter(folder, tmp_path / "log") as url, urlopen(f"{url}/metrics") as reply:
        text = reply.read().decode()
    assert samples(text) == shown(now.families)
    assert "\nnode_textfile_scrape_error 0\n" in text


@pytest.mark.servers
def test_two_programs_with_services_of_their_own_share_a_folder(tmp_path: Path) -> None:
    """Files whose samples differ in the service are shown together."""
    folder = tmp_path / "text"
    folder.mkdir()
    now = moment()
    for name in ("one", "two"):
        origin = replace(ORIGIN, constant_labels={"service": name})
        assert written(folder / f"{name}.prom", now, origin).verdict == "accepted"
    with node_exporter(folder, tmp_path / "log") as url, urlopen(f"{url}/metrics") as reply:
        text = reply.read().decode()
    both = shown(now.families, {"service": "one"}) | shown(now.families, {"service": "two"})
    assert samples(text) == both
    assert "\nnode_textfile_scrape_error 0\n" in text


def test_whoever_reads_finds_all_of_one_moment(tmp_path: Path) -> None:
    """While the file is written again and again, every reading of it is whole."""
    path = tmp_path / "agentmon.prom"
    now = moment()
    assert written(path, now).verdict == "accepted"
    wanted = path.read_bytes()
    done = threading.Event()

    def write() -> None:
        for _ in range(200):
            written(path, now)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    readings = 0
    while not done.is_set() or not readings:
        assert path.read_bytes() == wanted
        readings += 1
    thread.join()
    assert names(tmp_path) == ["agentmon.prom"]


def test_the_file_is_on_the_disk_before_it_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is moved to its place was flushed before, so no crash leaves an empty file there."""
    seen: list[str] = []
    for name in ("fsync", "replace"):
        real: Any = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, r=real: (seen.append(n), r(*a))[1])
    assert written(tmp_path / "a.prom").verdict == "accepted"
    assert seen == ["fsync", "replace"]


def test_others_may_read_it(tmp_path: Path) -> None:
    """The exporter can read the file whatever the umask of the program is."""
    before = os.umask(0o077)
    try:
        assert written(tmp_path / "a.prom").verdict == "accepted"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.prom").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/a.prom", "No such file or directory"),
        ("file/a.prom", "Not a directory"),
        ("folder.prom", "Is a directory"),
        ("/proc/self/a.prom", "No such file or directory"),
        (f"{'n' * 300}.prom", "File name too long"),
    ],
)
def test_where_it_cannot_be_written_the_reason_is_said(
    tmp_path: Path, path: str, message: str
) -> None:
    """A folder that is missing, is none or cannot be written to is a failure; nothing is left."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.prom").mkdir()
    before = names(tmp_path)
    answer = written(tmp_path / path)
    assert (answer.verdict, answer.message) == ("failed", message)
    assert names(tmp_path) == before


def test_a_full_disk_leaves_the_last_whole_file(tmp_path: Path) -> None:
    """Where writing breaks off in the middle, what was there stays, and nothing is beside it."""
    (tmp_path / "a.prom").write_text("before\n")
    program = """
    import resource, signal, sys
    from tests.export.push.test_textfile import written

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    print(written(sys.argv[1]).message)
    """
    done = run(program, str(tmp_path / "a.prom"))
    assert (done.returncode, done.stdout.strip()) == (0, "File too large"), done.stderr
    assert names(tmp_path) == ["a.prom"]
    assert (tmp_path / "a.prom").read_text() == "before\n"


def test_the_process_may_change_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the folder in which it was said."""
    monkeypatch.chdir(tmp_path)
    options = Textfile("a.prom")
    monkeypatch.chdir("/")
    (attempt,) = File(options, ORIGIN).prepare(moment())
    assert attempt(10.0).verdict == "accepted"
    assert names(tmp_path) == ["a.prom"]


def test_there_are_no_timestamps(tmp_path: Path) -> None:
    """No sample has a time, which the exporter would refuse."""
    written(tmp_path / "a.prom")
    text = (tmp_path / "a.prom").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) > 30
    assert all(len(line.rpartition("}")[2].split()) == 1 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "a.txt"}, "Textfile: path: got 'a.txt', allowed the path of a file whose name"),
        ({"path": 5}, "Textfile: path: got 5, allowed"),
        ({"path": b"a.prom"}, "Textfile: path: got b'a.prom', allowed"),
        ({"path": "a\0.prom"}, r"Textfile: path: got 'a\x00.prom', allowed"),
        ({"path": "a.prom", "every": -1}, "Textfile: every: got -1, allowed None or seconds"),
        ({"path": "a.prom", "every": True}, "Textfile: every: got True, allowed None or seconds"),
    ],
)
def test_options_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    """What cannot be used is refused when it is said: what, got, allowed."""
    with pytest.raises(ConfigError) as caught:
        Textfile(**arguments)
    assert str(caught.value).startswith(message)


def test_it_is_shown_as_it_is_said() -> None:
    """Its text is what says the same in a variable."""
    assert str(Textfile("/srv/a.prom", every=5)) == "textfile=/srv/a.prom"
