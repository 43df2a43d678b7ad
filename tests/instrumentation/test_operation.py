"""Names, validation and the bare form of the five operations."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

import agentmon
from agentmon.errors import AgentmonError, DeclarationError
from agentmon.instrumentation.operation import Operation
from agentmon.testing import Recorded
from tests.instrumentation.recording import outcomes

OPERATIONS: dict[str, Any] = {
    "agent": agentmon.agent,
    "tool": agentmon.tool,
    "model_call": agentmon.model_call,
    "workflow": agentmon.workflow,
    "step": agentmon.step,
}


def _module_function(x: int = 0) -> int:
    return x


class _Callable:
    def __call__(self) -> int:
        return 1

    def method(self) -> int:
        return 2

    def __getattr__(self, name: str) -> object:
        raise AttributeError(name)


def test_default_names(recorded: Recorded) -> None:
    """The name defaults to the function, the method with its class, or the class of an object."""

    class Local:
        @agentmon.tool
        def method(self) -> None: ...

        @agentmon.tool
        @staticmethod
        def static() -> None: ...

        @agentmon.tool
        @classmethod
        def cls(cls) -> None: ...

        @agentmon.tool
        @property
        def prop(self) -> None: ...

    agentmon.tool(_module_function)()
    agentmon.tool()(functools.partial(functools.partial(_module_function), 1))()
    agentmon.tool(_Callable())()
    agentmon.tool(_Callable().method)()
    local = Local()
    local.method()
    local.static()
    local.cls()
    local.prop  # noqa: B018  # a property is called by being read
    agentmon.tool()(lambda: None)()
    for name, n in {
        "_module_function": 2,
        "_Callable": 1,
        "_Callable.method": 1,
        "Local.method": 1,
        "Local.static": 1,
        "Local.cls": 1,
        "Local.prop": 1,
        "<lambda>": 1,
    }.items():
        assert outcomes(recorded, "tool", tool=name) == {"ok": n}, name


def test_default_name_of_a_class_is_its_name(recorded: Recorded) -> None:
    """A class decorated without a name is named after itself."""

    @agentmon.agent
    class Triage:
        def __call__(self) -> int:
            return 1

    @agentmon.tool
    class Search:
        def __call__(self) -> int:
            return 1

    assert Triage()() == Search()() == 1
    assert outcomes(recorded, agent="Triage") == {"ok": 1}
    assert outcomes(recorded, "tool", tool="Search") == {"ok": 1}


@pytest.mark.parametrize("kind", OPERATIONS)
@pytest.mark.parametrize("form", ["bare", "empty", "none"])
def test_without_a_name(recorded: Recorded, kind: str, form: str) -> None:
    """Every operation works without parentheses, with empty ones, and with None for a name."""
    operation = OPERATIONS[kind]

    def work(x: int) -> int:
        return x + 1

    decorated: Callable[[int], int] = {
        "bare": lambda: operation(work),
        "empty": lambda: operation()(work),
        "none": lambda: operation(None)(work),
    }[form]()
    assert decorated(1) == 2
    label = "operation" if kind == "model_call" else kind
    name = "chat" if kind == "model_call" else "work"
    assert outcomes(recorded, kind, **{label: name}) == {"ok": 1}


def test_one_nameless_operation_for_many_functions(recorded: Recorded) -> None:
    """An Operation without a name gives each function that it decorates its own."""
    operation = agentmon.tool(timeout=5)

    @operation
    def one() -> None: ...

    @operation
    def two() -> None: ...

    one()
    two()
    assert outcomes(recorded, "tool", tool="one") == outcomes(recorded, "tool", tool="two")


@pytest.mark.parametrize("kind", ["agent", "tool", "workflow", "step"])
def test_block_and_handle_need_a_name(kind: str) -> None:
    """Without a name a with block and a handle raise, also while recording is off."""
    with pytest.raises(DeclarationError, match="needs a name"), OPERATIONS[kind]():
        pass
    with pytest.raises(DeclarationError, match="needs a name"):
        OPERATIONS[kind]().begin()


def test_named_by_the_arguments(recorded: Recorded) -> None:
    """named_by gets the call's arguments and gives its name."""

    @agentmon.agent(named_by=lambda who, *, team="x": f"{who}-{team}")
    def work(who: str, *, team: str = "x") -> str:
        return who + team

    assert work("a") == "ax"
    assert work("b", team="y") == "by"
    assert work("a") == "ax"
    assert outcomes(recorded, agent="a-x") == {"ok": 2}
    assert outcomes(recorded, agent="b-y") == {"ok": 1}


