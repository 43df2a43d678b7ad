"""Context that travels between processes."""

from __future__ import annotations

import asyncio
from email.message import Message
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry import context as otel_context

import agentmon
from agentmon.instrumentation.active import ACTIVE
from tests.instrumentation.exported import exporting
from tests.instrumentation.recording import Spans, recording

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331


@agentmon.agent("receiver")
def receive() -> None:
    """What is called when a message comes."""


def headers_of_http_server() -> Message:
    """Headers as ``http.server`` gives them."""
    headers = Message()
    headers["Traceparent"] = PARENT
    return headers


def test_context_goes_out_as_the_headers_of_the_w3c() -> None:
    """Within a call its trace and span stand in the header that the W3C names."""
    with exporting() as exported:

        @agentmon.agent("sender")
        def send() -> dict[str, str]:
            return agentmon.inject()

        headers = send()
    (span,) = exported.spans
    assert headers == {"traceparent": f"00-{span.trace_id:032x}-{span.span_id:016x}-03"}


def test_carrier_is_filled_and_returned() -> None:
    """A carrier that is given keeps what it had, and is what is returned."""
    meta: dict[str, str] = {"progressToken": "1"}
    with exporting(), agentmon.agent("sender"):
        assert agentmon.inject(meta) is meta
    assert set(meta) == {"progressToken", "traceparent"}


def test_without_context_nothing_is_written() -> None:
    """Outside any call there is nothing to pass on."""
    assert agentmon.inject() == {}


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": PARENT},
        {"Traceparent": PARENT, "Content-Type": "text/plain"},
        {"TRACEPARENT": [PARENT]},
        {"traceparent": PARENT.encode()},
        [(b"traceparent", PARENT.encode()), (b"host", b"x")],
        [("traceparent", PARENT.encode())],
        headers_of_http_server(),
    ],
    ids=["text", "case", "list", "bytes", "asgi", "kafka", "http.server"],
)
def test_remote_span_is_the_parent_of_calls(carrier: Any) -> None:
    """However the header comes, calls within have the other process's span as their parent."""
    with exporting() as exported:
        with agentmon.received(carrier):
            receive()
        receive()
    inside, outside = exported.spans
    assert (inside.trace_id, inside.parent_id, inside.remote_parent) == (TRACE_ID, SPAN_ID, True)
    assert outside.trace_id != TRACE_ID


def test_host_spans_have_the_remote_parent_too() -> None:
    """On a provider of the host's the other process's span is the parent as well."""
    spans = Spans()
    with recording("spans", spans=spans), agentmon.received({"traceparent": PARENT}):
        receive()
    (span,) = spans.ended()
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (TRACE_ID, SPAN_ID)


def test_trace_state_and_baggage_arrive() -> None:
    """Trace state and baggage come in and go on."""
    carrier = {"traceparent": PARENT, "tracestate": "vendor=1", "baggage": "tenant=acme"}
    with exporting(), agentmon.received(carrier), agentmon.agent("a"):
        assert baggage.get_baggage("tenant") == "acme"
        onward = agentmon.inject()
    assert onward["tracestate"] == "vendor=1"
    assert onward["baggage"] == "tenant=acme"
    assert onward["traceparent"].split("-")[1] == PARENT.split("-")[1]


def test_without_spans_the_context_passes_through() -> None:
    """Where no spans are made, what came in goes out unchanged."""
    with recording("metrics"), agentmon.received({"traceparent": PARENT}):
        receive()
        assert agentmon.inject() == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "carrier",
    [None, {}, {"traceparent": "nonsense"}, {"traceparent": 7}, {"traceparent": "x" * 10**6}, []],
)
def test_what_holds_no_context_changes_nothing(carrier: Any) -> None:
    """Nothing, nonsense and excess make the calls within roots, and nothing is raised."""
    with exporting() as exported, agentmon.received(carrier):
        receive()
    assert exported.spans[0].parent_id == 0


@pytest.mark.parametrize("carrier", [None, {}, {"traceparent": "nonsense"}, 7])
def test_without_context_calls_stay_where_they_are(carrier: Any) -> None:
    """Where nothing came, the present span and baggage stay those of calls within."""
    with exporting() as exported, agentmon.agent("outer"):
        token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
        with agentmon.received(carrier):
            receive()
            assert baggage.get_baggage("tenant") == "acme"
        otel_context.detach(token)
    outer, receiver = exported.named("invoke_agent outer"), exported.named("invoke_agent receiver")
    assert receiver.parent_id == outer.span_id


