"""The example workload as a job that nobody scrapes: it pushes when it ends, every way at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.export.push.exposed import Series, samples, series
from tests.servers.processes import Scraper, node_exporter, pushgateway, scraper

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("workflow", "step", "agent", "tool", "model_call")
#: What metric names start with, and the label that holds the name, where not as the kind.
STEM = {"model_call": "model"}
NAMED = {"model_call": "operation"}

#: Audits, says what it counted, and ends.
JOB = """
import json, sys
import agentmon
from examples.audit import PRICES, Ledger, NeedsHuman, run

agentmon.configure(
    service="audit",
    region="here",
    push=sys.argv[1:],
    interrupts=(NeedsHuman,),
    prices=PRICES,
)
ledger = Ledger()
run(packages=4, ledger=ledger)
print(json.dumps([[*key, n] for key, n in ledger.calls.items()]))
"""


def stored(server: Scraper) -> Series:
    """Agentmon's samples in a server, without what tells runs apart."""
    whose = {"job", "instance", "process.pid", "process_pid"}
    found = {}
    for sample in server.instant('{__name__=~"agentmon_.+"}'):
        foreign = [name for name in sample.labels if "." in name]
        found[series(sample.labels["__name__"], sample.labels, *whose, *foreign)] = sample.value
    return found


@pytest.mark.servers
def test_every_count_of_a_pushed_workload_is_exact(tmp_path: Path) -> None:
    """Each of six real receivers has what an independent count of every call has."""
    text = tmp_path / "text"
    text.mkdir()
    more = ("--web.enable-remote-write-receiver",)
    with ExitStack() as stack:
        gateway = stack.enter_context(pushgateway(tmp_path / "gateway"))
        exporter = stack.enter_context(node_exporter(text, tmp_path / "exporter"))
        servers = {
            key: stack.enter_context(scraper(key, (), tmp_path / key, more=more))
            for key in ("prometheus2", "prometheus3")
        }
        for key in ("written", "by otlp"):
            servers[key] = stack.enter_context(scraper("victoriametrics", (), tmp_path / key))
        done = subprocess.run(
            [
                *(sys.executable, "-c", JOB, f"pushgateway={gateway}"),
                f"textfile={text / 'audit.prom'}",
                *(
                    f"remote-write={servers[key].url}/api/v1/write"
                    for key in ("prometheus2", "prometheus3", "written")
                ),
                f"otlp={servers['by otlp'].url}/opentelemetry",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert done.stderr == ""
        ledger = Counter(
            {(kind, name, outcome): n for kind, name, outcome, n in json.loads(done.stdout)}
        )
        found = {key: stored(server) for key, server in servers.items()}
        for name, url in (("gateway", gateway), ("exporter", exporter)):
            with urlopen(f"{url}/metrics") as reply:
                found[name] = samples(reply.read().decode(), "job", "instance")

    assert set(KINDS) == {kind for kind, _, _ in ledger}
    for where, of in found.items():
        for kind in KINDS:
            stem, label = STEM.get(kind, kind), NAMED.get(kind, kind)
            for metric in ("calls_total", "duration_seconds_count", "duration_seconds_bucket"):
                counted: Counter[tuple[str, str, str]] = Counter()
                for (name, pairs), value in of.items():
                    labels = dict(pairs)
                    if name == f"agentmon_{stem}_{metric}" and labels.get("le") in (None, "inf"):
                        counted[kind, labels[label], labels["outcome"]] += round(value)
                assert +counted == Counter(
                    {key: n for key, n in ledger.items() if key[0] == kind}
                ), (where, metric)
    # All were pushed when the work was over, some milliseconds apart: what counts time goes on.
    moving = ("agentmon_scrape", "agentmon_dropped", "agentmon_component_time_seconds_total")
    first, *others = (
        {
            (name, pairs): value
            for (name, pairs), value in of.items()
            if not name.startswith(moving) and ("cost_type", "compute") not in pairs
        }
        for of in found.values()
    )
    for other in others:
        assert other == pytest.approx(first, rel=1e-12)  # VictoriaMetrics keeps 15 digits
    assert len(first) > 500
