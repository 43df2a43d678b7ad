"""
Microsoft's Agent Framework, by wrapping its runs, and by middleware that every run is given.

Runs are agents, functions are tools, and requests to chat clients are model calls. The run of a
workflow is one, and what one of its agents sends to another is a handoff.
"""

from __future__ import annotations

import asyncio
import weakref
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters import runs
from agentmon.instrumentation.adapters.blocks import Block, awaited, block
from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.call import CURRENT, IDLE, Call, activate, deactivate
from agentmon.model.outcome import CANCELLED, INTERRUPTED, OK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "agent-framework"
#: Exceptions by which the framework steers itself, by name, and what they mean.
_STEERING: Final = {"MiddlewareTermination": OK, "UserInputRequiredException": INTERRUPTED}


def wrap(module: Any, patches: Patches) -> None:
    """
    Stand around every run of an agent or a workflow, and give it middleware of ours.

    Raises:
        TypeError: If streams cannot be followed.
    """
    if not hasattr(module.ResponseStream, "with_pull_context_manager"):
        raise TypeError("streams cannot be followed in this version")
    waiting = _Waiting()

    class Chats(module.ChatMiddleware):  # type: ignore[misc]  # not there when types are checked
        """Stands around each request to a model."""

        async def process(self, context: Any, call_next: Callable[[], Awaitable[None]]) -> None:
            detail = guarded(_LIBRARY, _model, context) or ""
            ours = block(_LIBRARY, "model_call", "chat", detail)
            await _around(ours, context, call_next, _note_usage, _note_part)

    class Functions(module.FunctionMiddleware):  # type: ignore[misc]  # likewise
        """Stands around each function, where its exceptions are still seen."""

        async def process(self, context: Any, call_next: Callable[[], Awaitable[None]]) -> None:
            ours = block(_LIBRARY, "tool", str(context.function.name))
            await _around(ours, context, call_next, None)

    def run(wrapped: Any, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = guarded(_LIBRARY, _with, kwargs.get("middleware"), (Chats(), Functions()))
        if given is not None:
            kwargs["middleware"] = given
        result = wrapped(*args, **kwargs)
        if not hasattr(result, "with_cleanup_hook"):
            return _agent(waiting, agent, result)
        ours = _agent_block(waiting, agent)
        if ours is not None:
            ours.leave()
            guarded(_LIBRARY, _follow, ours, result, _note_run)
        return result

    patches.wrap(import_module("agent_framework._middleware").AgentMiddlewareLayer, "run", run)
    patches.wrap(module.Workflow, "run", _workflow(waiting))
    patches.wrap(module.WorkflowContext, "add_event", _event(waiting))


def _agent_block(waiting: _Waiting, agent: Any) -> Block | None:
    name = str(getattr(agent, "name", None) or "agent")
    return block(_LIBRARY, "agent", name, handed=guarded(_LIBRARY, waiting.take, name))


async def _agent(waiting: _Waiting, agent: Any, result: Awaitable[Any]) -> Any:
    """The run of an agent, with the middleware of others within it."""
    return await awaited(_agent_block(waiting, agent), result, _note_run)


def _with(given: Any, ours: tuple[Any, ...]) -> list[Any]:
    """The middleware of a run with ours; one that is given alone is one."""
    if given is None:
        return list(ours)
    return [*given, *ours] if isinstance(given, list | tuple) else [given, *ours]


# -------------------------------------------------------------------- blocks


async def _around(
    ours: Block | None,
    context: Any,
    call_next: Callable[[], Awaitable[None]],
    note: Callable[[Call, Any], str | None] | None,
    part: Callable[[Call, Any], None] | None = None,
) -> None:
    """Go on within a block of ours, which lasts until the result is there, or the stream ends."""
    if ours is None:
        await call_next()
        return
    try:
        await call_next()
    except BaseException as error:
        ours.end(error, _STEERING.get(type(error).__name__))
        raise
    if getattr(context, "stream", False) and hasattr(context.result, "with_cleanup_hook"):
        ours.leave()
        if guarded(_LIBRARY, _follow, ours, context.result, note, part) is None:
            ours.end()
    else:
        ours.end(None, None if note is None else guarded(_LIBRARY, note, ours.call, context.result))


def _follow(
    ours: Block,
    stream: Any,
    note: Callable[[Call, Any], str | None] | None,
    part: Callable[[Call, Any], None] | None = None,
) -> bool:
    """Have a block last as long as a stream, and be current while something is made for it."""
    call = ours.call

    @contextmanager
    def pulling() -> Iterator[None]:
        before = guarded(_LIBRARY, activate, call)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, StopAsyncIteration):
                ours.end(error)
            raise
        finally:
            guarded(_LIBRARY, deactivate, call, before)

    def whole(result: Any) -> None:
        ours.end(None, None if note is None else guarded(_LIBRARY, note, call, result))

    def look(update: Any) -> None:
        if part is not None:
            guarded(_LIBRARY, part, call, update)

    stream.with_pull_context_manager(pulling)
    stream.with_transform_hook(look)
    stream.with_result_hook(whole)
    # Who does not read a stream to its end lets go of it.
    weakref.finalize(stream, ours.end, None, CANCELLED).atexit = False
    return True


