"""Clients of models, the real ones, against a server that speaks what theirs speak."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.instrumentation.adapters.client_conformance import Client, answers, table
from tests.servers.environments import OURS, EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[3]
CACHE = Path.home() / ".cache" / "agentmon-frameworks"
PAGE = ROOT / "docs" / "frameworks" / "client-conformance.md"
#: LiteLLM would fetch prices.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENTS = ("openai==3.54.0", "anthropic==2.12.0", "google-genai==3.4.0")
OLD_CLIENTS = ("openai==1.66.0", "anthropic==0.45.0", "google-genai==1.10.0")
#: What is tested: the packages, by the asker of `client_runs` and the version.
PACKAGES = {
    **{(name, "newest"): CLIENTS for name in ("openai", "responses", "anthropic", "google-genai")},
    **{
        (name, "oldest"): OLD_CLIENTS
        for name in ("openai", "responses", "anthropic", "google-genai")
    },
    ("litellm", "newest"): ("litellm==1.106.2",),
    ("litellm", "oldest"): ("litellm==1.100.0",),
}
PROVIDERS = {
    "openai": "openai",
    "responses": "openai",
    "anthropic": "anthropic",
    "google-genai": "gcp.gemini",
    "litellm": "openai",
}
TITLES = {
    "openai": "OpenAI, chat",
    "responses": "OpenAI, responses",
    "anthropic": "Anthropic",
    "google-genai": "Google GenAI",
    "litellm": "LiteLLM",
}
#: What each answer has used; only one provider says what is new in its cache.
TOKENS = {"input": 12, "output": 7, "cached": 4, "reasoning": 3}


def client(name: str) -> Client:
    """What is known of a client."""
    package = "openai" if name == "responses" else name

    def pinned(version: str) -> str:
        return next(each for each in PACKAGES[name, version] if each.startswith(f"{package}=="))

    return Client(
        TITLES[name],
        operation(name),
        PROVIDERS[name],
        tokens(name),
        pinned("newest"),
        pinned("oldest"),
    )


every_client = pytest.mark.parametrize(("name", "version"), PACKAGES)
every_version = pytest.mark.parametrize("version", ["newest", "oldest"])


def interpreter(name: str, version: str) -> Path:
    """A Python that has the client, and what agentmon needs."""
    packages = PACKAGES[name, version]
    folder = "litellm" if name == "litellm" else "clients"
    try:
        return environment(CACHE / f"{folder}-{version}", [*packages, *OURS])
    except EnvironmentFailed as error:
        missing(f"{packages[0]} cannot be installed: {error}")
        raise


@cache
def recorded(name: str, version: str) -> dict[str, Any]:
    """What each program recorded."""
    program = Path(__file__).with_name("client_runs.py")
    said = alone([interpreter(name, version), program, name], 300, OFFLINE)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


def tokens(name: str) -> dict[str, int]:
    """What each answer is to be recorded with."""
    return {**TOKENS, "cache_write": 2} if name == "anthropic" else TOKENS


def operation(name: str) -> str:
    """What a call of the client is called."""
    return "generate_content" if name == "google-genai" else "chat"


def calls(name: str, version: str, program: str) -> list[tuple[str, ...]]:
    """The calls of models that a program made."""
    every = recorded(name, version)[program]["calls"]
    return [tuple(each) for each in every if each[0] == "model_call"]


@every_client
@pytest.mark.parametrize("program", ["plain", "plain_async"])
def test_a_question_is_one_call_of_the_model(name: str, version: str, program: str) -> None:
    """Of the agent that asks, with the model, the provider and the tokens, counted once."""
    seen = recorded(name, version)[program]
    assert seen["said"]["text"] == "Hello there."
    assert calls(name, version, program) == [("model_call", operation(name), "ok")]
    assert seen["labelled"] == [[operation(name), "good", PROVIDERS[name], "solo"]]
    assert seen["tokens"] == tokens(name)
    assert f"invoke_agent solo > {operation(name)} good" in seen["paths"]
    assert not seen["first_outputs"]


@every_client
@pytest.mark.parametrize("program", ["streamed", "streamed_async"])
def test_a_streamed_answer_lasts_to_its_last_part(name: str, version: str, program: str) -> None:
    """With the time to its first output, and its tokens counted once, though said several times."""
    seen = recorded(name, version)[program]
    assert seen["said"]["text"] == "Hello there."
    assert seen["said"].get("open", 1) == 1
    assert calls(name, version, program) == [("model_call", operation(name), "ok")]
    assert seen["tokens"] == tokens(name)
    assert seen["first_outputs"] == 1


@every_client
@pytest.mark.parametrize("program", ["abandoned", "abandoned_async"])
def test_a_stream_that_nobody_reads_on_is_cancelled(name: str, version: str, program: str) -> None:
    """When nothing holds it any more."""
    assert calls(name, version, program) == [("model_call", operation(name), "cancelled")]


@every_client
def test_a_stream_that_nobody_reads_at_all_leaves_nothing_open(name: str, version: str) -> None:
    """It is cancelled, unless the client had not even asked."""
    ended = calls(name, version, "unread")
    assert ended in ([], [("model_call", operation(name), "cancelled")])
    assert bool(ended) == (name != "google-genai")


@every_client
@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("limited", "error"),
        ("limited_async", "error"),
        ("broken_stream", "error"),
        ("cut", "error"),
        ("slow", "timeout"),
    ],
)
def test_a_failure_counts_by_its_own_type(
    name: str, version: str, program: str, outcome: str
) -> None:
    """Too many requests, a server that fails, a stream cut off, and a model that is too slow."""
    seen = recorded(name, version)[program]
    assert calls(name, version, program) == [("model_call", operation(name), outcome)]
    assert [each.rpartition(".")[2] for each in seen["errors"]] == [seen["said"]["error"]]


@every_client
def test_a_question_that_is_cancelled_has_that_outcome(name: str, version: str) -> None:
    """As its task was."""
    assert calls(name, version, "cancelled") == [("model_call", operation(name), "cancelled")]


@every_client
def test_questions_at_once_are_each_counted_for_their_agent(name: str, version: str) -> None:
    """One whole and one streamed answer of each of five."""
    seen = recorded(name, version)["at_once"]
    assert len(calls(name, version, "at_once")) == 10
    assert [each[3] for each in seen["labelled"]] == [f"agent{n}" for n in range(5)]
    assert seen["tokens"]["input"] == 120
    assert all(seen["paths"].count(path) == 2 for path in seen["paths"] if " > " in path)


@every_client
def test_what_the_program_counts_itself_is_not_counted_again(name: str, version: str) -> None:
    """A call within a model call of its own is that one."""
    assert recorded(name, version)["marked"]["labelled"] == [["chat", "mine", "me", ""]]


@every_client
def test_nothing_is_recorded_any_more_once_it_is_taken_away(name: str, version: str) -> None:
    """And the client works as before."""
    seen = recorded(name, version)["removed"]
    assert (seen["calls"], seen["failed"]) == ([], 0)
    assert seen["said"] == {"text": "Hello there.", "streamed": "Hello there."}


@every_client
def test_an_error_in_the_adapter_is_counted_and_not_seen(name: str, version: str) -> None:
    """The program gets its answers."""
    seen = recorded(name, version)["broken_adapter"]
    assert seen["failed"] > 0
    assert seen["said"] == {"text": "Hello there.", "streamed": "Hello there."}


@every_client
def test_no_call_stays_open_and_nothing_of_ours_fails(name: str, version: str) -> None:
    """In any of the programs."""
    every = recorded(name, version)
    assert {program: seen["open"] for program, seen in every.items() if seen["open"]} == {}
    failed = {program for program, seen in every.items() if seen["failed"]}
    assert failed == {"broken_adapter"}


@every_client
def test_every_question_is_answered_with_yes(name: str, version: str) -> None:
    """Those of the table."""
    found = answers(recorded(name, version), client(name))
    assert [words for words, answer in found.items() if not answer] == []


def test_the_table_shows_what_was_seen() -> None:
    """It is written by this very test, with ``CONFORMANCE=write``."""
    clients = {name: client(name) for name in TITLES}
    rows = {name: answers(recorded(name, "newest"), each) for name, each in clients.items()}
    page = table(rows, clients)
    if os.environ.get("CONFORMANCE") == "write":
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


@every_version
@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("openai", "more_raw"),
        ("openai", "more_raw_stream"),
        ("openai", "more_helper"),
        ("anthropic", "more_raw"),
        ("anthropic", "more_helper"),
    ],
)
def test_other_ways_to_ask_are_one_call_with_its_tokens_too(
    name: str, version: str, program: str
) -> None:
    """Raw responses, and helpers of the client."""
    assert calls(name, version, program) == [("model_call", "chat", "ok")]
    assert recorded(name, version)[program]["tokens"] == tokens(name)


@every_version
@pytest.mark.parametrize("program", ["more_vertex", "more_vertex_stream"])
def test_a_model_that_another_provider_serves_is_of_that_provider(
    version: str, program: str
) -> None:
    """Vertex is asked at another path, by a client of its own."""
    seen = recorded("anthropic", version)[program]
    assert calls("anthropic", version, program) == [("model_call", "chat", "ok")]
    assert [each[1:3] for each in seen["labelled"]] == [["good", "gcp.vertex_ai"]]
    assert seen["tokens"] == tokens("anthropic")


@pytest.mark.parametrize(
    ("name", "version"), [each for each in PACKAGES if each[0] not in ("responses", "anthropic")]
)
def test_embeddings_are_calls_of_their_own_kind(name: str, version: str) -> None:
    """With the tokens that went in, where the provider says them."""
    seen = recorded(name, version)["more_embeddings"]
    assert calls(name, version, "more_embeddings") == [("model_call", "embeddings", "ok")]
    assert seen["tokens"] == ({} if name == "google-genai" else {"input": 12})


@every_version
@pytest.mark.parametrize("program", ["more_failing", "more_failing_stream"])
def test_a_response_that_says_it_failed_is_an_error(version: str, program: str) -> None:
    """Although nothing was raised."""
    assert calls("responses", version, program) == [("model_call", "chat", "error")]


@every_version
def test_a_question_with_its_retries_is_one_call(version: str) -> None:
    """Which ended as the last one did."""
    assert calls("openai", version, "more_retried") == [("model_call", "chat", "error")]


@every_version
def test_what_asks_no_model_is_no_call_of_one(version: str) -> None:
    """Such as the list of models."""
    assert recorded("openai", version)["more_models"]["calls"] == []


@pytest.mark.parametrize("version", ["newest", "oldest"])
def test_the_example_runs_without_a_network(version: str) -> None:
    """And shows what was recorded."""
    program = ROOT / "examples" / "frameworks" / "model_clients.py"
    said = alone([interpreter("openai", version), program], 120)
    assert "Your bill is right." in said
    assert "model_call chat gpt-5-mini openai billing 1" in said


def test_the_page_names_the_versions() -> None:
    """Those that are tested."""
    page = (ROOT / "docs" / "frameworks" / "model-clients.md").read_text(encoding="utf-8")
    for packages in PACKAGES.values():
        for package in packages:
            name, _, version = package.partition("==")
            assert re.search(rf"\b{name}( [\d.]+ and)? {re.escape(version)}", page), package


def test_a_call_of_a_framework_over_a_client_is_one_call() -> None:
    """The SDK of agents tells of it, and so would the client; streamed, one says no tokens."""
    packages = ("openai-agents==0.24.0", "openai==3.54.0")
    python = environment(CACHE / "agents-over-client", [*packages, *OURS])
    said = alone([python, Path(__file__).with_name("nested_runs.py")], 120)
    seen = json.loads(said.splitlines()[-1])
    assert {name: (each["calls"], each["input"]) for name, each in seen.items()} == {
        "OpenAIChatCompletionsModel": (2, 12),
        "OpenAIResponsesModel": (2, 24),
    }
    for each in seen.values():
        assert each["labelled"] == [["chat", "good", "openai", "solo"]]
        assert each["failed"] == 0


def test_a_call_of_a_chain_over_a_client_is_one_call() -> None:
    """LangChain tells of it, whole or streamed, with a loop or without."""
    packages = ("langchain-openai==1.7.3", "langchain-anthropic==1.7.7", *CLIENTS[:2])
    python = environment(CACHE / "chains-over-clients", [*packages, *OURS])
    said = alone([python, Path(__file__).with_name("nested_langchain_runs.py")], 120)
    for name, seen in json.loads(said.splitlines()[-1]).items():
        provider = name.removeprefix("Chat").lower()
        assert seen == {
            "calls": ["ok"] * 4,
            "labelled": [["chat", "good", provider, ""]],
            "failed": 0,
        }
