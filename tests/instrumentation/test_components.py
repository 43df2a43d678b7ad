"""Components: up and down, outages, and the account of their time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

import agentmon
from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.components import DECLARED
from agentmon.testing import ManualClock, Recorded, capture
from tests.driven import Endpoint


@pytest.fixture(autouse=True)
def nothing_declared() -> Iterator[None]:
    """Each test declares its own."""
    DECLARED.clear()
    yield
    DECLARED.clear()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until it is moved."""
    return ManualClock()


@pytest.fixture
def recorded(clock: ManualClock) -> Iterator[Recorded]:
    """Recording by that clock."""
    with capture(clock) as taken:
        yield taken


def time_of(recorded: Recorded, name: str) -> tuple[float | None, float | None]:
    """The component's seconds up and down."""
    sample = "agentmon_component_time_seconds_total"
    up = recorded.value(sample, component=name, state="up")
    return up, recorded.value(sample, component=name, state="down")


def call(dependency: agentmon.Operation, error: BaseException | None = None) -> None:
    """One call, that ends as told."""
    dependency.begin().end(error=error)


def test_availability_mtbf_and_mttr_follow_from_what_is_counted(
    recorded: Recorded, clock: ManualClock
) -> None:
    """Of 90 s up and outages of 6 s and 4 s, availability is 0.9, MTBF 45 s and MTTR 5 s."""
    search = agentmon.component("search")
    clock.advance(1000)  # nobody has said anything: neither up nor down
    search.up()
    clock.advance(60)
    search.down()
    clock.advance(6)
    search.up()
    clock.advance(20)
    search.down()
    clock.advance(4)
    search.up()
    clock.advance(10)
    up, down = time_of(recorded, "search")
    assert (up, down) == (90, 10)
    outages = recorded.value("agentmon_outages_total", component="search")
    ended = recorded.value("agentmon_outage_duration_seconds_count", component="search")
    lasted = recorded.value("agentmon_outage_duration_seconds_sum", component="search")
    assert outages == ended == 2
    assert up is not None
    assert down is not None
    assert lasted is not None
    assert up / (up + down) == 0.9
    assert up / outages == 45
    assert lasted / ended == 5


def test_an_outage_that_goes_on_counts_as_it_goes(recorded: Recorded, clock: ManualClock) -> None:
    """Time down is counted up to each look, and the outage before it is over."""
    agentmon.component("search").down()
    clock.advance(3)
    assert time_of(recorded, "search") == (None, 3)
    clock.advance(4)
    assert time_of(recorded, "search") == (None, 7)
    assert recorded.value("agentmon_outages_total") == 1
    assert recorded.value("agentmon_outage_duration_seconds_count") is None
    assert recorded.value("agentmon_component_up") == 0


def test_saying_the_same_again_changes_nothing(recorded: Recorded, clock: ManualClock) -> None:
    """A component that is said to be down three times has one outage."""
    search = agentmon.component("search")
    search.up()
    for _ in range(3):
        search.down()
        clock.advance(1)
    assert recorded.value("agentmon_outages_total") == 1
    assert time_of(recorded, "search") == (0, 3)


def test_it_is_down_while_anybody_says_so(recorded: Recorded, clock: ManualClock) -> None:
    """Of two who watch, the one who says down wins, until neither does."""
    assert ACTIVE.aftermath is not None
    components = ACTIVE.aftermath.components
    components.say("search", "ping", up=False)
    components.say("search", "query", up=False)
    clock.advance(1)
    components.say("search", "ping", up=True)
    clock.advance(1)
    assert time_of(recorded, "search") == (None, 2)
    components.say("search", "query", up=True)
    clock.advance(5)
    assert time_of(recorded, "search") == (5, 2)


def test_what_nobody_watches_any_more_is_neither(recorded: Recorded, clock: ManualClock) -> None:
    """After the last who watched is gone, no time is counted, and no gauge is shown."""
    assert ACTIVE.aftermath is not None
    components = ACTIVE.aftermath.components
    components.say("search", "ping", up=True)
    clock.advance(2)
    components.unsay("search", "ping")
    clock.advance(9)
    assert time_of(recorded, "search") == (2, None)
    assert recorded.value("agentmon_component_up") is None


def test_three_calls_in_a_row_that_fail_take_a_dependency_down(
    recorded: Recorded, clock: ManualClock
) -> None:
    """The third failure in a row begins the outage, and the first success ends it."""
    database = agentmon.dependency("orders-db", kind="database")
    call(database)
    call(database, ConnectionError())
    call(database, ConnectionError())
    call(database)  # not in a row
    call(database, ConnectionError())
    call(database, ConnectionError())
    assert recorded.value("agentmon_component_up", component="orders-db") == 1
    clock.advance(2)
    call(database, TimeoutError())
    assert recorded.value("agentmon_component_up", component="orders-db") == 0
    clock.advance(5)
    call(database)
    assert recorded.value("agentmon_component_up", component="orders-db") == 1
    assert time_of(recorded, "orders-db") == (2, 5)
    assert recorded.value("agentmon_outages_total", component="orders-db") == 1


