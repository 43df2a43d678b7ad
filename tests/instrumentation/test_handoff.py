"""Handoffs: begun, accepted, and ended in one of four ways, in one process and over several."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.hands import Hands
from tests.instrumentation.recording import recording

EDGE = {"target": "billing", "source": "triage"}


@agentmon.agent("billing")
def billing(*, fail: bool = False) -> str:
    """An agent that is handed to."""
    if fail:
        raise KeyError("bill")
    return "paid"


def counts(recorded: Recorded) -> dict[str, int]:
    """How many handoffs came how far, without zeros."""
    found = {
        "begun": recorded.value("agentmon_handoff_begun_total"),
        "accepted": recorded.value("agentmon_handoff_accepted_total"),
        "bounced": recorded.value("agentmon_handoff_bounced_total"),
        **{
            result: recorded.value("agentmon_handoff_ended_total", result=result)
            for result in ("completed", "failed", "rejected", "lost")
        },
    }
    return {what: int(n) for what, n in found.items() if n}


def sent(**options: Any) -> dict[str, str]:
    """Headers of a handoff from triage to billing."""
    with agentmon.agent("triage"), agentmon.handoff("billing", **options):
        return agentmon.inject({})


def elsewhere(headers: dict[str, str], **options: Any) -> dict[str, int]:
    """What another process counts that takes a handoff."""
    inner, registry = ACTIVE.coordination, ACTIVE.registry
    assert inner is not None
    assert registry is not None
    ACTIVE.turn_off()
    with recording("metrics") as other:
        with agentmon.accepting(headers, **options):
            pass
        return counts(other)


@pytest.mark.drives(
    "agentmon_handoff_begun_total",
    "agentmon_handoff_accepted_total",
    "agentmon_handoff_ended_total",
    "agentmon_handoff_bounced_total",
    "agentmon_handoff_latency_seconds",
)
def test_handoffs_are_scraped_by_target_and_source(endpoint: Endpoint) -> None:
    """Of three handoffs from triage to billing one fails, and one goes straight back."""
    endpoint.start()
    with agentmon.agent("triage"):
        with agentmon.handoff("billing"):
            billing()
        with pytest.raises(KeyError), agentmon.handoff("billing"):
            billing(fail=True)
        with agentmon.handoff("billing"), agentmon.agent("billing"):  # noqa: SIM117
            with agentmon.handoff("triage"), agentmon.agent("triage"):
                pass
    assert endpoint.value("agentmon_handoff_begun_total", **EDGE) == 3
    assert endpoint.value("agentmon_handoff_accepted_total", **EDGE) == 3
    assert endpoint.value("agentmon_handoff_ended_total", result="completed", **EDGE) == 2
    assert endpoint.value("agentmon_handoff_ended_total", result="failed", **EDGE) == 1
    assert endpoint.samples("agentmon_handoff_bounced_total", source="billing") == {("triage",): 1}
    assert endpoint.value("agentmon_handoff_latency_seconds_count", **EDGE) == 3


@pytest.mark.drives(
    "agentmon_handoff_context_kept_ratio", "agentmon_handoff_context_size_bytes_total"
)
def test_what_arrives_of_a_context_is_scraped_by_measure(endpoint: Endpoint) -> None:
    """Of two keys of 8 bytes and 4 words, one of 2 bytes and 1 word arrives."""
    endpoint.start()

    def words(text: str) -> int:
        return len(text.split())

    context = {"who": "me", "why": "a b cd"}
    handing = agentmon.handoff("billing", context=context, tokens=words)
    with agentmon.agent("triage"), handing as handoff:  # noqa: SIM117
        with agentmon.accepting(handoff, context={"who": "me"}, tokens=words) as taken:
            taken.kept("meaning", 0.25)
    assert endpoint.value("agentmon_handoff_context_size_bytes_total", **EDGE) == 14
    for measure, share in {"keys": 0.5, "bytes": 0.25, "tokens": 0.25, "meaning": 0.25}.items():
        kept = endpoint.value("agentmon_handoff_context_kept_ratio_sum", measure=measure, **EDGE)
        assert kept == share


def test_an_agent_called_within_accepts_by_itself(recorded: Recorded) -> None:
    """The simple case is one line: the call within is the acceptance, its return the end."""
    with agentmon.agent("triage"), agentmon.handoff("billing"):
        billing()
    assert counts(recorded) == {"begun": 1, "accepted": 1, "completed": 1}


def test_a_decorated_function_that_calls_the_agent_is_a_handoff(recorded: Recorded) -> None:
    """A tool that transfers to another agent is one as well."""

    @agentmon.handoff("billing")
    def transfer() -> str:
        return billing()

    with agentmon.agent("triage"):
        transfer()
    assert counts(recorded) == {"begun": 1, "accepted": 1, "completed": 1}


def test_only_the_first_agent_called_within_accepts(recorded: Recorded) -> None:
    """Whatever the target calls, it is one handoff."""
    with agentmon.handoff("billing", source="triage"):
        billing()
        billing()
    assert counts(recorded) == {"begun": 1, "accepted": 1, "completed": 1}


def test_latency_is_the_time_from_begin_to_acceptance(timed: Recorded, clock: Hands) -> None:
    """Two seconds pass before the agent is called, three until it is done."""
    with agentmon.handoff("billing", source="triage"):
        clock.pass_by(2)
        with agentmon.agent("billing"):
            clock.pass_by(3)
    assert timed.value("agentmon_handoff_latency_seconds_sum", **EDGE) == pytest.approx(2, rel=0.01)


def test_what_nobody_accepts_in_time_is_lost(timed: Recorded, clock: Hands) -> None:
    """Once its time is over it counts, and an acceptance after that changes nothing."""
    with agentmon.handoff("billing", source="triage", timeout=30) as handoff:
        pass
    clock.pass_by(29)
    assert counts(timed) == {"begun": 1}
    clock.pass_by(2)
    assert counts(timed) == {"begun": 1, "lost": 1}
    with agentmon.accepting(handoff):
        pass
    assert counts(timed) == {"begun": 1, "lost": 1}


def test_an_acceptance_that_is_too_late_is_a_loss_whoever_looks_first(
    timed: Recorded, clock: Hands
) -> None:
    """What is lost does not depend on when somebody scrapes."""
    with agentmon.handoff("billing", source="triage", timeout=30) as handoff:
        pass
    clock.pass_by(31)
    with agentmon.accepting(handoff):
        pass
    assert counts(timed) == {"begun": 1, "lost": 1}


def test_a_handoff_through_a_queue_is_accepted_later(timed: Recorded, clock: Hands) -> None:
    """The block that begins it is long over when a worker takes it, and fails."""
    with agentmon.handoff("billing", source="triage", timeout=30) as handoff:
        pass
    clock.pass_by(5)
    with pytest.raises(KeyError), agentmon.accepting(handoff):
        billing(fail=True)
    clock.pass_by(60)
    assert counts(timed) == {"begun": 1, "accepted": 1, "failed": 1}


def test_work_can_be_rejected(recorded: Recorded) -> None:
    """What is rejected is neither accepted nor completed."""
    with agentmon.handoff("billing", source="triage") as handoff, agentmon.accepting(handoff) as it:
        it.reject()
    assert counts(recorded) == {"begun": 1, "rejected": 1}


def test_a_block_that_fails_before_anybody_accepts_has_failed(recorded: Recorded) -> None:
    """The handoff itself went wrong."""
    with pytest.raises(KeyError), agentmon.handoff("billing", source="triage"):
        raise KeyError("queue")
    assert counts(recorded) == {"begun": 1, "failed": 1}


def test_back_by_way_of_a_third_agent_is_no_bounce(recorded: Recorded) -> None:
    """Only what goes straight back bounced."""
    with agentmon.agent("a"), agentmon.handoff("b"), agentmon.agent("b"):  # noqa: SIM117
        with agentmon.handoff("c"), agentmon.agent("c"):
            with agentmon.handoff("a"), agentmon.agent("a"):
                pass
    assert "bounced" not in counts(recorded)


def test_a_handoff_begun_in_a_tool_can_bounce(recorded: Recorded) -> None:
    """Tools that transfer are the usual way back."""

    @agentmon.tool
    def give_back() -> None:
        with agentmon.handoff("a"), agentmon.agent("a"):
            pass

    with agentmon.agent("a"), agentmon.handoff("b"), agentmon.agent("b"):
        give_back()
    assert counts(recorded)["bounced"] == 1


def test_whoever_gets_the_message_counts_what_becomes_of_it() -> None:
    """The sender counts that it began, the other process the rest: the sums are right."""
    with recording("metrics") as here:
        headers = sent(timeout=30)
        assert counts(here) == {"begun": 1}
        there = elsewhere(headers)
    assert there == {"accepted": 1, "completed": 1}


def test_an_agent_called_for_a_message_accepts_and_ends_it() -> None:
    """`received` is enough where an agent is called."""
    with recording("metrics"):
        headers = sent()
    with recording("metrics") as there:
        with pytest.raises(KeyError), agentmon.received(headers):
            billing(fail=True)
        assert counts(there) == {"accepted": 1, "failed": 1}


def test_what_was_sent_is_not_lost_here(timed: Recorded, clock: Hands) -> None:
    """It may have been accepted elsewhere, which this process cannot tell."""
    sent(timeout=30)
    clock.pass_by(60)
    assert counts(timed) == {"begun": 1}


def test_what_was_to_be_confirmed_and_was_not_is_lost(timed: Recorded, clock: Hands) -> None:
    """With confirmation the sender can tell."""
    sent(timeout=30, confirmed=True)
    clock.pass_by(60)
    assert counts(timed) == {"begun": 1, "lost": 1}


def test_what_was_confirmed_is_not_lost(timed: Recorded, clock: Hands) -> None:
    """The answer says that it arrived; what becomes of it is counted elsewhere."""
    headers = sent(timeout=30, confirmed=True)
    identifier = headers["baggage"].split("%09")[3]
    assert agentmon.handoff_confirmed({"Agentmon-Handoff": identifier})
    clock.pass_by(60)
    assert counts(timed) == {"begun": 1}


def test_the_confirmation_is_what_the_taker_writes() -> None:
    """What it writes is what the sender waits for."""
    with recording("metrics") as here:
        headers = sent(timeout=30, confirmed=True)
        with agentmon.accepting(headers) as taken:
            answer = taken.confirmation()
        assert agentmon.handoff_confirmed(answer)
        assert not agentmon.handoff_confirmed({})
        assert counts(here) == {"begun": 1, "accepted": 1, "completed": 1}


def test_a_message_that_comes_twice_is_accepted_once() -> None:
    """Queues deliver at least once."""
    with recording("metrics"):
        headers = sent()
    with recording("metrics") as there:
        for _ in range(2):
            with agentmon.accepting(headers):
                pass
        assert counts(there) == {"accepted": 1, "completed": 1}


def test_a_message_can_come_back_to_the_process_that_sent_it(recorded: Recorded) -> None:
    """Through a queue between threads, for instance: it is one handoff, and not lost."""
    headers = sent(timeout=30)
    with agentmon.accepting(headers):
        billing()
    assert counts(recorded) == {"begun": 1, "accepted": 1, "completed": 1}


def test_what_arrives_elsewhere_is_compared_with_what_was_sent() -> None:
    """The message says how much was sent, and not what."""
    with recording("metrics"):
        headers = sent(context={"secret": "x" * 100, "other": "y" * 100})
    assert "secret" not in headers["baggage"]
    with recording("metrics") as there:
        with agentmon.accepting(headers, context={"secret": "x" * 50}):
            pass
        kept = "agentmon_handoff_context_kept_ratio_sum"
        assert there.value(kept, measure="keys") == 0.5
        assert there.value(kept, measure="bytes") == 0.25


def test_a_context_that_cannot_be_measured_is_counted_as_dropped(recorded: Recorded) -> None:
    """Objects of the host's may raise."""

    class Wrong:
        def __str__(self) -> str:
            raise KeyError

    with agentmon.handoff("billing", source="triage", context={"x": Wrong()}):
        billing()
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 1