def test_other_values_of_the_context_stay() -> None:
    """What else stands in the present context is there for calls within."""
    token = otel_context.attach(otel_context.set_value("key", 7))
    with agentmon.received({"traceparent": PARENT}):
        assert otel_context.get_value("key") == 7
    otel_context.detach(token)


def test_span_of_a_web_server_stays_the_parent() -> None:
    """Where instrumentation has made a span for the same message, calls are children of that."""
    carrier = {"traceparent": PARENT}
    context = propagate.extract(carrier)
    with exporting() as exported:
        with exported.other.start_as_current_span("POST /", context), agentmon.received(carrier):
            receive()
        server, receiver = exported.named("POST /"), exported.named("invoke_agent receiver")
        assert (server.parent_id, receiver.parent_id) == (SPAN_ID, server.span_id)


def test_span_of_a_web_server_on_the_hosts_provider_stays_the_parent() -> None:
    """The same holds for spans of the SDK."""
    carrier = {"traceparent": PARENT}
    spans = Spans()
    tracer = spans.provider.get_tracer("other")
    with recording("spans", spans=spans):
        context = propagate.extract(carrier)
        with tracer.start_as_current_span("POST /", context), agentmon.received(carrier):
            receive()
    receiver, server = spans.ended()
    assert receiver.parent is not None
    assert receiver.parent.span_id == server.get_span_context().span_id


def test_span_of_another_message_is_not_the_parent() -> None:
    """A message that comes within a call of the same trace has its own sender for a parent."""
    with exporting() as exported, agentmon.agent("loop"):
        with agentmon.agent("sender"):
            message = agentmon.inject()
        with agentmon.received(message):
            receive()
    sender, receiver = (
        exported.named("invoke_agent sender"),
        exported.named("invoke_agent receiver"),
    )
    assert receiver.parent_id == sender.span_id


@pytest.mark.parametrize("carrier", [[], 7])
def test_what_takes_no_context_is_counted(carrier: Any) -> None:
    """A carrier that cannot be written to is returned as it is and counted; nothing is raised."""
    with exporting() as exported, agentmon.agent("sender"):
        assert agentmon.inject(carrier) is carrier
        assert exported.recorded.value("agentmon_dropped_total", reason="bad_context") == 1


@pytest.mark.parametrize("carrier", [7, [1, 2], "text", [("a",)]])
def test_what_is_no_carrier_is_counted(carrier: Any) -> None:
    """What is neither mapping nor pairs is left out and counted, and nothing is raised."""
    with exporting() as exported:
        with agentmon.received(carrier):
            receive()
        assert exported.recorded.value("agentmon_dropped_total", reason="bad_context") == 1


def test_context_is_put_back() -> None:
    """After the block, and after one that raises, the context is what it was."""
    with exporting():
        before = otel_context.get_current()
        with pytest.raises(ValueError), agentmon.received({"traceparent": PARENT}):  # noqa: PT011
            raise ValueError
        assert otel_context.get_current() is before


def test_async_block() -> None:
    """With ``async with`` tasks within belong to the message too."""

    @agentmon.agent("a")
    async def work() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        async with agentmon.received({"traceparent": PARENT}):
            await asyncio.gather(work(), work())

    with exporting() as exported:
        asyncio.run(main())
    assert {span.parent_id for span in exported.spans} == {SPAN_ID}


# ---------------------------------------------------------------------- handoffs


def test_handoff_is_counted_by_target_and_source() -> None:
    """A handoff counts under the agent that is handed to and the one around it."""
    with exporting() as exported:
        with agentmon.agent("writer"), agentmon.handoff("reviewer"):
            pass
        value = exported.recorded.value(
            "agentmon_handoff_calls_total", target="reviewer", source="writer", outcome="ok"
        )
    assert value == 1


def test_handoff_has_a_declared_source() -> None:
    """A source that is declared wins over the agent around."""
    with exporting() as exported:
        with agentmon.agent("writer"), agentmon.handoff("reviewer", source="desk"):
            pass
        value = exported.recorded.value(
            "agentmon_handoff_calls_total", target="reviewer", source="desk", outcome="ok"
        )
    assert value == 1
    span = exported.named("handoff reviewer")
    assert span.fixed is not None
    assert span.fixed.attributes["agentmon.handoff.source.name"] == "desk"


