"""The analysers: one module each, with a name and a coroutine ``analyse(environment, case)``."""

from __future__ import annotations

from types import ModuleType

from examples.audit.analysers import complexity, copies, docstrings, imports, licence

__all__ = ["ALL"]

ALL: tuple[ModuleType, ...] = (complexity, docstrings, imports, licence, copies)
