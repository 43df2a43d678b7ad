"""Runs programs of a framework, in an environment that has it, and prints what was recorded."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import agentmon
from agentmon.instrumentation.active import ACTIVE, DETAILS
from agentmon.instrumentation.adapters import runs
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.owned import OwnedSpans
from agentmon.instrumentation.spending import Spending
from agentmon.model.catalogue.operations import MODEL_FIRST_OUTPUT
from agentmon.model.prices import Price, PriceTable
from agentmon.model.snapshot import HistogramState
from agentmon.testing import Recorded, _KeepingRegistry
from agentmon.tracing.span import LightSpan
from agentmon.tracing.tracer import Pipeline

__all__ = ["Note", "main"]

Program = Callable[["Note"], Coroutine[Any, Any, None]]

#: Of the event loop, in which a run that does not wait has ended: far more than it needs.
_STEPS = 10_000

KINDS = ("workflow", "agent", "tool", "model", "handoff")


class _AnyModel(dict[str, Price]):
    """A token of input is a thousandth of the currency, one of output two, whatever the model."""

    def get(self, *_: Any) -> Price:  # type: ignore[override]  # nothing else is asked of it
        """The price of a model."""
        return Price(10**9, 2 * 10**9, 10**9, 10**9, 2 * 10**9)


class Note:
    """What a program says of itself while it runs."""

    def __init__(self, library: str, recorded: Recorded) -> None:
        self.library = library
        self.recorded = recorded
        self.said: dict[str, Any] = {}

    def say(self, **facts: Any) -> None:
        """Say something, for the test to look at."""
        self.said.update(facts)

    def ended(self, kind: str) -> int:
        """How many calls of a kind have ended by now."""
        return len(self.recorded.calls(kind))

    def chunk(self) -> None:
        """The reader of a stream has a chunk; at the first, what is known by then is said."""
        if "ended_at_first" not in self.said:
            self.say(ended_at_first=self.ended("model_call"), waits_at_first=self.waits())

    def waits(self) -> int:
        """How many times to a first output were noted by now."""
        return waits(self.recorded)

    async def hooked(self, hook: str, run: Awaitable[Any]) -> None:
        """Run with a hook that raises: say whether the run did, how its agents and it ended."""
        before = len(self.recorded.calls())
        raised = False
        try:
            await run
        except Exception:  # noqa: BLE001  # what the hook raised, or what was made of it
            raised = True
        calls = self.recorded.calls()[before:]
        agents = [call.outcome for call in calls if call.kind == "agent"]
        runs = [call.outcome for call in calls if call.kind in ("agent", "workflow")]
        self.said.setdefault("hooks", {})[hook] = [raised, agents, runs[-1:], self.open()]

    async def give_up(
        self, run: Awaitable[Any], waiting: asyncio.Event, go_on: asyncio.Event | None = None
    ) -> None:
        """
        Cancel a run once it waits.

        Args:
            run: It.
            waiting: Set when it waits.
            go_on: What it waits for; set after some steps for a framework that waits for it too.
        """
        task = asyncio.ensure_future(run)
        await waiting.wait()
        task.cancel()
        if go_on is not None:
            for _ in range(_STEPS):
                await asyncio.sleep(0)
            self.say(waited=not task.done())
            go_on.set()
        try:
            await task
        except asyncio.CancelledError:
            self.say(cancelled=True)

    def open(self) -> float:
        """Calls that were begun and have not ended."""
        return sum(self.recorded.value(f"agentmon_{kind}_in_flight") or 0 for kind in KINDS)


def waits(recorded: Recorded) -> int:
    """How many times to a first output were noted."""
    return sum(
        value.count
        for family in recorded._registry.collect()
        if family.metric is MODEL_FIRST_OUTPUT
        for _, value in family.samples
        if isinstance(value, HistogramState)
    )


def paths(spans: list[LightSpan]) -> list[str]:
    """Each span as a path from its root, in the order of names."""
    by_id = {span.span_id: span for span in spans}

    def path(span: LightSpan) -> str:
        above = by_id.get(span.parent_id)
        return span.name if above is None else f"{path(above)} > {span.name}"

    return sorted(path(span) for span in spans)


@contextmanager
def recording() -> Iterator[tuple[Recorded, list[LightSpan]]]:
    """Record calls, and the spans of them."""
    registry = _KeepingRegistry(time.perf_counter_ns)
    spans: list[LightSpan] = []
    pipeline = Pipeline(spans.append, None, None)
    ACTIVE.turn_on(
        registry,
        Classifier(),
        OwnedSpans(pipeline),
        mode=DETAILS,
        spending=Spending(registry, PriceTable("test", "USD", _AnyModel())),
    )
    try:
        yield Recorded(registry), spans
    finally:
        ACTIVE.turn_off()


async def removed(plain: Program, note: Note) -> None:
    """Nothing is recorded any more."""
    agentmon.uninstrument(note.library)
    try:
        await plain(note)
    finally:
        agentmon.instrument(note.library)


async def broken_adapter(plain: Program, note: Note) -> None:
    """An error within the adapter does not reach the program."""
    kept = runs.operation_of
    runs.operation_of = None  # type: ignore[assignment]
    try:
        await plain(note)
    finally:
        runs.operation_of = kept


def seen(library: str, program: Program) -> dict[str, Any]:
    """What a program records."""
    with recording() as (recorded, spans):
        note = Note(library, recorded)
        asyncio.run(program(note))
        handoffs = [
            [source, target, result, n]
            for family in recorded._registry.collect()
            if family.metric.sample == "agentmon_handoff_ended_total"
            for labels, n in family.samples
            for names in [dict(zip(family.metric.label_names, labels, strict=True))]
            for source, target, result in [(names["source"], names["target"], names["result"])]
            if n
        ]
        return {
            "calls": [[each.kind, each.name, each.outcome] for each in recorded.calls()],
            "paths": paths(spans),
            "tokens": {
                each: recorded.value("agentmon_model_tokens_total", token_type=each)
                for each in ("input", "output")
            },
            "cost": recorded.value("agentmon_cost_total"),
            "waits": waits(recorded),
            "handoffs": handoffs,
            "accepted": recorded.value("agentmon_handoff_latency_seconds_count") or 0,
            "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
            "open": note.open(),
            "said": note.said,
        }


def costs(library: str, program: Program, rounds: int) -> dict[str, list[float]]:
    """
    Seconds of CPU that a program takes, with the library measured and without, by turns.

    Args:
        library: What is instrumented.
        program: What is run, three times for a number; its first runs are not counted.
        rounds: How often, each way.
    """
    taken: dict[str, list[float]] = {"without": [], "with": []}
    agentmon.configure(service="bench", traces="none")
    note = Note(library, Recorded(_KeepingRegistry(time.perf_counter_ns)))

    async def turns() -> None:
        for n in range(rounds + 1):
            for way, change in (("without", agentmon.uninstrument), ("with", agentmon.instrument)):
                change(library)
                await program(note)  # what is new is remembered then
                gc.collect()
                begun = time.process_time()
                for _ in range(3):
                    await program(note)
                if n:
                    taken[way].append((time.process_time() - begun) / 3)

    asyncio.run(turns())
    agentmon.shutdown()
    return taken


def main(library: str, *programs: Program) -> None:
    """
    Run programs, all or those that the command line names, and print what they recorded.

    With ``--cost ROUNDS`` it is what the plain one takes that is printed.

    Args:
        library: What is instrumented.
        programs: Each by the name of its function; one is called ``plain``.
    """
    agentmon.instrument(library)
    named = {program.__name__: program for program in programs}
    every = {
        **named,
        "removed": lambda note: removed(named["plain"], note),
        "broken_adapter": lambda note: broken_adapter(named["plain"], note),
    }
    if sys.argv[1:2] == ["--cost"]:
        taken = costs(library, named["plain"], int(sys.argv[2]))
        sys.stdout.write("\n" + json.dumps(taken))
        return
    wanted = sys.argv[1:] or list(every)
    sys.stdout.write("\n" + json.dumps({name: seen(library, every[name]) for name in wanted}))
