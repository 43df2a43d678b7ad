"""What the terminal says at the beginning and at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import agentmon
from examples.audit.workflow import Totals

__all__ = ["farewell", "format_duration", "format_table", "greeting", "progress"]

#: The label that tells rows of one name apart, by kind, in the order of the table.
WITHIN = {
    "workflow": "",
    "step": "workflow",
    "agent": "operation",
    "tool": "agent",
    "model_call": "agent",
    "dependency": "agent",
}
KINDS = tuple(WITHIN)
HEADER = ("", "within", "calls", "ok", "mean", "p50", "p90", "p99", "not ok")
TO_THE_LEFT = {HEADER.index(""), HEADER.index("within"), HEADER.index("not ok")}


def greeting(endpoint: str, seconds: float) -> str:
    """Where to look, and how long there is something to see."""
    how_long = f"for {seconds:g} s (DEMO_SECONDS) or until" if seconds else "until"
    return f"""\
Agents are auditing the Python packages of this environment. agentmon measures them.

  Status page      {endpoint}/
  Metrics          {endpoint}/metrics
  In a terminal    agentmon top {endpoint}

This goes on {how_long} you press Ctrl-C. Then you get a summary here.
"""


def progress(totals: Totals, seconds: float) -> str:
    """One line that says that the agents are at work; it may overwrite the one before."""
    return f"{seconds:5.0f} s   {totals.finished} audits, {totals.accepted} findings accepted"


def farewell(totals: Totals, seconds: float) -> str:
    """What came of the audits, then what agentmon counted and measured."""
    cut_short = totals.begun - totals.finished - totals.failed
    return f"""\
{totals.finished} audits finished in {seconds:.0f} s, {totals.failed} failed, {cut_short} cut short.
{totals.accepted} findings accepted, {totals.reworked} sent back, {totals.escalated} escalated, \
of which {totals.waiting} wait for a person.

{format_table(_rows())}
"""


def _rows() -> list[tuple[str, ...]]:
    operations = agentmon.statistics()
    names = [each.name for each in operations]
    operations.sort(key=lambda each: (KINDS.index(each.kind), names.index(each.name)))
    rows: list[tuple[str, ...]] = []
    for kind, members in groupby(operations, key=lambda each: each.kind):
        rows.append((kind.replace("_", " "),))
        rows.extend(_row(each) for each in members)
    return rows


def _row(operation: agentmon.OperationSummary) -> tuple[str, ...]:
    calls = operation.summary
    return (
        f"  {operation.name}",
        operation.labels.get(WITHIN[operation.kind], ""),
        f"{calls.count:,}",
        f"{calls.outcomes['ok']:,}",
        *map(format_duration, (calls.mean, calls.p50, calls.p90, calls.p99)),
        ", ".join(
            f"{n:,} {outcome}" for outcome, n in calls.outcomes.items() if n and outcome != "ok"
        ),
    )


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Names to the left, numbers to the right; a row with one cell is a heading."""
    cells = [HEADER, *(row for row in rows if len(row) > 1)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    lines = (_line(row, widths) if len(row) > 1 else f"\n{row[0]}" for row in rows)
    return "\n".join((_line(HEADER, widths), *lines))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.ljust(width) if column in TO_THE_LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def format_duration(seconds: float | None) -> str:
    """Three digits and a unit of constant width, so that a column of them lines up."""
    if seconds is None or math.isnan(seconds):
        return "-"
    rounded = float(f"{seconds:.3g}")  # so that 999.9 ms becomes 1.00 s
    for unit, size in (("s ", 1.0), ("ms", 1e-3)):
        if rounded >= size:
            return f"{_three_digits(seconds / size, rounded / size)} {unit}"
    return f"{_three_digits(seconds * 1e6, rounded * 1e6)} µs"


def _three_digits(number: float, rounded: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(rounded))) if rounded else 0
    return f"{number:.{digits}f}"