def test_coroutine_named_by_the_arguments(recorded: Recorded) -> None:
    """named_by gives the name of a coroutine function's calls too."""

    @agentmon.agent(named_by=lambda who: f"agent {who}")
    async def work(who: str) -> str:
        return who

    assert asyncio.run(work("a")) == "a"
    assert outcomes(recorded, agent="agent a") == {"ok": 1}


def test_named_by_of_a_method_gets_the_object(recorded: Recorded) -> None:
    """On a method, named_by gets the object first, and so can read its name."""

    class Agent:
        def __init__(self, name: str) -> None:
            self.name = name

        @agentmon.agent(named_by=lambda self, *_: self.name)
        def run(self, x: int) -> int:
            return x

        @agentmon.agent(named_by=lambda self: self.name)
        async def run_async(self) -> None: ...

        @agentmon.agent(named_by=lambda self: self.name)
        def stream(self) -> Any:
            yield 1

    assert Agent("one").run(5) == 5
    assert list(Agent("two").stream()) == [1]
    assert outcomes(recorded, agent="one") == outcomes(recorded, agent="two") == {"ok": 1}


def test_model_by_the_arguments(recorded: Recorded) -> None:
    """model_by gives the model of each call."""

    @agentmon.model_call("chat", provider="p", model_by=lambda model: model)
    def ask(model: str) -> str:
        return model

    assert [ask("big"), ask("small"), ask("big")] == ["big", "small", "big"]
    assert outcomes(recorded, "model_call", model="big", provider="p") == {"ok": 2}
    assert outcomes(recorded, "model_call", model="small", operation="chat") == {"ok": 1}


def _raises(*_: object) -> str:
    raise RuntimeError


@pytest.mark.parametrize(
    "named_by",
    [
        _raises,
        lambda _: 5,
        lambda _: None,
        lambda _: "",
        lambda _: "x" * 201,
        lambda _: "a\nb",
        lambda: "x",
    ],
    ids=["raises", "number", "none", "empty", "long", "newline", "arguments"],
)
def test_naming_that_fails_falls_back(recorded: Recorded, named_by: Any) -> None:
    """A naming function that gives no usable name is counted, and the default is used."""

    @agentmon.agent(named_by=named_by)
    def work(x: int) -> int:
        return x

    assert work(3) == 3
    assert outcomes(recorded, agent="work") == {"ok": 1}
    assert recorded.value("agentmon_dropped_total", reason="naming_failed") == 1


