"""The critical path: on traces worked out by hand, and against brute force on random ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from agentmon.instrumentation.path import QUEUEING, WORKING, Budget, Node, split


def run(end: int) -> Node:
    """A run from 0 to *end*."""
    root = Node(("", WORKING), 0, Budget())
    root.ended_ns = end
    return root


def call(outer: Node, agent: str, begin: int, end: int | None, kind: str = WORKING) -> Node:
    """A call within."""
    node = outer.open((agent, kind), begin)
    assert node is not None
    node.ended_ns = end
    return node


def path(root: Node) -> dict[str, int]:
    """The time on the path by agent and kind, without working."""
    return {
        agent if kind == WORKING else f"{agent} {kind}".strip(): ns
        for (agent, kind), ns in split(root).path.items()
    }


def test_calls_after_one_another_are_all_on_the_path() -> None:
    """And so is the time between them."""
    root = run(10)
    call(root, "a", 1, 4)
    call(root, "b", 5, 9)
    assert path(root) == {"": 3, "a": 3, "b": 4}


def test_of_calls_at_once_the_last_to_end_is_on_the_path() -> None:
    """The others changed nothing."""
    root = run(10)
    call(root, "a", 0, 4)
    call(root, "b", 0, 9)
    call(root, "c", 0, 6)
    assert path(root) == {"": 1, "b": 9}


def test_before_the_last_comes_what_had_ended_when_it_began() -> None:
    """What was still running when the last began did not hold it up."""
    root = run(10)
    call(root, "a", 0, 5)
    call(root, "c", 0, 7)
    call(root, "b", 5, 10)
    assert path(root) == {"a": 5, "b": 5}


def test_within_a_call_the_path_goes_on_by_the_same_rule() -> None:
    """Own time of the outer call is what the inner ones leave."""
    root = run(10)
    outer = call(root, "a", 0, 10)
    call(outer, "b", 2, 5)
    call(outer, "c", 3, 8)
    assert path(root) == {"a": 5, "c": 5}


def test_of_calls_that_end_at_once_the_first_begun_is_on_the_path() -> None:
    """The rule decides where time does not."""
    root = run(10)
    call(root, "a", 4, 10)
    call(root, "b", 2, 10)
    assert path(root) == {"": 2, "b": 8}


def test_what_a_call_waits_for_by_itself_is_of_that_kind() -> None:
    """What a call within does in that time goes before."""
    root = run(10)
    outer = call(root, "a", 0, 10)
    outer.wait(QUEUEING, 1, 7)
    call(outer, "b", 3, 5)
    assert path(root) == {"a": 4, "a queueing": 4, "b": 2}


def test_waits_at_once_count_once() -> None:
    """The one that ended last goes first."""
    root = run(10)
    root.wait("escalation", 1, 6)
    root.wait(QUEUEING, 4, 9)
    assert path(root) == {"": 2, "queueing": 5, "escalation": 3}


def test_a_call_that_outlives_its_caller_counts_for_the_one_around() -> None:
    """From the end of the caller on: before, it was not waited for."""
    root = run(10)
    caller = call(root, "a", 1, 4)
    call(caller, "b", 2, 9)
    assert path(root) == {"": 2, "a": 3, "b": 5}


def test_what_is_in_flight_at_the_end_decided_nothing() -> None:
    """Neither what never ended nor what ended later is on the path."""
    root = run(10)
    call(root, "a", 1, None)
    call(root, "b", 1, 12)
    call(root, "c", 1, 3)
    assert path(root) == {"": 8, "c": 2}


def test_work_is_what_all_did_together() -> None:
    """Two at work for 8 and 4, and the run itself for 2 alone."""
    root = run(10)
    call(root, "a", 1, 9)
    call(root, "b", 1, 5).wait(QUEUEING, 2, 3)
    assert split(root).work_ns == 8 + 3 + 2


def test_of_branches_the_last_one_alone_is_the_straggler() -> None:
    """Branches from 1 to 9, of which the second to last ended at 5; what follows is none."""
    root = run(20)
    call(root, "a", 1, 9)
    call(root, "b", 1, 5)
    call(root, "c", 2, 4)
    call(root, "d", 10, 20)
    found = split(root)
    assert (found.fan_out_ns, found.straggler_ns) == (8, 4)


def test_calls_beyond_the_bound_are_not_remembered_and_that_is_said() -> None:
    """Their time is that of the call around."""
    root = Node(("", WORKING), 0, Budget(1))
    root.ended_ns = 10
    call(root, "a", 0, 5)
    assert not split(root).lost
    assert root.open(("b", WORKING), 5) is None
    root.wait(QUEUEING, 6, 7)
    assert split(root).lost
    assert path(root) == {"": 5, "a": 5}


# ------------------------------------------------------------------ against brute force


@dataclass
class Drawn:
    """A call as drawn: when it begins and ends, and what is within."""

    begin: int
    end: int
    name: str
    within: list[Drawn] = field(default_factory=list)


def drawn(begin: int, end: int, depth: int) -> st.SearchStrategy[list[Drawn]]:
    """Calls within a span of time."""

    @st.composite
    def one(draw: st.DrawFn) -> Drawn:
        first = draw(st.integers(begin, end - 1))
        last = draw(st.integers(first + 1, end))
        it = Drawn(first, last, draw(st.sampled_from("abcd")))
        if depth and last - first > 1:
            it.within = draw(drawn(first, last, depth - 1))
        return it

    return st.lists(one(), max_size=4)


def build(outer: Node, calls: list[Drawn]) -> None:
    """Put calls into a call."""
    for each in calls:
        build(call(outer, each.name, each.begin, each.end), each.within)


def moment_by_moment(name: str, begin: int, end: int, calls: list[Drawn]) -> dict[str, int]:
    """The path by its definition, walked back from the end moment by moment."""
    found: dict[str, int] = {}
    now = end
    while now > begin:
        before = [each for each in calls if each.end <= now]
        latest = max((each.end for each in before), default=begin)
        if latest < now:
            found[name] = found.get(name, 0) + 1
            now -= 1
            continue
        chosen = min((each for each in before if each.end == now), key=lambda each: each.begin)
        inner = moment_by_moment(chosen.name, chosen.begin, chosen.end, chosen.within)
        for each, ns in inner.items():
            found[each] = found.get(each, 0) + ns
        now = chosen.begin
    return found


@given(drawn(0, 30, 3))
def test_the_path_is_that_of_the_definition(calls: list[Drawn]) -> None:
    """Walked moment by moment it is the same, and its parts are the time of the run."""
    root = run(30)
    build(root, calls)
    assert path(root) == moment_by_moment("", 0, 30, calls)
    assert sum(split(root).path.values()) == 30


def working_at(name: str, begin: int, end: int, calls: list[Drawn], moment: int) -> int:
    """How many calls do something themselves between a moment and the next."""
    if not begin <= moment < end:
        return 0
    inner = [each for each in calls if each.begin <= moment < each.end]
    return sum(
        working_at(each.name, each.begin, each.end, each.within, moment) for each in inner
    ) or int(not inner)


@given(drawn(0, 30, 3))
def test_work_is_the_sum_over_all_moments(calls: list[Drawn]) -> None:
    """Of those that have no call within at that moment."""
    root = run(30)
    build(root, calls)
    at_once = [working_at("", 0, 30, calls, moment) for moment in range(30)]
    assert split(root).work_ns == sum(at_once)


@given(
    drawn(0, 30, 2),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from("xyz"))),
)
def test_waits_colour_own_time_and_nothing_else(
    calls: list[Drawn], waits: list[tuple[int, int, str]]
) -> None:
    """Calls keep their time; each moment of own time within a wait is of the latest that ended."""
    root = run(30)
    build(root, calls)
    before = path(root)
    for begin, end, kind in waits:
        root.wait(kind, begin, end)
    after = path(root)
    assert sum(after.values()) == 30
    assert {k: v for k, v in after.items() if k in "abcd" and k} == {
        k: v for k, v in before.items() if k in "abcd" and k
    }
    waited = sum(after.get(kind, 0) for kind in "xyz")
    assert waited + after.get("", 0) == before.get("", 0)
    covered = {m for begin, end, _ in waits for m in range(begin, end)}
    assert waited <= len(covered)
