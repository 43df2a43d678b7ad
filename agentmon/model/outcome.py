"""How an operation can end. Exactly one of these five."""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "CANCELLED",
    "ERROR",
    "INTERRUPTED",
    "OK",
    "OUTCOMES",
    "TIMEOUT",
    "Outcome",
]

Outcome = Literal["ok", "error", "timeout", "cancelled", "interrupted"]

OK: Final = "ok"
ERROR: Final = "error"
TIMEOUT: Final = "timeout"
CANCELLED: Final = "cancelled"
INTERRUPTED: Final = "interrupted"

OUTCOMES: tuple[Outcome, ...] = (OK, ERROR, TIMEOUT, CANCELLED, INTERRUPTED)
