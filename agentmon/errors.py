"""
Errors that agentmon raises, all at the moment of the mistake.

Nothing below is ever raised while a call is being recorded: there, a value that cannot be kept
is clamped or dropped and counted in ``agentmon_dropped_total``.

::

    AgentmonError (Exception)
    ├── CatalogueError (ValueError)    a metric or label is declared wrongly
    ├── DeclarationError (ValueError)  a decorator, context manager or handle is declared wrongly
    ├── ConfigError (ValueError)       configure() got something it cannot use
    ├── EndpointError (OSError)        the address to serve on cannot be had
    ├── PushError (OSError)            push() could not push
    ├── QueryError (OSError)           a server did not answer a question
    └── CollectError (ValueError)      a report that is to be collected is not what it should be
"""

from __future__ import annotations

__all__ = [
    "AgentmonError",
    "CatalogueError",
    "CollectError",
    "ConfigError",
    "DeclarationError",
    "EndpointError",
    "PushError",
    "QueryError",
]


class AgentmonError(Exception):
    """The root of every error that agentmon raises."""


class CatalogueError(AgentmonError, ValueError):
    """A metric or label of the catalogue is declared wrongly."""


class DeclarationError(AgentmonError, ValueError):
    """A decorator, context manager or handle is declared wrongly."""


class ConfigError(AgentmonError, ValueError):
    """``configure()`` or an environment variable holds something that cannot be used."""


class EndpointError(AgentmonError, OSError):
    """The address to serve on cannot be had, for instance because it is taken; see `errno`."""


class PushError(AgentmonError, OSError):
    """``push()`` could not push, for instance because nobody answers there."""


class QueryError(AgentmonError, OSError):
    """A server that is asked does not answer, or says that the question is wrong."""


class CollectError(AgentmonError, ValueError):
    """A report that is to be collected is not what it should be; says which file, and where."""
