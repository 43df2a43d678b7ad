"""Databases: sqlite3 and SQLAlchemy, with real files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

import agentmon
from agentmon.instrumentation.adapters import client as adapter
from agentmon.testing import Recorded
from tests.instrumentation.recording import Spans, errors, outcomes, recording


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    """Nothing stays instrumented."""
    yield
    agentmon.uninstrument()
    adapter.NAMES.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one table and one row."""
    path = tmp_path / "orders.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE line (n INTEGER PRIMARY KEY); INSERT INTO line VALUES(1)"
    )
    connection.commit()
    connection.close()
    return path


def test_what_is_executed_is_a_call_each(path: Path, recorded: Recorded) -> None:
    """By connection or cursor, one statement or many: each is one call of the agent around it."""
    agentmon.instrument("sqlite3", names={"orders.sqlite": "orders-db"})
    connection = sqlite3.connect(path)
    with agentmon.agent("clerk"):
        assert connection.execute("SELECT n FROM line").fetchall() == [(1,)]
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO line VALUES (?)", [(2,), (3,)])
        assert cursor.rowcount == 2
        cursor.execute("SELECT count(*) FROM line")
        assert cursor.fetchone() == (3,)
        connection.executescript("SELECT 1")
    connection.close()
    of_it = {"dependency": "orders-db", "dependency_kind": "database", "agent": "clerk"}
    assert outcomes(recorded, "dependency", **of_it) == {"ok": 4}


def test_errors_pass_and_one_by_which_it_answers_is_no_outage(
    path: Path, recorded: Recorded
) -> None:
    """A row that is there already fails the call, and the database stays up."""
    agentmon.component("orders.sqlite", failures=1)
    agentmon.instrument("sqlite3")
    connection = sqlite3.connect(path)
    connection.execute("SELECT 1")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute("INSERT INTO line VALUES (1)")
    assert errors(recorded, "dependency", error_type="sqlite3.IntegrityError") == 1
    assert recorded.value("agentmon_component_up", component="orders.sqlite") == 1
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT nothing FROM nowhere")
    assert recorded.value("agentmon_component_up", component="orders.sqlite") == 0
    connection.close()


def test_factories_of_the_program_are_kept(path: Path, recorded: Recorded) -> None:
    """Connections and cursors of classes of its own stay of those classes, and are measured."""

    class Mine(sqlite3.Connection):
        word = "mine"

    class MyCursor(sqlite3.Cursor):
        pass

    agentmon.instrument("sqlite3")
    connection = sqlite3.connect(path, factory=Mine)
    assert isinstance(connection, Mine)
    assert connection.word == "mine"
    cursor = connection.cursor(MyCursor)
    assert isinstance(cursor, MyCursor)
    cursor.execute("SELECT 1")
    connection.close()
    assert outcomes(recorded, "dependency") == {"ok": 1}


def test_the_span_says_which_system_and_never_what_was_asked(path: Path) -> None:
    """Statements hold data of users, so none is on a span."""
    spans = Spans()
    agentmon.instrument("sqlite3")
    with recording("spans", spans=spans):
        connection = sqlite3.connect(path)
        connection.execute("SELECT 'secret'")
        connection.close()
    (span,) = spans.ended()
    assert span.name == "orders.sqlite"
    assert span.attributes is not None
    assert span.attributes["db.system.name"] == "sqlite"
    assert "secret" not in span.to_json()


def test_a_connection_that_outlives_uninstrument_is_measured_no_longer(
    path: Path, recorded: Recorded
) -> None:
    """It works on, and new ones are of the module's own class."""
    agentmon.instrument("sqlite3")
    connection = sqlite3.connect(path)
    agentmon.uninstrument("sqlite3")
    connection.execute("SELECT 1")
    connection.close()
    plain = sqlite3.connect(path)
    assert type(plain) is sqlite3.Connection
    plain.close()
    assert outcomes(recorded, "dependency") == {}


def test_an_engine_of_sqlalchemy_is_counted_once(path: Path, recorded: Recorded) -> None:
    """Where the driver is instrumented as well, a statement is one call."""
    agentmon.instrument("sqlalchemy", "sqlite3")
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    engine.connect().close()  # the first connection asks the database about itself
    with agentmon.agent("clerk"), engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT n FROM line")).scalars().all() == [1]
        with pytest.raises(OperationalError):
            connection.execute(sqlalchemy.text("SELECT nothing FROM nowhere"))
    engine.dispose()
    of_it = {"dependency": "orders.sqlite", "agent": "clerk"}
    assert outcomes(recorded, "dependency", **of_it) == {"ok": 1, "error": 1}
    assert errors(recorded, "dependency", error_type="sqlite3.OperationalError") == 1
    waits = "agentmon_dependency_pool_wait_seconds_count"
    assert recorded.value(waits, dependency="orders.sqlite", dependency_kind="database") == 2


def test_engines_are_let_go_again(path: Path, recorded: Recorded) -> None:
    """After uninstrument nothing listens."""
    agentmon.instrument("sqlalchemy")
    agentmon.uninstrument("sqlalchemy")
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
    engine.dispose()
    assert outcomes(recorded, "dependency") == {}
