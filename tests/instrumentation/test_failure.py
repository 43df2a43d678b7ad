"""What failures that are alike have in common."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import math
import subprocess
import sys
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.failure import fingerprint
from agentmon.model.failure import Failure
from agentmon.model.snapshot import ErrorGroup
from agentmon.testing import Recorded
from tests.instrumentation.recording import recording

SHOP = """
import agentmon

def find(n):
    return table()[n]

def table():
    return {}

def other():
    return table()["x"]

@agentmon.tool("search")
def search(n):
    return find(n)

@agentmon.tool("guess")
def guess(n):
    return other()
"""


def groups() -> list[ErrorGroup]:
    """The error groups so far, in the order of kinds and names."""
    assert ACTIVE.registry is not None
    return sorted(ACTIVE.registry.snapshot().groups, key=lambda each: (each.kind, each.name))


def only() -> ErrorGroup:
    """The one error group."""
    (group,) = groups()
    return group


def imported(path: Path, text: str, name: str = "shop") -> Any:
    """A module of this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102  # never a cached one
    return module


def caught(call: Callable[[], object]) -> BaseException:
    """What a call raises."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("it did not fail")


def failure(call: Callable[[], object]) -> Failure:
    """What the failure of a call is like."""
    error = caught(call)
    found = fingerprint(error, type(error).__name__)
    assert found is not None
    return found


# ---------------------------------------------------------------------- the same, and another


def test_a_group_stays_when_unrelated_code_moves(recorded: Recorded, tmp_path: Path) -> None:
    """Lines and functions that are added elsewhere leave the group what it was."""
    before = imported(tmp_path / "shop.py", SHOP)
    moved = SHOP.replace("def find", "import json\n\ndef new():\n    pass\n\n\ndef find")
    after = imported(tmp_path / "shop.py", moved)
    for module in (before, after):
        for argument in ("a", "b"):
            with suppress(KeyError):
                module.search(argument)
    group = only()
    assert (group.count, group.error_type, group.location) == (4, "KeyError", "shop.find")


def test_another_place_or_type_is_another_group(recorded: Recorded, tmp_path: Path) -> None:
    """The same type from another function is another group, and another type likewise."""
    module = imported(tmp_path / "shop.py", SHOP)
    broken = imported(tmp_path / "shop.py", SHOP.replace("return {}", "return None"))
    for call in (module.search, module.guess, broken.search):
        with suppress(KeyError, TypeError):
            call(1)
    found = groups()
    assert len({each.group for each in found}) == 3
    assert {each.error_type for each in found} == {"KeyError", "TypeError"}


def test_groups_are_the_same_in_another_process(tmp_path: Path) -> None:
    """Another process, with other hashes and another folder, names the group the same."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import shop\n"
        "from agentmon.instrumentation.failure import fingerprint\n"
        "try: shop.find(1)\n"
        "except KeyError as error: print(fingerprint(error, 'KeyError').group)\n"
    )
    names = set()
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop.py").write_text(SHOP)
        run = [sys.executable, "-c", program, str(tmp_path / folder)]
        names.add(subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip())
    (name,) = names
    assert len(name) == 12
    assert int(name, 16)


def test_a_program_is_known_by_its_file(tmp_path: Path) -> None:
    """A program that is run, and not imported, is known by its file and not as __main__."""
    (tmp_path / "desk.py").write_text(
        "from agentmon.instrumentation.failure import fingerprint\n"
        "def answer(): raise ValueError\n"
        "try: answer()\n"
        "except ValueError as error: print(fingerprint(error, 'ValueError').location)\n"
    )
    for arguments in (["desk.py"], ["-m", "desk"]):
        run = [sys.executable, *arguments]
        output = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path)
        assert output.stdout.strip() == "desk.answer"


# ---------------------------------------------------------------------- whose frames


def test_frames_of_libraries_are_left_out(recorded: Recorded, tmp_path: Path) -> None:
    """The group names the user's function that called a library, and not what is inside that."""
    library = imported(
        tmp_path / "site-packages" / "client.py",
        "import json\ndef get(): return json.loads('{')",
        "client",
    )

    @agentmon.tool("fetch")
    def fetch() -> None:
        library.get()

    with suppress(ValueError):
        fetch()
    assert only().location.endswith("test_frames_of_libraries_are_left_out.<locals>.fetch")
    assert only().error_type == "json.decoder.JSONDecodeError"


def test_an_installed_program_is_its_own_users_code(recorded: Recorded, tmp_path: Path) -> None:
    """Where the measured function is installed as a package, functions of that package count."""
    text = SHOP.replace("return {}", "import json; return json.loads('{')")
    module = imported(tmp_path / "site-packages" / "shop" / "tools.py", text, "shop.tools")
    with suppress(ValueError):
        module.search(1)
    assert only().location == "shop.tools.table"


def test_where_nothing_is_the_users_the_innermost_is_named(recorded: Recorded) -> None:
    """A function of the standard library, measured as it is, is named itself."""
    import json

    with suppress(ValueError):
        agentmon.tool("parse")(json.loads)("{")
    assert only().location == "json.decoder.JSONDecoder.raw_decode"


