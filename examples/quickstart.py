"""
The smallest program that is measured: one agent, one tool, a few calls, a summary.

Run: python examples/quickstart.py
"""

import agentmon


@agentmon.tool("word_count")
def word_count(text: str) -> int:
    """Count the words."""
    return len(text.split())


@agentmon.agent("editor", version="1.0")
def edit(text: str) -> str:
    """Judge a text by its length."""
    return "too long" if word_count(text) > 3 else "fine"


agentmon.configure(service="quickstart", serve="127.0.0.1:0")
for sentence in ("Short enough.", "This one goes on for too long."):
    print(f"{sentence!r} is {edit(sentence)}")
for each in agentmon.statistics():
    print(f"{each.kind} {each.name}: {each.summary.count} calls, p99 {each.summary.p99:.6f} s")
print(f"A program that goes on shows its agents at {agentmon.endpoint()}/")
