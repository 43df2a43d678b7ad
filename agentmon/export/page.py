"""The status page: one file, shipped with the package and read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["page"]


@cache
def page() -> bytes:
    """The page as UTF-8; it loads nothing else and asks ``api/status`` beside it for the rest."""
    return files("agentmon.export").joinpath("page.html").read_bytes()
