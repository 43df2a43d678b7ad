"""
LangChain and LangGraph, by their callbacks.

A graph is a workflow, its nodes are agents; what LangChain's own ``create_agent`` makes is an
agent, whose inner nodes are not looked at. Models and tools are what they are called. A node that
sends on by ``Command(goto=...)`` hands over to the agent it names.
"""

from __future__ import annotations

from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import Run, Runs
from agentmon.model.outcome import ERROR, INTERRUPTED

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "langchain"
_GRAPH, _AGENT = "langgraph", "langchain_create_agent"
#: Nodes that LangGraph makes by itself, or that only run tools.
_NO_AGENTS: Final = ("tools", "__")
#: Exceptions by which LangGraph steers itself, by name: they are not loaded for this.
_STEERING: Final = ("GraphBubbleUp", "GraphInterrupt", "NodeInterrupt", "ParentCommand")


def wrap(module: Any, patches: Patches) -> None:
    """Have every run of LangChain tell us, wherever its callbacks are configured."""
    base: Any = module.BaseCallbackHandler
    register = import_module("langchain_core.tracers.context").register_configure_hook

    class Handler(_Told, base):  # type: ignore[misc]  # not there when types are checked
        """Told of every run."""

        run_inline = True  # in the order and the context of what happens
        raise_error = False

        def _ignored(self) -> bool:
            return not patches.on

        ignore_llm = ignore_chain = ignore_agent = property(_ignored)
        ignore_chat_model = ignore_retriever = ignore_retry = property(_ignored)

    # A default is seen in every context; a value that is set, in one.
    register(ContextVar("agentmon_langchain", default=Handler()), inheritable=True)  # noqa: B039


