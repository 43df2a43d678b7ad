"""
``agentmon top``: asks a process for its status again and again, and shows it in the terminal.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from threading import Event, Thread
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from agentmon._version import __version__
from agentmon.export.terminal import LEAST_WIDTH, SORTS, plain, render

__all__ = ["StatusError", "fetch", "once", "status_url", "watch"]

_PATIENCE_SECONDS: Final = 10.0
_MOST_BYTES: Final = 64 * 2**20
_GLANCE_SECONDS: Final = 0.1  # how soon a key, a new size or an answer shows
_WINDOW_KEYS = {"1": "1m", "5": "5m", "h": "1h"}
_FALLBACK = (100, 24)

_ENTER = "\x1b[?1049h\x1b[?25l"  # another screen, without a cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_RED, _GREY, _END = "\x1b[31m", "\x1b[2m", "\x1b[0m"
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[@-~]|O.|.)?", re.DOTALL)
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class StatusError(Exception):
    """There is no status to be had; the message says why."""


def status_url(address: str) -> str:
    """
    Where the status of a process is.

    Args:
        address: Where it serves: a URL, or only host and port. ``http`` is assumed.

    Raises:
        ValueError: If it is no such address.
    """
    text = address.strip()
    if "://" not in text:
        text = f"http://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError(f"URL: got {address!r}, allowed http://host:port or host:port")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"URL: got {address!r}, whose port is no port") from error
    path = parts.path.rstrip("/")
    if not path.endswith("/api/status"):
        path += "/api/status"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _opener(url: str) -> OpenerDirector:
    """A proxy of the environment is asked for other machines only."""
    host = urlsplit(url).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return build_opener(ProxyHandler({}))
    return build_opener()


def fetch(url: str, patience_seconds: float = _PATIENCE_SECONDS) -> dict[str, Any]:
    """
    Ask for a status.

    Args:
        url: What `status_url` returned.
        patience_seconds: How long to wait for the process to say anything.

    Raises:
        StatusError: If there is none to be had.
    """
    request = Request(url, headers={"User-Agent": f"agentmon/{__version__}"})  # noqa: S310 - status_url allows http only
    try:
        with _opener(url).open(request, timeout=patience_seconds) as answer:
            body = answer.read(_MOST_BYTES)
    except HTTPError as error:
        error.close()
        hint = ": is this agentmon's address?" if error.code == 404 else ""  # noqa: PLR2004
        raise StatusError(f"{url} answered {error.code} {plain(error.reason)}{hint}") from error
    except TimeoutError as error:
        raise StatusError(f"{url} does not answer within {patience_seconds:g} s") from error
    except URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise StatusError(f"{url} cannot be reached: {plain(reason)}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise StatusError(
            f"{url} cannot be read: {plain(error) or type(error).__name__}"
        ) from error
    try:
        status = json.loads(body)
    except ValueError as error:
        raise StatusError(f"{url} answered something that is no JSON") from error
    if not isinstance(status, dict) or not isinstance(status.get("operations"), list):
        raise StatusError(f"{url} answered JSON that is no status of agentmon")
    return status


def _lines(url: str, status: dict[str, Any], *arguments: Any, **options: Any) -> list[str]:
    """The status as lines, see `render`; one of an unknown shape is no status."""
    try:
        return render(status, *arguments, **options)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise StatusError(
            f"{url} answered a status that agentmon {__version__} does not understand"
        ) from error


def _colour() -> bool:
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def once(url: str, window: str, sort: str) -> None:
    """
    Show the status once, in as many lines as it takes.

    Args:
        url: What `status_url` returned.
        window: ``1m``, ``5m`` or ``1h``.
        sort: One of `SORTS`.

    Raises:
        StatusError: If there is none to be had.
    """
    width = shutil.get_terminal_size(_FALLBACK).columns
    lines = _lines(url, fetch(url), width, None, window, sort, colour=_colour())
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of asking: a status, or why there is none."""

    at: float
    status: dict[str, Any] | None
    problem: str


class _Poller:
    """Asks in a thread of its own, so that keys are obeyed while a process does not answer."""

    def __init__(self, url: str, interval_seconds: float) -> None:
        self.answer: _Answer | None = None
        self._url = url
        self._interval_seconds = interval_seconds
        self._stopped = Event()
        Thread(target=self._run, name="agentmon-top", daemon=True).start()

    def _run(self) -> None:
        while True:
            status, problem = None, ""
            try:
                status = fetch(self._url)
            except StatusError as error:
                problem = str(error)
            self.answer = _Answer(time.monotonic(), status, problem)
            if self._stopped.wait(self._interval_seconds):
                return

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()


