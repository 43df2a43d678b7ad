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
import textwrap
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException
from pathlib import Path
from ssl import CERT_NONE, SSLCertVerificationError, SSLContext, SSLError, create_default_context
from threading import Event, Thread
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from agentmon._version import __version__
from agentmon.export.respond import METRICS, STATUS
from agentmon.export.server import LOOPBACK
from agentmon.export.terminal import LEAST_WIDTH, SORTS, plain, render

__all__ = ["Source", "StatusError", "authorization", "once", "status_urls", "watch"]

_PATIENCE_SECONDS: Final = 10.0
_MOST_BYTES: Final = 64 * 2**20
_FEW_BYTES: Final = 1000
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


class _NothingThereError(StatusError):
    """It may be elsewhere."""


def status_urls(address: str) -> tuple[str, ...]:
    """
    Where the status of a process may be, the likeliest first.

    Args:
        address: Where it serves: a URL, host and port, or only a port, which means this machine.
            ``http`` is assumed. What Prometheus asks, ending in ``/metrics``, will do as well.

    Raises:
        ValueError: If it is no such address.
    """
    text = address.strip()
    if re.fullmatch(r":?[0-9]{1,5}(/.*)?", text):
        text = f"{LOOPBACK}:{text.removeprefix(':')}"
    if "://" not in text:
        text = f"http://{text}"
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError("URL: got one with a user in it, allowed --user and --password-file")
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError(f"URL: got {address!r}, allowed http://host:port, host:port or a port")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"URL: got {address!r}, whose port is no port") from error
    base, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    if path.endswith(STATUS):
        return (f"{base}{path}",)
    # An application of the host has it below /metrics, agentmon's own server beside it.
    above = (path.removesuffix(METRICS),) if path.endswith(METRICS) else ()
    return tuple(f"{base}{each}{STATUS}" for each in (path, *above))


class Source:
    """
    A process that serves, and what to show to be let in.

    Args:
        address: See `status_urls`.
        authorization: The header field; sent to that address only, wherever it leads on.
        ca: File with the authority that its certificate is from; by default those of the system.
        certificate: File with the certificate to show, if one is asked for.
        key: File with its key, if it is in another.
        insecure: Take any certificate.

    Raises:
        ValueError: If the address is none.
        StatusError: If a file is of no use.
    """

    def __init__(
        self,
        address: str,
        *,
        authorization: str = "",
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
        insecure: bool = False,
    ) -> None:
        self._urls = status_urls(address)
        self._authorization = authorization
        handlers: list[BaseHandler] = []
        if self.url.startswith("https"):
            handlers.append(HTTPSHandler(context=_context(ca, certificate, key, insecure=insecure)))
        host = urlsplit(self.url).hostname or ""
        if host in ("localhost", "::1") or host.startswith("127."):
            handlers.append(ProxyHandler({}))  # one of the environment is for other machines
        self._opener = build_opener(*handlers)

    @property
    def url(self) -> str:
        """Where the status is, as far as is known."""
        return self._urls[0]

    def fetch(self, patience_seconds: float = _PATIENCE_SECONDS) -> dict[str, Any]:
        """
        Ask for the status.

        Args:
            patience_seconds: How long to wait for the process to say anything.

        Raises:
            StatusError: If there is none to be had.
        """
        nothing = StatusError()
        for url in self._urls:
            try:
                status = self._fetch(url, patience_seconds)
            except _NothingThereError as error:
                nothing = error
            else:
                self._urls = (url,)
                return status
        raise nothing

    def _fetch(self, url: str, patience_seconds: float) -> dict[str, Any]:
        request = Request(url, headers={"User-Agent": f"agentmon/{__version__}"})  # noqa: S310 - status_urls allows http only
        if self._authorization:
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            with self._opener.open(request, timeout=patience_seconds) as answer:
                body = answer.read(_MOST_BYTES)
        except HTTPError as error:
            raise self._refusal(url, error) from error
        except TimeoutError as error:
            raise StatusError(f"{url} does not answer within {patience_seconds:g} s") from error
        except URLError as error:
            if hint := _hint(url, error.reason):
                raise StatusError(f"{url} {hint}") from error
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise StatusError(f"{url} cannot be reached: {plain(reason)}") from error
        except (OSError, HTTPException, ValueError) as error:
            said = plain(error) or type(error).__name__
            hint = _hint(url, error)
            raise StatusError(f"{url} {hint or f'cannot be read: {said}'}") from error
        try:
            status = json.loads(body)
        except ValueError as error:
            raise StatusError(f"{url} answered something that is no JSON") from error
        if not isinstance(status, dict) or not isinstance(status.get("operations"), list):
            raise StatusError(f"{url} answered JSON that is no status of agentmon")
        return status

    def _refusal(self, url: str, error: HTTPError) -> StatusError:
        """What an answer without a status means."""
        with error, suppress(OSError, HTTPException):
            said = error.read(_FEW_BYTES).decode("latin-1")
        hints: dict[int, str] = {
            HTTPStatus.BAD_REQUEST: ": does it speak TLS? Ask by https://"
            if url.startswith("http:")
            else "",
            HTTPStatus.UNAUTHORIZED: ": it does not take this user and password, or token"
            if self._authorization
            else ": it asks who you are; give --user and --password-file, or --token-file",
            HTTPStatus.FORBIDDEN: ": ask by localhost or by its address, or see hosts of "
            "agentmon.Access"
            if "agentmon.Access" in said
            else "",
            HTTPStatus.NOT_FOUND: ": is this agentmon's address?",
        }
        kind = _NothingThereError if error.code == HTTPStatus.NOT_FOUND else StatusError
        return kind(f"{url} answered {error.code} {plain(error.reason)}{hints.get(error.code, '')}")


