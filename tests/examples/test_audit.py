"""The audit as a command, and its counts against a count of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.examples.programs import run_program, start_program

#: The prefix of its metrics and the label that holds its name, by kind.
KINDS = {
    "workflow": ("agentmon_workflow", "workflow"),
    "step": ("agentmon_step", "step"),
    "agent": ("agentmon_agent", "agent"),
    "tool": ("agentmon_tool", "tool"),
    "model_call": ("agentmon_model", "operation"),
}

#: Audits, and prints its own count of the calls beside the scraped one.
COMPARED = """
import asyncio, json, sys, urllib.request
import agentmon
from examples.audit import PRICES, Ledger, NeedsHuman, Totals, audit_for

limits = json.loads(sys.argv[1])
calls = limits.pop("calls", None)
ledger = Ledger()

async def work():
    auditing = asyncio.ensure_future(audit_for(Totals(), **limits))
    if calls:
        while not auditing.done() and sum(ledger.calls.values()) < calls:
            await asyncio.sleep(0.01)
        auditing.cancel()
    await asyncio.gather(auditing, return_exceptions=bool(calls))

agentmon.configure(serve="127.0.0.1:0", interrupts=(NeedsHuman,), prices=PRICES)
with ledger.watching():
    asyncio.run(work())
with urllib.request.urlopen(agentmon.endpoint() + "/metrics") as answer:
    metrics = answer.read().decode()
print(json.dumps({"ledger": [[*key, n] for key, n in ledger.calls.items()], "metrics": metrics}))
"""

#: Small packages that every environment with these tests has.
SMALL = (
    "iniconfig",
    "packaging",
    "pluggy",
    "stdlib:dbm",
    "stdlib:email",
    "stdlib:json",
    "stdlib:sqlite3",
)

#: Packages of which some findings are rejected twice.
CONTESTED = ("certifi", "stdlib:lib2to3", "stdlib:test", "typing_extensions")


def compare(**limits: object) -> tuple[Counter[tuple[str, str, str]], str]:
    """Audit with these limits; returns the ledger, having found the metrics equal to it."""
    found = json.loads(run_program("-c", COMPARED, json.dumps(limits)).stdout)
    ledger = Counter({(kind, name, outcome): n for kind, name, outcome, n in found["ledger"]})
    counted: Counter[tuple[str, str, str]] = Counter()
    timed: Counter[tuple[str, str, str]] = Counter()
    for family in text_string_to_metric_families(found["metrics"]):
        for sample in family.samples:
            for kind, (prefix, label) in KINDS.items():
                if sample.name == f"{prefix}_calls_total":
                    counted[kind, sample.labels[label], sample.labels["outcome"]] += int(
                        sample.value
                    )
                elif sample.name == f"{prefix}_duration_seconds_count":
                    timed[kind, sample.labels[label], sample.labels["outcome"]] += int(sample.value)
                elif sample.name == f"{prefix}_in_flight":
                    assert sample.value == 0, sample
    assert +counted == ledger
    assert +timed == ledger
    return ledger, found["metrics"]


def test_counts_of_finished_audits_are_exact() -> None:
    """After audits that all ended, every count that is scraped equals the independent one."""
    ledger, metrics = compare(packages=2 * len(SMALL), only=SMALL)
    assert ledger["workflow", "audit", "ok"] == 2 * len(SMALL)
    assert {kind for kind, _, _ in ledger} == set(KINDS)
    asked = sum(n for (_, name, _), n in ledger.items() if name == "ask_service")
    of_it = {"dependency": "lookups", "dependency_kind": "http"}
    assert sum(read(metrics, "agentmon_dependency_calls_total", **of_it).values()) == asked > 0
    assert sum(read(metrics, "agentmon_component_up", by="component").values()) == 2
    tokens = {
        sample.labels["token_type"]: sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == "agentmon_model_tokens"
        for sample in family.samples
        if sample.labels["operation"] == "chat"
    }
    assert tokens["input"] > tokens["cached"] > 0
    assert tokens["output"] > 0


def read(metrics: str, sample: str, *, by: str = "", **labels: str) -> dict[str, float]:
    """The sums of a sample by one of its labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for each in family.samples:
            if each.name == sample and labels.items() <= each.labels.items():
                key = each.labels.get(by, "")
                found[key] = found.get(key, 0) + each.value
    return found


def test_handoffs_escalations_and_waits_are_exact() -> None:
    """What agentmon says of coordination follows from the independent count of the calls."""
    ledger, metrics = compare(packages=8, only=CONTESTED)
    escalated = sum(
        v for (kind, name, _), v in ledger.items() if (kind, name) == ("step", "escalate")
    )
    asked_a_person = ledger["agent", "senior", "interrupted"]
    assert escalated > 0
    for stage in ("begun", "accepted"):
        handed = read(metrics, f"agentmon_handoff_{stage}_total", target="senior")
        assert sum(handed.values()) == escalated
    assert read(metrics, "agentmon_handoff_ended_total", by="result") == {"completed": escalated}
    assert sum(read(metrics, "agentmon_escalations_total", level="senior").values()) == escalated
    verdicts = read(metrics, "agentmon_escalation_verdicts_total", by="verdict")
    assert verdicts.get("inappropriate", 0) == asked_a_person
    assert sum(verdicts.values()) == escalated
    assert read(metrics, "agentmon_queue_got_total", by="queue") == {"senior desk": escalated + 1}
    analysed = ledger["step", "analyse", "ok"]
    assert sum(read(metrics, "agentmon_synchronizations_total").values()) == analysed
    path = read(metrics, "agentmon_workflow_critical_path_seconds_total", by="path_kind")
    took = sum(read(metrics, "agentmon_workflow_duration_seconds_sum").values())
    assert abs(sum(path.values()) - took) < 1e-6 * took + 1e-6
    assert path["queueing"] > 0
    assert path["escalation"] > 0


