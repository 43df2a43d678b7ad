"""The agent that checks findings and sends weak ones back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import agentmon
from examples.audit import tools
from examples.audit.environment import Environment
from examples.audit.findings import Finding
from examples.audit.packages import Package

__all__ = ["Review", "Reviewer"]


@dataclass(frozen=True)
class Review:
    """
    What the reviewer decided.

    Args:
        reasons: Why the finding is rejected; none where it is accepted.
    """

    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether nothing spoke against it."""
        return not self.reasons


class Reviewer:
    """
    Checks findings against the files, and reports against the documentation.

    Args:
        coverage: Smallest share of a package's files that a finding has to rest on.
        likeness: Smallest cosine between the embeddings of a report and its source.
    """

    def __init__(self, coverage: float = 0.97, likeness: float = 0.5) -> None:
        self._coverage = coverage
        self._likeness = likeness

    @agentmon.agent("reviewer", operation="check", version="1.1", team="quality", tier="reviewer")
    def check(self, finding: Finding) -> Review:
        """Look up every claim in the source, and ask how much the finding rests on."""
        reasons = list(finding.doubts)
        if finding.coverage < self._coverage:
            reasons.append(f"rests on {finding.coverage:.0%} of the files")
        for claim in finding.claims:
            text = tools.read_source(Path(claim.path), limit=10_000_000)
            lines = text.splitlines()[claim.line - 1 : claim.line + 9]  # decorators come first
            if not any(claim.expects in line for line in lines):
                reasons.append(f"{claim.path}:{claim.line} does not show that it {claim.text}")
        return Review(tuple(reasons))

    @agentmon.agent("reviewer", operation="compare", version="1.1", team="quality", tier="reviewer")
    def compare(self, environment: Environment, package: Package, report: str) -> Review:
        """Ask whether a report is about what the documentation is about."""
        of_report = environment.model.embed(report)
        of_source = environment.model.embed(package.documentation)
        likeness = sum(x * y for x, y in zip(of_report, of_source, strict=True))
        agentmon.score(
            "likeness", min(1.0, max(0.0, likeness)), evaluator="reviewer", agent="writer"
        )
        if likeness < self._likeness:
            return Review((f"likeness {likeness:.2f}",))
        return Review(())
