"""The example workload, scraped by the real servers while it runs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.processes import Scraper

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("workflow", "step", "agent", "tool", "model_call")
#: What metric names start with, and the label that holds the name, where not as the kind.
STEM = {"model_call": "model"}
NAMED = {"model_call": "operation"}

#: Serves, says where, audits when told to, says what it counted, and serves until told to stop.
WORKLOAD = """
import json, sys
import agentmon
from examples.audit import Ledger, NeedsHuman, run

agentmon.configure(
    service="audit", region="here", serve="127.0.0.1:0", interrupts=(NeedsHuman,)
)
print(agentmon.endpoint().removeprefix("http://"), flush=True)
sys.stdin.readline()
ledger = Ledger()
run(packages=6, ledger=ledger)
exact = {
    f"{each.kind} {each.name}": [each.summary.count, each.summary.mean, each.summary.stddev]
    for each in agentmon.statistics() if each.kind in ("workflow", "step")
}
counts = [[*key, n] for key, n in ledger.calls.items()]
print(json.dumps({"counts": counts, "exact": exact}), flush=True)
sys.stdin.readline()
"""


@contextmanager
def workload() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the workload; gives its address and the process."""
    with subprocess.Popen(
        (sys.executable, "-c", WORKLOAD),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.stdin.close()
            process.wait(60)


def say(process: subprocess.Popen[str]) -> None:
    """Tell the workload to go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_every_count_of_a_scraped_workload_is_exact(
    scrape: Callable[[Sequence[str]], Scraper],
) -> None:
    """What a real server stores of the audit equals an independent count of every call."""
    with workload() as (address, process):
        server = scrape([address])
        server.wait_for_scrape()
        say(process)
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        server.wait_for_scrape(since=time.time())

        ledger = Counter({(kind, name, outcome): n for kind, name, outcome, n in told["counts"]})
        assert set(KINDS) == {kind for kind, _, _ in ledger}
        for kind in KINDS:
            stem, label = STEM.get(kind, kind), NAMED.get(kind, kind)
            for metric in ("calls_total", "duration_seconds_count"):
                query = f'sum by ({label}, outcome) (agentmon_{stem}_{metric}{{region="here"}})'
                stored = {
                    (kind, sample.labels[label], sample.labels["outcome"]): sample.value
                    for sample in server.instant(query)
                    if sample.value
                }
                assert stored == {key: n for key, n in ledger.items() if key[0] == kind}, metric
            bounded = server.instant(f'agentmon_{stem}_duration_seconds_bucket{{le="+Inf"}}')
            assert sum(sample.value for sample in bounded) == sum(
                n for key, n in ledger.items() if key[0] == kind
            )
            assert server.value(f"sum(agentmon_{stem}_in_flight)") == 0
        assert server.value("sum(agentmon_dropped_total)") == 0
        assert server.value(f'up{{instance="{address}"}}') == 1

        for key, (count, mean, stddev) in told["exact"].items():
            kind, name = key.split(" ", 1)
            total, squares, n = (
                f'sum(agentmon_{kind}_duration_seconds_{part}{{{kind}="{name}"}})'
                for part in ("sum", "squared_total", "count")
            )
            assert server.value(n) == count
            assert math.isclose(server.value(f"{total} / {n}"), mean, rel_tol=1e-9)
            variance = server.value(f"{squares} / {n} - ({total} / {n}) ^ 2")
            assert math.isclose(math.sqrt(max(0, variance)), stddev, rel_tol=1e-6, abs_tol=1e-9)