def test_a_share_that_is_none_is_dropped(recorded: Recorded) -> None:
    """A share lies between 0 and 1."""
    with agentmon.handoff("billing", source="triage") as it, agentmon.accepting(it) as taken:
        for share in (2, -1, float("nan"), "1"):
            taken.kept("meaning", share)  # type: ignore[arg-type]
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 4


def test_coroutines_hand_over_too(recorded: Recorded) -> None:
    """Blocks may be asynchronous."""

    async def run() -> None:
        handing = agentmon.handoff("billing", source="triage")
        async with handing as handoff, agentmon.accepting(handoff):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert counts(recorded) == {"begun": 1, "accepted": 1, "completed": 1}


def test_while_recording_is_off_nothing_happens() -> None:
    """Neither block does anything."""
    with agentmon.handoff("billing", context="x") as handoff, agentmon.accepting(handoff) as taken:
        taken.accept()
        taken.reject()
        taken.kept("meaning", 1)
        assert taken.confirmation() == {}
    assert not agentmon.handoff_confirmed({"agentmon-handoff": "1"})


def test_a_context_is_refused_where_calls_differ() -> None:
    """A decorator is given once; what is handed over is new each time."""
    with pytest.raises(agentmon.DeclarationError, match="context"):
        agentmon.handoff("billing", context="x")(billing)