def test_tasks_scores_users_and_cost_are_exact() -> None:
    """What agentmon says of work and quality follows from the independent count of the calls."""
    n = 2 * len(SMALL)
    ledger, metrics = compare(packages=n, only=SMALL)
    audits = ledger["workflow", "audit", "ok"]
    reworked = ledger["step", "rework", "ok"]
    escalated = sum(
        v for (kind, name, _), v in ledger.items() if (kind, name) == ("step", "escalate")
    )
    reports = ledger["step", "report", "ok"]
    assert read(metrics, "agentmon_task_begun_total", by="task") == {
        "audit": audits,
        "finding": 5 * audits,
        "report": reports,
    }
    ended = read(metrics, "agentmon_task_ended_total", by="task")
    assert ended["finding"] == 5 * audits + reworked
    assert read(metrics, "agentmon_task_reworked_total", by="reason", task="finding") == (
        {"attempted_again": reworked} if reworked else {}
    )
    assert read(metrics, "agentmon_task_value_total", result="completed") == {"": 20.0 * audits}
    assert read(metrics, "agentmon_task_in_flight", task="audit") == {"": 0}
    checks = ledger["agent", "reviewer", "ok"]
    scores = read(metrics, "agentmon_evaluation_score_ratio_count", by="dimension")
    assert scores["accepted"] == scores["coverage"]
    assert scores["coverage"] + scores["likeness"] == checks
    stars = read(metrics, "agentmon_feedback_score_ratio_sum", scale="stars")[""]
    assert stars == pytest.approx(audits - escalated / 5)
    assert read(metrics, "agentmon_turns_total")[""] == audits
    assert read(metrics, "agentmon_sessions_ended_total", by="result") == {"completed": 3}
    tokens = read(metrics, "agentmon_model_tokens_total", by="token_type", model="extract-1")
    words = read(metrics, "agentmon_model_tokens_total", by="token_type", model="hash-64")
    bill = {
        "input": ((tokens["input"] - tokens["cached"]) * 0.2 + words["input"] * 0.01) / 1e6,
        "cached": tokens["cached"] * 0.02 / 1e6,
        "output": tokens["output"] * 0.8 / 1e6,
    }
    cost = read(metrics, "agentmon_cost_total", by="cost_type")
    assert cost.pop("compute") > 0
    assert cost == pytest.approx(bill, rel=1e-12)
    assert read(metrics, "agentmon_unpriced_tokens_total") == {}
    spent = read(metrics, "agentmon_task_cost_total", by="task")
    assert sum(spent.values()) == pytest.approx(sum(bill.values()), rel=1e-12)


def test_counts_of_cancelled_audits_are_exact() -> None:
    """Cancelled in the middle of everything, the counts are exact all the same."""
    ledger, _ = compare(calls=1000)
    assert ledger["workflow", "audit", "cancelled"] > 0


@contextmanager
def demonstration(seconds: float) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command at work, and the URL that it says to look at."""
    with start_program(
        "-m", "examples.audit", DEMO_SECONDS=str(seconds), AUDIT_SERVE="127.0.0.1:0"
    ) as program:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                if found := re.search(r"Metrics\s+(http://\S+)/metrics", line):
                    break
            else:
                assert program.stderr is not None
                raise AssertionError(program.stderr.read())
            yield program, found[1]
        finally:
            program.kill()


def wait_for_calls(url: str) -> None:
    """Return as soon as the metrics show that sources are read."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            for family in text_string_to_metric_families(answer.read().decode()):
                for sample in family.samples:
                    if sample.labels.get("tool") == "read_source" and sample.value:
                        return
        time.sleep(0.1)
    raise AssertionError("no source was read within a minute")


def test_ends_by_itself_with_a_summary() -> None:
    """The command ends when its time is over, and sums up in lines that a terminal holds."""
    with demonstration(seconds=5) as (program, _):
        out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert err == ""
    header = next(line for line in out.splitlines() if line.split()[:1] == ["within"])
    assert header.split() == ["within", "calls", "ok", "mean", "p50", "p90", "p99", "not", "ok"]
    assert "\nworkflow\n  audit " in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_a_summary(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end an endless demonstration properly: with its summary and code 0."""
    with demonstration(seconds=0) as (program, url):
        wait_for_calls(url)
        program.send_signal(number)
        out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert err == ""
    for kind in ("workflow", "step", "agent", "tool"):
        assert f"\n{kind}\n" in out
    assert "\n  read_source " in out


def test_says_that_the_port_is_taken() -> None:
    """Where the address cannot be had, the command names it, says what to do, and exits with 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_program("-m", "examples.audit", code=2, AUDIT_SERVE=address)
    assert address in done.stderr
    assert "AUDIT_SERVE" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("seconds", ["soon", "-1", "nan"])
def test_refuses_a_time_that_is_none(seconds: str) -> None:
    """A DEMO_SECONDS that is no number of seconds is named, and the command exits with 2."""
    done = run_program("-m", "examples.audit", code=2, DEMO_SECONDS=seconds)
    assert repr(seconds) in done.stderr
    assert "Traceback" not in done.stderr
