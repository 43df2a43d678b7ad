"""The status JSON that the page and the terminal view read."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from agentmon._version import __version__
from agentmon.export.status import Facts, status, status_json
from agentmon.model.buckets import Layout
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock
from tests.export.recording import SECOND, TRIAGE, filled, record


def shown(registry: Registry, **facts: Any) -> dict[str, Any]:
    """The status, read back from its JSON."""
    facts.setdefault("begun_ns", registry.begun_ns)
    facts.setdefault("epoch_offset_ns", 0)
    text = status_json(registry.snapshot(), Facts(**facts))
    result: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return result


def test_the_process_is_described() -> None:
    """Service, region, version, process, spans and windows are there."""
    seen = shown(filled(), service="demo", region="local", spans="host")
    assert (seen["service"], seen["region"], seen["spans"]) == ("demo", "local", "host")
    assert (seen["version"], seen["pid"]) == (__version__, os.getpid())
    assert seen["windows"] == ["1m", "5m", "1h"]


def test_moments_are_on_the_calendar() -> None:
    """All moments are seconds since 1970, by the offset of the clock."""
    clock = ManualClock(1000)
    registry = filled(clock)
    offset_ns = 10**9 * 10**9
    seen = shown(registry, epoch_offset_ns=offset_ns, last_scrape_ns=clock())
    assert seen["started"] == 10**9 + 1000
    assert seen["now"] == seen["self"]["last_scrape"] == 10**9 + 1030
    assert seen["recent"]["failed"][0]["at"] == 10**9 + 1030
    newest = seen["operations"][0]["history"]["1m"][-1]
    assert newest["at"] == 10**9 + 1030


def test_the_calendar_is_that_of_the_machine() -> None:
    """The endpoint's offset makes ``now`` the present moment."""
    from agentmon.export.respond import Endpoint
    from tests.export.recording import get

    before = time.time()
    seen = json.loads(get(Endpoint(filled()), "/api/status").body)
    assert before - 1e-3 <= seen["now"] <= time.time() + 1e-3


def test_an_operation_says_what_it_is() -> None:
    """Kind, name, labels, facts of the agent, timeout and calls in flight are there."""
    registry = filled()
    registry.bind(TRIAGE, None).live[object()] = registry.clock() - 3 * SECOND
    (operation,) = shown(registry)["operations"]
    assert (operation["kind"], operation["name"]) == ("agent", "triage")
    assert operation["labels"] == {"agent": "triage", "operation": "invoke"}
    assert operation["info"] == {"version": "3.2", "team": "support", "tier": "frontline"}
    assert operation["timeout_seconds"] == 30.0
    assert (operation["in_flight"], operation["oldest_seconds"]) == (1, 3.0)
    assert operation["errors"] == [{"type": "ValueError", "count": 1}]


def test_what_is_no_agent_has_no_facts_of_one() -> None:
    """A tool that bears the name of an agent does not take its facts on."""
    registry = filled()
    record(registry, Declaration("tool", "triage"), 1.0)
    tool = shown(registry)["operations"][1]
    assert tool["info"] == {"version": "", "team": "", "tier": ""}
    assert tool["timeout_seconds"] is None


def test_statistics_are_in_seconds() -> None:
    """Count, moments, quantiles, outcomes and rates of all calls are there, in seconds."""
    life = shown(filled())["operations"][0]["life"]
    assert life["count"] == 7
    assert life["sum"] == pytest.approx(24.92, rel=1e-12)
    assert life["mean"] == pytest.approx(24.92 / 7, rel=1e-12)
    assert (life["min"], life["max"]) == (0.02, 20.0)
    assert life["stddev"] == pytest.approx(life["variance"] ** 0.5)
    assert life["cv"] == pytest.approx(life["stddev"] / life["mean"])
    assert life["p50"] == pytest.approx(0.5, rel=0.01)
    assert life["p90"] == life["p99"] == life["p999"] == pytest.approx(20.0, rel=0.01)
    assert life["outcomes"] == {"ok": 6, "error": 1, "timeout": 0, "cancelled": 0, "interrupted": 0}
    assert life["error_rate"] == pytest.approx(1 / 7)
    assert life["timeout_rate"] == 0.0


def test_a_rate_counts_only_the_time_since_recording_began() -> None:
    """Calls per second are over the time that both the window and recording cover."""
    operation = shown(filled(ManualClock(1000)))["operations"][0]
    assert operation["life"]["per_second"] == pytest.approx(7 / 30)
    assert operation["windows"]["1h"]["per_second"] == pytest.approx(7 / 30)


