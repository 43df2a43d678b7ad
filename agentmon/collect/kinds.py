"""
All kinds of reports, and how one is told without being named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentmon.collect import certificates, cobertura, documents, findings, junit, own, radon, scans
from agentmon.collect.source import Report, Source
from agentmon.errors import CollectError

__all__ = ["KINDS", "Kind", "told"]


@dataclass(frozen=True)
class Kind:
    """
    A kind of report.

    Args:
        help: What it is.
        each: Reads one file.
        together: Reads all files of this kind at once, where they belong together.
    """

    help: str
    each: Callable[[Source], Report] | None = None
    together: Callable[[Sequence[Source]], Report] | None = None


KINDS: Final[Mapping[str, Kind]] = {
    "coverage": Kind("coverage.xml, of coverage.py or in Cobertura's format", cobertura.parse),
    "junit": Kind("JUnit XML, of pytest and others; several runs", together=junit.parse_all),
    "radon-cc": Kind("radon cc -j", radon.parse_complexity),
    "radon-mi": Kind("radon mi -j", radon.parse_maintainability),
    "ruff": Kind("ruff check --output-format json", findings.parse_ruff),
    "mypy": Kind("mypy --output json", findings.parse_mypy),
    "pip-audit": Kind("pip-audit -f json", scans.parse_pip_audit),
    "bandit": Kind("bandit -f json", scans.parse_bandit),
    "trivy": Kind("trivy --format json", scans.parse_trivy),
    "evaluation": Kind("scores of agents by version", together=own.parse_evaluations),
    "certificate": Kind("certificates in PEM", certificates.parse),
    "documentation": Kind("a folder of Markdown", documents.parse),
    "controls": Kind("controls with their evidence", own.parse_controls),
    "backups": Kind("a history of backups and restore tests", together=own.parse_backups),
    "deployments": Kind("a history of deployments", together=own.parse_deployments),
    "capacity": Kind("how much there is of what", own.parse_capacity),
}


def told(source: Source) -> str:
    """
    The kind of a file, by its content.

    Raises:
        CollectError: If it cannot be told.
    """
    if source.path.is_dir():
        return "documentation"
    text = source.read().decode(errors="replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        for kind, tag in (("junit", "<testsuite"), ("coverage", "<coverage")):
            if tag in text:
                return kind
    elif "-----BEGIN CERTIFICATE-----" in text:
        return "certificate"
    else:
        try:
            kind = _of_json(json.loads(text))
        except (ValueError, RecursionError):
            kind = _of_json_lines(text)
        if kind:
            return kind
    raise CollectError(
        f"{source.path}: its kind cannot be told; say it, such as ruff={source.path}"
    )


def _of_json(value: Any) -> str:
    first: Any = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict) and {"filename", "location", "code"} <= first.keys():
        return "ruff"
    if not isinstance(value, dict):
        return ""
    for kind, keys in (
        ("trivy", {"SchemaVersion", "ArtifactName"}),
        ("bandit", {"results", "metrics", "generated_at"}),
        ("pip-audit", {"dependencies", "fixes"}),
        ("mypy", {"file", "severity", "message"}),  # one line only
    ):
        if keys <= value.keys():
            return kind
    member = next(iter(value.values()), None)
    if isinstance(member, dict) and {"mi", "rank"} <= member.keys():
        return "radon-mi"
    if isinstance(member, list) and member and isinstance(member[0], dict):
        return "radon-cc" if {"complexity", "rank"} <= member[0].keys() else ""
    return ""


def _of_json_lines(text: str) -> str:
    try:
        return "mypy" if _of_json(json.loads(text.partition("\n")[0])) == "mypy" else ""
    except (ValueError, RecursionError):
        return ""
