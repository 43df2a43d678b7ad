"""
A lookup service on the loopback interface, as agents have them.

It answers most questions, does not know some, breaks over others, and is long over large ones.
It is not instrumented: it stands for a dependency that belongs to somebody else.
"""

from __future__ import annotations

import json
import re
import threading
from bisect import bisect_left, bisect_right
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

from examples.audit.database import Database
from examples.audit.packages import normalise

__all__ = ["LookupService"]

# Comparing sketches is the expensive question; more of it at once would starve the agents.
MOST_COMPARISONS = 2

STOP_WITHIN_SECONDS = 0.05

REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?$")


class Unknown(Exception):
    """There is no answer: 404."""


class Busy(Exception):
    """Too many expensive questions at once: 503."""


class LookupService:
    """
    Answers ``/licence/ID``, ``/conflicts/PACKAGE`` and ``/copies/PACKAGE`` with JSON.

    Args:
        database: Where the answers are found.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._comparisons = threading.Semaphore(MOST_COMPARISONS)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False  # close() waits for answers that are being computed
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_WITHIN_SECONDS,), name="lookup-service"
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop, and wait for its threads."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> Any:
        """
        The answer to a question.

        Raises:
            Unknown: If there is none.
            Busy: If it cannot be computed now.
        """
        questions = {
            "licence": self._licence,
            "conflicts": self._conflicts,
            "copies": self._copies,
        }
        _, _, rest = path.partition("/")
        question, _, subject = rest.partition("/")
        if question not in questions:
            raise Unknown(path)
        return questions[question](unquote(subject))

    def _licence(self, expression: str) -> Any:
        ids = re.split(r"\s+(?:AND|OR|WITH)\s+", expression.strip("()"))
        rows = [self._database.query("SELECT * FROM licence WHERE id = ?", each) for each in ids]
        if not all(rows):
            raise Unknown(expression)
        return {"ids": ids, "approved": all(row[0][1] for row in rows)}

    def _conflicts(self, name: str) -> Any:
        """Who requires a version of the package that is not the one installed."""
        rows = self._database.query("SELECT version FROM package WHERE name = ?", name)
        if not rows:
            raise Unknown(name)
        version = _release(rows[0][0])
        conflicts = []
        for dependent, requires in self._database.query("SELECT name, requires FROM package"):
            for requirement in json.loads(requires):
                found = REQUIREMENT.match(requirement)
                if not found or normalise(found[1]) != name or "extra" in (found[3] or ""):
                    continue
                if not all(_holds(version, each) for each in found[2].split(",") if each.strip()):
                    conflicts.append(f"{dependent} requires {requirement}")
        return {"version": rows[0][0], "conflicts": conflicts}

    def _copies(self, name: str) -> Any:
        """Files of other packages that share most of their lines with a file of this one."""
        if not self._comparisons.acquire(blocking=False):
            raise Busy(f"{MOST_COMPARISONS} comparisons are being made")
        try:
            mine = self._files(name, own=True)
            if not mine:
                raise Unknown(name)
            theirs = self._files(name, own=False)
            lengths = [each.lines for each in theirs]
            compared = 0
            copies: list[dict[str, str]] = []
            for file in mine:  # a copy has about as many lines
                first = bisect_left(lengths, file.lines * 0.8)
                last = bisect_right(lengths, file.lines * 1.25)
                compared += last - first
                copies += (
                    {"path": file.path, "package": other.package, "like": other.path}
                    for other in theirs[first:last]
                    if len(file.sketch & other.sketch) * 2 > len(file.sketch)
                )
        finally:
            self._comparisons.release()
        return {"compared": compared, "copies": copies}

    def _files(self, name: str, *, own: bool) -> list[_File]:
        """The files of a package, or of all others, by length."""
        rows = self._database.query(
            "SELECT package, path, lines, sketch FROM module "
            "WHERE problem IS NULL AND lines > 20 AND (package = ?) = ? ORDER BY lines",
            name,
            own,
        )
        return [_File(package, path, lines, _sketch(text)) for package, path, lines, text in rows]


class _File(NamedTuple):
    package: str
    path: str
    lines: int
    sketch: frozenset[int]


@lru_cache(20_000)  # every comparison needs all of them, and they hardly change
def _sketch(text: str) -> frozenset[int]:
    return frozenset(json.loads(text))


def _release(version: str) -> tuple[int, ...]:
    """Released versions only: a pre-release such as 0.66b2 is more than this service reads."""
    return tuple(int(part) for part in version.split("."))


def _holds(version: tuple[int, ...], specifier: str) -> bool:
    found = re.match(r"\s*(>=|<=|==|!=|~=|>|<)\s*([0-9.]+)", specifier)
    if not found:
        return True
    operator, wanted = found[1], _release(found[2].strip("."))
    short = version[: len(wanted)]
    return {
        ">=": version >= wanted,
        "<=": version <= wanted,
        "==": short == wanted,
        "!=": short != wanted,
        "~=": version >= wanted and version[: len(wanted) - 1] == wanted[:-1],
        ">": version > wanted,
        "<": version < wanted,
    }[operator]


def _handler(service: LookupService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, body = 200, service.answer(self.path)
            except Unknown as error:
                status, body = 404, {"error": f"not known: {error}"}
            except Busy as error:
                status, body = 503, {"error": str(error)}
            except Exception as error:  # noqa: BLE001  # a server goes on
                status, body = 500, {"error": f"{type(error).__name__}: {error}"}
            payload = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except ConnectionError:
                pass  # the client did not wait

        def log_message(self, format: str, *arguments: Any) -> None:
            pass  # the terminal belongs to the summary

    return Handler