@pytest.mark.parametrize("form", ["decorated", "block", "async"])
def test_agent_that_is_handed_to_is_linked(form: str) -> None:
    """The agent called directly within a handoff is its child, and linked to it; others are not."""

    @agentmon.agent("reviewer")
    def review() -> None:
        receive()

    @agentmon.agent("reviewer")
    async def review_async() -> None:
        receive()

    with exporting() as exported, agentmon.handoff("reviewer"):
        if form == "decorated":
            review()
        elif form == "async":
            asyncio.run(review_async())
        else:
            with agentmon.agent("reviewer"):
                receive()
    handoff, reviewer = exported.named("handoff reviewer"), exported.named("invoke_agent reviewer")
    assert reviewer.parent_id == handoff.span_id
    (link,) = reviewer.links or ()
    assert link.context.span_id == handoff.span_id
    assert link.attributes == {"agentmon.link": "handoff"}
    assert exported.named("invoke_agent receiver").links is None


def test_decorated_handoff_links_too() -> None:
    """A function decorated as a handoff links the agent that it calls."""

    @agentmon.handoff("receiver")
    def pass_on() -> None:
        receive()

    with exporting() as exported:
        pass_on()
    (link,) = exported.named("invoke_agent receiver").links or ()
    assert link.context.span_id == exported.named("handoff receiver").span_id


def test_handoff_reaches_another_process() -> None:
    """Headers made within a handoff say so, and the agent called for them there is linked to it."""
    with exporting() as sending, agentmon.agent("writer"), agentmon.handoff("receiver"):
        headers = agentmon.inject()
    with exporting() as receiving, agentmon.received(headers):
        current = agentmon.current()
        assert current is not None
        assert (current.kind, current.labels) == (
            "handoff",
            {"target": "receiver", "source": "writer"},
        )
        receive()
    handoff = sending.named("handoff receiver")
    (span,) = receiving.spans
    assert (span.trace_id, span.parent_id) == (handoff.trace_id, handoff.span_id)
    (link,) = span.links or ()
    assert (link.context.trace_id, link.context.span_id) == (handoff.trace_id, handoff.span_id)


def test_received_handoff_is_not_measured_again() -> None:
    """The process that receives counts no handoff, and ending it there changes nothing."""
    with exporting(), agentmon.handoff("receiver"):
        headers = agentmon.inject()
    with exporting() as receiving:
        with agentmon.received(headers):
            current = agentmon.current()
            assert current is not None
            current.end()
            receive()
        assert not [each for each in agentmon.statistics() if each.kind == "handoff"]
    assert receiving.names() == ["invoke_agent receiver"]
    assert agentmon.current() is None


def test_other_calls_do_not_claim_to_be_handoffs() -> None:
    """Headers made within an agent say nothing of a handoff."""
    with exporting(), agentmon.agent("writer"):
        assert "baggage" not in agentmon.inject()


def test_handoff_is_said_once() -> None:
    """What the called agent sends to others does not say that it hands over."""
    with exporting(), agentmon.handoff("receiver"):
        headers = agentmon.inject({"baggage": "", "other": "1"})
    with exporting(), agentmon.received(headers), agentmon.agent("receiver"):
        assert set(agentmon.inject()) == {"traceparent"}


def test_handoff_is_linked_through_the_span_of_a_client() -> None:
    """Where the span of an HTTP client comes in between, the link goes to the handoff still."""
    with exporting() as sending, agentmon.agent("writer"), agentmon.handoff("receiver"):
        headers = agentmon.inject()
        with sending.other.start_as_current_span("POST"):  # as instrumentation of clients does
            propagate.inject(headers)
    with exporting() as receiving, agentmon.received(headers):
        receive()
    (span,) = receiving.spans
    assert span.parent_id == sending.named("POST").span_id
    (link,) = span.links or ()
    assert link.context.span_id == sending.named("handoff receiver").span_id


