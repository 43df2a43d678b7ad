"""What a subcommand adds itself to."""

from __future__ import annotations

import argparse
from typing import Any, Protocol

__all__ = ["Commands"]


class Commands(Protocol):
    """The subcommands, as `argparse` holds them."""

    def add_parser(self, name: str, **settings: Any) -> argparse.ArgumentParser:
        """Add one."""
        ...
