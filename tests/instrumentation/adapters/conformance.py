"""Questions that the runs of every framework are asked, and the table of the answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.instrumentation.adapters.frameworks import FRAMEWORKS

__all__ = ["QUESTIONS", "answers", "table"]

Told = Mapping[str, Any]

_HEAD = """<!-- Written by test_frameworks.py with CONFORMANCE=write in its environment. -->
# Conformance of frameworks

The same programs run in each framework, with models that answer from a script. This is what was
recorded of them. Each framework is tested in the newest and the oldest version named here; both
must give the same answers. [Clients of models](client-conformance.md) have a table of their own.
"""


def _calls(told: Told, name: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(each) for each in told[name]["calls"])


def _within(told: Told, inner: str, outer: str) -> bool:
    """Whether all spans of *inner*, at least one, are below *outer*."""
    paths = [path.split(" > ") for path in told["plain"]["paths"]]
    found = [path for path in paths if path[-1].startswith(inner)]
    return bool(found) and all(any(each.startswith(outer) for each in path[:-1]) for path in found)


def _ended(told: Told, name: str, kind: str, outcome: str) -> bool:
    """Whether calls of a kind ended so, and none otherwise but well."""
    found = {end for of, what, end in _calls(told, name) if of == kind and what != "own"}
    return outcome in found and found <= {outcome, "ok"}


def _no_errors(told: Told, name: str) -> bool:
    return all(outcome != "error" for _, _, outcome in _calls(told, name))


def _failed_tool(told: Told) -> bool:
    return _calls(told, "failing_tool")["tool", "look", "error"] == 1


def _failed_model(told: Told) -> bool:
    calls = _calls(told, "failing_model")
    return calls["model_call", "chat", "error"] == 1 == calls["agent", "solo", "error"]


def _retried(told: Told) -> bool:
    calls = _calls(told, "retried_tool")
    ends = calls["tool", "look", "error"], calls["tool", "look", "ok"]
    return ends == (1, 1) and calls["agent", "solo", "ok"] == 1


def _handed(told: Told) -> bool:
    ends = told["handoff"]["handoffs"]
    return [end[1:] for end in ends] == [["billing", "completed", 1]] and bool(ends[0][0])


def _taken(told: Told) -> bool:
    """Whether the agent that is handed to is within the handoff, which knows how long it waited."""
    within = "handoff billing > invoke_agent billing"
    inside = any(path.endswith(within) for path in told["handoff"]["paths"])
    return bool(inside and told["handoff"]["accepted"] == 1)


def _streamed(told: Told) -> bool:
    seen = told["streamed"]
    ended = _calls(told, "streamed")["model_call", "chat", "ok"] == 1
    return bool(ended and seen["said"]["ended_at_first"] == 0 and seen["tokens"]["output"])


def _waited(told: Told) -> bool:
    seen = told["streamed"]
    noted = seen["said"]["waits_at_first"] == seen["waits"] == 1
    return bool(noted and told["plain"]["waits"] == 0)


def _at_once(told: Told) -> bool:
    calls = _calls(told, "at_once")
    return calls["agent", "solo", "ok"] == calls["tool", "look", "ok"] == 5


def _one_end(told: Told) -> bool:
    """Whether each run whose hook raises ended once, or never began, as it did for the program."""
    hooks = told["raising_hook"]["said"]["hooks"].values()
    alike = all(
        still_open == 0 and len(agents) <= 1 and last in ([["error"], []] if raised else [["ok"]])
        for raised, agents, last, still_open in hooks
    )
    return alike and len(hooks) - sum(not last for _, _, last, _ in hooks) > 1


def _let_go(told: Told) -> bool:
    """Whether the agent ended once: cancelled, or well where the framework waited for it."""
    seen = told["never_ending"]
    ends = [end for kind, name, end in seen["calls"] if (kind, name) == ("agent", "billing")]
    return ends == ["ok" if seen["said"].get("waited") else "cancelled"] and seen["open"] == 0


def _deaf(told: Told) -> bool:
    kinds = {(kind, name) for kind, name, _ in _calls(told, "removed")}
    return kinds <= {("tool", "own")} and told["removed"]["failed"] == 0


def _survives(told: Told) -> bool:
    broken = told["broken_adapter"]
    return broken["failed"] > 0 and broken["said"] == told["plain"]["said"]


#: What is asked, by its short name: in words, and of which run.
QUESTIONS: Final[dict[str, tuple[str, str, Callable[[Told], bool]]]] = {
    "agent": (
        "An agent is a call that ends as it did",
        "plain",
        lambda told: _calls(told, "plain")["agent", "solo", "ok"] == 1,
    ),
    "tool": (
        "A tool is within its agent",
        "plain",
        lambda told: _within(told, "execute_tool look", "invoke_agent solo"),
    ),
    "model": (
        "A call of a model is within its agent",
        "plain",
        lambda told: _within(told, "chat", "invoke_agent solo"),
    ),
    "own": (
        "A call that the program marks itself is within the tool that makes it",
        "plain",
        lambda told: _within(told, "execute_tool own", "execute_tool look"),
    ),
    "tokens": (
        "Tokens are counted once",
        "plain",
        lambda told: told["plain"]["tokens"] == {"input": 20, "output": 10},
    ),
    "cost": (
        "What its tokens cost is counted, once",
        "plain",
        lambda told: round(told["plain"]["cost"], 9) == 0.04,  # 20 in, 10 out
    ),
    "failing_tool": ("A tool that fails is an error", "failing_tool", _failed_tool),
    "retried_tool": (
        "A tool that is called again is two calls, and its agent is well",
        "retried_tool",
        _retried,
    ),
    "failing_model": (
        "A model that fails is an error, and so is its agent",
        "failing_model",
        _failed_model,
    ),
    "same_error": (
        "The program gets the very exception that the framework raised",
        "failing_model",
        lambda told: bool(told["failing_model"]["said"]["same"]),
    ),
    "interrupted": (
        "Waiting for a human is an interruption and no error",
        "interrupted",
        lambda told: (
            any(each[2] == "interrupted" for each in told["interrupted"]["calls"])
            and _no_errors(told, "interrupted")
        ),
    ),
    "handoff": (
        "A handoff has its source, its target and its end",
        "handoff",
        _handed,
    ),
    "taken": (
        "The agent that is handed to is within the handoff, which knows how long that waited",
        "handoff",
        _taken,
    ),
    "streamed": (
        "A streamed answer lasts to its last chunk, with its tokens",
        "streamed",
        _streamed,
    ),
    "first_output": (
        "Of a streamed answer, the time to its first chunk is known",
        "streamed",
        _waited,
    ),
    "abandoned": (
        "A stream that nobody reads on ends, and is no error",
        "abandoned",
        lambda told: _no_errors(told, "abandoned") and bool(told["abandoned"]["calls"]),
    ),
    "cancelled": (
        "A run that is cancelled has the outcome cancelled",
        "cancelled",
        lambda told: _ended(told, "cancelled", "agent", "cancelled"),
    ),
    "never_ending": (
        "An agent that was handed to and does not end has ended with the run that is given up",
        "never_ending",
        _let_go,
    ),
    "raising_hook": (
        "A run whose own hook raises ends once, as it did",
        "raising_hook",
        _one_end,
    ),
    "at_once": ("Runs at once are each counted, with their tools", "at_once", _at_once),
    "closed": (
        "No call stays open after any of these",
        "plain",
        lambda told: all(each["open"] == 0 for each in told.values()),
    ),
    "removed": ("`uninstrument` ends it", "removed", _deaf),
    "broken": (
        "An error in the adapter is counted, and the run gives the same result",
        "broken_adapter",
        _survives,
    ),
}


def answers(told: Told, agent: str) -> dict[str, bool]:
    """
    The answer to each question.

    Args:
        told: What the programs of a framework recorded.
        agent: What it calls the agent that is ``solo`` in the others.
    """
    told = json.loads(json.dumps(told).replace(f'"agent", "{agent}"', '"agent", "solo"'))
    for each in told.values():
        each["paths"] = [
            path.replace(f"invoke_agent {agent}", "invoke_agent solo") for path in each["paths"]
        ]
    return {name: run in told and ask(told) for name, (_, run, ask) in QUESTIONS.items()}


def table(rows: Mapping[str, Mapping[str, bool]]) -> str:
    """The page of all answers, by the framework."""
    titles = [FRAMEWORKS[name].title for name in rows]
    lines = [_HEAD]
    lines.append("| | " + " | ".join(titles) + " |")
    lines.append("| --- |" + " --- |" * len(titles))
    for label, pick in (("oldest version", "oldest"), ("newest version", "newest")):
        versions = (getattr(FRAMEWORKS[name], pick)[0].partition("==")[2] for name in rows)
        lines.append(f"| {label} | " + " | ".join(versions) + " |")
    numbers: dict[tuple[str, str], int] = {}
    for question, (words, _, _) in QUESTIONS.items():
        cells = []
        for name, row in rows.items():
            if row[question]:
                cells.append("yes")
            else:
                number = numbers.setdefault((name, question), len(numbers) + 1)
                cells.append(f"no ({number})")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    lines.append("")
    for (name, question), number in numbers.items():
        framework = FRAMEWORKS[name]
        lines.append(f"{number}. {framework.title}: {framework.gaps.get(question, '')}")
    return "\n".join(lines).rstrip() + "\n"