def test_handoff_without_spans_is_known_and_not_linked() -> None:
    """Where the sender makes no spans, the receiver knows of the handoff and links nothing."""
    handoff = agentmon.handoff("receiver", source="writer")
    with recording("metrics"), agentmon.received({"traceparent": PARENT}), handoff:
        headers = agentmon.inject()
    with exporting() as receiving, agentmon.received(headers):
        current = agentmon.current()
        assert current is not None
        assert current.labels == {"target": "receiver", "source": "writer"}
        receive()
    assert receiving.spans[0].links is None


@pytest.mark.parametrize("said", ["", "x", "7", "0", "\t\t\t", "zz\ta\tb", "1" * 99])
def test_nonsense_of_a_handoff_is_left_out(said: str) -> None:
    """Whatever the baggage says of a handoff, calls belong to the message all the same."""
    carrier = {"traceparent": PARENT}
    propagate.inject(carrier, baggage.set_baggage("agentmon.handoff", said))
    carrier["traceparent"] = PARENT
    with exporting() as exported, agentmon.received(carrier):
        receive()
    assert [span.parent_id for span in exported.spans] == [SPAN_ID]


def test_handoff_named_by_arguments() -> None:
    """The target can come from the arguments of each call."""

    @agentmon.handoff(named_by=lambda to: to)
    def pass_on(to: str) -> None: ...

    with exporting() as exported:
        pass_on("b")
    assert exported.names() == ["handoff b"]


# ---------------------------------------------------------------------- facts


def test_facts_stand_on_the_span() -> None:
    """What is said of a call stands on its span under the conventions' names; None is not said."""

    @agentmon.model_call("chat", model="small")
    def chat() -> None:
        agentmon.annotate(temperature=0.2, response_model="small-1", seed=None)
        agentmon.annotate(finish_reasons=["stop"])

    with exporting() as exported:
        chat()
    assert exported.spans[0].attributes == {
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.model": "small-1",
        "gen_ai.response.finish_reasons": ("stop",),
    }


def test_unknown_fact_is_refused() -> None:
    """A fact that there is not is an error at once, in a call, outside any, and while off."""
    expected = "annotate: got 'colour', allowed conv"
    with exporting(), agentmon.agent("a") as call:
        with pytest.raises(agentmon.DeclarationError, match=expected):
            call.annotate(colour="red")
        with pytest.raises(agentmon.DeclarationError, match=expected):
            agentmon.annotate(colour="red")
    with pytest.raises(agentmon.DeclarationError, match=expected):
        agentmon.annotate(colour="red")


def test_facts_after_the_end_change_nothing() -> None:
    """What is said after the end of a call is not taken, on a host's provider neither."""
    spans = Spans()
    with recording("spans", spans=spans):
        call = agentmon.agent("a").begin()
        call.end()
        call.annotate(conversation_id="1")
    assert "gen_ai.conversation.id" not in (spans.ended()[0].attributes or {})


def test_new_types_of_tokens_are_counted_and_shown() -> None:
    """Tokens written to a cache and of reasoning are counted under their types, and on the span."""
    with exporting() as exported:
        with agentmon.model_call("chat", model="m") as call:
            call.usage(input_tokens=9, cache_write_tokens=4, output_tokens=5, reasoning_tokens=2)

        def tokens(token_type: str) -> float:
            return exported.recorded.value("agentmon_model_tokens_total", token_type=token_type)

        assert (tokens("cache_write"), tokens("reasoning")) == (4, 2)
    attributes = exported.spans[0].attributes or {}
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == 4
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 2


def test_part_larger_than_its_whole_is_dropped() -> None:
    """More reasoning than output, or more written than input, is not noted but counted."""
    with exporting() as exported:
        with agentmon.model_call("chat", model="m") as call:
            call.usage(input_tokens=1, cache_write_tokens=4, output_tokens=1, reasoning_tokens=2)
        assert exported.recorded.value("agentmon_dropped_total", reason="invalid_usage") == 2


def test_configured_conventions_are_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """configure(semconv=...) decides the names on spans."""
    monkeypatch.setattr(ACTIVE, "conventions", ACTIVE.conventions)
    agentmon.configure(semconv="genai-0.1")
    try:
        assert ACTIVE.conventions.span_attributes("workflow", "w")["gen_ai.agent.name"] == "w"
    finally:
        agentmon.shutdown()
    assert trace.get_current_span() is trace.INVALID_SPAN
