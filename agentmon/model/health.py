"""
How the health checks stand.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIVENESS", "CheckState", "Health"]

#: The category of checks whose failure means that the process itself is to be replaced.
LIVENESS = "liveness"


@dataclass(frozen=True, slots=True)
class CheckState:
    """
    How one check stands.

    Args:
        name: Its name.
        category: Its category.
        needed: Whether the process is ready only while it passes.
        up: Whether it passes, by its thresholds; None until that is known.
    """

    name: str
    category: str
    needed: bool
    up: bool | None


@dataclass(frozen=True, slots=True)
class Health:
    """
    How all checks stand.

    Args:
        checks: Each of them.
    """

    checks: tuple[CheckState, ...] = ()

    def failing(self, *, liveness: bool) -> list[str]:
        """
        Names of the checks that fail.

        Args:
            liveness: Only those that mean that the process is to be replaced; else all that it
                needs to be ready.
        """
        return [each.name for each in self._asked(liveness=liveness) if each.up is False]

    def pending(self) -> list[str]:
        """Names of the checks that are needed, and of which nothing is known so far."""
        return [each.name for each in self._asked(liveness=False) if each.up is None]

    def _asked(self, *, liveness: bool) -> list[CheckState]:
        return [
            each
            for each in self.checks
            if each.category == LIVENESS or (each.needed and not liveness)
        ]
