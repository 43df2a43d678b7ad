"""Clients of HTTP: httpx, requests and aiohttp against a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.adapters import client as adapter
from agentmon.testing import Recorded
from tests.driven import Endpoint
from tests.instrumentation.adapters.serving import Served, serving
from tests.instrumentation.recording import Spans, errors, outcomes, recording


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server for all tests; each looks at what it asked itself."""
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def instrumented(server: Served) -> Iterator[None]:
    """All that speak HTTP are instrumented, and left as they were."""
    server.requests.clear()
    agentmon.instrument("httpx", "requests", "aiohttp")
    yield
    agentmon.uninstrument()
    adapter.NAMES.clear()


def by_httpx(url: str, data: bytes = b"", *, check: bool = False) -> Any:
    """Ask by a client of httpx."""
    with httpx.Client(trust_env=False, follow_redirects=True) as one:
        answer = one.post(url, content=data) if data else one.get(url)
    return answer.raise_for_status() if check else answer


def by_httpx_async(url: str, data: bytes = b"", *, check: bool = False) -> Any:
    """Ask by an asynchronous client of httpx."""

    async def run() -> Any:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as one:
            return await (one.post(url, content=data) if data else one.get(url))

    answer = asyncio.run(run())
    return answer.raise_for_status() if check else answer


def by_requests(url: str, data: bytes = b"", *, check: bool = False) -> Any:
    """Ask by a session of requests."""
    with requests.Session() as one:
        one.trust_env = False
        answer = one.post(url, data=data) if data else one.get(url)
    if check:
        answer.raise_for_status()
    return answer


def by_aiohttp(url: str, data: bytes = b"", *, check: bool = False) -> Any:
    """Ask by a session of aiohttp."""

    async def run() -> Any:
        async with aiohttp.ClientSession(raise_for_status=check) as one:
            asked = one.post(url, data=data) if data else one.get(url)
            async with asked as answer:
                await answer.read()
                return answer

    return asyncio.run(run())


CLIENTS = [by_httpx, by_httpx_async, by_requests, by_aiohttp]
Client = Callable[..., Any]


@pytest.mark.parametrize("ask", CLIENTS)
def test_an_answer_is_a_call_to_a_dependency(
    ask: Client, server: Served, recorded: Recorded
) -> None:
    """A request is one call, named after the server, of the agent around it."""
    with agentmon.agent("clerk"):
        ask(f"{server.url}/200/5")
    of_it = {"dependency": server.name, "dependency_kind": "http", "agent": "clerk"}
    assert outcomes(recorded, "dependency", **of_it) == {"ok": 1}
    assert outcomes(recorded, "dependency") == {"ok": 1}


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize(
    ("status", "expected"), [(404, ("ok", 0)), (429, ("error", 1)), (503, ("error", 0))]
)
def test_the_status_says_how_it_ended(
    ask: Client, server: Served, status: int, expected: tuple[str, int], recorded: Recorded
) -> None:
    """404 is an answer, 429 a refusal that is an error, and 5xx errors."""
    ask(f"{server.url}/{status}/0")
    outcome, refused = expected
    assert outcomes(recorded, "dependency") == {outcome: 1}
    assert (recorded.value("agentmon_dependency_rate_limited_total") or 0) == refused


@pytest.mark.parametrize("ask", CLIENTS)
def test_redirects_are_part_of_one_call(ask: Client, server: Served, recorded: Recorded) -> None:
    """However many requests go out, the program made one."""
    ask(f"{server.url}/redirect")
    assert len(server.requests) == 2
    assert outcomes(recorded, "dependency") == {"ok": 1}


@pytest.mark.parametrize("ask", CLIENTS)
def test_the_librarys_exceptions_pass(ask: Client, server: Served, recorded: Recorded) -> None:
    """A server that hangs up is an error of the library's own type, which the caller gets."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  # each library has its own
        ask(f"{server.url}/broken")
    assert raised.type.__module__.split(".")[0] in {"httpx", "requests", "aiohttp"}
    assert outcomes(recorded, "dependency") == {"error": 1}
    assert errors(recorded, "dependency") == 1


@pytest.mark.parametrize("ask", [by_httpx, by_httpx_async, by_requests])
def test_what_a_bad_answer_makes_fail_is_a_cascade(
    ask: Client, server: Served, recorded: Recorded
) -> None:
    """The tool that raises for the status of a failed call fails because of it."""

    @agentmon.tool("look_up")
    def look_up() -> None:
        ask(f"{server.url}/500/0", check=True)

    with pytest.raises(Exception, match="500"):
        look_up()
    failures = "agentmon_failures_total"
    assert recorded.value(failures, kind="dependency", cause="primary") == 1
    assert recorded.value(failures, kind="tool", cause="cascade") == 1


@pytest.mark.parametrize("ask", CLIENTS)
def test_the_context_goes_along_unless_it_is_there(ask: Client, server: Served) -> None:
    """The server gets the trace, with the call's own span as the parent."""
    spans = Spans()
    with recording("spans", spans=spans):
        ask(f"{server.url}/200/0")
    (span,) = spans.ended()
    assert span.name == server.name
    assert span.context is not None
    expected = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
    assert server.requests[0]["traceparent"].startswith(expected)
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["server.port"] == server.port
    assert not any("url.full" in name for name in span.attributes)


