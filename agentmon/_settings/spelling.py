"""
Variables that are set and that nothing reads: most likely misspelt.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from agentmon._settings.table import ACCESS, LIMITS, RATIO, RESOURCE, SDK_DISABLED, SETTINGS, TRACES

__all__ = ["KNOWN", "unknown"]

_OURS: Final = "AGENTMON_"
_STANDARD: Final = "OTEL_"
_NEAR: Final = 0.6
_VERY_NEAR: Final = 0.93

#: Every variable that is read.
KNOWN: Final = frozenset(
    variable
    for setting in (*SETTINGS, *TRACES, *LIMITS, *ACCESS, RATIO, RESOURCE, SDK_DISABLED)
    for variable in setting.variables
)


def unknown(environ: Mapping[str, str]) -> dict[str, str | None]:
    """
    The variables that look like ours and are not.

    Args:
        environ: Environment variables.

    Returns:
        Each with the known name that is nearest, if one is near; in order.
    """
    found: dict[str, str | None] = {}
    for name in sorted(environ):
        if name in KNOWN:
            continue
        if name.startswith(_OURS):
            found[name] = _nearest(name, _NEAR)
        elif name.startswith(_STANDARD):
            near = _nearest(name, _VERY_NEAR)
            if near is not None:
                found[name] = near
    return found


def _nearest(name: str, cutoff: float) -> str | None:
    return next(iter(get_close_matches(name, KNOWN, 1, cutoff)), None)
