"""Runs agents of the OpenAI Agents SDK, in an environment that has it, and prints what it saw."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agents import (
    Agent,
    GuardrailFunctionOutput,
    Runner,
    Usage,
    function_tool,
    input_guardrail,
    set_trace_processors,
)
from agents.exceptions import InputGuardrailTripwireTriggered
from agents.testing import ScriptedModel, assistant_message, function_call

import agentmon
from agentmon.testing import Recorded, capture

#: Of each scripted answer.
USAGE = Usage(requests=1, input_tokens=10, output_tokens=5, total_tokens=15)
DONE = [assistant_message("done")]


def call(name: str, **arguments: Any) -> list[Any]:
    """An answer that calls a tool."""
    return [function_call(name, arguments, call_id=f"{name}{len(arguments)}")]


def scripted(*steps: Any) -> ScriptedModel:
    """A model that says this."""
    return ScriptedModel(steps, emit_traces=True, default_usage=USAGE)


@function_tool
def look(query: str) -> str:
    """Look something up."""
    with agentmon.tool("own"):  # a call of the program's own is within its agent
        pass
    if query == "bad":
        raise LookupError(query)
    return query


def agent(name: str, *steps: Any, **more: Any) -> Agent[Any]:
    """An agent with a scripted model."""
    return Agent(name=name, model=scripted(*steps), tools=[look], **more)


async def handoff() -> None:
    """One agent hands over to another, whose tool works."""
    billing = agent("billing", call("look", query="x"), DONE)
    triage = Agent(name="triage", model=scripted(call("transfer_to_billing")), handoffs=[billing])
    await Runner.run(triage, "hello")


async def failing_tool() -> None:
    """A tool fails; the framework makes a message of it."""
    await Runner.run(agent("solo", call("look", query="bad"), DONE), "hello")


async def failing_model() -> None:
    """A model fails; the caller gets the very exception."""
    error = RuntimeError("down")
    caught = None
    try:
        await Runner.run(agent("solo", error), "hello")
    except RuntimeError as raised:
        caught = raised
    assert caught is error


async def guarded() -> None:
    """A guardrail stops a run on purpose."""

    @input_guardrail
    async def stop(*_: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    try:
        await Runner.run(agent("solo", DONE, input_guardrails=[stop]), "hello")
    except InputGuardrailTripwireTriggered:
        return
    raise AssertionError


async def streamed() -> None:
    """A run is streamed to its end."""
    async for _ in Runner.run_streamed(agent("solo", DONE), "hello").stream_events():
        pass


async def abandoned() -> None:
    """A stream that nobody reads to its end."""
    result = Runner.run_streamed(agent("solo", DONE), "hello")
    async for _ in result.stream_events():
        break
    result.cancel()
    await asyncio.sleep(0.2)


async def at_once() -> None:
    """Five runs at once, each in its own trace."""
    await asyncio.gather(*(Runner.run(agent("solo", DONE), "hello") for _ in range(5)))


async def removed() -> None:
    """Nothing is recorded any more."""
    agentmon.uninstrument("openai-agents")
    await Runner.run(agent("solo", DONE), "hello")
    agentmon.instrument("openai-agents")


async def broken_adapter() -> None:
    """An error within the adapter does not reach the program."""
    from agentmon.instrumentation.adapters import runs

    kept = runs.operation_of
    runs.operation_of = None  # type: ignore[assignment]
    try:
        await Runner.run(agent("solo", DONE), "hello")
    finally:
        runs.operation_of = kept


def left_open(recorded: Recorded) -> float:
    """Calls that were begun and not ended."""
    kinds = ("workflow", "agent", "tool", "model", "handoff")
    return sum(recorded.value(f"agentmon_{kind}_in_flight") or 0 for kind in kinds)


def run(name: str) -> dict[str, Any]:
    """What one of the programs above records."""
    with capture() as recorded:
        asyncio.run(globals()[name]())
        return {
            "calls": [[each.kind, each.name, each.outcome] for each in recorded.calls()],
            "tokens": {
                each: recorded.value("agentmon_model_tokens_total", token_type=each)
                for each in ("input", "output")
            },
            "own": recorded.value("agentmon_tool_calls_total", tool="own", agent="billing"),
            "handoffs": recorded.value(
                "agentmon_handoff_ended_total",
                source="triage",
                target="billing",
                result="completed",
            ),
            "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
            "open": left_open(recorded),
        }


if __name__ == "__main__":
    set_trace_processors([])  # nothing is sent anywhere
    agentmon.instrument("openai-agents")
    sys.stdout.write(json.dumps({name: run(name) for name in sys.argv[1:]}))