class _Told:
    """What is told of runs, as calls of ours."""

    def __init__(self) -> None:
        self._runs = Runs()
        #: Runs within which something waits for an answer.
        self._interrupted: set[object] = set()

    # ---------------------------------------------------------------- graphs, nodes, agents

    def on_chain_start(self, *_: Any, **told: Any) -> None:
        """A graph, a node or an agent begins."""
        guarded(_LIBRARY, self._begin_chain, told)

    def on_chain_end(self, outputs: Any, **told: Any) -> None:
        """It returned; it may say where to go on."""
        run = self._runs.get(told["run_id"])
        outcome = INTERRUPTED if told["run_id"] in self._interrupted else None
        self._interrupted.discard(told["run_id"])
        guarded(_LIBRARY, self._runs.end, told["run_id"], None, outcome)
        if run is not None:
            guarded(_LIBRARY, self._hand_over, run.above, run.name, outputs)

    def on_chain_error(self, error: BaseException, **told: Any) -> None:
        """It raised, was interrupted, sends on in the graph around, or is read no further."""
        run = self._runs.get(told["run_id"])
        self._interrupted.discard(told["run_id"])
        if run is not None and run.above is not None and _outcome(error) == INTERRUPTED:
            self._interrupted.add(run.above)  # a graph ends well that waits for an answer
        guarded(_LIBRARY, self._runs.end, told["run_id"], error, _outcome(error))
        if run is not None and run.role and type(error).__name__ == "ParentCommand":
            guarded(_LIBRARY, self._hand_over_above, run, error.args[0])

    # ---------------------------------------------------------------- models

    def on_chat_model_start(self, *_: Any, **told: Any) -> None:
        """A chat model is asked."""
        guarded(_LIBRARY, self._begin_model, told)

    def on_llm_start(self, *_: Any, **told: Any) -> None:
        """A model is asked."""
        guarded(_LIBRARY, self._begin_model, told)

    def on_llm_new_token(self, *_: Any, **told: Any) -> None:
        """A part of a streamed answer is there."""
        guarded(_LIBRARY, self._runs.first_output, told["run_id"])

    def on_llm_end(self, response: Any, **told: Any) -> None:
        """It answered, to the last chunk."""
        guarded(_LIBRARY, self._note_usage, told["run_id"], response)
        guarded(_LIBRARY, self._runs.end, told["run_id"], None, None)

    def on_llm_error(self, error: BaseException, **told: Any) -> None:
        """It failed."""
        guarded(_LIBRARY, self._runs.end, told["run_id"], error, _outcome(error))

    # ---------------------------------------------------------------- tools

    def on_tool_start(self, serialized: Any, *_: Any, **told: Any) -> None:
        """A tool is called."""
        name = told.get("name") or (serialized or {}).get("name") or "tool"
        guarded(_LIBRARY, self._begin, told, "tool", name)

    def on_tool_end(self, output: Any, **told: Any) -> None:
        """It returned; a failure may have become a message."""
        failed = getattr(output, "status", None) == "error"
        guarded(_LIBRARY, self._runs.end, told["run_id"], None, ERROR if failed else None)

    def on_tool_error(self, error: BaseException, **told: Any) -> None:
        """It raised."""
        guarded(_LIBRARY, self._runs.end, told["run_id"], error, _outcome(error))

    # ---------------------------------------------------------------- beginning

    def _begin_chain(self, told: dict[str, Any]) -> None:
        metadata = told.get("metadata") or {}
        name = str(told.get("name") or "")
        above = self._runs.get(told.get("parent_run_id"))
        made_by = metadata.get("ls_integration", "")
        if above is not None and above.role and metadata.get("langgraph_node") == name:
            if above.role == _AGENT:
                self._skip(told, name)
            else:
                self._begin(told, "step" if name.startswith(_NO_AGENTS) else "agent", name)
        elif made_by == _AGENT:
            own = metadata.get("lc_agent_name") or name
            if above is not None and above.own and above.name == own:
                self._skip(told, own, _AGENT)
            else:
                self._begin(told, "agent", own, _AGENT)
        elif made_by == _GRAPH and (above is None or not above.role):
            self._begin(told, "workflow", name, _GRAPH)
        else:
            self._skip(told, name)

    def _begin_model(self, told: dict[str, Any]) -> None:
        metadata = told.get("metadata") or {}
        asked = told.get("invocation_params") or {}
        model = metadata.get("ls_model_name") or asked.get("model") or asked.get("model_name") or ""
        provider = metadata.get("ls_provider") or ""
        self._begin(told, "model_call", "chat", "", f"{model}\0{provider}")

    def _begin(
        self, told: dict[str, Any], kind: str, name: str, role: str = "", detail: str = ""
    ) -> None:
        """
        Begin a call for a run.

        Nodes and tools are made current, so that what they call is within them. Graphs and models
        are not: they give their results bit by bit, and give way to their reader in between.
        """
        above_id = told.get("parent_run_id")
        current = kind in ("agent", "step", "tool") and not role
        self._runs.begin(
            told["run_id"],
            above_id,
            kind,
            name,
            detail=detail,
            role=role,
            current=current,
            within=above_id,
        )

    def _skip(self, told: dict[str, Any], name: str, role: str = "") -> None:
        self._runs.skip(told["run_id"], told.get("parent_run_id"), name, role=role)

    # ---------------------------------------------------------------- ending

    def _note_usage(self, run_id: object, response: Any) -> None:
        run = self._runs.get(run_id)
        if run is None or run.call is None:
            return
        for generations in response.generations:
            for generation in generations:
                usage = getattr(getattr(generation, "message", None), "usage_metadata", None)
                if usage:
                    into = usage.get("input_token_details") or {}
                    out = usage.get("output_token_details") or {}
                    run.call.usage(
                        input_tokens=usage.get("input_tokens", 0),
                        output_tokens=usage.get("output_tokens", 0),
                        cached_tokens=into.get("cache_read", 0),
                        cache_write_tokens=into.get("cache_creation", 0),
                        reasoning_tokens=out.get("reasoning", 0),
                    )

    # ---------------------------------------------------------------- handing over

    def _hand_over_above(self, inner: Run, command: Any) -> None:
        """A node of an inner graph sends on in the graph around it."""
        node = self._runs.get(inner.above)
        if node is not None:
            self._hand_over(node.above, node.name, command)

    def _hand_over(self, graph_id: object, source: str, outputs: Any) -> None:
        graph = self._runs.get(graph_id)
        if graph is None or graph.role != _GRAPH:
            return
        for command in outputs if isinstance(outputs, list) else [outputs]:
            goto = getattr(command, "goto", None) if type(command).__name__ == "Command" else None
            for target in [goto] if isinstance(goto, str) else goto or ():
                if isinstance(target, str) and not target.startswith(_NO_AGENTS):
                    self._runs.hand_over(graph_id, source, target)


def _outcome(error: BaseException) -> str | None:
    """How a run ended that says so by an exception; None where its class decides."""
    if any(each.__name__ in _STEERING for each in type(error).__mro__):
        return INTERRUPTED if type(error).__name__ != "ParentCommand" else "ok"
    return None