def test_a_context_that_the_program_sends_is_left_alone(server: Served) -> None:
    """Headers that are there stay."""
    mine = {"traceparent": f"00-{1:032x}-{2:016x}-00"}
    with recording("spans"):
        requests.get(f"{server.url}/200/0", headers=mine, timeout=30)
        httpx.get(f"{server.url}/200/0", headers=mine, trust_env=False)
    assert [each["traceparent"] for each in server.requests] == [mine["traceparent"]] * 2


@pytest.mark.drives("agentmon_process_network_bytes_total", "agentmon_agent_network_bytes_total")
def test_bytes_are_scraped_for_the_process_and_the_agent(
    endpoint: Endpoint, server: Served
) -> None:
    """Of 4 clients each sends 1,000 bytes and gets 5,000, three of them within an agent."""
    endpoint.start()
    with agentmon.agent("clerk"):
        for ask in CLIENTS[1:]:
            ask(f"{server.url}/200/5000", b"y" * 1000)
    by_httpx(f"{server.url}/200/5000", b"y" * 1000)
    network = "agentmon_process_network_bytes_total"
    assert endpoint.value(network, direction="sent") == 4000
    assert endpoint.value(network, direction="received") == 20_000
    of_agent = "agentmon_agent_network_bytes_total"
    assert endpoint.value(of_agent, agent="clerk", direction="sent") == 3000
    assert endpoint.value(of_agent, agent="clerk", direction="received") == 15_000


def test_a_server_can_be_given_a_name(server: Served, recorded: Recorded) -> None:
    """What the program calls it is what it is recorded as."""
    agentmon.instrument("httpx", names={server.name: "licences"})
    by_httpx(f"{server.url}/200/0")
    assert outcomes(recorded, "dependency", dependency="licences") == {"ok": 1}


def test_a_streamed_answer_ends_with_its_headers(server: Served, recorded: Recorded) -> None:
    """The program reads the body when the call is over, and gets all of it."""
    with (
        httpx.Client(trust_env=False) as one,
        one.stream("GET", f"{server.url}/200/7") as answer,
    ):
        assert outcomes(recorded, "dependency") == {"ok": 1}
        assert answer.read() == b"x" * 7


@pytest.mark.parametrize("ask", CLIENTS)
def test_what_breaks_in_an_adapter_is_counted_and_the_request_goes_on(
    ask: Client, server: Served, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the request and after it, an error of ours never reaches the program."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(adapter.Asking, "say", broken)
    assert ask(f"{server.url}/200/5") is not None
    assert (recorded.value("agentmon_dropped_total", reason="adapter_failed") or 0) >= 1
    monkeypatch.undo()
    ask(f"{server.url}/200/5")
    assert outcomes(recorded, "dependency")["ok"] >= 1
    assert recorded.value("agentmon_dependency_in_flight") == 0


def test_without_recording_requests_pass_through(server: Served) -> None:
    """Nothing is added to a request, and nothing is measured."""
    assert ACTIVE.registry is None
    for ask in CLIENTS:
        ask(f"{server.url}/200/0")
    assert not any("traceparent" in each for each in server.requests)


def test_uninstrument_puts_back_what_was_there(server: Served, recorded: Recorded) -> None:
    """The very functions that were there are there again; a wrapper that was kept does nothing."""
    kept = httpx.Client.send
    agentmon.uninstrument("httpx", "requests", "aiohttp")
    assert type(httpx.Client.__dict__["send"]) is type(by_httpx)
    assert type(requests.Session.__dict__["send"]) is type(by_httpx)
    with httpx.Client(trust_env=False) as one:
        kept.__get__(one, httpx.Client)(one.build_request("GET", f"{server.url}/200/0"))
    for ask in CLIENTS:
        ask(f"{server.url}/200/0")
    assert outcomes(recorded, "dependency") == {}
    agentmon.instrument("httpx")
    by_httpx(f"{server.url}/200/0")
    assert outcomes(recorded, "dependency") == {"ok": 1}


def test_doing_so_twice_wraps_once(server: Served, recorded: Recorded) -> None:
    """A call is counted once however often its library is instrumented."""
    agentmon.instrument("httpx")
    agentmon.instrument("auto")
    with contextlib.suppress(httpx.HTTPError):
        by_httpx(f"{server.url}/200/0")
    assert outcomes(recorded, "dependency") == {"ok": 1}
