"""How many calls wait to be folded, whichever way they were made; what sites remember."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.site import Site
from agentmon.record.declaration import Declaration, Scope
from agentmon.record.limits import CELL_NS, FULL
from agentmon.record.recorder import Recorder
from agentmon.testing import ManualClock
from tests.instrumentation.recording import MODES, recording

KEPT = 1000  # as documented, of names and of surroundings


def _function() -> Callable[[], object]:
    return agentmon.agent("a")(lambda: None)


def _coroutine() -> Callable[[], object]:
    @agentmon.agent("a")
    async def work() -> None:
        pass

    def call() -> None:
        with contextlib.suppress(StopIteration):
            work().send(None)

    return call


def _generator() -> Callable[[], object]:
    @agentmon.agent("a")
    def work() -> Iterator[int]:
        yield 1

    return lambda: list(work())


def _block() -> Callable[[], object]:
    operation = agentmon.agent("a")

    def call() -> None:
        with operation:
            pass

    return call


def _handle() -> Callable[[], object]:
    operation = agentmon.agent("a")
    return lambda: operation.begin().end()


def _failure() -> Callable[[], object]:
    @agentmon.agent("a")
    def work() -> None:
        raise KeyError

    def call() -> None:
        with contextlib.suppress(KeyError):
            work()

    return call


FORMS = [_function, _coroutine, _generator, _block, _handle, _failure]


def _recorder() -> Recorder:
    assert ACTIVE.registry is not None
    (recorder,) = ACTIVE.registry._recorders.values()
    return recorder


def _waiting(recorder: Recorder) -> int:
    return len(recorder.plain) + len(recorder.details)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_no_more_calls_wait_than_may(mode: str, form: Callable[[], Callable[[], object]]) -> None:
    """The call that finds as many waiting as may folds them, and none does so before."""
    call = form()
    with recording(mode):
        call()
        recorder = _recorder()
        recorder.fold()
        recorder.until_ns = ACTIVE.clock() + 10**15
        for _ in range(FULL - 1):
            call()
        assert _waiting(recorder) == FULL - 1
        call()
        assert _waiting(recorder) == 0
        assert recorder.series.life().count == FULL + 1


@pytest.mark.parametrize("mode", ["metrics", "spans", "owned"])
@pytest.mark.parametrize("form", FORMS[:-1])
def test_a_call_begins_the_cell_that_it_ends_in(
    mode: str, form: Callable[[], Callable[[], object]]
) -> None:
    """A call that returns after the end of a cell of time folds what waited, and is in the next."""
    call = form()
    with recording(mode):
        call()
        recorder = _recorder()
        recorder.until_ns = 0
        call()
        assert len(recorder.plain) == 1
        assert recorder.series.life().count == 1
        assert ACTIVE.clock() < recorder.until_ns + CELL_NS
        assert recorder.until_ns % CELL_NS == 0


def test_the_end_of_a_cell_belongs_to_the_next() -> None:
    """A call that ends in the very nanosecond in which a cell of time does is in the next one."""
    with recording(clock=ManualClock()):
        call = agentmon.agent("a").begin()
        recorder = _recorder()
        recorder.until_ns = ACTIVE.clock()
        call.end()
        assert recorder.until_ns > ACTIVE.clock()


def test_no_more_reports_of_tokens_wait_than_may() -> None:
    """The report that finds as many waiting as may folds them, and none does so before."""
    with recording(), agentmon.model_call("chat") as call:
        for _ in range(FULL - 1):
            call.usage(input_tokens=1)
        recorder = _recorder()
        assert len(recorder.usage) == FULL - 1
        call.usage(input_tokens=1)
        assert recorder.usage == []
        assert recorder.series.tokens == {"input": FULL}


def test_a_site_remembers_names_up_to_a_bound() -> None:
    """Sites of computed names are remembered, each by its name, and only so many."""
    site = Site(Declaration("agent", "declared"), lambda args, _: args[0])
    first = site.named(("first",), {})
    assert site.named(("first",), {}) is first
    assert first.declaration.name == "first"
    unnamed = site.named((None,), {})
    assert site.named((None,), {}) is unnamed
    assert unnamed.declaration.name == "declared"
    for n in range(KEPT + 5):
        assert site.named((f"{n}",), {}).declaration.name == f"{n}"
    assert len(site._named) == KEPT
    assert site.named(("first",), {}) is first


def test_a_site_remembers_surroundings_up_to_a_bound() -> None:
    """Recorders are remembered by the names around the call, and only so many."""
    site = Site(Declaration("tool", "t"))
    with recording():
        scopes: list[Any] = [Scope("", f"agent{n}") for n in range(KEPT + 5)]
        for scope in scopes:
            assert site.bind(scope) is not None
        assert list(site.recorders) == scopes[:KEPT]
