"""The command ``agentmon``, as people run it."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agentmon import __version__
from agentmon.cli import main
from agentmon.export.top import Source, StatusError, status_urls
from tests.export.statuses import Stage, demo, empty, staged

COMMAND = (sys.executable, "-c", "import sys; from agentmon.cli import main; sys.exit(main())")
SECONDS = 30.0
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture
def stage() -> Stage:
    """A stage that shows the support service."""
    return Stage(demo())


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    """Where the stage is served."""
    with staged(stage) as url:
        yield url


@pytest.fixture
def nowhere() -> str:
    """A loopback address at which nobody serves."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


# ---------------------------------------------------------------------- addresses and answers


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("127.0.0.1:9464", "http://127.0.0.1:9464/api/status"),
        ("9464", "http://127.0.0.1:9464/api/status"),
        (":9464", "http://127.0.0.1:9464/api/status"),
        (":9464/agents", "http://127.0.0.1:9464/agents/api/status"),
        ("localhost:9464/", "http://localhost:9464/api/status"),
        ("http://[::1]:9464", "http://[::1]:9464/api/status"),
        ("https://host/agents/", "https://host/agents/api/status"),
        ("http://host/agents/api/status", "http://host/agents/api/status"),
        (" host ", "http://host/api/status"),
        ("host:1/metrics", "http://host:1/metrics/api/status http://host:1/api/status"),
        ("https://host/a/metrics/", "https://host/a/metrics/api/status https://host/a/api/status"),
    ],
)
def test_an_address_leads_to_its_status(address: str, wanted: str) -> None:
    """Scheme and host may be missing, a prefix may be there; below /metrics there are two ways."""
    assert status_urls(address) == tuple(wanted.split())


@pytest.mark.parametrize("address", ["", "ftp://host", "file:///etc/passwd", "http://", "a b"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """The message says what was got and what is allowed."""
    with pytest.raises(ValueError, match=r"URL: got .*, allowed http"):
        status_urls(address)


def test_a_port_must_be_one() -> None:
    """A port out of range is refused."""
    with pytest.raises(ValueError, match="whose port is no port"):
        status_urls("http://host:99999")


@pytest.mark.parametrize(
    ("answer", "body", "words"),
    [
        (503, b"", "answered 503 Service Unavailable"),
        (200, b"<html>", "answered something that is no JSON"),
        (200, b"[1]", "answered JSON that is no status of agentmon"),
        (200, b'{"operations": {}}', "answered JSON that is no status of agentmon"),
    ],
)
def test_a_wrong_answer_is_named(
    stage: Stage, url: str, answer: int, body: bytes, words: str
) -> None:
    """Another service at the address is told from one that does not answer."""
    stage.answer, stage.body = answer, body
    with pytest.raises(StatusError, match=words):
        Source(url).fetch()


def test_a_wrong_path_is_named(url: str) -> None:
    """Where there is nothing, the address is doubted."""
    with pytest.raises(StatusError, match="answered 404 Not Found: is this agentmon's address"):
        Source(f"{url}/elsewhere").fetch()


def test_nobody_there_is_named(nowhere: str) -> None:
    """A refused connection is said as such."""
    with pytest.raises(StatusError, match="cannot be reached: Connection refused"):
        Source(nowhere).fetch()


def test_a_process_that_hangs_is_given_up() -> None:
    """A process that accepts and says nothing is given up after a while."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StatusError, match=r"does not answer within 0\.2 s"):
            Source(f"127.0.0.1:{port}").fetch(patience_seconds=0.2)


def test_what_speaks_no_http_is_named() -> None:
    """Something else than a web server at the address is said as such."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with subprocess.Popen(
            [*COMMAND, "top", f"127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True
        ) as process:
            accepted, _ = other.accept()
            with accepted:
                accepted.recv(4096)
                accepted.sendall(b"\x1b[2Jhello\r\n\r\n")
            _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "cannot be read" in said
    assert "\x1b" not in said


def test_a_proxy_is_not_asked_for_this_machine(
    url: str, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment does not stand between two processes of one machine."""
    monkeypatch.setenv("http_proxy", f"http://{nowhere}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert Source(url).fetch()["service"] == "support"


# ---------------------------------------------------------------------- the command, once


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
    )


def test_the_version_is_told() -> None:
    """`agentmon --version` names the version."""
    assert run("--version").stdout == f"agentmon {__version__}\n"


def test_without_a_terminal_it_shows_once(url: str) -> None:
    """In a pipe the whole status is written once, uncoloured, as wide as COLUMNS says."""
    done = run("top", url, "--window", "1h", COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "embeddings" in done.stdout
    assert "in the last hour" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_in_process_it_returns_the_exit_status(
    url: str, nowhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`main` shows the status and returns 0, or says what is wrong and returns 1."""
    assert main(["top", url, "--once", "--sort", "name"]) == 0
    assert "AGENTS 7" in capsys.readouterr().out
    assert main(["top", nowhere, "--once"]) == 1
    assert capsys.readouterr().err.startswith("agentmon top: http://127.0.0.1:")


def test_a_status_of_another_shape_is_named(stage: Stage, url: str) -> None:
    """A status that this version does not understand is said as such, without a traceback."""
    stage.set({"operations": [{"kind": "agent"}]})
    done = run("top", url)
    assert done.returncode == 1
    assert "does not understand" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "COMMAND"),
        (("top",), "URL"),
        (("top", "ftp://x"), "allowed http://host:port, host:port or a port"),
        (("top", "x", "--window", "2m"), "1m"),
        (("top", "x", "--interval", "0"), "0.2 seconds or more"),
        (("top", "x", "--interval", "soon"), "0.2 seconds or more"),
        (("top", "x", "--interval", "inf"), "0.2 seconds or more"),
    ],
)
def test_wrong_usage_is_said(arguments: tuple[str, ...], words: str) -> None:
    """What cannot be used ends with status 2 and says what can."""
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_reader_that_has_enough_is_no_error(url: str) -> None:
    """Output into a pipe that is closed ends quietly."""
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [*COMMAND, "top", url], stdout=write, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(write)
        _, said = process.communicate(timeout=SECONDS)
    assert said == ""


