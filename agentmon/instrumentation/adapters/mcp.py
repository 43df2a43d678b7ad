"""
The Model Context Protocol: tools that a client calls and that a server runs, joined by ``_meta``.
"""

from __future__ import annotations

from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.adapters.blocks import Block, block
from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.models import field
from agentmon.instrumentation.call import CURRENT
from agentmon.instrumentation.propagate import inject, received
from agentmon.model.outcome import ERROR, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]

_LIBRARY: Final = "mcp"
_CALL: Final = "tools/call"
#: Codes of errors by which a client gives up: that of version 1, and that of version 2.
_TOO_LATE: Final = (408, -32001)

#: The tool that a server of version 1 runs for the request that is handled here.
_running: ContextVar[Block | None] = ContextVar("agentmon_mcp_running", default=None)


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what calls tools, what sends requests, and what handles them."""
    patches.wrap(module.ClientSession, "call_tool", _call_tool)
    patches.wrap(module.ClientSession, "send_request", _send)
    server: Any = import_module("mcp.server.lowlevel.server")
    middleware = getattr(server, "OpenTelemetryMiddleware", None)
    if middleware is not None:
        patches.wrap(middleware, "__call__", _handle)
        return
    patches.wrap(server.Server, "_handle_request", _handle_before_2)
    patches.wrap(import_module("mcp.shared.session").RequestResponder, "respond", _respond)


# ---------------------------------------------------------------------- clients


async def _call_tool(
    wrapped: Any, _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    name = str(args[0] if args else kwargs.get("name", ""))
    ours = None if guarded(_LIBRARY, _is_called, name) else block(_LIBRARY, "tool", name)
    return await _awaited(ours, wrapped(*args, **kwargs))


async def _awaited(ours: Block | None, theirs: Awaitable[Any]) -> Any:
    """What a call of a tool gives, which may say that it failed."""
    if ours is None:
        return await theirs
    try:
        result = await theirs
    except BaseException as error:
        ours.end(error, TIMEOUT if field(error, "error", "code") in _TOO_LATE else None)
        raise
    ours.end(None, _outcome(result))
    return result


def _is_called(name: str) -> bool:
    """Whether a framework calls the tool already, and says so."""
    frame = CURRENT.get()
    declaration = getattr(getattr(frame, "recorder", frame), "declaration", None)
    return declaration is not None and (declaration.kind, declaration.name) == ("tool", name)


def _send(wrapped: Any, _session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    guarded(_LIBRARY, _put_context, args[0] if args else kwargs.get("request"))
    return wrapped(*args, **kwargs)


def _put_context(request: Any) -> None:
    """Have the context go along with the call of a tool, unless the program has put one there."""
    request = getattr(request, "root", request)
    if request.method != _CALL:
        return
    params = request.params
    said = _said(params.meta)
    carried = {name: value for name, value in inject().items() if name not in said}
    if carried:
        if params.meta is None or isinstance(params.meta, dict):
            params.meta = {**said, **carried}
        else:
            params.meta = type(params.meta)(**said, **carried)


def _said(meta: Any) -> dict[str, Any]:
    """The entries of ``_meta``, which is a mapping or a model."""
    if meta is None or isinstance(meta, dict):
        return dict(meta or {})
    found: dict[str, Any] = meta.model_dump(exclude_unset=True)
    return found


# ---------------------------------------------------------------------- servers


async def _handle(
    wrapped: Any, _middleware: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    context, call_next = args
    if context.method != _CALL:
        return await wrapped(*args, **kwargs)

    async def run(context: Any) -> Any:
        with received(_texts(context.meta)):
            ours = block(_LIBRARY, "tool", str(field(context.params, "name") or ""))
            return await _awaited(ours, call_next(context))

    return await wrapped(context, run)


async def _handle_before_2(
    wrapped: Any, _server: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    message, request = args[:2]
    if getattr(request, "method", "") != _CALL:
        return await wrapped(*args, **kwargs)
    with received(_texts(guarded(_LIBRARY, _said, message.request_meta))):
        ours = block(_LIBRARY, "tool", str(request.params.name))
        token = _running.set(ours)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            if ours is not None:
                ours.end(error)
            raise
        finally:
            _running.reset(token)
            if ours is not None:
                ours.end()


def _respond(wrapped: Any, _responder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = _running.get()
    if ours is not None:
        ours.end(None, _outcome(args[0] if args else kwargs.get("response")))
    return wrapped(*args, **kwargs)


def _texts(meta: Any) -> dict[str, str]:
    """What may be context among the entries of ``_meta``, of which some are no text."""
    return {name: value for name, value in dict(meta or {}).items() if isinstance(value, str)}


def _outcome(result: Any) -> str | None:
    """Error, where an answer says so: a result of a tool, or what stands in for one."""
    result = getattr(result, "root", result)
    failed = field(result, "isError") or field(result, "is_error") or field(result, "code")
    return ERROR if failed else None
