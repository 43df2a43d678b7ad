"""redis against a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio

import agentmon
from agentmon.instrumentation.adapters import client as adapter
from agentmon.instrumentation.adapters.redis import _CountedSocket
from agentmon.testing import Recorded
from tests.instrumentation.recording import Spans, errors, outcomes, recording
from tests.servers.processes import free_port, redis_server

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server for all tests."""
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    """The library is instrumented, and left as it was."""
    agentmon.instrument("redis")
    yield
    agentmon.uninstrument()
    adapter.NAMES.clear()


def test_commands_and_pipelines_are_a_call_each(port: int, recorded: Recorded) -> None:
    """Three commands and one pipeline of two make four calls of the agent around them."""
    with redis.Redis(port=port) as client, agentmon.agent("clerk"):
        client.set("a", "1")
        assert client.get("a") == b"1"
        assert client.incr("a") == 2
        with client.pipeline() as pipeline:
            pipeline.get("a")
            pipeline.delete("a")
            assert pipeline.execute() == [b"2", 1]
    of_it = {"dependency": f"localhost:{port}", "dependency_kind": "cache", "agent": "clerk"}
    assert outcomes(recorded, "dependency", **of_it) == {"ok": 4}


def test_commands_of_the_asynchronous_client_are_calls_too(port: int, recorded: Recorded) -> None:
    """It is measured as the other is."""

    async def run() -> None:
        async with redis.asyncio.Redis(port=port) as client:
            await client.set("b", "1")
            async with client.pipeline() as pipeline:
                assert await pipeline.get("b").execute() == [b"1"]

    asyncio.run(run())
    assert outcomes(recorded, "dependency") == {"ok": 2}


def test_errors_pass_and_an_answer_is_no_outage(port: int, recorded: Recorded) -> None:
    """A command of the wrong type is no outage; a server that is not there is one."""
    agentmon.component(f"localhost:{port}", failures=1)
    with redis.Redis(port=port) as client:
        client.set("c", "text")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.lpush("c", "x")
    assert errors(recorded, "dependency", error_type="redis.exceptions.ResponseError") == 1
    assert recorded.value("agentmon_component_up", component=f"localhost:{port}") == 1
    nobody = free_port()
    agentmon.component(f"localhost:{nobody}", failures=1)
    with redis.Redis(port=nobody, retry=None) as client, pytest.raises(redis.ConnectionError):
        client.get("c")
    assert recorded.value("agentmon_component_up", component=f"localhost:{nobody}") == 0


def test_bytes_are_those_of_the_protocol(port: int, recorded: Recorded) -> None:
    """What goes through the socket is counted to the byte, for the agent too."""
    with redis.Redis(port=port) as client:
        client.ping()  # the connection says who it is first
        before = sizes(recorded)
        with agentmon.agent("clerk"):
            client.set("key", "x" * 1000)
            client.get("key")
        after = sizes(recorded)
    sent, received = after[0] - before[0], after[1] - before[1]
    set_ = len(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000\r\n") + 1000 + 2
    get = len(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")
    assert sent == set_ + get
    assert received == len(b"+OK\r\n") + len(b"$1000\r\n") + 1000 + 2
    of_agent = "agentmon_agent_network_bytes_total"
    assert recorded.value(of_agent, agent="clerk", direction="sent") == sent
    assert recorded.value(of_agent, agent="clerk", direction="received") == received


def sizes(recorded: Recorded) -> tuple[float, float]:
    """Bytes sent and received so far."""
    network = "agentmon_process_network_bytes_total"
    return (
        recorded.value(network, direction="sent") or 0,
        recorded.value(network, direction="received") or 0,
    )


def test_every_way_through_a_socket_is_counted(recorded: Recorded) -> None:
    """Parsers differ in how they read: 3 + 4 bytes go out, and 2 + 5 come in."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        counted = _CountedSocket(ours)
        counted.sendall(b"abc")
        assert counted.send(b"defg") == 4
        assert theirs.recv(10) == b"abcdefg"
        theirs.sendall(b"1234567")
        assert counted.recv(2) == b"12"
        assert counted.recv_into(bytearray(10)) == 5
    assert sizes(recorded) == (7, 7)


def test_a_wait_for_a_connection_is_of_the_pool(port: int, recorded: Recorded) -> None:
    """Whoever waits until another gives its connection back has waited for the pool."""
    pool = redis.BlockingConnectionPool(max_connections=1, timeout=30, port=port)
    client = redis.Redis(connection_pool=pool)
    taken = pool.get_connection()
    waiting = threading.Thread(target=client.get, args=("a",))
    waiting.start()
    while not recorded.value("agentmon_dependency_in_flight"):
        pass
    pool.release(taken)
    waiting.join()
    waits = "agentmon_dependency_pool_wait_seconds_count"
    assert recorded.value(waits, dependency=f"localhost:{port}", dependency_kind="cache") == 1
    pool.disconnect()


def test_the_span_says_the_command_and_no_keys(port: int) -> None:
    """Keys and values are data of users."""
    spans = Spans()
    with redis.Redis(port=port) as client:
        client.ping()
        with recording("spans", spans=spans):
            client.set("secret-key", "secret-value")
    (span,) = spans.ended()
    assert span.attributes is not None
    assert span.attributes["db.system.name"] == "redis"
    assert span.attributes["db.operation.name"] == "SET"
    assert "secret" not in span.to_json()


def test_uninstrument_leaves_open_connections_working(port: int, recorded: Recorded) -> None:
    """A connection that was made meanwhile goes on, and no call is measured."""
    with redis.Redis(port=port) as client:
        client.ping()
        agentmon.uninstrument("redis")
        assert client.ping()
    assert outcomes(recorded, "dependency") == {"ok": 1}
