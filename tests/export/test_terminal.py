"""The status as lines of a terminal."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Any

import pytest

from agentmon.export.status import Facts, status
from agentmon.export.terminal import SORTS, count, duration, percent, rate, render
from tests.export import statuses
from tests.export.recording import filled
from tests.export.statuses import NO_VALUE, call, demo, empty, many, operation

HEIGHTS = (None, 12, 24, 50)
WIDTHS = (40, 41, 59, 60, 61, 79, 80, 100, 120, 160, 200)


def cells(line: str) -> int:
    """How many cells a line takes."""
    wide = (unicodedata.east_asian_width(char) in "WF" for char in line)
    return len(line) + sum(wide)


def shown(
    one: dict[str, Any], width: int = 100, height: int | None = None, **options: Any
) -> list[str]:
    """The lines of a status over 5 minutes, by traffic."""
    window, sort = options.pop("window", "5m"), options.pop("sort", "traffic")
    return render(one, width, height, window, sort, **options)


def names(lines: list[str], kind: str = "AGENTS") -> list[str]:
    """First word of each row of a table."""
    start = next(i for i, line in enumerate(lines) if line.startswith(kind))
    rows = []
    for line in lines[start + 1 :]:
        if not line:
            break
        rows.append(line.split()[0])
    return rows


@pytest.mark.parametrize(("seconds", "text"), statuses.DURATIONS)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    """A duration has the unit that fits it, as on the page."""
    assert duration(seconds) == text.replace(NO_VALUE, "-")


def test_numbers_read_well() -> None:
    """Rates, shares and counts are written as on the page."""
    assert [rate(value) for value, _ in statuses.RATES] == [text for _, text in statuses.RATES]
    assert [count(value) for value, _ in statuses.COUNTS] == [text for _, text in statuses.COUNTS]
    for share, text in statuses.SHARES:
        assert percent(share) == text.replace(NO_VALUE, "-")


def test_all_is_there() -> None:
    """Header, verdict, every operation, recent calls and the exporter are shown."""
    lines = shown(demo(), 160)
    text = "\n".join(lines)
    assert lines[0].startswith("support eu-west   up 1 h 03 m   spans host")
    assert "in flight 11   calls/s 19.6   errors 0.6 %   timeouts 0.1 %" in text
    assert "! 1 agent has a call past the timeout: billing, 47 s of 20 s." in text
    assert (
        "2 of 6 agents failed in the last 5 minutes, most often billing (29 of 205 calls)" in text
    )
    for title in ("AGENTS 7", "WORKFLOWS 1", "STEPS 2", "TOOLS 3", "MODEL CALLS 2", "FAILED 14"):
        assert title in text
    assert "30 m 30 s  40 s ago       ok          researcher plan (agent)" in text
    assert "15 series   252 scrapes, last 9 s ago in 3.1 ms   3 label bound" in text


def test_a_real_status_is_understood() -> None:
    """What the endpoint serves is what is shown."""
    real = status(filled().snapshot(), Facts(begun_ns=0, epoch_offset_ns=0, service="real"))
    lines = shown(real)
    assert lines[0].startswith("real")
    assert names(lines) == ["triage"]
    assert any("ValueError" in line for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("window", ["1m", "5m", "1h"])
def test_everything_fits(width: int, height: int | None, window: str) -> None:
    """No line is wider and nothing is higher than the terminal, whatever the status."""
    wide = operation(
        "agent", ("調査エージェント調査エージェント調査エージェント", "計画"), in_flight=10**7
    )
    for one in (demo(), empty(), many(), demo() | {"operations": [wide]}):
        lines = shown(one, width, height, window=window)
        assert max(cells(line) for line in lines) <= width
        assert "……" not in "".join(lines), "a cut name pushes its row aside"
        assert height is None or len(lines) <= height


def test_columns_go_in_order_of_need() -> None:
    """The narrower the terminal, the fewer columns; what is needed most stays longest."""
    titles = []
    for width in (40, 60, 80, 100, 170):
        line = next(line for line in shown(demo(), width) if line.startswith("AGENTS"))
        titles.append(set(line.split()[2:]))
    assert titles[:2] == [{"FLIGHT", "P99"}, {"FLIGHT", "CALLS/S", "P99", "ERRORS"}]
    for fewer, more in pairwise(titles):
        assert fewer < more
    assert {"P90", "P99.9", "MEAN", "SD", "TIMEOUTS", "OLDEST", "TRAFFIC"} <= titles[-1]


def test_rows_are_sorted() -> None:
    """Each order puts its own first; what has no value is last."""
    firsts = {sort: names(shown(demo(), sort=sort))[0] for sort in SORTS}
    assert firsts["traffic"] == "router"
    assert firsts["in-flight"] == "researcher"
    assert firsts["p99"].startswith("compliance")
    assert firsts["failures"] == "billing"
    assert firsts["name"] == "billing"
    assert names(shown(demo(), sort="p99"))[-1] == "night-auditor"


def test_the_window_changes_the_numbers() -> None:
    """The counts in the verdict are those of the window."""
    assert any("(6 of 41 calls)" in line for line in shown(demo(), 160, window="1m"))
    assert any("(345 of 2,460 calls)" in line for line in shown(demo(), 160, window="1h"))


def test_what_does_not_fit_is_counted() -> None:
    """In a low terminal the rows that are left out are counted, and no heading stands alone."""
    for height in range(14, 40):
        lines = shown(demo(), 100, height, bottom="keys")
        assert lines[-1] == "keys"
        rows = sum(line.startswith(tuple(_NAMES)) for line in lines)
        left_out = [re.match(r"and (\d+) more", line) for line in lines]
        assert rows + sum(int(found[1]) for found in left_out if found) == 15
        for line, following in pairwise(lines):
            if re.match(r"[A-Z][A-Z ]{4,} \d+( |$)", line):
                assert following
                assert not following.startswith("and ")


_NAMES = {
    "classify",
    "answer",
    "search_orders",
    "refund",
    "chat",
    "embeddings",
    "ticket",
    "triage",
    "billing",
    "researcher",
    "router",
    "night-auditor",
    "compliance",
}


@pytest.mark.parametrize(("width", "height"), [(40, 17), (40, 20), (60, 14), (80, 12)])
def test_a_small_terminal_keeps_agents_and_keys(width: int, height: int) -> None:
    """Where there is little room, the exporter gives way; some agents and all keys stay."""
    lines = shown(demo(), width, height, bottom="1 5 h: window (last 5m)   s: sort   q: quit")
    assert any(line.startswith("AGENTS") for line in lines)
    assert any(line.startswith("router") for line in lines)
    assert lines[-1].endswith("q: quit")
    assert len(lines) <= height


def test_traffic_is_drawn() -> None:
    """A block for each cell of time, as high as its calls; nothing where there were none."""
    one = operation("agent", ("steady", "invoke"))
    counts = (0, 1, 10, 20, 20, 0)
    for point, n in zip(one["history"]["5m"], counts, strict=True):
        point["count"] = n
    row = next(line for line in shown(demo() | {"operations": [one]}) if line.startswith("steady"))
    assert " ▁▄██ " in row


def test_an_overdue_call_is_marked_without_colour() -> None:
    """A call in flight past its timeout has a mark that needs no colour."""
    row = next(line for line in shown(demo()) if line.startswith("billing"))
    assert row.split()[2:5] == ["2!", "47", "s"]


@pytest.mark.parametrize(
    ("oldest", "timeout", "said", "cell"),
    [
        (0.47, 0.2, "470 ms of 200 ms", ["470", "ms"]),
        (1.5, 1.4, "1.5 s of 1.4 s", ["1.5", "s"]),
        (61.0, 0.05, "1 m 01 s of 50.0 ms", ["1", "m", "01", "s"]),
        (12.4, 10.0, "12 s of 10 s", ["12", "s"]),
    ],
)
def test_short_timeouts_are_told_exactly(
    oldest: float, timeout: float, said: str, cell: list[str]
) -> None:
    """A call that is late by a fraction of a second has an age and a timeout that show it."""
    late = operation("agent", ("hasty", ""), in_flight=1, timeout=timeout, oldest=oldest)
    lines = shown(demo() | {"operations": [late]}, 120)
    assert f"! 1 agent has a call past the timeout: hasty, {said}." in " ".join(lines)
    row = next(line for line in lines if line.startswith("hasty"))
    assert row.split()[1 : 2 + len(cell)] == ["1!", *cell]


def test_a_narrow_terminal_shows_what_matters() -> None:
    """At 40 columns recent calls have their names, and neither keys nor first steps are cut."""
    lines = shown(demo(), 40, bottom="1 5 h: window   s: sort (in-flight)   q: quit")
    first = lines[next(i for i, line in enumerate(lines) if line.startswith("FAILED")) + 1]
    assert first.startswith("   310 ms  error    billing invoke")
    assert lines[-2:] == ["1 5 h: window   s: sort (in-flight)", "q: quit"]
    assert "it shows up here once it is called:" in " ".join(shown(empty(), 40))


def test_colour_only_when_asked() -> None:
    """There are no escapes by default; with them the text is the same."""
    plain, coloured = shown(demo()), shown(demo(), colour=True)
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[31m" in line for line in coloured)
    bare = [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in coloured]
    assert bare == plain


def test_nothing_untrusted_reaches_the_terminal() -> None:
    """Names cannot move the cursor, ring the bell, turn the text round or break a line."""
    bad = "\x1b[2J\x07\r\n\u202e\x9b31m\u2028name"
    one = demo() | {
        "service": bad,
        "region": bad,
        "version": bad,
        "spans": bad,
        "operations": [
            operation("agent", (bad, bad), errors={bad: 2}, failing=0.5, timeout=1, in_flight=1)
            | {"oldest_seconds": 9.0}
        ],
        "recent": {
            "failed": [call("agent", (bad, bad), 1, "error", error_type=bad)],
            "slow": [],
        },
    }
    one["self"]["dropped"] = {bad: 1}
    lines = shown(one, 200)
    assert not any(unicodedata.category(char)[0] == "C" for line in lines for char in line)
    assert not re.search("[\u2028\u202e]", "".join(lines))
    assert names(lines)[0].startswith("?[2J")


def test_nothing_called_yet_says_what_to_do() -> None:
    """Without any call the first steps are shown."""
    lines = shown(empty(), 60)
    assert '    @agentmon.agent("triage")' in lines
    assert "exporter   0 series   0 scrapes   nothing dropped" in lines


def test_quiet_and_well_are_said() -> None:
    """Without calls it is quiet; with calls and no failure that is said; what runs is counted."""
    for options, text in (
        ({"per_minute": 0}, "Quiet: no agent call in the last 5 minutes."),
        ({}, "No agent failed in the last 5 minutes."),
        (
            {"per_minute": 0, "in_flight": 2},
            "No agent call ended in the last 5 minutes; 2 under way.",
        ),
    ):
        one = demo() | {"operations": [operation("agent", ("calm", "invoke"), **options)]}
        assert text in shown(one)


def test_without_agents_the_verdict_is_on_what_there_is() -> None:
    """A process of tools alone has a verdict on its tools."""
    one = demo() | {"operations": [operation("tool", ("search", ""))]}
    assert "No tool failed in the last 5 minutes." in shown(one)


def _groups_of(status: dict[str, Any], width: int = 100) -> list[str]:
    """The lines of error groups, without their heading."""
    lines = shown(status, width)
    at = next((n for n, line in enumerate(lines) if line.startswith("ERROR GROUPS")), None)
    return [] if at is None else lines[at + 1 : lines.index("", at)]


def test_error_groups_are_shown() -> None:
    """The four groups seen last, each once: how often, when, what, and where it began."""
    assert "ERROR GROUPS 8" in shown(demo(), 100)
    first, *others = _groups_of(demo(), 130)
    assert first.endswith("  refund (tool) and 2 more in payments.ledger.Ledger.connect")
    assert first.startswith("      402  3 s ago        payments.errors.")
    assert others == [
        "       74  54 s ago       TimeoutError  billing (agent) in payments.ledger.Ledger.connect",
        "       21  2 m 20 s ago   ValueError  triage (agent) in support.desk.answer",
        "        5  10 m 00 s ago  timeout  search_orders (tool)",
    ]


def test_without_failures_there_are_no_groups() -> None:
    """A heading without anything below it is not shown."""
    assert _groups_of(demo() | {"error_groups": []}) == []


def test_groups_fit_a_narrow_terminal() -> None:
    """In 40 columns a group keeps how often and what."""
    lines = _groups_of(demo(), 40)
    assert lines[1].startswith("       74  TimeoutError  billing")
    assert max(map(len, lines)) <= 40
