"""The tools that agents use: plain functions. Each call is labelled with the agent around it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import tokenize
from pathlib import Path
from typing import Any
from urllib.parse import quote

import agentmon
from examples.audit import facts, packages
from examples.audit.environment import Environment
from examples.audit.failures import AuditError, NotKnown, ServiceBusy, ServiceFailed, SourceTooLarge
from examples.audit.packages import Package

__all__ = [
    "ask_service",
    "list_sources",
    "parse_source",
    "query_database",
    "read_licence",
    "read_source",
    "store_facts",
    "store_finding",
]

REFUSALS: dict[int, type[AuditError]] = {404: NotKnown, 503: ServiceBusy}

LICENCE_PHRASES = {
    "MIT": "permission is hereby granted, free of charge",
    "Apache-2.0": "apache license",
    "BSD-3-Clause": "neither the name",
    "BSD-2-Clause": "redistribution and use in source and binary forms",
    "MPL-2.0": "mozilla public license",
    "PSF-2.0": "python software foundation license",
    "LGPL-3.0-or-later": "gnu lesser general public license",
    "GPL-3.0-or-later": "gnu general public license",
}


@agentmon.tool("list_sources")
def list_sources(package: Package) -> list[Path]:
    """The Python files that the package says are its own."""
    return packages.sources(package)


@agentmon.tool("read_source")
def read_source(path: Path, limit: int) -> str:
    """
    The text of a source file, in the encoding it declares.

    Raises:
        SourceTooLarge: If it has more than *limit* bytes.
        UnicodeDecodeError: If it is not in that encoding.
        SyntaxError: If nobody knows that encoding.
    """
    size = path.stat().st_size
    if size > limit:
        raise SourceTooLarge(f"{path.name} has {size} bytes, this pass reads {limit}")
    with tokenize.open(path) as file:
        return file.read()


@agentmon.tool("parse_source")
def parse_source(text: str) -> facts.Facts:
    """Parse a module and measure it."""
    return facts.measure(text)


@agentmon.tool("read_licence")
def read_licence(package: Package) -> str:
    """
    The licence whose wording the package's licence file has.

    Raises:
        NotKnown: If there is no such file, or its wording is none of the known.
    """
    files = [] if package.folder else importlib.metadata.distribution(package.name).files or []
    for file in files:
        if file.name.upper().startswith(("LICEN", "COPYING")):
            text = " ".join(Path(str(file.locate())).read_text("utf-8", "replace").lower().split())
            for licence, phrase in LICENCE_PHRASES.items():
                if phrase in text:
                    return licence
    raise NotKnown(f"{package.name} has no licence file with a known wording")


@agentmon.tool("query_database")
def query_database(environment: Environment, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that a SELECT finds."""
    return environment.database.query(sql, *parameters)


@agentmon.tool("store_facts")
def store_facts(
    environment: Environment, package: Package, path: Path, found: facts.Facts | None, problem: str
) -> None:
    """Write down what a file holds, or why that is not known."""
    key = (package.name, str(path))
    with environment.database.transaction() as writing:
        writing.execute("DELETE FROM import_edge WHERE package = ? AND path = ?", key)
        if found is None:
            writing.execute(
                "REPLACE INTO module (package, path, problem) VALUES (?, ?, ?)", (*key, problem)
            )
            return
        writing.execute(
            "REPLACE INTO module VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                found.lines,
                found.functions,
                found.documentable,
                found.documented,
                found.complexity,
                found.worst,
                found.worst_line,
                json.dumps(found.sketch),
            ),
        )
        writing.executemany(
            "INSERT INTO import_edge VALUES (?, ?, ?, ?, ?)",
            ((*key, *each) for each in found.imports),
        )


@agentmon.tool("store_finding")
def store_finding(
    environment: Environment, package: Package, analyser: str, decision: str, summary: str
) -> None:
    """Write down what was decided about a finding."""
    with environment.database.transaction() as writing:
        writing.execute(
            "REPLACE INTO finding VALUES (?, ?, ?, ?)", (package.name, analyser, decision, summary)
        )


@agentmon.tool("ask_service")
async def ask_service(
    environment: Environment, question: str, subject: str, patience: float = 1.0
) -> Any:
    """
    Ask the lookup service.

    Args:
        question: ``licence``, ``conflicts`` or ``copies``.
        subject: What it is about.
        patience: Seconds to wait for the answer.

    Raises:
        NotKnown: If it has no answer.
        ServiceBusy: If it has no time.
        ServiceFailed: If it broke over the question.
        asyncio.TimeoutError: If there is no answer in time.
    """
    path = f"/{question}/{quote(subject, safe='')}"
    status, body = await asyncio.wait_for(_get(environment.service.port, path), patience)
    answer = json.loads(body)
    if status != 200:
        raise REFUSALS.get(status, ServiceFailed)(f"{path}: {status} {answer['error']}")
    return answer


@agentmon.dependency("lookups", kind="http")
async def _get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = int(head.split(b" ", 2)[1])
    if status == 503 and (call := agentmon.current()):
        call.rate_limited()  # it has no time just now, and says so
    return status, body
