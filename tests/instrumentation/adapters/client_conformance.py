"""Questions that the runs of every client of a model are asked, and the table of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["QUESTIONS", "Client", "answers", "table"]

Told = Mapping[str, Any]

_HEAD = """<!-- Written by test_clients.py with CONFORMANCE=write in its environment. -->
# Conformance of clients of models

The same programs ask each client, against a server on loopback that speaks what its provider
speaks. Each is tested in the newest and the oldest version named here; both must give the same
answers. [Frameworks](conformance.md) have a table of their own; tools by MCP are told of on
[their page](mcp.md).
"""


class Client(NamedTuple):
    """
    What is known of a client.

    Args:
        title: What it is called.
        operation: What a call of it is called.
        provider: Whom it asks.
        tokens: What each answer is to be recorded with.
        newest: The package of the newest version tested.
        oldest: That of the oldest one.
    """

    title: str
    operation: str
    provider: str
    tokens: Mapping[str, int]
    newest: str
    oldest: str


def _ends(told: Told, program: str) -> list[str]:
    """How the calls of models ended that a program made."""
    return [outcome for kind, _, outcome in told[program]["calls"] if kind == "model_call"]


def _asked(told: Told, client: Client, program: str) -> bool:
    seen = told[program]
    labelled = [[client.operation, "good", client.provider, "solo"]]
    return _ends(told, program) == ["ok"] and seen["labelled"] == labelled


def _counted(told: Told, client: Client, *programs: str) -> bool:
    return all(told[program]["tokens"] == client.tokens for program in programs)


def _streamed(told: Told, *programs: str) -> bool:
    return all(
        _ends(told, program) == ["ok"] and told[program]["said"].get("open", 1) == 1
        for program in programs
    )


def _both(told: Told, program: str, outcome: str) -> bool:
    return _ends(told, program) == _ends(told, f"{program}_async") == [outcome]


def _failed(told: Told) -> bool:
    ends = {name: _ends(told, name) for name in ("broken_stream", "cut", "slow")}
    return ends == {"broken_stream": ["error"], "cut": ["error"], "slow": ["timeout"]}


def _kept(told: Told, program: str) -> bool:
    return bool(told[program]["said"] == {"text": "Hello there.", "streamed": "Hello there."})


_Ask = Callable[[Told, Client], bool]
#: What is asked, in words.
QUESTIONS: Final[dict[str, _Ask]] = {
    "A question is one call of its agent, with model and provider": lambda told, client: _asked(
        told, client, "plain"
    ),
    "So is one that is awaited": lambda told, client: _asked(told, client, "plain_async"),
    "Tokens are counted once, with those of the cache and of reasoning": lambda told, client: (
        _counted(told, client, "plain", "plain_async")
    ),
    "A streamed answer lasts to its last part": lambda told, _: _streamed(
        told, "streamed", "streamed_async"
    ),
    "Its tokens are counted once, though said several times": lambda told, client: _counted(
        told, client, "streamed", "streamed_async"
    ),
    "The time to its first output is known": lambda told, _: (
        [told[name]["first_outputs"] for name in ("plain", "streamed", "streamed_async")]
        == [0, 1, 1]
    ),
    "A stream that nobody reads on is cancelled": lambda told, _: _both(
        told, "abandoned", "cancelled"
    ),
    "Too many requests are an error": lambda told, _: _both(told, "limited", "error"),
    "So are a stream that fails or is cut off; a model that is too slow is a timeout": (
        lambda told, _: _failed(told)
    ),
    "A question that is cancelled has the outcome cancelled": lambda told, _: (
        _ends(told, "cancelled") == ["cancelled"]
    ),
    "Questions at once are each counted, for their agent": lambda told, _: (
        len(_ends(told, "at_once")) == 10  # two of each of five
        and [each[3] for each in told["at_once"]["labelled"]] == [f"agent{n}" for n in range(5)]
    ),
    "What the program counts itself is not counted again": lambda told, _: (
        told["marked"]["labelled"] == [["chat", "mine", "me", ""]]
    ),
    "No call stays open after any of these": lambda told, _: all(
        each["open"] == 0 for each in told.values()
    ),
    "`uninstrument` ends it": lambda told, _: (
        told["removed"]["calls"] == [] and _kept(told, "removed")
    ),
    "An error in the adapter is counted, and the program gets its answers": lambda told, _: (
        told["broken_adapter"]["failed"] > 0 and _kept(told, "broken_adapter")
    ),
}


def answers(told: Told, client: Client) -> dict[str, bool]:
    """The answer to each question, by what the programs of a client recorded."""
    return {words: ask(told, client) for words, ask in QUESTIONS.items()}


def table(rows: Mapping[str, Mapping[str, bool]], clients: Mapping[str, Client]) -> str:
    """The page of all answers, by the client."""
    lines = [_HEAD, "| | " + " | ".join(clients[name].title for name in rows) + " |"]
    lines.append("| --- |" + " --- |" * len(rows))
    for label, pick in (("oldest version", "oldest"), ("newest version", "newest")):
        versions = (getattr(clients[name], pick).partition("==")[2] for name in rows)
        lines.append(f"| {label} | " + " | ".join(versions) + " |")
    for words in QUESTIONS:
        said = ("yes" if row[words] else "no" for row in rows.values())
        lines.append(f"| {words} | " + " | ".join(said) + " |")
    return "\n".join(lines) + "\n"
