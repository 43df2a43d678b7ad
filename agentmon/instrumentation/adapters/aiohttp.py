"""
aiohttp: requests by `ClientSession`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentmon.instrumentation.adapters.client import (
    RECEIVED,
    SENT,
    Asking,
    Request,
    around_async,
    count_bytes,
    server_name,
)

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what the library sends by: a request with its redirects is one call."""
    multidict = import_module("multidict").CIMultiDict
    yarl = import_module("yarl").URL

    def describe(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
        method, target = args[0], args[1]
        url = yarl(target) if isinstance(target, str) else target
        base = getattr(session, "_base_url", None)
        if base is not None and not url.absolute:
            url = base.join(url)
        headers = kwargs["headers"] = multidict(kwargs.get("headers") or ())
        return Request(
            server_name(url.scheme, url.host, url.port),
            "http",
            {
                "http__request__method": method,
                "server__address": url.host,
                "server__port": url.port,
                "url__scheme": url.scheme,
            },
            headers,
        )

    patches.wrap(module.ClientSession, "_request", around_async("aiohttp", describe, _after))


def _after(asking: Asking, response: Any) -> None:
    # The body is read when this call is over; what it says of its length is all there is.
    count_bytes(SENT, int(response.request_info.headers.get("Content-Length") or 0))
    count_bytes(RECEIVED, int(response.headers.get("Content-Length") or 0))
    asking.end_http(response.status, response)