def test_what_has_no_frame_is_known_by_type_and_operation(recorded: Recorded) -> None:
    """A function in C, and a handle that is given an error, have a group all the same."""
    for name in ("a", "b"):
        with suppress(ValueError):
            agentmon.tool(name)(math.sqrt)(-1)
    agentmon.agent("c").begin().end(error=ValueError("never raised"))
    found = groups()
    assert [(each.name, each.error_type, each.location) for each in found] == [
        ("c", "ValueError", ""),
        ("a", "ValueError", ""),
        ("b", "ValueError", ""),
    ]
    assert len({each.group for each in found}) == 3


def test_what_agentmon_raises_is_put_where_it_was_called(recorded: Recorded) -> None:
    """A mistake in using agentmon is of the function that made it."""

    @agentmon.agent("a")
    def careless() -> None:
        agentmon.annotate(no_such_fact=1)

    with suppress(agentmon.DeclarationError):
        careless()
    assert only().location.endswith("<locals>.careless")


# ---------------------------------------------------------------------- cascades


def test_an_exception_is_of_one_group_wherever_it_passes(recorded: Recorded) -> None:
    """Tool, agent and workflow that it passes count it in the same group, each for itself."""

    @agentmon.tool("t")
    def tool() -> None:
        raise LookupError

    @agentmon.agent("a")
    def agent() -> None:
        tool()

    @agentmon.workflow("w")
    def workflow() -> None:
        agent()

    with suppress(LookupError):
        workflow()
    found = groups()
    assert [(each.kind, each.name, each.agent) for each in found] == [
        ("agent", "a", "a"),
        ("tool", "t", "a"),
        ("workflow", "w", ""),
    ]
    assert len({each.group for each in found}) == 1


def test_blocks_are_of_the_same_group_as_what_is_around_them(recorded: Recorded) -> None:
    """A block in a helper, and the function that the helper is called from, agree on the group."""

    def helper() -> None:
        with agentmon.tool("t"):
            raise LookupError

    @agentmon.agent("a")
    def agent() -> None:
        helper()

    with suppress(LookupError):
        agent()
    assert len({each.group for each in groups()}) == 1
    assert len(groups()) == 2


@pytest.mark.parametrize("block", [False, True])
def test_async_calls_are_of_one_group(recorded: Recorded, block: bool) -> None:
    """The same holds for coroutines, measured as functions and as blocks."""

    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError

    async def blocked() -> None:
        async with agentmon.tool("t"):
            await failing()

    @agentmon.agent("a")
    async def agent() -> None:
        await (blocked() if block else agentmon.tool("t")(failing)())

    with suppress(LookupError):
        asyncio.run(agent())
    assert len({each.group for each in groups()}) == 1
    assert len(groups()) == 2


# ---------------------------------------------------------------------- chains, groups, depth


def test_causes_tell_groups_apart() -> None:
    """What an exception was raised from counts; what it was raised during does not."""

    def boom(cause: BaseException | None) -> None:
        raise OSError from cause

    def context(inner: type[BaseException]) -> None:
        try:
            raise inner  # noqa: TRY301
        except Exception:  # noqa: BLE001
            raise OSError  # noqa: B904

    plain = failure(lambda: boom(None))
    assert failure(lambda: boom(KeyError())).group != plain.group
    assert failure(lambda: boom(KeyError())) == failure(lambda: boom(KeyError()))
    assert failure(lambda: boom(KeyError())) != failure(lambda: boom(ValueError()))
    assert failure(lambda: context(KeyError)) == failure(lambda: context(ValueError))


def test_causes_in_a_circle_end() -> None:
    """Exceptions that were raised from each other have a group."""
    first, second = KeyError(), ValueError()
    first.__cause__, second.__cause__ = second, first

    def boom() -> None:
        raise first

    assert failure(boom).error_type == "KeyError"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no exception groups")
def test_members_of_exception_groups_count_in_any_order() -> None:
    """Members tell exception groups apart; their order and number do not."""
    make: Any = ExceptionGroup  # type: ignore[name-defined,unused-ignore]  # noqa: F821

    def boom(*members: Exception) -> None:
        raise make("m", members)

    one = failure(lambda: boom(KeyError(), make("n", [OSError(), KeyError()])))
    assert failure(lambda: boom(OSError(), KeyError())) == one
    assert failure(lambda: boom(OSError())) != one
    assert failure(lambda: boom(KeyError())) != one


def test_recursion_counts_once() -> None:
    """However deep it was when it failed, it is the same group."""

    def down(n: int) -> None:
        if not n:
            raise LookupError
        up(n - 1)

    def up(n: int) -> None:
        down(n)

    assert failure(lambda: down(3)) == failure(lambda: down(200))


def test_a_full_stack_is_one_group() -> None:
    """A recursion without end is the same group wherever the stack happened to be full."""

    def ping() -> None:
        pong()

    def pong() -> None:
        ping()

    assert failure(ping) == failure(pong)


