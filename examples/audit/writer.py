"""The agent that describes a package: a generator that passes on what the model streams."""

from __future__ import annotations

from collections.abc import Iterator

import agentmon
from examples.audit.environment import Environment
from examples.audit.failures import ContextTooLong
from examples.audit.packages import Package

__all__ = ["compose", "describe"]

# Long, as such texts are, and the same for every package: the model's cache holds it.
INSTRUCTIONS = """
You describe Python packages for engineers who decide whether to depend on them. Choose the
sentences of the documentation that say what the package is for, what it needs, and what its
limits are. Do not praise. Do not repeat installation commands, badges, links or change logs.
Prefer statements that can be checked against the source. Leave out names of people. Write
nothing that the documentation does not say. When the documentation does not say what the
package is for, choose the sentence that comes closest.
"""


@agentmon.agent("writer", operation="describe", version="0.3", team="docs", tier="worker")
def describe(environment: Environment, document: str, max_tokens: int) -> Iterator[str]:
    """Stream the description of a package, sentence by sentence."""
    yield from environment.model.chat(INSTRUCTIONS, document, max_tokens)


def compose(environment: Environment, package: Package, max_tokens: int) -> str:
    """
    A description of a package.

    A document that is too long for the model loses its end.
    """
    document = package.documentation
    while True:
        try:
            return " ".join(describe(environment, document, max_tokens))
        except ContextTooLong as error:
            document = document[: int(len(document) * 0.9 * error.context / error.tokens)]