def test_what_takes_no_function_says_so() -> None:
    """What counts tokens is called."""
    with pytest.raises(agentmon.DeclarationError, match="tokens"):
        agentmon.handoff("billing", tokens=3)  # type: ignore[call-overload]
    with pytest.raises(agentmon.DeclarationError, match="tokens"):
        agentmon.accepting({}, tokens=3)  # type: ignore[arg-type]


def test_memory_of_handoffs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and not taken for lost."""
    monkeypatch.setattr("agentmon.instrumentation.handoff.MOST_REMEMBERED", 3)
    clock = Hands()
    with recording("details", clock=clock) as timed:
        for _ in range(5):
            with agentmon.handoff("billing", source="triage", timeout=1):
                pass
        clock.pass_by(2)
        assert counts(timed) == {"begun": 5, "lost": 3}
        assert timed.value("agentmon_dropped_total", reason="handoff_bound") == 2


@pytest.mark.parametrize(
    "said",
    [
        "0%09billing%09triage%09" + "x" * 300,
        "0%09" + "b" * 300 + "%09triage%09abc",
        "0%09billing%09triage%09abc%09soon",
        "0%09billing%09triage%09abc%091%091%09%09nonsense",
    ],
)
def test_what_strangers_send_is_kept_only_if_we_could_have_sent_it(said: str) -> None:
    """Anything else is left out and counted, and the work is done."""
    with recording("metrics") as there:
        with agentmon.accepting({"baggage": f"agentmon.handoff={said}"}):
            billing()
        assert counts(there) == {}
        assert there.value("agentmon_dropped_total", reason="bad_context") == 1
