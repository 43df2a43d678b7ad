"""
Pydantic AI, by a capability that every run is given.

Runs are agents, function tools are tools, and requests to models are model calls. A tool that is
put off, for a human to approve or somebody else to run, has not failed.
"""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.blocks import Block, block
from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.call import CURRENT, IDLE, Call
from agentmon.model.outcome import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "pydantic-ai"
#: Exceptions by which a tool is put off, by name.
_PUT_OFF: Final = ("ApprovalRequired", "CallDeferred")


def wrap(module: Any, patches: Patches) -> None:
    """
    Give every run a capability of ours.

    Raises:
        TypeError: If runs take none.
    """
    base: Any = import_module("pydantic_ai.capabilities").AbstractCapability

    class Measuring(base):  # type: ignore[misc]  # not there when types are checked
        """Stands around runs, tools and requests to models."""

        #: It brings no tools and nothing that a durable engine must know beforehand.
        _safe_at_runtime = True
        #: The agent whose run is over, and how; the hooks of others after it may still raise.
        over: tuple[Block, str | None] | None = None

        async def wrap_run(self, ctx: Any, *, handler: Any) -> Any:
            ours = _agent_block(ctx)
            if ours is None:
                return await handler()
            try:
                result = await handler()
            except BaseException as error:
                ours.end(error, _put_off(error))
                raise
            ours.leave()
            self.over = ours, guarded(_LIBRARY, _note_run, result)
            return result

        async def wrap_tool_execute(
            self, ctx: Any, *, call: Any, tool_def: Any, args: Any, handler: Any
        ) -> Any:
            _ = ctx, tool_def
            return await _around(block(_LIBRARY, "tool", str(call.tool_name)), handler(args))

        async def wrap_model_request(self, ctx: Any, *, request_context: Any, handler: Any) -> Any:
            _ = ctx
            return await _around(
                _model_block(request_context), handler(request_context), _note_usage
            )

    if "capabilities" not in signature(module.Agent.iter).parameters:
        raise TypeError("runs take no capabilities before version 1.107")
    patches.wrap(module.Agent, "iter", _giving(Measuring))
    patches.wrap(import_module("pydantic_ai.result").AgentStream, "__init__", _streaming)


def _streaming(wrapped: Any, made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """An answer begins to be streamed, where its model is asked; it is read elsewhere."""
    wrapped(*args, **kwargs)
    guarded(_LIBRARY, _look_at, made._raw_stream_response)  # noqa: SLF001  # it is told nowhere else


def _look_at(answer: Any) -> None:
    """Note when the first event of a streamed answer is there."""
    call = CURRENT.get()
    if not isinstance(call, Call) or call is IDLE or call.kind != "model_call":
        return
    theirs = answer._get_event_iterator  # noqa: SLF001  # as every answer has it

    async def events() -> AsyncGenerator[Any, None]:
        stream = theirs()
        try:
            async for event in stream:
                guarded(_LIBRARY, call.first_output)
                yield event
        finally:
            await stream.aclose()

    answer._get_event_iterator = events  # noqa: SLF001


def _giving(capability: Callable[[], Any]) -> Any:
    """A wrapper that adds a capability to those that a run is given."""

    def wrapper(wrapped: Any, _agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        ours = guarded(_LIBRARY, capability)
        if ours is None:
            return wrapped(*args, **kwargs)
        kwargs["capabilities"] = [*(kwargs.get("capabilities") or ()), ours]
        return _Ending(wrapped(*args, **kwargs), ours)

    return wrapper


class _Ending:
    """
    The context of a run, with which its agent ends.

    Args:
        theirs: What ``Agent.iter`` gives.
        ours: The capability that stands around the run.
    """

    def __init__(self, theirs: Any, ours: Any) -> None:
        self._theirs = theirs
        self._ours = ours

    async def __aenter__(self) -> Any:
        try:
            return await self._theirs.__aenter__()
        except BaseException as error:
            self._end(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: object
    ) -> Any:
        try:
            stopped = await self._theirs.__aexit__(kind, raised, trace)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None if stopped else raised)
        return stopped

    def _end(self, error: BaseException | None) -> None:
        if self._ours.over is not None:
            block, outcome = self._ours.over
            block.end(error, outcome if error is None else _put_off(error))


async def _around(
    ours: Block | None, theirs: Any, note: Callable[[Block, Any], str | None] | None = None
) -> Any:
    """What *theirs* gives, with a block of ours around it."""
    if ours is None:
        return await theirs
    try:
        result = await theirs
    except BaseException as error:
        ours.end(error, _put_off(error))
        raise
    ours.end(None, None if note is None else guarded(_LIBRARY, note, ours, result))
    return result


def _agent_block(ctx: Any) -> Block | None:
    name = getattr(getattr(ctx, "agent", None), "name", None)
    return block(_LIBRARY, "agent", str(name or "agent"))


def _model_block(asked: Any) -> Block | None:
    detail = guarded(_LIBRARY, lambda: f"{asked.model.model_name}\0{asked.model.system}")
    return block(_LIBRARY, "model_call", "chat", detail or "")


def _put_off(error: BaseException) -> str | None:
    """Interrupted, where an exception puts off what it ends."""
    return INTERRUPTED if type(error).__name__ in _PUT_OFF else None


def _note_run(result: Any) -> str | None:
    """Interrupted, where a run ended to have tools approved or run elsewhere."""
    output = getattr(result, "output", None)
    return INTERRUPTED if type(output).__name__ == "DeferredToolRequests" else None


def _note_usage(ours: Block, response: Any) -> None:
    usage = response.usage
    ours.call.usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=(usage.details or {}).get("reasoning_tokens", 0),
    )
