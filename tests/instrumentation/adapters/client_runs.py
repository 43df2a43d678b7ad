"""
Asks models by their clients, in an environment that has them, and prints what was recorded.

The first argument is the library; the others are programs to run, by default all that fit it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import agentmon
from agentmon.instrumentation.adapters import models as ours
from tests.instrumentation.adapters.model_server import Models, models
from tests.instrumentation.adapters.seen import paths, recording


class Asker(Protocol):
    """Asks a model by a client, in each of the ways there are."""

    def __init__(self, url: str, timeout: float) -> None: ...
    def ask(self, model: str) -> str: ...
    async def ask_async(self, model: str) -> str: ...
    def stream(self, model: str) -> Any: ...
    async def stream_async(self, model: str) -> Any: ...
    def text(self, part: Any) -> str: ...


HELLO: Any = [{"role": "user", "content": "hello"}]


class _Clients:
    """Of OpenAI."""

    def __init__(self, url: str, timeout: float) -> None:
        import openai

        common: Any = {"base_url": f"{url}/v1", "api_key": "k", "timeout": timeout}
        self.plain = openai.OpenAI(**common, max_retries=0)
        self.other = openai.AsyncOpenAI(**common, max_retries=0)
        self.retrying = openai.OpenAI(**common, max_retries=1)
        self.usage: Any = {"stream_options": {"include_usage": True}}


class OpenAI(_Clients):
    """Chat completions."""

    def ask(self, model: str) -> str:
        return (
            self.plain.chat.completions.create(model=model, messages=HELLO)
            .choices[0]
            .message.content
            or ""
        )

    async def ask_async(self, model: str) -> str:
        whole = await self.other.chat.completions.create(model=model, messages=HELLO)
        return whole.choices[0].message.content or ""

    def stream(self, model: str) -> Any:
        return self.plain.chat.completions.create(
            model=model, messages=HELLO, stream=True, **self.usage
        )

    async def stream_async(self, model: str) -> Any:
        return await self.other.chat.completions.create(
            model=model, messages=HELLO, stream=True, **self.usage
        )

    def text(self, part: Any) -> str:
        return (part.choices[0].delta.content or "") if part.choices else ""

    def more_raw(self) -> None:
        raw = self.plain.chat.completions.with_raw_response.create(model="good", messages=HELLO)
        assert raw.parse().choices[0].message.content == "Hello there."

    def more_raw_stream(self) -> None:
        raw = self.plain.chat.completions.with_raw_response.create(
            model="good", messages=HELLO, stream=True, **self.usage
        )
        assert "".join(map(self.text, raw.parse())) == "Hello there."

    def more_helper(self) -> None:
        completions = getattr(self.plain.chat.completions, "stream", None)
        completions = completions or self.plain.beta.chat.completions.stream
        with completions(model="good", messages=HELLO, **self.usage) as stream:
            stream.until_done()

    def more_embeddings(self) -> None:
        self.plain.embeddings.create(model="e", input="x", encoding_format="float")

    def more_models(self) -> None:
        """What asks no model is no call of one."""
        with suppress(Exception):  # the server answers nothing but POST
            self.plain.models.list()

    def more_retried(self) -> None:
        with suppress(Exception):
            self.retrying.chat.completions.create(model="broken", messages=HELLO)


class Responses(_Clients):
    """Responses."""

    def ask(self, model: str) -> str:
        return self.plain.responses.create(model=model, input="hello").output_text

    async def ask_async(self, model: str) -> str:
        return (await self.other.responses.create(model=model, input="hello")).output_text

    def stream(self, model: str) -> Any:
        return self.plain.responses.create(model=model, input="hello", stream=True)

    async def stream_async(self, model: str) -> Any:
        return await self.other.responses.create(model=model, input="hello", stream=True)

    def text(self, part: Any) -> str:
        return part.delta if part.type == "response.output_text.delta" else ""

    def more_failing(self) -> None:
        self.ask("failing")

    def more_failing_stream(self) -> None:
        list(self.stream("failing"))


class Anthropic:
    """Messages."""

    def __init__(self, url: str, timeout: float) -> None:
        import anthropic

        common: Any = {"base_url": url, "api_key": "k", "timeout": timeout, "max_retries": 0}
        self.plain = anthropic.Anthropic(**common)
        self.other = anthropic.AsyncAnthropic(**common)
        there: Any = {"region": "r", "project_id": "p", "access_token": "t"}
        self.vertex = anthropic.AnthropicVertex(base_url=url, max_retries=0, **there)
        self.asked: Any = {"messages": HELLO, "max_tokens": 100}

    def ask(self, model: str) -> str:
        return self.plain.messages.create(model=model, **self.asked).content[0].text

    async def ask_async(self, model: str) -> str:
        return (await self.other.messages.create(model=model, **self.asked)).content[0].text

    def stream(self, model: str) -> Any:
        return self.plain.messages.create(model=model, stream=True, **self.asked)

    async def stream_async(self, model: str) -> Any:
        return await self.other.messages.create(model=model, stream=True, **self.asked)

    def text(self, part: Any) -> str:
        return part.delta.text if part.type == "content_block_delta" else ""

    def more_raw(self) -> None:
        raw = self.plain.messages.with_raw_response.create(model="good", **self.asked)
        assert raw.parse().content[0].text == "Hello there."

    def more_helper(self) -> None:
        with self.plain.messages.stream(model="good", **self.asked) as stream:
            assert stream.get_final_text() == "Hello there."

    def more_vertex(self) -> None:
        assert self.vertex.messages.create(model="good", **self.asked).content[0].text

    def more_vertex_stream(self) -> None:
        with self.vertex.messages.stream(model="good", **self.asked) as stream:
            assert stream.get_final_text() == "Hello there."


class Gemini:
    """Contents that are generated."""

    def __init__(self, url: str, timeout: float) -> None:
        from google import genai

        options: Any = {"base_url": url, "timeout": int(timeout * 1000)}
        self.client = genai.Client(api_key="k", http_options=options)

    def ask(self, model: str) -> str:
        return self.client.models.generate_content(model=model, contents="hello").text or ""

    async def ask_async(self, model: str) -> str:
        whole = await self.client.aio.models.generate_content(model=model, contents="hello")
        return whole.text or ""

    def stream(self, model: str) -> Any:
        return self.client.models.generate_content_stream(model=model, contents="hello")

    async def stream_async(self, model: str) -> Any:
        return await self.client.aio.models.generate_content_stream(model=model, contents="hello")

    def text(self, part: Any) -> str:
        return part.text or ""

    def more_embeddings(self) -> None:
        self.client.models.embed_content(model="e", contents="x")


class LiteLLM:
    """Completions, by the client of OpenAI, which is instrumented as well."""

    def __init__(self, url: str, timeout: float) -> None:
        import litellm

        self.litellm = litellm
        self.asked: Any = {
            "messages": HELLO,
            "api_base": f"{url}/v1",
            "api_key": "k",
            "timeout": timeout,
            "max_retries": 0,
        }

    def _streamed(self, model: str) -> dict[str, Any]:
        usage = {"stream_options": {"include_usage": True}}
        return {"model": f"openai/{model}", "stream": True, **usage, **self.asked}

    def ask(self, model: str) -> str:
        whole: Any = self.litellm.completion(model=f"openai/{model}", **self.asked)
        return whole.choices[0].message.content

    async def ask_async(self, model: str) -> str:
        whole: Any = await self.litellm.acompletion(model=f"openai/{model}", **self.asked)
        return whole.choices[0].message.content

    def stream(self, model: str) -> Any:
        return self.litellm.completion(**self._streamed(model))

    async def stream_async(self, model: str) -> Any:
        return await self.litellm.acompletion(**self._streamed(model))

    def text(self, part: Any) -> str:
        return (part.choices[0].delta.content or "") if part.choices else ""

    def more_embeddings(self) -> None:
        asked = {name: value for name, value in self.asked.items() if name != "messages"}
        self.litellm.embedding(model="openai/e", input=["x"], encoding_format="float", **asked)


ASKERS: dict[str, tuple[str, Any]] = {
    "openai": ("openai", OpenAI),
    "responses": ("openai", Responses),
    "anthropic": ("anthropic", Anthropic),
    "google-genai": ("google-genai", Gemini),
    "litellm": ("litellm", LiteLLM),
}


class Programs:
    """What is done with each client; each program is called by its name."""

    def __init__(self, asker: Asker, hasty: Asker, served: Models, library: str) -> None:
        self.asker = asker
        self.hasty = hasty
        self.served = served
        self.library = library
        self.said: dict[str, Any] = {}
        self.loop = asyncio.new_event_loop()  # one, as each asynchronous client belongs to one

    def plain(self) -> None:
        """One question, of an agent."""
        with agentmon.agent("solo"):
            self.said["text"] = self.asker.ask("good")

    def plain_async(self) -> None:
        async def run() -> None:
            async with agentmon.agent("solo"):
                self.said["text"] = await self.asker.ask_async("good")

        self.loop.run_until_complete(run())

    def streamed(self) -> None:
        """A stream that is read to its end; after the first part the call goes on."""
        with agentmon.agent("solo"):
            parts = iter(self.asker.stream("good"))
            first = next(parts)
            self.said["open"] = self._open()
            self.said["text"] = "".join(map(self.asker.text, [first, *parts]))

    def streamed_async(self) -> None:
        async def run() -> None:
            parts = [part async for part in await self.asker.stream_async("good")]
            self.said["text"] = "".join(map(self.asker.text, parts))

        self.loop.run_until_complete(run())

    def abandoned(self) -> None:
        """A stream of which one part is read."""
        for _ in self.asker.stream("good"):
            break
        self._let_go()

    def unread(self) -> None:
        """A stream that nobody reads."""
        self.asker.stream("good")
        self._let_go()

    def abandoned_async(self) -> None:
        async def run() -> None:
            stream = await self.asker.stream_async("good")
            async for _ in stream:
                break
            del stream
            gc.collect()
            for _ in range(10):  # what the loop closes by itself
                await asyncio.sleep(0)

        self.loop.run_until_complete(run())
        self._let_go()

    def limited(self) -> None:
        self._failing(lambda: self.asker.ask("limited"))

    def limited_async(self) -> None:
        self._failing(lambda: self.loop.run_until_complete(self.asker.ask_async("limited")))

    def broken_stream(self) -> None:
        """A stream that is refused."""
        self._failing(lambda: list(self.asker.stream("broken")))

    def cut(self) -> None:
        """A stream that ends within the answer."""
        self._failing(lambda: list(self.asker.stream("cut")))

    def slow(self) -> None:
        """A model that takes longer than the client waits."""
        self._failing(lambda: self.hasty.ask("slow"))

    def cancelled(self) -> None:
        async def run() -> None:
            asking = asyncio.ensure_future(self.asker.ask_async("slow"))
            while self.served.asked != "slow":  # noqa: ASYNC110  # the server has its own thread
                await asyncio.sleep(0.005)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

        self.served.asked = ""
        self.loop.run_until_complete(run())

    def at_once(self) -> None:
        async def one(n: int) -> None:
            async with agentmon.agent(f"agent{n}"):
                await self.asker.ask_async("good")
                async for _ in await self.asker.stream_async("good"):
                    pass

        async def run() -> None:
            await asyncio.gather(*map(one, range(5)))

        self.loop.run_until_complete(run())

    def marked(self) -> None:
        """The program counts the call itself."""
        with agentmon.model_call("chat", model="mine", provider="me"):
            self.asker.ask("good")

    def removed(self) -> None:
        agentmon.uninstrument()
        try:
            self.said["text"] = self.asker.ask("good")
            self.said["streamed"] = "".join(map(self.asker.text, self.asker.stream("good")))
        finally:
            instrument(self.library)

    def broken_adapter(self) -> None:
        kept = ours._operation
        ours._operation = None  # type: ignore[assignment]
        try:
            self.said["text"] = self.asker.ask("good")
            self.said["streamed"] = "".join(map(self.asker.text, self.asker.stream("good")))
        finally:
            ours._operation = kept

    def _failing(self, do: Any) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001  # its class is what is asked for
            self.said["error"] = type(error).__name__

    def _let_go(self) -> None:
        """Wait until nobody holds a stream: LiteLLM has it a while longer, for its log."""
        until = time.monotonic() + 10
        gc.collect()
        while self._open() and time.monotonic() < until:
            time.sleep(0.02)
            gc.collect()

    def _open(self) -> float:
        return self.recorded.value("agentmon_model_in_flight") or 0

    recorded: Any


def instrument(library: str) -> None:
    """What is asked for; the client below LiteLLM too."""
    agentmon.instrument(library, *(["openai"] if library == "litellm" else []))


def seen(programs: Programs, name: str) -> dict[str, Any]:
    """What a program records."""
    with recording() as (recorded, spans):
        programs.recorded, programs.said = recorded, {}
        more = name.startswith("more_")
        getattr(programs.asker if more else programs, name)()
        gc.collect()
        kinds = ("input", "output", "cached", "cache_write", "reasoning")
        return {
            "calls": [
                [each.kind, each.name, each.outcome]
                for each in recorded.calls()
                if each.kind != "dependency"
            ],
            "paths": paths(spans),
            "tokens": {
                each: value
                for each in kinds
                if (value := recorded.value("agentmon_model_tokens_total", token_type=each))
            },
            "labelled": labelled(recorded),
            "errors": errors(recorded),
            "first_outputs": recorded.value("agentmon_model_first_output_seconds_count") or 0,
            "failed": recorded.value("agentmon_dropped_total", reason="adapter_failed"),
            "open": recorded.value("agentmon_model_in_flight") or 0,
            "said": dict(programs.said),
        }


def samples(recorded: Any, name: str) -> Iterator[dict[str, str]]:
    """The labels of each sample of a counter that has counted."""
    for family in recorded._registry.collect():
        if family.metric.sample == name:
            for labels, value in family.samples:
                if value:
                    yield dict(zip(family.metric.label_names, labels, strict=True))


def labelled(recorded: Any) -> list[list[str]]:
    """Operation, model, provider and agent of each call of a model."""
    names = ("operation", "model", "provider", "agent")
    found = samples(recorded, "agentmon_model_calls_total")
    return sorted({tuple(each[name] for name in names) for each in found})  # type: ignore[arg-type]


def errors(recorded: Any) -> list[str]:
    """Types of the errors of models."""
    return [each["error_type"] for each in samples(recorded, "agentmon_model_errors_total")]


def costs(library: str, asker: Asker, rounds: int) -> dict[str, list[float]]:
    """
    Seconds of CPU that a question takes its thread, measured and not, by turns.

    Args:
        library: What is instrumented.
        asker: Asks; the server answers in other threads.
        rounds: How often, each way; twenty questions are asked each time.
    """
    taken: dict[str, list[float]] = {"without": [], "with": []}
    agentmon.configure(service="bench", traces="none")
    for n in range(rounds + 1):
        for way, change in (("without", agentmon.uninstrument), ("with", agentmon.instrument)):
            change(library)
            asker.ask("good")  # what is new is remembered then
            gc.collect()
            begun = time.thread_time()
            for _ in range(20):
                asker.ask("good")
            if n:
                taken[way].append((time.thread_time() - begun) / 20)
    agentmon.shutdown()
    return taken


def main(name: str, *wanted: str) -> None:
    """
    Run programs of one client, and print what they recorded.

    With ``--cost ROUNDS`` it is what a question takes that is printed.
    """
    library, kind = ASKERS[name]
    if wanted[:1] == ("--cost",):
        with models() as served:
            taken = costs(library, kind(served.url, 20), int(wanted[1]))
        sys.stdout.write("\n" + json.dumps(taken))
        return
    instrument(library)
    with models() as served:
        programs = Programs(kind(served.url, 20), kind(served.url, 0.3), served, library)
        every = [each for each in vars(Programs) if not each.startswith("_") and each != "recorded"]
        every += [each for each in dir(kind) if each.startswith("more_")]
        said = {each: seen(programs, each) for each in wanted or every}
    sys.stdout.write("\n" + json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
