"""What can go wrong in an audit. Every one of these is caused by the data, none by chance."""

from __future__ import annotations

__all__ = [
    "AuditError",
    "ContextTooLong",
    "NeedsHuman",
    "NoSources",
    "NotKnown",
    "ServiceBusy",
    "ServiceFailed",
    "SourceTooLarge",
]


class AuditError(Exception):
    """The root of the errors of this example."""


class NoSources(AuditError):
    """The package ships no Python source, or does not say which files are its own."""


class SourceTooLarge(AuditError):
    """A source file is larger than this pass reads."""


class NotKnown(AuditError):
    """The lookup service has no answer (404)."""


class ServiceBusy(AuditError):
    """The lookup service computes as much as it can already (503)."""


class ServiceFailed(AuditError):
    """The lookup service broke over the question (500)."""


class ContextTooLong(AuditError):
    """
    A prompt is longer than the model's context.

    Args:
        tokens: Tokens of the prompt.
        context: Tokens that the context holds.
    """

    def __init__(self, tokens: int, context: int) -> None:
        super().__init__(f"{tokens} tokens, the context holds {context}")
        self.tokens = tokens
        self.context = context


class NeedsHuman(Exception):
    """
    No agent may decide this case; a person has to.

    Not an error: the workload declares it to agentmon as an interrupt, so that a call that ends
    this way counts as ``interrupted``.
    """