def _hint(url: str, error: object) -> str:
    """What to do about a connection that failed for what is said, or not said, of TLS."""
    if isinstance(error, SSLCertVerificationError):
        return (
            f"has a certificate that is not trusted ({plain(error.verify_message)}); "
            "name its authority by --ca, or see what --insecure means"
        )
    if isinstance(error, SSLError):
        reason = error.reason or ""
        if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return "does not speak TLS; ask by http://"
        if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
            return "asks for a certificate; give --certificate and --key"
        if "UNKNOWN_CA" in reason or "BAD_CERTIFICATE" in reason:
            return "does not take this certificate"
    if isinstance(error, BadStatusLine) and url.startswith("http:"):
        return f"cannot be read: {plain(error)}; does it speak TLS? Ask by https://"
    return ""


def _context(
    ca: str | None, certificate: str | None, key: str | None, *, insecure: bool
) -> SSLContext:
    try:
        context = create_default_context(cafile=ca)
    except OSError as error:
        raise StatusError(f"--ca {ca}: {_unreadable(error)}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = CERT_NONE
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            files = f"--certificate {certificate}" + (f", --key {key}" if key else "")
            raise StatusError(f"{files}: {_unreadable(error)}") from error
    return context


def _unreadable(error: OSError) -> str:
    if isinstance(error, SSLError):
        return f"of no use: {(error.reason or str(error)).replace('_', ' ').lower()}"
    return error.strerror or str(error)


def authorization(
    environ: Mapping[str, str],
    user: str | None = None,
    password_file: str | None = None,
    token_file: str | None = None,
) -> str:
    """
    The header field that lets in, from what was given or else from the variables of `Access`.

    Args:
        environ: Environment variables.
        user: Name of a user.
        password_file: File that holds the password.
        token_file: File that holds a token.

    Returns:
        The field, or nothing if nothing was given.

    Raises:
        StatusError: If a file cannot be read, or something is missing.
    """
    asked = (user, password_file, token_file)
    if token_file is None:
        user = user or environ.get("AGENTMON_ACCESS_USER")
        password = _secret(environ, "PASSWORD", password_file, "--password-file")
        if user and password:
            return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        if asked[0] or asked[1]:
            missing = "--password-file" if user else "--user"
            raise StatusError(f"{missing} is missing: a user and a password belong together")
    token = _secret(environ, "TOKEN", token_file, "--token-file")
    if token and not (token.isascii() and token.isprintable()):
        raise StatusError("--token-file: it holds more than a token")
    return f"Bearer {token}" if token else ""


def _secret(environ: Mapping[str, str], name: str, path: str | None, option: str) -> str:
    variable = f"AGENTMON_ACCESS_{name}"
    if path is None:
        if value := environ.get(variable):
            return value
        option, path = f"{variable}_FILE", environ.get(f"{variable}_FILE")
        if not path:
            return ""
    try:
        secret = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise StatusError(f"{option} {path}: {reason}") from error
    if not secret:
        raise StatusError(f"{option} {path}: it is empty")
    return secret


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


def once(source: Source, window: str, sort: str) -> None:
    """
    Show the status once, in as many lines as it takes.

    Args:
        source: Whom to ask.
        window: ``1m``, ``5m`` or ``1h``.
        sort: One of `SORTS`.

    Raises:
        StatusError: If there is none to be had.
    """
    width = shutil.get_terminal_size(_FALLBACK).columns
    lines = _lines(source.url, source.fetch(), width, None, window, sort, colour=_colour())
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

    def __init__(self, source: Source, interval_seconds: float) -> None:
        self.answer: _Answer | None = None
        self._source = source
        self._interval_seconds = interval_seconds
        self._stopped = Event()
        Thread(target=self._run, name="agentmon-top", daemon=True).start()

    def _run(self) -> None:
        while True:
            status, problem = None, ""
            try:
                status = self._source.fetch()
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
            return _wrapped(width, said, again if self._problem else "")[:height]
        warning: list[str] = []
        if self._problem:
            age = int(time.monotonic() - self._known.at)
            warning = _wrapped(
                width, f"CONNECTION LOST, this is as of {age} s ago. {again}", self._problem
            )
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
            return _wrapped(width, str(error), again)[:height]
        if warning and _colour():
            lines = [f"{_GREY}{line}{_END}" for line in lines]
            return [*(f"{_RED}{line}{_END}" for line in warning), *lines]
        return [*warning, *lines]


def _wrapped(width: int, *texts: str) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, width)]


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


def watch(source: Source, window: str, sort: str, interval_seconds: float) -> None:
    """
    Show the status, live, until ``q`` or Ctrl-C. Needs a terminal.

    Args:
        source: Whom to ask.
        window: ``1m``, ``5m`` or ``1h``.
        sort: One of `SORTS`.
        interval_seconds: How often to ask.
    """
    view = _View(source.url, interval_seconds, window, sort)
    poller = _Poller(source, interval_seconds)
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
