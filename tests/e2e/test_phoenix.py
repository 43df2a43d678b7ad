"""Spans in Arize Phoenix: a tracing backend that somebody else wrote."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

import agentmon
from tests.servers.environments import EnvironmentFailed, environment
from tests.servers.processes import missing
from tests.servers.programs import cache_folder

pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(900)]

PHOENIX = "arize-phoenix>=20,<21"
_open = build_opener(ProxyHandler({})).open


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _get(url: str) -> Any:
    with _open(url, timeout=20) as response:
        return json.loads(response.read())


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Phoenix's addresses, by HTTP and by gRPC."""
    try:
        python = environment(cache_folder(os.environ) / "phoenix", [PHOENIX])
    except EnvironmentFailed as reason:
        missing(f"Phoenix cannot be installed: {reason}")
        raise AssertionError from reason
    folder, by_http, by_grpc = tmp_path_factory.mktemp("phoenix"), _free_port(), _free_port()
    settings = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(by_http),
        "PHOENIX_GRPC_PORT": str(by_grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    url = f"http://127.0.0.1:{by_http}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [python.with_name("phoenix"), "serve"],
            stdout=log,
            stderr=log,
            env={**os.environ, **settings},
        )
    try:
        deadline = time.monotonic() + 240
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            try:
                _open(f"{url}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield url, f"grpc://127.0.0.1:{by_grpc}"
    finally:
        server.terminate()
        server.wait(30)


@agentmon.tool("look_up")
def look_up(n: int) -> None:
    """A tool that fails the third time."""
    if n == 2:
        raise LookupError("gone")


@agentmon.model_call("chat", model="small", provider="nobody")
def chat() -> None:
    """A call of a model."""
    agentmon.usage(input_tokens=10, output_tokens=5)


@agentmon.agent("planner")
def plan() -> str | None:
    """An agent; returns the id of its trace."""
    chat()
    for n in range(3):
        try:
            look_up(n)
        except LookupError:
            continue
    call = agentmon.current()
    return None if call is None else call.trace_id


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_phoenix_shows_agents_tools_and_models(phoenix: tuple[str, str], protocol: str) -> None:
    """Phoenix takes our spans by each protocol, and knows agent, tool and model call as such."""
    by_http, by_grpc = phoenix
    agentmon.configure(service="phoenix", traces=by_http if protocol == "http" else by_grpc)
    try:
        trace_id = plan()
        assert agentmon.flush(30)
    finally:
        agentmon.shutdown()
    mine: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while len(mine) < 5 and time.monotonic() < deadline:
        found = _get(f"{by_http}/v1/projects/default/spans?limit=100")["data"]
        mine = [span for span in found if span["context"]["trace_id"] == trace_id]
        time.sleep(0.2)
    kinds = sorted((span["name"], span["span_kind"]) for span in mine)
    assert kinds == [
        ("chat small", "LLM"),
        ("execute_tool look_up", "TOOL"),
        ("execute_tool look_up", "TOOL"),
        ("execute_tool look_up", "TOOL"),
        ("invoke_agent planner", "AGENT"),
    ]
    (root,) = [span for span in mine if span["parent_id"] is None]
    assert {s["parent_id"] for s in mine if s is not root} == {root["context"]["span_id"]}
    (failed,) = [span for span in mine if span["status_code"] == "ERROR"]
    assert failed["events"][0]["attributes"]["exception.message"] == "gone"
