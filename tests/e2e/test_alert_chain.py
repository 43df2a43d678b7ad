"""
From a fault in an agent to whom it is told.

A real Prometheus and a real Alertmanager, with the rules and routes that ship, on a clock that is
120 times faster.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from agentmon.model.objectives import Latency, Objectives, Promise, Region, Team
from tests.assets.routed import hours_now, lay, receivers
from tests.docs.pages import ROOT
from tests.servers.alerting import Alertmanager, Sink, alertmanager, sink
from tests.servers.chain import Chain, chain
from tests.servers.processes import wait_until

pytestmark = pytest.mark.servers

FACTOR = 120.0
#: How long after a fault the right ones are told, on that clock: two hours of the rules' own.
TOLD_WITHIN_S = 60.0
#: How long after the repair all of it is over: the longest of the short windows is 6 hours.
OVER_WITHIN_S = 300.0
#: How long the healthy fleet is watched: 40 minutes of the rules' own.
HEALTHY_S = 20.0

#: Of each fault: the alert, the labels that say what it is about, and who is told of it.
FAULTS = {
    "failing": [("AgentAvailabilityBurnFast", {"agent": "planner"}, {"eu", "support"})],
    "slowing": [
        ("AgentAvailabilityBurnFast", {"agent": "writer"}, {"eu", "writing"}),
        ("AgentLatencyBurnFast", {"agent": "writer"}, {"eu", "writing"}),
    ],
    "down": [("DependencyAvailabilityBurnFast", {"dependency": "crm"}, {"eu"})],
    "quality": [("QualityLow", {"agent": "critic"}, {"writing"})],
    "context": [("ContextLost", {"source": "giver", "target": "taker"}, {"default"})],
    "queue": [("QueueFilling", {"queue": "orders"}, {"default"})],
}
#: Who stays well whatever is broken.
WELL = ("steady", "seller", "taker")


class Fleet:
    """A fleet of agents as a process."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address

    def say(self, verb: str, *faults: str) -> None:
        """Break or mend something."""
        assert self.process.stdin is not None
        for fault in faults:
            self.process.stdin.write(f"{verb} {fault}\n")
        self.process.stdin.flush()