def test_a_terminal_without_unicode_is_served(url: str) -> None:
    """Where blocks and µ cannot be written, something else stands for them."""
    done = run("top", url, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "420 ?s" in done.stdout


# ---------------------------------------------------------------------- the command, live


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], primary: int) -> None:
        self.process = process
        self._primary = primary
        self._unread = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def until(self, words: str) -> str:
        """Read up to words, coloured in any way; returns what was read since the last ones."""
        pattern = re.compile(r"(?:\x1b\[[0-9;]*m)*".join(map(re.escape, words)))
        deadline = time.monotonic() + SECONDS
        while (found := pattern.search(self._unread)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} was not seen, at last {self._unread[-300:]!r}"
            if select.select([self._primary], [], [], left)[0]:
                self._unread += self._decoder.decode(os.read(self._primary, 65536))
        got, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return got

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._primary, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._primary, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def settings(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._primary)

    def ended(self) -> int:
        """Exit status, once it has ended."""
        return self.process.wait(SECONDS)


@contextmanager
def terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run the command in a terminal of 100 columns and 30 lines."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(primary, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    without = {name: value for name, value in os.environ.items() if name not in _SETTING}
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env=without | {"TERM": "xterm-256color"} | environment,
        # A shell that runs the tests in the background has them ignore Ctrl-C; a user's does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        start_new_session=True,
    ) as process:
        try:
            yield Terminal(process, primary)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(SECONDS)
            os.close(secondary)
            os.close(primary)


_SETTING = ("COLUMNS", "LINES", "NO_COLOR")


def test_q_leaves_the_terminal_as_it_was(url: str) -> None:
    """It shows itself on another screen, coloured, and `q` brings back the one before."""
    with terminal("top", url) as shown:
        before = shown.settings()
        first = shown.until("q: quit")
        assert ENTER in first
        assert "\x1b[31m" in first
        assert shown.settings() != before
        shown.press("q")
        shown.until(LEAVE)
        assert shown.ended() == 0
        assert shown.settings() == before


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_leave_the_terminal_as_it_was(url: str, number: int, status: int) -> None:
    """Ctrl-C and being told to end restore the terminal as well."""
    with terminal("top", url) as shown:
        before = shown.settings()
        shown.until("q: quit")
        shown.process.send_signal(number)
        said = shown.until(LEAVE)
        assert "Traceback" not in said
        assert shown.ended() == status
        assert shown.settings() == before


def test_keys_choose_window_and_order(url: str) -> None:
    """1, 5 and h choose the window, s the next order; an arrow does nothing."""
    with terminal("top", url) as shown:
        shown.until("window (last 5m)   s: sort (traffic)")
        shown.press("h")
        shown.until("window (last 1h)")
        shown.press("1")
        shown.until("window (last 1m)")
        shown.press("\x1b[A")
        shown.press("s")
        shown.until("sort (in-flight)")
        shown.press("5q")
        shown.until(LEAVE)


def test_a_new_size_is_followed(url: str) -> None:
    """Resized, it fits itself into what there is, and says so if that is too little."""
    with terminal("top", url) as shown:
        assert "TIMEOUTS" in shown.until("q: quit")
        shown.resize(60, 40)
        lines = shown.until("q: quit").splitlines()
        assert "TIMEOUTS" not in "".join(lines)
        shown.resize(40, 60)
        assert "CALLS/S" not in shown.until("q: quit")
        shown.resize(39, 10)
        shown.until("At least 40 columns are needed.")


def test_no_color_is_respected(url: str) -> None:
    """With NO_COLOR set nothing is coloured."""
    with terminal("top", url, NO_COLOR="1") as shown:
        assert not re.search(r"\x1b\[[0-9;]*m", shown.until("q: quit"))


def test_once_in_a_terminal_leaves_it_alone(url: str) -> None:
    """`--once` writes to the terminal as it is, coloured."""
    with terminal("top", url, "--once") as shown:
        said = shown.until("ended twice")
        assert ENTER not in said
        assert "\x1b[1m" in said
        assert shown.ended() == 0


def test_a_process_that_comes_and_goes_is_followed(stage: Stage, nowhere: str) -> None:
    """Nobody there is said and tried again; lost, the last numbers stay with their age."""
    with terminal("top", nowhere, "--interval", "0.2") as shown:
        shown.until("cannot be reached: Connection refused")
        shown.until("Trying again every 0.2 s; q quits.")
        port = int(nowhere.rpartition(":")[2])
        with staged(stage, port):
            shown.until("AGENTS 7")
        shown.until("CONNECTION LOST, this is as of ")
        assert "AGENTS 7" in shown.until("q: quit")
        stage.set(empty())
        with staged(stage, port):
            shown.until("Nothing has been called yet")
