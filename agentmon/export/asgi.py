"""
The endpoint as an ASGI application, for a host that serves HTTP already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from agentmon.export.respond import Mount, Root

if TYPE_CHECKING:
    from agentmon.export.respond import Responder

__all__ = ["ASGIApplication", "asgi_app"]

_Message: TypeAlias = "MutableMapping[str, Any]"
_Receive: TypeAlias = "Callable[[], Awaitable[_Message]]"
_Send: TypeAlias = "Callable[[_Message], Awaitable[None]]"

#: An application of ASGI 3.
ASGIApplication: TypeAlias = "Callable[[_Message, _Receive, _Send], Awaitable[None]]"


def asgi_app(source: Callable[[], Responder | None], root: Root = "metrics") -> ASGIApplication:
    """
    An ASGI application that answers for the process it runs in. Answers are made in a thread.

    Mount it at ``/metrics`` as it is, or at another path with ``root="page"``; below that path are
    ``/metrics``, ``/api/status`` and ``/hdr``.

    Args:
        source: Called at each request; returns the endpoint of the process, or None.
        root: What the path where it is mounted answers: ``metrics`` or ``page``.

    Raises:
        ValueError: If *root* is neither.
    """
    mount = Mount(source, root)

    async def application(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await _answer(mount, scope, send)

    return application


async def _answer(mount: Mount, scope: _Message, send: _Send) -> None:
    from asyncio import to_thread  # noqa: PLC0415  # loaded by those who serve with it only

    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    response = await to_thread(
        mount.respond,
        scope["method"],
        # Some frameworks leave the prefix on the path, as the standard says; some take it off.
        scope["path"].removeprefix(scope.get("root_path", "")),
        scope.get("query_string", b"").decode("latin-1"),
        headers,
    )
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in response.headers
            ],
        }
    )
    await send({"type": "http.response.body", "body": response.body})


async def _live(receive: _Receive, send: _Send) -> None:
    """Agree to whatever the server says of its own life; there is nothing to do."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
