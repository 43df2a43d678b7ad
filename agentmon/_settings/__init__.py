"""
What is configured, and from where.

Every setting is declared once, in `table`; checking, resolving, the table of the documentation,
``agentmon config`` and the search for misspelt variables are derived from that.
"""

from agentmon._settings.owned import Owned
from agentmon._settings.resolve import Settings, resolve
from agentmon._settings.spelling import doubts
from agentmon._settings.values import Exceptions

__all__ = ["Exceptions", "Owned", "Settings", "doubts", "resolve"]
