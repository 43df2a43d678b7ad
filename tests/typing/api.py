# ruff: noqa: D103  # type checkers alone read it
"""
What type checkers see of the public API. Never run; checked by mypy in strict mode.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from typing_extensions import assert_type

import agentmon
from agentmon import redaction
from agentmon.testing import ManualClock, Recorded, capture

# ------------------------------------------------------------------ decorators keep signatures


@agentmon.agent("a", version="1", team="t", tier="x", timeout=30, interrupts=KeyError)
def plain(a: int, *, b: str = "") -> float:
    return a + len(b)


assert_type(plain(1, b="x"), float)
plain("1")  # type: ignore[arg-type]
plain(1, c=2)  # type: ignore[call-arg]


@agentmon.tool("t", timeout=1.5)
async def coroutine(a: int) -> str:
    return str(a)


_ = assert_type(coroutine(1), Coroutine[Any, Any, str])
_ = coroutine()  # type: ignore[call-arg]


@agentmon.workflow("w")
def generator(a: int) -> Generator[int, str, bytes]:
    got = yield a
    return got.encode()


assert_type(generator(1), Generator[int, str, bytes])


@agentmon.step("s")
async def async_generator(a: int) -> AsyncGenerator[int, str]:
    yield a


assert_type(async_generator(1), AsyncGenerator[int, str])


@agentmon.model_call("chat", model="m", provider="p", model_by=lambda prompt: prompt)
def ask(prompt: str) -> str:
    return prompt


assert_type(ask("x"), str)

# ------------------------------------------------------------------ bare and empty


@agentmon.agent
def bare(a: int) -> str:
    return str(a)


@agentmon.tool()
def empty(a: int) -> str:
    return str(a)


@agentmon.model_call
async def bare_async(a: int) -> str:
    return str(a)


@agentmon.step
def bare_generator() -> Generator[int, None, None]:
    yield 1


@agentmon.workflow
def bare_workflow(a: int) -> str:
    return str(a)


assert_type(bare(1), str)
assert_type(empty(1), str)
_ = assert_type(bare_async(1), Coroutine[Any, Any, str])
assert_type(bare_generator(), Generator[int, None, None])
assert_type(bare_workflow(1), str)
bare("x")  # type: ignore[arg-type]

# ------------------------------------------------------------------ methods and classes


@agentmon.agent("class", methods=("run",))
class Agent:
    @agentmon.agent("bound")
    def run(self, a: int) -> str:
        return str(a)

    @staticmethod
    @agentmon.agent("static")
    def static(a: int) -> str:
        return str(a)

    @classmethod
    @agentmon.agent("class")
    def make(cls, a: int) -> Agent:
        return cls()

    @property
    @agentmon.agent("property")
    def value(self) -> int:
        return 1

    @functools.cached_property
    @agentmon.agent("cached")
    def cached(self) -> int:
        return 1

    @agentmon.tool
    async def search(self, query: str) -> list[str]:
        return [query]


@agentmon.tool
class BareClass:
    def __call__(self) -> int:
        return 1


agent = Agent()
assert_type(agent, Agent)
assert_type(agent.run(1), str)
assert_type(Agent.static(1), str)
assert_type(Agent.make(1), Agent)
assert_type(agent.value, int)
assert_type(agent.cached, int)
_found = assert_type(agent.search("x"), Coroutine[Any, Any, list[str]])
assert_type(BareClass()(), int)
agent.run("x")  # type: ignore[arg-type]

# ------------------------------------------------------------------ context managers and handles

operation = agentmon.agent("a")
assert_type(operation, agentmon.Operation)
assert_type(agentmon.agent(), agentmon.Operation)
assert_type(agentmon.tool("t"), agentmon.Operation)
assert_type(agentmon.model_call("chat", model="m"), agentmon.Operation)
assert_type(agentmon.workflow(None), agentmon.Operation)
assert_type(agentmon.step("s", timeout=1), agentmon.Operation)
agentmon.agent(5)  # type: ignore[call-overload]
agentmon.tool("t", colour="red")  # type: ignore[call-overload]


def block() -> int:
    with agentmon.model_call("chat", model="m") as call:
        assert_type(call, agentmon.Call)
        call.usage(input_tokens=1, output_tokens=2, cached_tokens=3)
        call.content(input="i", output=[{"role": "assistant", "content": "o"}], system=None)
        call.annotate(temperature=0.5)
        return 1  # mypy knows that the block swallows no exception


async def async_block() -> int:
    async with operation as call:
        assert_type(call, agentmon.Call)
        return 1


handle = operation.begin(parent=agentmon.agent("p").begin())
assert_type(handle, agentmon.Call)
with handle.active() as active:
    assert_type(active, agentmon.Call)
handle.end(error=ValueError())
handle.end(outcome="cancelled")
assert_type(agentmon.current(), agentmon.Call | None)
assert_type(agentmon.content(input="i"), None)
assert_type(agentmon.handoff("reviewer", source="writer"), agentmon.Operation)
headers: dict[str, str] = {}
assert_type(agentmon.inject(headers), dict[str, str])
with agentmon.received([(b"traceparent", b"")]):
    reached = True  # mypy knows that the block swallows no exception
assert_type(redaction.compose(redaction.standard, str.upper)("text"), str)
agentmon.configure(content=True, redact=redaction.standard, content_limit=100)
assert_type(agentmon.log_context(), dict[str, str])
agentmon.score("relevance", 0.5, label="pass", call=agentmon.current())
agentmon.score("tone", 4, scale=(1, 5), evaluator="lead", task="t-1")
agentmon.feedback(stars=4, task=17)
agentmon.feedback(stars="4")  # type: ignore[arg-type]
assert_type(agentmon.consistency("key", "text", similarity=lambda a, b: 1.0), float | None)


@agentmon.task("answer", id_by=lambda a: a, value={"completed": 2.5}, timeout=3)
def answering(a: int) -> str:
    return str(a)


@agentmon.evaluator("accuracy", scale=(0, 10))
async def judging(a: str) -> float:
    return float(a)


assert_type(answering(1), str)
answering("1")  # type: ignore[arg-type]
judged = assert_type(judging("1"), Coroutine[Any, Any, float])
with agentmon.task("answer", user="ann") as task:
    assert_type(task, agentmon.Task)
assert_type(agentmon.task("answer").begin(), agentmon.Task)
with agentmon.session(user="ann") as session, session.turn():
    assert_type(session, agentmon.Session)
agentmon.rework(task, reason="wrong")
agentmon.business_event("sale", count=2)
agentmon.configure(prices={"models": {"m": {"input": 1}}}, user_key=b"k" * 16)
logging.StreamHandler().addFilter(agentmon.LogContext())
assert_type(handle.labels, dict[str, str])
assert_type(handle.trace_id, str | None)

# ------------------------------------------------------------------ the rest of the door


def original(a: int) -> str:
    return str(a)


carried = agentmon.carry(original)
assert_type(carried(1), str)
carried("x")  # type: ignore[arg-type]
assert_type(agentmon.carrying(ThreadPoolExecutor(1)), ThreadPoolExecutor)
agentmon.configure(service="s", region="r", serve="127.0.0.1:0", traces="auto", interrupts=KeyError)
agentmon.configure(traces=4.5)
agentmon.configure(access=agentmon.Access(hosts=["metrics.example"]))
agentmon.configure(access="t")  # type: ignore[arg-type]
agentmon.Access("user")  # type: ignore[call-arg]
agentmon.configure(push=agentmon.Pushgateway("http://h", job="j", grouping={"a": "b"}, every=5))
agentmon.configure(push=["otlp", agentmon.Textfile("a.prom"), agentmon.RemoteWrite("http://h")])
agentmon.configure(push=5)  # type: ignore[arg-type]
agentmon.OTLPMetrics("http://h", protocol="smoke")  # type: ignore[arg-type]
agentmon.push(timeout=2)
assert_type(agentmon.endpoint(), str | None)
assert_type(agentmon.statistics("1m", kind="agent"), list[agentmon.OperationSummary])
agentmon.statistics("2m")  # type: ignore[arg-type]
agentmon.shutdown()

with capture(ManualClock()) as recorded:
    assert_type(recorded, Recorded)
    assert_type(recorded.value("agentmon_agent_calls_total", agent="a"), float | None)

decorator: Callable[[Callable[[int], str]], Callable[[int], str]] = agentmon.agent("a")

# ------------------------------------------------------------------ dependencies


@agentmon.dependency("orders-db", kind="database", timeout=2)
def ask_database(a: int) -> str:
    return str(a)


assert_type(ask_database(1), str)
ask_database("1")  # type: ignore[arg-type]

# ------------------------------------------------------------------ facts

agentmon.deployed("a", "b", result="failed", at=1.0)
agentmon.deployed("a", "b", result="exploded")  # type: ignore[arg-type]
agentmon.backed_up("a", restore_test=True, size=1, seconds=2.5)
agentmon.security_scanned("a", "b", {"high": 1})
agentmon.security_scanned("a", "b", {"awful": 1})  # type: ignore[dict-item]
agentmon.capacity_limit("a", "b")  # type: ignore[arg-type]