def test_a_full_stack_within_measured_functions_is_recorded(recorded: Recorded) -> None:
    """Each of the calls that a full stack ended is in some group."""

    @agentmon.agent("deep")
    def deep(n: int) -> None:
        deep(n + 1)

    with suppress(RecursionError):
        deep(0)
    found = groups()
    assert sum(each.count for each in found) == recorded.value(
        "agentmon_agent_calls_total", outcome="error"
    )
    assert {each.error_type for each in found} == {"RecursionError"}


# ---------------------------------------------------------------------- what is kept, what is not


def test_failures_without_exception_have_a_group(recorded: Recorded) -> None:
    """A call that is ended as an error, or returned too late, is of the group of its outcome."""
    agentmon.agent("a").begin().end(outcome="error")
    late = agentmon.tool("slow", timeout=1e-9)(lambda: sum(range(1000)))
    late()
    assert [(each.name, each.error_type) for each in groups()] == [
        ("a", "error"),
        ("slow", "timeout"),
    ]


def test_what_is_no_failure_has_no_group(recorded: Recorded) -> None:
    """Calls that return, are cancelled or interrupted are in no group."""

    @agentmon.agent("a", interrupts=LookupError)
    def agent(error: BaseException | None) -> None:
        if error is not None:
            raise error

    agent(None)
    for error in (LookupError(), KeyboardInterrupt(), asyncio.CancelledError()):
        with suppress(BaseException):
            agent(error)
    assert groups() == []


def test_nothing_of_a_message_or_argument_is_kept(recorded: Recorded) -> None:
    """The group and its metrics say nothing of what the exception or the caller said."""

    @agentmon.agent("a")
    def agent(secret: str) -> None:
        raise ValueError(secret)

    with suppress(ValueError):
        agent("swordfish")
    assert "swordfish" not in repr(ACTIVE.registry.snapshot())  # type: ignore[union-attr]
    assert "swordfish" not in repr(ACTIVE.registry.collect())  # type: ignore[union-attr]


def test_neither_exception_nor_frame_is_kept(recorded: Recorded) -> None:
    """When the caller has dropped the exception, all that it held is gone at once."""

    class Boom(Exception):
        pass

    class Payload:
        pass

    alive: list[Any] = []

    @agentmon.agent("a")
    def agent() -> None:
        payload = Payload()
        error = Boom()
        alive.extend((weakref.ref(payload), weakref.ref(error)))
        raise error from None

    gc.disable()
    try:
        with suppress(Boom):
            agent()
        assert [each() for each in alive] != []
        gc.enable()
        gc.collect()
        assert [each() for each in alive] == [None, None]
    finally:
        gc.enable()
    assert only().count == 1


def test_an_exception_that_cannot_be_looked_at_is_counted(recorded: Recorded) -> None:
    """Module names that are no text, and frames without a file, break nothing."""
    names: dict[str, Any] = {"__name__": 7, "agentmon": agentmon}
    exec(  # noqa: S102
        compile("@agentmon.agent('a')\ndef f(): raise KeyError", "<made up>", "exec"), names
    )
    with suppress(KeyError):
        names["f"]()
    assert only().location == "<made up>.f"


def test_comprehensions_are_part_of_their_function() -> None:
    """What fails within a comprehension fails in its function, as in every version of Python."""

    def listing() -> None:
        [int(each) for each in "x"]

    assert failure(listing).location.endswith(".listing")


def test_location_says_module_and_function(recorded: Recorded, tmp_path: Path) -> None:
    """A method is named with its class."""
    if sys.version_info < (3, 11):
        pytest.skip("frames do not know qualified names")
    text = "class Desk:\n    def answer(self): raise KeyError\n"
    module = imported(tmp_path / "desk.py", text, "office.desk")
    assert failure(module.Desk().answer).location == "office.desk.Desk.answer"


def test_long_and_strange_names_are_bounded() -> None:
    """A location is printable, and no longer than 200 characters."""
    code = compile("def f(): raise KeyError", "<x>", "exec")
    names: dict[str, Any] = {"__name__": "a\nb" + "c" * 500}
    exec(code, names)  # noqa: S102
    location = failure(names["f"]).location
    assert location.startswith("a?bccc")
    assert len(location) == 200


def test_many_threads_count_every_failure() -> None:
    """Failures of several threads at once are all counted."""

    @agentmon.agent("a")
    def agent(_: int) -> None:
        raise LookupError

    def attempt(n: int) -> None:
        with suppress(LookupError):
            agent(n)

    with recording("metrics"), ThreadPoolExecutor(8) as threads:
        list(threads.map(attempt, range(2000)))
        assert only().count == 2000


def test_a_trace_stands_for_the_group() -> None:
    """The latest failure that has a trace lends its id."""

    @agentmon.agent("a")
    def agent() -> None:
        raise LookupError

    with recording("owned"):
        seen = []
        for _ in range(2):
            with suppress(LookupError), agentmon.workflow("w") as call:
                seen.append(call.trace_id)
                agent()
        assert {each.trace_id for each in groups()} == {seen[-1]}


def test_modules_are_not_needed_to_be_importable() -> None:
    """A function whose module has gone has a location still."""
    module = types.ModuleType("gone")
    exec("def f(): raise KeyError", module.__dict__)  # noqa: S102
    assert failure(module.f).location == "gone.f"
