"""
What the shipped rules cost a real Prometheus: ``python -m tests.bench.rules``.

A process plays agents, each with a tool, a model and a dependency, in tasks and workflows. It is
scraped every 15 seconds. After some minutes Prometheus is asked what each group of rules took, and
how many samples it made. There is no history: windows of days read what is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.table import replace, where
from tests.servers.processes import _prometheus, _serving, free_port, required

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "alerting.md"
_MINUTES = 4
_HEAD = (
    "agents",
    "series scraped",
    "samples a second scraped",
    "samples a second by rules",
    "time of rules each minute",
    "slowest group",
)

FLEET = """
import sys, time
import agentmon
port, agents = int(sys.argv[1]), int(sys.argv[2])
agentmon.configure(
    serve=f"127.0.0.1:{port}", service="fleet", region="eu", traces="none",
    max_series=100 * agents + 1000, resources=15,
)

def made(n):
    tool = agentmon.tool(f"tool{n % 50}")(lambda: sum(range(50)))
    ask = agentmon.model_call("chat", model=f"m{n % 5}", provider="p")(
        lambda: agentmon.usage(input_tokens=100, output_tokens=20))
    @agentmon.dependency(f"db{n % 10}", kind="database")
    def look():
        pass
    @agentmon.agent(f"agent{n}", version="1", team=f"team{n % 7}", tier=("front", "back")[n % 2])
    def run(k):
        tool(); ask(); look()
        if k % 50 == n % 50:
            raise ValueError
    @agentmon.task(f"task{n % 20}")
    def task(k):
        with agentmon.workflow(f"flow{n % 20}"):
            run(k)
    return task

tasks = [made(n) for n in range(agents)]
k = 0
while True:
    begun = time.monotonic()
    for task in tasks:
        try:
            task(k)
        except ValueError:
            pass
    k += 1
    time.sleep(max(0.0, 5 - (time.monotonic() - begun)))
"""


@dataclass(frozen=True)
class Cost:
    """
    What a fleet costs.

    Args:
        agents: How many there are.
        series: Samples of one scrape.
        made: Samples that rules make, a second.
        busy_s: Time that rules take, each minute.
        slowest: The group that takes longest, and how long.
    """

    agents: int
    series: int
    made: float
    busy_s: float
    slowest: tuple[str, float]

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        name, took_s = self.slowest
        return (
            f"{self.agents:,}",
            f"{self.series:,}",
            f"{self.series / 15:,.0f}",
            f"{self.made:,.0f}",
            f"{self.busy_s:.2f} s",
            f"`{name}`, {1e3 * took_s:.0f} ms",
        )


@contextmanager
def _fleet(agents: int) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", FLEET, str(port), str(agents)], cwd=ROOT)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(agents: int, minutes: float) -> Cost:
    """What a fleet of so many agents costs, after so many minutes."""
    with tempfile.TemporaryDirectory() as scratch, _fleet(agents) as target:
        folder = Path(scratch)
        configuration = folder / "prometheus.yml"
        configuration.write_text(
            "global: {scrape_interval: 15s, evaluation_interval: 1m}\n"
            f"rule_files: ['{ROOT}/prometheus/rules/*.yml']\n"
            "scrape_configs:\n"
            "- job_name: agentmon\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n"
        )
        program = required("prometheus3")

        def command(port: int) -> list[str]:
            return [str(program), *_prometheus(configuration, folder / "data", port)]

        with _serving(command, folder / "log") as url:
            time.sleep(60 * minutes)
            return _cost(agents, url, f"http://127.0.0.1:{target}/metrics")


def _cost(agents: int, url: str, target: str) -> Cost:
    with urlopen(target) as answer:
        series = sum(not line.startswith(b"#") for line in answer)
    found: dict[str, dict[str, float]] = {}
    with urlopen(f"{url}/metrics") as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                group = sample.labels.get("rule_group")
                if group is not None:
                    found.setdefault(group.rpartition(";")[2], {})[sample.name] = sample.value
    if not found:
        raise RuntimeError("Prometheus has worked out no rules")
    prefix = "prometheus_rule_group_"
    took = {name: each[f"{prefix}last_duration_seconds"] for name, each in found.items()}
    every = {name: each[f"{prefix}interval_seconds"] for name, each in found.items()}
    made = {name: each[f"{prefix}last_evaluation_samples"] for name, each in found.items()}
    slowest = max(took, key=lambda name: took[name])
    return Cost(
        agents,
        series,
        sum(made[name] / every[name] for name in found),
        sum(60 * took[name] / every[name] for name in found),
        (slowest, took[slowest]),
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rules", description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="of each fleet")
    parser.add_argument("--write", action="store_true", help="put the table into docs/alerting.md")
    options = parser.parse_args()
    rows = [measure(agents, options.minutes).cells for agents in options.agents]
    lines = [_HEAD, ("---",) * len(_HEAD), *rows]
    table = "\n".join(f"| {' | '.join(row)} |" for row in lines)
    text = f"{where()} Prometheus 3, {options.minutes:g} minutes of each fleet.\n\n{table}"
    print(text)
    if options.write:
        replace(DOCUMENT, "rules-cost", text)


if __name__ == "__main__":
    main()
