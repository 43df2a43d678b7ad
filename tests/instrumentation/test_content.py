"""What was said, on spans: only where it is asked for, redacted, bounded, and never to any harm."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.request
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmon
from agentmon import redaction
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.content import Content, rendered
from agentmon.tracing.sampling import Sampler
from tests.instrumentation.exported import Exported, exporting
from tests.instrumentation.recording import Spans, recording

ARGUMENTS, RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
SYSTEM = "gen_ai.system_instructions"


@contextmanager
def keeping(
    redact: Callable[[str], Any] = redaction.standard, limit: int = 8192, **options: Any
) -> Iterator[Exported]:
    """Record light spans with content on them."""
    with exporting(**options) as exported:
        ACTIVE.content = Content(redact, limit)
        yield exported


def said(exported: Exported, key: str) -> Any:
    """What stands on the one span."""
    (span,) = exported.spans
    return (span.attributes or {}).get(key)


@agentmon.tool("search")
def search(query: str, *more: int, limit: int = 3, **options: Any) -> list[str]:
    """A tool that is a function."""
    return [query] * limit


class Hostile:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __iter__ = __len__ = __hash__ = __bool__ = __repr__  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


# ---------------------------------------------------------------------- tools


def test_nothing_is_kept_unless_asked_for() -> None:
    """Without being asked for, content is neither looked at nor kept."""
    hostile: Any = Hostile()
    with exporting() as exported, agentmon.tool("t") as call:
        search(hostile, limit=0)
        call.content(input=hostile, output=hostile, system=hostile)
        agentmon.content(input=hostile)
    assert all(not span.attributes for span in exported.spans)


def test_arguments_and_result_of_a_tool() -> None:
    """Arguments stand on the span by the names of parameters, and the result as JSON."""
    with keeping() as exported:
        search("a", 1, 2, limit=2, page=7)
    assert json.loads(said(exported, ARGUMENTS)) == {
        "query": "a",
        "more": [1, 2],
        "limit": 2,
        "options": {"page": 7},
    }
    assert json.loads(said(exported, RESULT)) == ["a", "a"]


def test_arguments_are_those_before_the_call() -> None:
    """What a tool does to its arguments is not seen."""

    @agentmon.tool("t")
    def clear(items: list[int]) -> None:
        items.clear()

    with keeping() as exported:
        clear([1])
    assert said(exported, ARGUMENTS) == '{"items": [1]}'
    assert said(exported, RESULT) is None


def test_tools_of_every_kind_of_function() -> None:
    """Coroutine functions have arguments and result; generators, which give many, arguments."""

    @agentmon.tool("async")
    async def work(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    @agentmon.tool("generator")
    def generate(x: int) -> Generator[int, None, None]:
        yield x

    @agentmon.tool("async generator")
    async def agenerate(x: int) -> AsyncGenerator[int, None]:
        yield x

    async def main() -> None:
        await work(1)
        assert [x async for x in agenerate(1)] == [1]

    with keeping() as exported:
        asyncio.run(main())
        assert list(generate(1)) == [1]
    for span in exported.spans:
        expected = {ARGUMENTS: '{"x": 1}'}
        if span.name == "execute_tool async":
            expected[RESULT] = "2"
        assert span.attributes == expected


def test_object_of_a_method_is_no_argument() -> None:
    """The object that a method belongs to is left out."""

    class Desk:
        @agentmon.tool("look_up")
        def look_up(self, key: str) -> str:
            return key

        @agentmon.tool("make")
        @classmethod
        def make(cls, key: str) -> str:
            return key

    with keeping() as exported:
        Desk().look_up("k")
        Desk.make("k")
    assert [(span.attributes or {})[ARGUMENTS] for span in exported.spans] == ['{"key": "k"}'] * 2


def test_wrong_arguments_are_the_functions_to_refuse() -> None:
    """A call that cannot be made raises what it always raises, and what was given is kept."""
    refused: Any = search
    with keeping() as exported, pytest.raises(TypeError, match="query"):
        refused(limit=1)
    assert said(exported, ARGUMENTS) == '{"args": [], "kwargs": {"limit": 1}}'


def test_only_tools_are_captured_by_themselves() -> None:
    """Arguments of agents and results of models are kept where the program gives them only."""

    @agentmon.agent("a")
    @agentmon.model_call("chat", model="m")
    def ask(prompt: str) -> str:
        return prompt

    with keeping() as exported:
        ask("hello")
    assert all(not span.attributes for span in exported.spans)


def test_tool_as_a_block() -> None:
    """What a block gives stands under the names for tools; text stays text."""
    with keeping() as exported, agentmon.tool("t") as call:
        call.content(input={"a": 1}, output="done")
    assert said(exported, ARGUMENTS) == '{"a": 1}'
    assert said(exported, RESULT) == "done"


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize("kind", ["agent", "workflow", "model_call"])
def test_messages_of_a_call(kind: str) -> None:
    """Texts become messages in the shape of the conventions, from the user and the assistant."""

    def work() -> None:
        agentmon.content(input="hi", output="there", system="be kind")

    with keeping() as exported:
        getattr(agentmon, kind)("x")(work)()
    assert json.loads(said(exported, INPUT)) == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    ]
    assert json.loads(said(exported, OUTPUT)) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "there"}]}
    ]
    assert json.loads(said(exported, SYSTEM)) == [{"type": "text", "content": "be kind"}]


MESSAGES: dict[str, tuple[Any, Any]] = {
    "one": (
        {"role": "system", "content": "s"},
        [{"role": "system", "parts": [{"type": "text", "content": "s"}]}],
    ),
    "parts of openai": (
        [{"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url"}]}],
        [
            {
                "role": "user",
                "parts": [{"type": "text", "content": "t"}, {"type": "image_url"}],
            }
        ],
    ),
    "tool call of openai": (
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
                "finish_reason": "tool_calls",
            },
            {"role": "tool", "tool_call_id": "1", "content": "r"},
        ],
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": "{}"}],
                "finish_reason": "tool_calls",
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "1", "response": "r"}],
            },
        ],
    ),
    "tool use of anthropic": (
        [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
        ],
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": None}],
            },
            {
                "role": "user",
                "parts": [{"type": "tool_call_response", "id": "1", "response": None}],
            },
        ],
    ),
    "of the conventions": (
        [{"role": "user", "parts": [{"type": "uri", "uri": "u"}]}],
        [{"role": "user", "parts": [{"type": "uri", "uri": "u"}]}],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_apis_become_those_of_the_conventions(name: str) -> None:
    """Messages as APIs of models have them are turned into roles and parts."""
    given_, expected = MESSAGES[name]
    with keeping() as exported, agentmon.model_call("chat") as call:
        call.content(input=given_)
    assert json.loads(said(exported, INPUT)) == expected


def test_what_is_given_again_replaces() -> None:
    """The last input given is the one that is kept."""
    with keeping() as exported, agentmon.agent("a") as call:
        call.content(input="1")
        call.content(input="2")
    assert json.loads(said(exported, INPUT))[0]["parts"][0]["content"] == "2"


# ---------------------------------------------------------------------- redaction and limits


def test_content_is_redacted() -> None:
    """Every text passes through the hook, with the names beside the values."""
    with keeping() as exported:
        search("first\nsk-abcdEFGH1234567890abcd", limit=0, password="hunter2")  # noqa: S106
    assert json.loads(said(exported, ARGUMENTS)) == {
        "query": "first\n[redacted key]",
        "limit": 0,
        "options": {"password": "[redacted secret]"},
    }


def bad_hook(text: str) -> str:
    """A hook that does not work."""
    raise ValueError(text)


@pytest.mark.parametrize("hook", [bad_hook, len, lambda _: None, list])
def test_hook_that_fails_leaves_content_out(hook: Callable[[str], Any]) -> None:
    """Where the hook raises or gives no text, the content is left out and counted."""
    with keeping(hook) as exported:
        assert search("a", limit=1) == ["a"]
        lost = exported.recorded.value("agentmon_dropped_total", reason="content_failed")
    assert (said(exported, ARGUMENTS), said(exported, RESULT), lost) == (None, None, 2)


def test_content_is_cut() -> None:
    """A value of as many characters as are kept is whole; a longer one is cut, and marked so."""
    keep = Content(str, 10).text
    assert keep("x" * 10) == "x" * 10
    assert keep("x" * 11) == "x" * 10 + "… [cut]"
    assert keep("x" * 10**6) == "x" * 10 + "… [cut]"
    assert keep(["x" * 10**6]) == '["xxxxxxxx… [cut]'


@given(st.integers(0, 12000), st.integers(1, 400))
def test_no_half_of_a_secret_is_kept(before: int, limit: int) -> None:
    """Wherever a secret stands in what is cut, nothing of it is kept."""
    text = "- " * (before // 2) + "4111 1111 1111 1111 " + "- " * 6000
    assert "4111" not in Content(redaction.standard, limit).text(text)


@pytest.mark.parametrize("cut_off", range(1, 19))
def test_no_half_of_a_secret_is_kept_where_much_was_redacted(cut_off: int) -> None:
    """Where redaction makes a text much shorter, what was looked at by halves is not kept."""
    secret, limit = "4111 1111 1111 1111", 8000
    key = f"sk-{'a1' * 100} "
    before = (key * 100)[: limit + 4096 - cut_off - 1]
    before = before[: before.rindex(" ")].ljust(limit + 4096 - cut_off)
    text = Content(redaction.standard, limit).text(f"{before}{secret} and more")
    assert "41" not in text
    assert text.startswith("[redacted key] [redacted key] ")


# ---------------------------------------------------------------------- any value


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN.filter(lambda value: not isinstance(value, str)))
def test_what_json_has_is_json(value: Any) -> None:
    """What JSON has words for reads back as what it was, however slow the machine is."""
    with patch("agentmon.instrumentation.content.monotonic", return_value=0.0):
        text, whole = rendered(value, 10**6)
    if "\\ud" not in text:  # halves of characters become text
        assert json.loads(text) == value
    assert whole


def itself() -> list[Any]:
    """A list that holds itself twice."""
    found: list[Any] = []
    found += [found, found]
    return found


@dataclass
class Login:
    """A dataclass that keeps one of its fields to itself."""

    user: str
    word: str = field(repr=False)


@dataclass
class Raising:
    """A dataclass with a field that raises when it is read."""

    first: int
    second: int

    def __getattribute__(self, name: str) -> Any:
        if name == "second":
            raise RuntimeError
        return object.__getattribute__(self, name)


class Changing(dict[str, int]):
    """A mapping that changes whenever it is looked at by the methods of its class."""

    def items(self) -> Any:
        raise RuntimeError


VALUES: dict[str, tuple[Any, str]] = {
    "nan": ([float("nan"), float("-inf")], '["nan", "-inf"]'),
    "bytes": ([b"abc"], '["<bytes of 3>"]'),
    "set": ({1}, "[1]"),
    "tuple": ((1, "ü"), '[1, "ü"]'),
    "keys": ({1: 2, None: 3}, '{"1": 2, "None": 3}'),
    "moment": ([datetime(2026, 1, 2, tzinfo=timezone.utc)], '["2026-01-02 00:00:00+00:00"]'),
    "uuid": ([UUID(int=7)], '["00000000-0000-0000-0000-000000000007"]'),
    "dataclass": (Login("me", "hunter2"), '{"user": "me"}'),
    "raising": ([Raising(1, 2)], '[{"first": 1}]'),
    "hostile": ([Hostile()], '["<Hostile>"]'),
    "hostile key": (
        {"a": {Login: 1}},
        '{"a": {"<class \'tests.instrumentation.test_content.Login\'>": 1}}',
    ),
    "subclass": (Changing(a=1), '{"a": 1}'),
    "large": ([10**5000], '["<a large number>"]'),
    "half": (["\ud800"], '["\\ud800"]'),
    "iterator": ([iter(())], '["<tuple_iterator object at '),
}


@pytest.mark.parametrize("name", VALUES)
def test_any_value_has_a_text(name: str) -> None:
    """Values that JSON does not have, or that raise, have a text all the same."""
    value, expected = VALUES[name]
    text, whole = rendered(value, 1000)
    assert text.startswith(expected)
    assert whole
    text.encode()


def test_iterators_are_not_used_up() -> None:
    """What can be read once only is not read."""
    once = iter([1, 2])
    rendered([once, (x for x in once)], 1000)
    assert list(once) == [1, 2]


@pytest.mark.parametrize("longest", [0, 10, 1000])
@pytest.mark.parametrize("make", [itself, lambda: list(range(10**6)), lambda: ["x" * 10**7]])
def test_text_is_bounded(make: Callable[[], Any], longest: int) -> None:
    """However much there is, little more than is wanted is made of it."""
    text, whole = rendered(make(), longest)
    assert len(text) < longest + 60
    assert not whole


def test_depth_is_bounded() -> None:
    """A value that is thousands deep is shown to a depth."""
    deep: list[Any] = []
    for _ in range(10**5):
        deep = [deep]
    text, whole = rendered(deep, 1000)
    assert text == "[" * 12 + '"…"' + "]" * 12
    assert whole


def test_full_stack_harms_nothing() -> None:
    """Where the stack is full, the call goes on without its content."""

    @agentmon.tool("deep")
    def deeper(n: int) -> int:
        return deeper(n + 1)

    with keeping():
        with pytest.raises(RecursionError):
            deeper(0)
        assert agentmon.current() is None


def test_spans_that_are_not_recorded_cost_nothing() -> None:
    """Where the trace is not sampled, values are not looked at."""
    seen: list[str] = []

    def hook(text: str) -> str:
        seen.append(text)
        return text

    with keeping(hook, sampler=Sampler(0, parent_based=True)):
        search("a")
        with agentmon.agent("a") as call:
            call.content(input="b")
    assert not seen


def test_content_after_the_end_changes_nothing() -> None:
    """What is said of a call that has ended is not kept, and nothing is raised."""
    with keeping() as exported:
        call = agentmon.agent("a").begin()
        call.end()
        call.content(input="late")
    assert said(exported, INPUT) is None


# ---------------------------------------------------------------------- exceptions


class Mute(Exception):
    """An exception without words."""

    def __str__(self) -> str:
        raise RuntimeError


def fail(error: Exception) -> None:
    """A call that fails."""
    with pytest.raises(type(error)), agentmon.tool("t"):
        raise error


def described(exported: Exported) -> dict[str, Any]:
    """The event of the one span."""
    (span,) = exported.spans
    (event,) = span.events or []
    return event.attributes or {}


def test_exceptions_are_redacted() -> None:
    """Message and stack trace pass through the hook, though content is not asked for."""
    with exporting() as exported:
        fail(ValueError("bad password=hunter2"))
    event = described(exported)
    assert event["exception.message"] == "bad password=[redacted secret]"
    assert "ValueError: bad password=[redacted secret]" in event["exception.stacktrace"]
    assert "hunter2" not in str(event)


def test_exceptions_are_redacted_on_the_hosts_provider() -> None:
    """The same holds on spans of the SDK."""
    spans = Spans()
    with recording("spans", spans=spans):
        fail(ValueError("bad password=hunter2"))
    (event,) = spans.ended()[0].events
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "bad password=[redacted secret]"
    assert "hunter2" not in str(event.attributes)


def test_exceptions_pass_through_the_hook_that_was_given() -> None:
    """The hook of the program takes the place of the standard one."""
    with exporting() as exported:
        ACTIVE.redact = lambda text: text.replace("hunter2", "***")
        fail(ValueError("hunter2"))
    assert described(exported)["exception.message"] == "***"


def test_exception_that_cannot_be_redacted_is_left_out() -> None:
    """Where the hook raises, only the type is kept, and the rest counted."""
    with exporting() as exported:
        ACTIVE.redact = bad_hook
        fail(ValueError("hunter2"))
        assert exported.recorded.value("agentmon_dropped_total", reason="content_failed") == 2
    event = described(exported)
    assert event["exception.type"] == "ValueError"
    assert (event["exception.message"], event["exception.stacktrace"]) == ("", "")


def test_exception_without_words_has_a_type() -> None:
    """An exception whose text raises is on the span by its type."""
    with exporting() as exported:
        fail(Mute())
    assert described(exported)["exception.type"].endswith("Mute")
    assert described(exported)["exception.message"] == ""


# ---------------------------------------------------------------------- configured


def test_configured_content_reaches_spans_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """configure() has content kept on spans; metrics, status page and logs show nothing of it."""
    kept = InMemorySpanExporter()
    caplog.set_level(logging.DEBUG)
    agentmon.configure(
        traces=[kept],
        serve="127.0.0.1:0",
        content=True,
        redact=lambda text: text.replace("my", "your"),
        content_limit=20,
    )
    try:
        search("my zebra", limit=1)
        with pytest.raises(ValueError, match="zebra"), agentmon.tool("broken"):
            raise ValueError("my zebra")
        assert agentmon.flush(10)
        pages = []
        for path in ("/metrics", "/api/status", "/"):
            with urllib.request.urlopen(f"{agentmon.endpoint()}{path}", timeout=10) as answer:
                pages.append(answer.read().decode())
    finally:
        agentmon.shutdown()
    search_span, broken = kept.get_finished_spans()
    attributes = search_span.attributes or {}
    assert attributes[ARGUMENTS] == '{"query": "your zebr… [cut]'
    assert (broken.events[0].attributes or {})["exception.message"] == "your zebra"
    assert "zebra" not in "".join(pages)
    assert "zebra" not in caplog.text
    assert ACTIVE.content is None
