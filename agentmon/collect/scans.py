"""
What security scanners found, as pip-audit, bandit and trivy write it in JSON.

Source: trivy, "Reporting", schema version 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from agentmon.collect.source import Node, Report, Source, parsed
from agentmon.instrumentation.facts import SEVERITIES, Severity, findings_facts

__all__ = ["parse_bandit", "parse_pip_audit", "parse_trivy"]

_SEVERITIES: Final[dict[str, Severity]] = {each.upper(): each for each in SEVERITIES}
_SEVERITIES["UNDEFINED"] = "unknown"
_TRIVY: Final = (("Vulnerabilities", None), ("Secrets", None), ("Misconfigurations", "FAIL"))
_SCHEMA: Final = 2


def parse_pip_audit(source: Source) -> Report:
    """
    Known vulnerabilities of dependencies; pip-audit knows no severities.

    Raises:
        CollectError: If the file is not what it should be.
    """
    counts: Counter[Severity] = Counter()
    notes = []
    for dependency in parsed(source)["dependencies"].entries():
        name = dependency["name"].string()
        skipped = dependency.get("skip_reason")
        if skipped is not None:
            notes.append(f"pip-audit did not look at {name}: {skipped.string():.120}")
            continue
        for each in dependency["vulns"].entries():
            each["id"].string()
            counts["unknown"] += 1
    subject = source.name or "dependencies"
    facts = findings_facts("pip-audit", subject, counts, source.written_at())
    return Report(list(facts), notes)


def parse_bandit(source: Source) -> Report:
    """
    Findings in code.

    Raises:
        CollectError: If the file is not what it should be.
    """
    root = parsed(source)
    counts = Counter(_severity(each["issue_severity"]) for each in root["results"].entries())
    at = root["generated_at"].moment()
    notes = [
        f"bandit could not read {each['filename'].string()}: {each['reason'].value!s:.120}"
        for each in root["errors"].entries()
    ]
    return Report(list(findings_facts("bandit", source.name or "code", counts, at)), notes)


def parse_trivy(source: Source) -> Report:
    """
    Vulnerabilities, secrets and misconfigurations of an artefact.

    Raises:
        CollectError: If the file is not what it should be.
    """
    root = parsed(source)
    root["SchemaVersion"].number(_SCHEMA, _SCHEMA)
    counts = Counter(map(_severity, _of_trivy(root)))
    created = root.get("CreatedAt")
    at = source.written_at() if created is None else created.moment()
    subject = source.name or root["ArtifactName"].string()
    return Report(list(findings_facts("trivy", subject, counts, at)))


def _of_trivy(root: Node) -> Iterator[Node]:
    results = root.get("Results")
    for result in () if results is None else results.entries():
        for kind, status in _TRIVY:
            found = result.get(kind)
            for each in () if found is None else found.entries():
                if status is None or each["Status"].value == status:
                    yield each["Severity"]


def _severity(node: Node) -> Severity:
    return _SEVERITIES[node.choice(*_SEVERITIES)]