def test_a_rate_over_a_window_is_over_what_its_cells_cover() -> None:
    """Later, a window divides by the time from its oldest cell until now."""
    clock = ManualClock(1000)
    registry = Registry(Layout(), clock)
    clock.advance(205)
    record(registry, TRIAGE, 1.0)
    window = shown(registry)["operations"][0]["windows"]["1m"]
    assert window["per_second"] == pytest.approx(1 / 65)


def test_a_rate_over_no_time_is_over_a_second() -> None:
    """Right after the start, a rate is that of a whole second."""
    registry = Registry(Layout(), ManualClock())
    record(registry, TRIAGE, 0.0)
    assert shown(registry)["operations"][0]["life"]["per_second"] == 1.0


def test_nothing_yet_is_null() -> None:
    """Without calls, everything that would be no number is null, in points as well."""
    registry = Registry(Layout(), ManualClock())
    registry.bind(TRIAGE, None)
    operation = shown(registry)["operations"][0]
    for name in ("mean", "variance", "stddev", "cv", "min", "max", "p50", "p999", "error_rate"):
        assert operation["life"][name] is None, name
    assert operation["life"]["count"] == operation["life"]["per_second"] == 0
    point = operation["history"]["1m"][0]
    assert (point["count"], point["p50"], point["p99"]) == (0, None, None)


def test_a_status_without_operations_names_the_windows() -> None:
    """Before anything is recorded, the windows are named all the same."""
    seen = shown(Registry(Layout(), ManualClock()))
    assert (seen["operations"], seen["windows"]) == ([], ["1m", "5m", "1h"])


def test_history_holds_the_cells_of_each_window() -> None:
    """Each window's cells come oldest first with their length, count, failures and quantiles."""
    history = shown(filled(ManualClock(1000)))["operations"][0]["history"]
    assert [len(history[name]) for name in ("1m", "5m", "1h")] == [7, 6, 13]
    assert [point["count"] for point in history["1m"]] == [0, 0, 0, 1, 2, 2, 2]
    newest = history["1m"][-1]
    assert (newest["seconds"], newest["failed"]) == (10.0, 1)
    assert newest["p50"] == pytest.approx(0.5, rel=0.02)
    assert newest["p99"] == pytest.approx(20.0, rel=0.02)


def test_a_point_counts_errors_and_timeouts_as_failed() -> None:
    """Cancelled and interrupted calls are no failures."""
    registry = Registry(Layout(), ManualClock())
    for outcome in ("error", "timeout", "cancelled", "interrupted", "ok"):
        record(registry, TRIAGE, 1.0, outcome)
    assert shown(registry)["operations"][0]["history"]["1m"][-1]["failed"] == 2


def test_recent_calls_are_shown() -> None:
    """A failed call shows what it was, how it ended and its trace; slow ones come slowest first."""
    recent = shown(filled())["recent"]
    assert recent["failed"] == [
        {
            "at": 1030.0,
            "kind": "agent",
            "name": "triage",
            "labels": {"agent": "triage", "operation": "invoke"},
            "outcome": "error",
            "error_type": "ValueError",
            "seconds": 0.5,
            "trace_id": f"{0xABC:032x}",
        }
    ]
    assert [call["seconds"] for call in recent["slow"]][:3] == [20.0, 2.0, 2.0]


def test_errors_come_most_frequent_first() -> None:
    """The types of errors are ordered by their number."""
    registry = Registry(Layout(), ManualClock())
    for error_type in ("KeyError", "ValueError", "ValueError", "OSError"):
        record(registry, TRIAGE, 1.0, "error", error_type=error_type)
    errors = shown(registry)["operations"][0]["errors"]
    assert [error["type"] for error in errors] == ["ValueError", "KeyError", "OSError"]


def test_the_exporter_tells_on_itself() -> None:
    """Series, losses and scrapes are there; before the first scrape, its facts are null."""
    registry = filled()
    registry.drop("clamped", 3)
    seen = shown(registry)["self"]
    assert (seen["series"], seen["dropped"]["clamped"]) == (1, 3)
    assert (seen["scrapes"], seen["last_scrape"], seen["scrape_seconds"]) == (0, None, None)
    assert shown(registry, scrapes=2, scrape_ns=1_500_000)["self"]["scrape_seconds"] == 0.0015


def test_a_name_that_is_no_text_gives_valid_json() -> None:
    """A lone surrogate in a name reaches the reader of the JSON as it was."""
    registry = Registry(Layout(), ManualClock())
    record(registry, Declaration("tool", "a\udc80"), 1.0)
    assert shown(registry)["operations"][0]["name"] == "a\udc80"


def test_plain_values_equal_the_json() -> None:
    """`status` gives what `status_json` writes."""
    registry = filled()
    facts = Facts(registry.begun_ns, 0)
    snapshot = registry.snapshot()
    assert status(snapshot, facts) == json.loads(status_json(snapshot, facts))