# -------------------------------------------------------------------- notes


def _model(context: Any) -> str:
    options = context.options or {}
    client = context.client
    asked = options.get("model") or options.get("model_id") or getattr(client, "model", "")
    provider = getattr(client, "OTEL_PROVIDER_NAME", "")
    known = "" if provider == "unknown" else provider
    return f"{asked or getattr(client, 'model_id', '') or ''}\0{known}"


def _note_run(_call: Call, result: Any) -> str | None:
    """Interrupted, where the answer asks a human for something."""
    return INTERRUPTED if getattr(result, "user_input_requests", None) else None


def _note_part(call: Call, update: Any) -> None:
    if getattr(update, "contents", None):
        call.first_output()


def _note_usage(call: Call, result: Any) -> None:
    used = getattr(result, "usage_details", None)
    if used:
        call.usage(
            input_tokens=used.get("input_token_count") or 0,
            output_tokens=used.get("output_token_count") or 0,
            cached_tokens=used.get("cache_read_input_token_count") or 0,
            cache_write_tokens=used.get("cache_creation_input_token_count") or 0,
            reasoning_tokens=used.get("reasoning_output_token_count") or 0,
        )


# -------------------------------------------------------------------- workflows


class _Waiting:
    """Handoffs that wait for their agent, by the call of the workflow and the agent."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, str], Call] = {}

    def begin(self, source: str, target: str) -> None:
        """An agent of the workflow that is current hands over."""
        around = CURRENT.get()
        if isinstance(around, Call) and around is not IDLE:
            self._calls[id(around), target] = runs.operation_of("handoff", target, source).begin()

    def take(self, target: str) -> Call | None:
        """The handoff that an agent which begins was waited for by."""
        return self._calls.pop((id(CURRENT.get()), target), None)

    def leave(self, workflow: Call) -> None:
        """The workflow has ended; nobody takes what it still hands over."""
        for key in [key for key in self._calls if key[0] == id(workflow)]:
            self._calls.pop(key).end(outcome=CANCELLED)


def _event(waiting: _Waiting) -> Any:
    """A wrapper that looks at the events of workflows."""

    def wrapper(wrapped: Any, _context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        guarded(_LIBRARY, _look, waiting, kwargs.get("event") or args[0])
        return wrapped(*args, **kwargs)

    return wrapper


def _look(waiting: _Waiting, event: Any) -> None:
    if getattr(event, "type", "") == "handoff_sent":
        waiting.begin(str(event.data.source), str(event.data.target))


def _workflow(waiting: _Waiting) -> Any:
    """A wrapper that has a call of ours last as long as the run of a workflow."""

    def wrapper(wrapped: Any, flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = str(getattr(flow, "name", None) or "workflow")
        result = wrapped(*args, **kwargs)
        if not hasattr(result, "with_cleanup_hook"):
            return _awaited(waiting, name, result)
        ours = block(_LIBRARY, "workflow", name)
        if ours is not None:
            ours.leave()
            guarded(
                _LIBRARY, _follow, ours, result, lambda call, made: _note_flow(waiting, call, made)
            )
        return result

    return wrapper


async def _awaited(waiting: _Waiting, name: str, result: Awaitable[Any]) -> Any:
    ours = block(_LIBRARY, "workflow", name)
    if ours is None:
        return await result
    try:
        made = await result
    except BaseException as error:
        guarded(_LIBRARY, waiting.leave, ours.call)
        ours.end(error, CANCELLED if isinstance(error, asyncio.CancelledError) else None)
        raise
    ours.end(None, guarded(_LIBRARY, _note_flow, waiting, ours.call, made))
    return made


def _note_flow(waiting: _Waiting, call: Call, made: Any) -> str | None:
    """Interrupted, where a workflow waits for an answer."""
    waiting.leave(call)
    return INTERRUPTED if made.get_request_info_events() else None
