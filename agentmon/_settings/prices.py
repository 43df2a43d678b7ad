"""
The prices in force: those that are shipped, and those that a program or a file adds.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from agentmon._settings.values import exposed
from agentmon.errors import ConfigError
from agentmon.model.prices import PriceTable, read_table

__all__ = ["shipped", "table"]

_FOLDER = Path(__file__).parent.parent / "prices"


@cache
def shipped() -> PriceTable:
    """The newest table that is shipped; each is named after its day."""
    newest = max(_FOLDER.glob("*.json"))
    return read_table(json.loads(newest.read_text(encoding="utf-8")))


def table(given: object) -> PriceTable:
    """
    A table on top of the one that is shipped.

    Args:
        given: A mapping, or the path of a file of JSON.

    Raises:
        ConfigError: If it cannot be read or used.
    """
    if isinstance(given, PriceTable):
        return given
    raw: Any = given
    where = ""
    if isinstance(given, str | os.PathLike):
        where = f"{exposed(os.fspath(given))}: "
        try:
            raw = json.loads(Path(given).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{where}cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise ConfigError(f"{where}got no JSON, allowed JSON: {error}") from None
    try:
        return read_table(raw, shipped())
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None
