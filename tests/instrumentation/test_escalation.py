"""Escalations: the question, the wait, the verdict."""

from __future__ import annotations

import asyncio

import pytest

import agentmon
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands, serve_by


@pytest.mark.drives(
    "agentmon_escalations_total",
    "agentmon_escalation_verdicts_total",
    "agentmon_escalation_wait_seconds",
    "agentmon_escalations_open",
    "agentmon_workflow_critical_path_seconds_total",
)
def test_escalations_are_scraped_with_their_verdicts(endpoint: Endpoint, clock: Hands) -> None:
    """Two are begun; one is answered after 4 s and judged appropriate, one is open."""
    serve_by(endpoint, clock)
    why = {"level": "senior", "reason": "low confidence"}
    with agentmon.workflow("job"), agentmon.agent("clerk"), agentmon.escalation(**why) as asked:
        clock.pass_by(4)
    assert agentmon.escalation_verdict(asked.id, appropriate=True)
    agentmon.escalation(**why).begin()
    assert endpoint.value("agentmon_escalations_total", agent="clerk", **why) == 1
    assert endpoint.value("agentmon_escalations_total", **why) == 2
    assert endpoint.samples("agentmon_escalation_verdicts_total", **why) == {
        ("clerk", "appropriate"): 1
    }
    assert endpoint.value("agentmon_escalations_open", level="senior") == 1
    assert endpoint.value("agentmon_escalation_wait_seconds_count", agent="clerk") == 1
    waited = endpoint.value("agentmon_escalation_wait_seconds_sum", agent="clerk")
    assert waited == pytest.approx(4, rel=0.01)
    sample = "agentmon_workflow_critical_path_seconds_total"
    assert endpoint.samples(sample, workflow="job") == {("clerk", "escalation"): 4}


def test_a_verdict_counts_once_and_of_what_is_known(recorded: Recorded) -> None:
    """Another verdict, or one on what nobody knows, is dropped and counted."""
    with agentmon.escalation(level="human", reason="limit") as asked:
        pass
    assert agentmon.escalation_verdict(asked.id, appropriate=False)
    assert not agentmon.escalation_verdict(asked.id, appropriate=False)
    assert not agentmon.escalation_verdict("nobody's", appropriate=True)
    assert recorded.value("agentmon_escalation_verdicts_total", verdict="inappropriate") == 1
    assert recorded.value("agentmon_dropped_total", reason="unknown_subject") == 2


def test_an_escalation_ends_once(recorded: Recorded) -> None:
    """Whoever ends it again changes nothing."""
    asked = agentmon.escalation(level="human", reason="limit").begin()
    asked.end()
    asked.end()
    assert recorded.value("agentmon_escalations_open", level="human") == 0
    assert recorded.value("agentmon_escalation_wait_seconds_count") == 1


def test_blocks_may_be_asynchronous_and_exceptions_pass(recorded: Recorded) -> None:
    """What is raised within is the host's."""

    async def ask() -> None:
        async with agentmon.escalation(level="human", reason="limit"):
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(ask())
    assert recorded.value("agentmon_escalations_open", level="human") == 0


def test_while_recording_is_off_an_escalation_is_nothing() -> None:
    """Neither it nor its verdict counts."""
    with agentmon.escalation(level="human", reason="limit") as asked:
        pass
    assert not agentmon.escalation_verdict(asked.id, appropriate=True)


@pytest.mark.parametrize("wrong", [{"level": ""}, {"reason": 3}])
def test_names_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    """At the declaration, by name."""
    with pytest.raises(agentmon.DeclarationError, match=next(iter(wrong))):
        agentmon.escalation(**{"level": "human", "reason": "limit", **wrong})  # type: ignore[arg-type]


def test_a_verdict_is_yes_or_no() -> None:
    """Anything else is refused."""
    with pytest.raises(agentmon.DeclarationError, match="True or False"):
        agentmon.escalation_verdict("x", appropriate="yes")  # type: ignore[arg-type]