class _View:
    """What is on the screen."""

    def __init__(self, url: str, interval_seconds: float, window: str, sort: str) -> None:
        self._url = url
        self._interval_seconds = interval_seconds
        self._window = window
        self._sort = sort
        self._known: _Answer | None = None  # the last answer with a status
        self._problem = ""

    def take(self, answer: _Answer) -> None:
        """Show this from now on; without a status, the last one with what is wrong."""
        self._problem = answer.problem
        if answer.status is not None:
            self._known = answer

    def press(self, key: str) -> bool:
        """Obey a key; says whether to go on."""
        self._window = _WINDOW_KEYS.get(key, self._window)
        if key == "s":
            sorts = list(SORTS)
            self._sort = sorts[(sorts.index(self._sort) + 1) % len(sorts)]
        return key != "q"

    def lines(self, width: int, height: int) -> list[str]:
        """The whole screen."""
        keys = f"1 5 h: window (last {self._window})   s: sort ({self._sort})   q: quit"
        again = f"Trying again every {self._interval_seconds:g} s; q quits."
        if self._known is None or self._known.status is None:
            said = self._problem or f"Asking {self._url}"
            return [line[:width] for line in (said, again if self._problem else "")][:height]
        warning: list[str] = []
        if self._problem:
            age = int(time.monotonic() - self._known.at)
            warning = [f"CONNECTION LOST, this is as of {age} s ago. {again}", self._problem]
        try:
            lines = _lines(
                self._url,
                self._known.status,
                width,
                height - len(warning),
                self._window,
                self._sort,
                colour=_colour() and not warning,
                bottom=keys,
            )
        except StatusError as error:
            return [line[:width] for line in (str(error), again)][:height]
        if warning and _colour():
            lines = [f"{_GREY}{line}{_END}" for line in lines]
            return [*(f"{_RED}{line[:width]}{_END}" for line in warning), *lines]
        return [*(line[:width] for line in warning), *lines]


@contextmanager
def _own_screen(redraw: Callable[[], None]) -> Iterator[None]:
    """The terminal without lines and echo, on its other screen; as it was when the block ends."""
    import termios  # noqa: PLC0415
    import tty  # noqa: PLC0415

    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)

    def enter() -> None:
        tty.setcbreak(stdin)
        _write(_ENTER)

    def leave() -> None:
        _write(_LEAVE)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)

    def pause(*_: object) -> None:
        leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        enter()
        redraw()

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    handlers = {
        signal.SIGTSTP: signal.signal(signal.SIGTSTP, pause),
        signal.SIGTERM: signal.signal(signal.SIGTERM, end),
        signal.SIGHUP: signal.signal(signal.SIGHUP, end),
    }
    try:
        enter()
        yield
    finally:
        with suppress(OSError, termios.error):  # the terminal may be gone
            leave()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def watch(url: str, window: str, sort: str, interval_seconds: float) -> None:
    """
    Show the status, live, until ``q`` or Ctrl-C. Needs a terminal.

    Args:
        url: What `status_url` returned.
        window: ``1m``, ``5m`` or ``1h``.
        sort: One of `SORTS`.
        interval_seconds: How often to ask.
    """
    view = _View(url, interval_seconds, window, sort)
    poller = _Poller(url, interval_seconds)
    shown: tuple[object, ...] = ()
    stale = False

    def redraw() -> None:
        nonlocal stale
        stale = True

    with suppress(KeyboardInterrupt), _own_screen(redraw):
        going = True
        while going:
            size = shutil.get_terminal_size(_FALLBACK)
            answer = poller.answer
            now = (size, answer, int(time.monotonic()))
            if stale or now != shown:
                stale, shown = False, now
                if answer is not None:
                    view.take(answer)
                _draw(view.lines(size.columns, size.lines), size.columns)
            if select.select([sys.stdin], [], [], _GLANCE_SECONDS)[0]:
                keys = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
                going = bool(keys) and all(view.press(key) for key in _pressed(keys))
                stale = True
    poller.stop()


def _pressed(keys: str) -> str:
    """Keys without the sequences that arrows and their kin send."""
    return _SEQUENCE.sub("", keys)


def _draw(lines: list[str], width: int) -> None:
    """Write over what is there, line by line, so that nothing flickers."""
    if width < LEAST_WIDTH:
        lines = [f"At least {LEAST_WIDTH} columns are needed."[:width]]
    _write(_HOME + f"{_REST_OF_LINE}\n".join(lines) + _REST_OF_LINE + _REST_OF_SCREEN)