def test_a_declared_component_has_thresholds_of_its_own(recorded: Recorded) -> None:
    """With one failure and two successes, one call takes it down and two bring it up."""
    agentmon.component("orders-db", failures=1, successes=2)
    database = agentmon.dependency("orders-db", kind="database")
    call(database, ConnectionError())
    assert recorded.value("agentmon_component_up") == 0
    call(database)
    assert recorded.value("agentmon_component_up") == 0
    call(database)
    assert recorded.value("agentmon_component_up") == 1


def test_a_dependency_that_answers_is_not_down(recorded: Recorded, clock: ManualClock) -> None:
    """Refusals by a rate limit, and errors by which a database answers, are no outage."""
    agentmon.component("api", failures=1)
    agentmon.component("orders-db", failures=1)
    api, database = agentmon.dependency("api", kind="http"), agentmon.dependency("orders-db")
    call(api)
    refused = api.begin()
    clock.advance(1)
    refused.rate_limited()
    refused.end(outcome="error")
    call(database)
    call(database, sqlite3.IntegrityError())
    assert recorded.value("agentmon_component_up", component="api") == 1
    assert recorded.value("agentmon_component_up", component="orders-db") == 1
    assert recorded.value("agentmon_dependency_rate_limited_total", dependency="api") == 1


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"successes": True}, {"failures": "3"}])
def test_thresholds_are_whole_numbers_above_0(wrong: dict[str, object]) -> None:
    """A threshold that can be met by nothing raises at declaration."""
    with pytest.raises(DeclarationError, match="allowed a whole number above 0"):
        agentmon.component("search", **wrong)  # type: ignore[arg-type]


def test_a_component_needs_a_name() -> None:
    """A name that is empty raises at declaration."""
    with pytest.raises(DeclarationError, match="name: got ''"):
        agentmon.component("")


def test_nothing_happens_while_recording_is_off() -> None:
    """Up and down may be said at any time."""
    agentmon.component("search").down()
    agentmon.component("search").up()


@pytest.mark.drives(
    "agentmon_component_up",
    "agentmon_component_time_seconds_total",
    "agentmon_outages_total",
    "agentmon_outage_duration_seconds",
)
def test_outages_are_scraped(endpoint: Endpoint) -> None:
    """A component that goes down twice and comes up once is read so, and its time adds up."""
    endpoint.start()
    search = agentmon.component("search")
    search.up()
    search.down()
    search.up()
    search.down()
    assert endpoint.value("agentmon_component_up", component="search") == 0
    assert endpoint.value("agentmon_outages_total", component="search") == 2
    assert endpoint.value("agentmon_outage_duration_seconds_count", component="search") == 1
    first = endpoint.samples("agentmon_component_time_seconds_total", component="search")
    then = endpoint.samples("agentmon_component_time_seconds_total", component="search")
    assert first.keys() == then.keys() == {("up",), ("down",)}
    assert then["up",] == first["up",]
    assert then["down",] > first["down",]


@pytest.mark.drives(
    "agentmon_dependency_rate_limited_total", "agentmon_dependency_pool_wait_seconds"
)
def test_rate_limits_and_pool_waits_are_scraped(endpoint: Endpoint) -> None:
    """Two refusals and a wait of half a second are read as such; other waits are dropped."""
    endpoint.start()
    with agentmon.agent("clerk"):
        for _ in range(2):
            with agentmon.dependency("api", kind="http") as request:
                request.rate_limited()
        with agentmon.dependency("orders-db", kind="database") as query:
            query.pool_waited(0.5)
            for wrong in (-1, float("nan"), "1", True):
                query.pool_waited(wrong)  # type: ignore[arg-type]
    of_it = {"dependency": "api", "dependency_kind": "http", "agent": "clerk"}
    assert endpoint.value("agentmon_dependency_rate_limited_total", **of_it) == 2
    of_it = {"dependency": "orders-db", "dependency_kind": "database"}
    assert endpoint.value("agentmon_dependency_pool_wait_seconds_count", **of_it) == 1
    assert endpoint.value("agentmon_dependency_pool_wait_seconds_sum", **of_it) == 0.5
    assert endpoint.value("agentmon_dropped_total", reason="invalid_value") == 4


def test_only_dependencies_have_rate_limits_and_pools(recorded: Recorded) -> None:
    """What is reported on an agent is dropped, and counted."""
    with agentmon.agent("clerk") as run:
        run.rate_limited()
        run.pool_waited(1)
    assert recorded.value("agentmon_dropped_total", reason="outside_dependency") == 2
    assert recorded.value("agentmon_dependency_rate_limited_total") is None