@contextmanager
def fleet(name: str, address: str = "127.0.0.1:0") -> Iterator[Fleet]:
    """A fleet that works until the block ends."""
    with subprocess.Popen(
        (sys.executable, "-m", "tests.e2e.fleet", name, address),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Fleet(process, process.stdout.readline().strip())
        finally:
            process.stdin.close()
            if process.wait(30) is None:
                process.kill()


def objectives(told: Sink) -> Objectives:
    """What the fleet promises, and a receiver for each who may be told."""
    return Objectives(
        defaults=Promise(latency=Latency(0.1, 0.95)).over(Objectives.defaults),
        receivers=receivers(
            told.url, "default", "deadman", "support", "writing", "eu", "night", "lead"
        ),
        teams={
            "support": Team("support", "support", "lead", 7200),
            "writing": Team("writing", "writing"),
        },
        regions={"eu": Region("eu", "eu", hours_now("Europe/Berlin", inside=True), "night")},
    )


@contextmanager
def everything(
    prometheus: str, manager: str, folder: Path
) -> Iterator[tuple[Fleet, Fleet, Chain, Alertmanager, Sink, ExitStack]]:
    """Two processes of the fleet, Prometheus, Alertmanager and receivers."""
    with ExitStack() as outer, ExitStack() as stack:
        told = outer.enter_context(sink())
        promised = objectives(told)
        lay(promised, folder, FACTOR)
        am = outer.enter_context(alertmanager(manager, folder))
        one, other = (outer.enter_context(fleet(name)) for name in ("one", "other"))
        running = stack.enter_context(
            chain(
                prometheus,
                promised,
                targets=[one.address, other.address],
                told=am.url.removeprefix("http://"),
                folder=folder,
                factor=FACTOR,
            )
        )
        yield one, other, running, am, told, stack


def watchdog(told: Sink) -> list[float]:
    """When the watchdog came."""
    return [each.at for each in told.to("deadman") if each.firing()]


def others(told: Sink) -> list[tuple[str, dict[str, str]]]:
    """Whoever was told of anything but the watchdog."""
    return [
        (each.to, labels)
        for each in told.notifications
        for labels in each.firing()
        if labels["alertname"] != "AgentmonWatchdog"
    ]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("prometheus", "manager"), [("prometheus2", "alertmanager2"), ("prometheus3", "alertmanager")]
)
def test_faults_are_told_to_the_right_ones_and_are_over_when_mended(
    prometheus: str, manager: str, tmp_path: Path
) -> None:
    """Nothing while all is well; each fault to those it concerns; nothing after the repair."""
    with everything(prometheus, manager, tmp_path) as (one, other, running, am, told, stack):
        # All is well, and nobody is told of anything.
        wait_until(lambda: bool(watchdog(told)), timeout_s=60, what="the watchdog")
        until = time.monotonic() + HEALTHY_S
        wait_until(lambda: time.monotonic() > until, timeout_s=2 * HEALTHY_S, what="the time")
        assert running.query("agent:agentmon_calls:rate5m > 0"), "the rules see the fleet"
        assert running.failing() == []
        assert others(told) == []

        # Everything breaks in both processes, so that no half is well.
        for each in (one, other):
            each.say("break", *FAULTS)

        def missing() -> list[str]:
            return [
                f"{name} {labels}"
                for expected in FAULTS.values()
                for name, labels, who in expected
                if not who <= told.told_of(alertname=f"Agentmon{name}", **labels)
            ]

        deadline = time.monotonic() + TOLD_WITHIN_S
        while missing():
            assert time.monotonic() < deadline, f"nobody was told of {missing()}"
            time.sleep(0.2)
        for expected in FAULTS.values():
            for name, labels, who in expected:
                assert told.told_of(alertname=f"Agentmon{name}", **labels) == who
        assert not [each for each in others(told) if each[1].get("agent") in WELL]
        assert told.to("night") == []

        # What belongs together comes together.
        assert any(
            {"AgentmonAgentAvailabilityBurnFast", "AgentmonAgentLatencyBurnFast"}
            <= {each["alertname"] for each in notification.firing()}
            for notification in told.to("writing")
        )

        # Tickets about what is paged for already are hidden.
        def hidden() -> bool:
            found = [
                each
                for each in am.alerts()
                if each["labels"]["alertname"] == "AgentmonAgentAvailabilityBurnSlow"
                and each["labels"]["agent"] == "planner"
            ]
            return bool(found) and all(each["status"]["inhibitedBy"] for each in found)

        wait_until(hidden, timeout_s=TOLD_WITHIN_S, what="the ticket to be hidden")
        assert not told.told_of(alertname="AgentmonAgentAvailabilityBurnSlow", agent="planner")

        # What is not mended in time goes up, where the team says to whom.
        wait_until(
            lambda: told.told_of(alertname="AgentmonEscalated", agent="planner") == {"lead"},
            timeout_s=2 * TOLD_WITHIN_S,
            what="the escalation",
        )
        assert not told.told_of(alertname="AgentmonEscalated", agent="writer")

        # A worker is killed, with the only clerk.
        other.process.kill()
        wait_until(
            lambda: (
                told.told_of(alertname="AgentmonTargetDown", instance=other.address) == {"default"}
            ),
            timeout_s=TOLD_WITHIN_S,
            what="the killed worker",
        )
        wait_until(
            lambda: told.told_of(alertname="AgentmonAgentSilent", agent="clerk") == {"support"},
            timeout_s=TOLD_WITHIN_S,
            what="the silent agent",
        )

        # All is mended, and all is over.
        one.say("mend", *FAULTS)
        stack.enter_context(fleet("other", other.address))

        def left() -> list[str]:
            return sorted(
                each["alertname"]
                for each in running.firing()
                if each["alertname"] != "AgentmonWatchdog"
            )

        deadline = time.monotonic() + OVER_WITHIN_S
        while left():
            assert time.monotonic() < deadline, f"not over: {left()}"
            time.sleep(0.2)

        def resolved() -> set[str]:
            return {
                alert["labels"]["alertname"].removeprefix("Agentmon")
                for each in told.notifications
                for alert in each.alerts
                if alert["status"] == "resolved"
            }

        names = {name for expected in FAULTS.values() for name, _, _ in expected}
        names |= {"TargetDown", "AgentSilent"}
        wait_until(lambda: names <= resolved(), timeout_s=TOLD_WITHIN_S, what="their end be told")
        assert running.failing() == []


def test_a_fault_is_told_and_silence_of_the_watchdog_says_that_the_chain_is_broken(
    tmp_path: Path,
) -> None:
    """The quick one: one fault reaches the team; without Prometheus, the watchdog stops coming."""
    with everything("prometheus3", "alertmanager", tmp_path) as (one, _, _, _, told, stack):
        one.say("break", "failing")
        wait_until(
            lambda: (
                told.told_of(alertname="AgentmonAgentAvailabilityBurnFast", agent="planner")
                == {"eu", "support"}
            ),
            timeout_s=TOLD_WITHIN_S,
            what="the page",
        )
        wait_until(lambda: len(watchdog(told)) > 5, timeout_s=60, what="the watchdog")
        times = watchdog(told)
        longest = max(after - before for before, after in pairwise(times))
        stack.close()  # Prometheus is gone
        patience = max(10.0, 3 * longest)
        wait_until(
            lambda: time.time() - watchdog(told)[-1] > patience,
            timeout_s=10 * patience,
            what="the watchdog to fall silent",
        )
