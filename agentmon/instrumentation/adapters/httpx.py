"""
httpx: requests by `Client` and `AsyncClient`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentmon.instrumentation.adapters.client import (
    RECEIVED,
    Asking,
    Request,
    around,
    around_async,
    count_bytes,
    server_name,
)

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what the library sends by: a request with its redirects is one call."""
    patches.wrap(module.Client, "send", around("httpx", _describe, _after))
    patches.wrap(module.AsyncClient, "send", around_async("httpx", _describe, _after))


def _describe(_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    request = args[0] if args else kwargs["request"]
    url = request.url
    return Request(
        server_name(url.scheme, url.host, url.port),
        "http",
        {
            "http__request__method": request.method,
            "server__address": url.host,
            "server__port": url.port,
            "url__scheme": url.scheme,
        },
        request.headers,
        int(request.headers.get("content-length") or 0),
    )


def _after(asking: Asking, response: Any) -> None:
    if response.is_closed:  # else the program reads it, when this call is over
        count_bytes(RECEIVED, response.num_bytes_downloaded)
    asking.end_http(response.status_code, response)
