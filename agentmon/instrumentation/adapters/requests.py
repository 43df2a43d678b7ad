"""
requests: what sessions send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentmon.instrumentation.adapters.client import (
    RECEIVED,
    Asking,
    Request,
    around,
    count_bytes,
    server_name,
)

if TYPE_CHECKING:
    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["wrap"]


def wrap(module: Any, patches: Patches) -> None:
    """Wrap what the library sends by: a request with its redirects is one call."""
    patches.wrap(module.Session, "send", around("requests", _describe, _after))


def _describe(_session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    request = args[0] if args else kwargs["request"]
    url = urlsplit(request.url)
    return Request(
        server_name(url.scheme, url.hostname, url.port),
        "http",
        {
            "http__request__method": request.method,
            "server__address": url.hostname,
            "server__port": url.port,
            "url__scheme": url.scheme,
        },
        request.headers,
        int(request.headers.get("Content-Length") or 0),
    )


def _after(asking: Asking, response: Any) -> None:
    # Whether its body was read: else the program does so, when this call is over.
    if response._content_consumed:  # noqa: SLF001  # there is no other way to ask
        tell = getattr(response.raw, "tell", None)
        count_bytes(RECEIVED, len(response.content) if tell is None else tell())
    asking.end_http(response.status_code, response)