def test_unbounded_names_fold_into_other(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Names beyond the bound of their label are counted under other, and warned of once."""

    @agentmon.agent(named_by=lambda n: f"agent {n}")
    def work(n: int) -> int:
        return n

    with caplog.at_level("WARNING"):
        for n in range(1100):
            assert work(n) == n
    assert outcomes(recorded) == {"ok": 1100}
    assert outcomes(recorded, agent="other") == {"ok": 100}
    warned = [r for r in caplog.records if "agent" in r.getMessage() and "bound" in r.getMessage()]
    assert len(warned) == 1


BAD: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("name", (5,), {}),
    ("name", ([],), {}),
    ("name", ("x" * 201,), {}),
    ("name", ("a\nb",), {}),
    ("name", (b"bytes",), {}),
    ("name", (" ",), {}),
    ("name", ("\u3000",), {}),
    ("team", ("a",), {"team": "  "}),
    ("operation", ("a",), {"operation": 5}),
    ("version", ("a",), {"version": 1.2}),
    ("team", ("a",), {"team": None}),
    ("tier", ("a",), {"tier": "\x00"}),
    ("timeout", ("a",), {"timeout": 0}),
    ("timeout", ("a",), {"timeout": -1}),
    ("timeout", ("a",), {"timeout": float("nan")}),
    ("timeout", ("a",), {"timeout": float("inf")}),
    ("timeout", ("a",), {"timeout": "30"}),
    ("interrupts", ("a",), {"interrupts": "KeyError"}),
    ("interrupts", ("a",), {"interrupts": (int,)}),
    ("interrupts", ("a",), {"interrupts": [KeyError]}),
    ("interrupts", ("a",), {"interrupts": (KeyError(),)}),
    ("named_by", ("a",), {"named_by": "name"}),
    ("methods", ("a",), {"methods": 3}),
    ("methods", ("a",), {"methods": "run"}),
    ("methods", ("a",), {"methods": (3,)}),
    ("methods", ("a",), {"methods": None}),
]


@pytest.mark.parametrize(("what", "args", "kwargs"), BAD)
def test_bad_declarations_are_refused(
    what: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """A bad argument raises at once and says what it is, what was got and what is allowed."""
    with pytest.raises(DeclarationError, match=rf"agent: {what}: got .*allowed"):
        agentmon.agent(*args, **kwargs)


def test_boolean_timeout_is_refused() -> None:
    """A boolean is no number of seconds."""
    with pytest.raises(DeclarationError, match="timeout: got True"):
        agentmon.agent("boolean timeout", timeout=True)


@pytest.mark.parametrize("what", ["model", "provider"])
def test_bad_model_declarations_are_refused(what: str) -> None:
    """Model and provider must be text."""
    with pytest.raises(DeclarationError, match=f"model_call: {what}: got 5, allowed text"):
        agentmon.model_call("chat", **{what: 5})  # type: ignore[call-overload]


def _named(*_: object) -> str:
    return "name"


MISPLACED: list[tuple[str, Operation]] = [
    ("agent: named_by", agentmon.agent("a", named_by=_named)),
    ("tool: named_by", agentmon.tool("t", named_by=_named)),
    ("model_call: model_by", agentmon.model_call("chat", model_by=_named)),
    ("agent: methods", agentmon.agent("a", methods=("run",))),
]


@pytest.mark.parametrize(("what", "operation"), MISPLACED)
def test_what_a_block_has_no_use_for_is_refused(what: str, operation: Operation) -> None:
    """A block or handle has no arguments and no methods, so what needs them is refused there."""
    expected = rf"^{what}: got .*, allowed only for a decorated"
    with pytest.raises(DeclarationError, match=expected), operation:
        pass
    with pytest.raises(DeclarationError, match=expected):
        operation.begin()
    with pytest.raises(DeclarationError, match=expected):
        operation.begin(parent=agentmon.agent("around").begin())


def test_methods_of_a_function_are_refused() -> None:
    """Methods can be named for a class only."""
    with pytest.raises(DeclarationError, match=r"agent: methods: got .*, allowed only for a"):
        agentmon.agent("a", methods=("run",))(_named)


def test_declaration_error_is_a_value_error() -> None:
    """A DeclarationError can be caught as ValueError and as the root of agentmon's errors."""
    assert issubclass(DeclarationError, ValueError)
    assert issubclass(DeclarationError, AgentmonError)


def test_facts_of_an_agent(recorded: Recorded) -> None:
    """Version, team and tier of an agent are told by agentmon_agent_info."""
    with agentmon.agent("a", version="3.2", team="support", tier="frontline"):
        pass
    assert (
        recorded.value(
            "agentmon_agent_info", agent="a", version="3.2", team="support", tier="frontline"
        )
        == 1
    )


def test_true_is_no_timeout_even_where_one_was_declared() -> None:
    """A timeout of True is refused also after the same operation was declared with 1."""
    agentmon.tool("hasty", timeout=1)
    with pytest.raises(DeclarationError, match="timeout"):
        agentmon.tool("hasty", timeout=True)
