"""What the agents know together: one SQLite file, and connections that threads take in turn."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import agentmon
from examples.audit.packages import Package

__all__ = ["Database"]

SCHEMA = """
CREATE TABLE package (
    name TEXT PRIMARY KEY, version TEXT, requires TEXT, place INTEGER, audits INTEGER DEFAULT 0
);
CREATE TABLE module (
    package TEXT, path TEXT, problem TEXT, lines INTEGER, functions INTEGER, documentable INTEGER,
    documented INTEGER, complexity INTEGER, worst TEXT, worst_line INTEGER, sketch TEXT,
    PRIMARY KEY (package, path)
);
CREATE TABLE import_edge (
    package TEXT, path TEXT, target TEXT, line INTEGER, optional INTEGER
);
CREATE INDEX import_edge_by_package ON import_edge (package, path);
CREATE TABLE licence (id TEXT PRIMARY KEY, approved INTEGER);
CREATE TABLE finding (
    package TEXT, analyser TEXT, decision TEXT, summary TEXT, PRIMARY KEY (package, analyser)
);
CREATE TABLE report (package TEXT PRIMARY KEY, text TEXT);
"""

# The licences that the open source initiative approved and that packages commonly name.
APPROVED = """
    0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause
    BSL-1.0 EPL-2.0 EUPL-1.2 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC
    LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 NCSA
    PostgreSQL PSF-2.0 Python-2.0 Unlicense UPL-1.0 Zlib ZPL-2.1
"""
OTHERS = "CC0-1.0 CC-BY-4.0 JSON SSPL-1.0 WTFPL"


class Database:
    """
    The audit's tables, for any number of threads.

    Args:
        path: A file that does not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)
        with self.transaction() as writing:
            for approved, names in ((True, APPROVED), (False, OTHERS)):
                writing.executemany(
                    "INSERT INTO licence VALUES (?, ?)",
                    ((name, approved) for name in names.split()),
                )

    @agentmon.dependency("audit-db", kind="database")
    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows that a SELECT finds."""
        with self._connection() as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection that holds the write lock and commits at the end of the block."""
        database = agentmon.dependency("audit-db", kind="database")
        with database, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def register(self, packages: Iterable[Package]) -> None:
        """Make the packages known, in the order in which they are to be audited."""
        with self.transaction() as writing:
            writing.executemany(
                "INSERT INTO package (name, version, requires, place) VALUES (?, ?, ?, ?)",
                (
                    (each.name, each.version, json.dumps(each.requires), place)
                    for place, each in enumerate(packages)
                ),
            )

    def close(self) -> None:
        """Close all connections; none may be in use any more."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses, and that the next one gets."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA synchronous=OFF")  # the file is temporary
        try:
            yield connection
        finally:
            self._idle.append(connection)
