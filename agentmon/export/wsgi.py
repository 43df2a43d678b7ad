"""
The endpoint as a WSGI application, for a host that serves HTTP already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from agentmon.export.respond import Mount, Root

if TYPE_CHECKING:
    from agentmon.export.respond import Responder

__all__ = ["WSGIApplication", "wsgi_app"]

#: An application as PEP 3333 has it; `wsgiref.types` is not in every Python served.
WSGIApplication: TypeAlias = "Callable[[dict[str, Any], Any], Iterable[bytes]]"


def wsgi_app(source: Callable[[], Responder | None], root: Root = "metrics") -> WSGIApplication:
    """
    A WSGI application that answers for the process it runs in.

    Mount it at ``/metrics`` as it is, or at another path with ``root="page"``; below that path are
    ``/metrics``, ``/api/status`` and ``/hdr``.

    Args:
        source: Called at each request; returns the endpoint of the process, or None.
        root: What the path where it is mounted answers: ``metrics`` or ``page``.

    Raises:
        ValueError: If *root* is neither.
    """
    mount = Mount(source, root)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = mount.respond(
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
            environ.get("QUERY_STRING", ""),
            {
                "accept": environ.get("HTTP_ACCEPT", ""),
                "accept-encoding": environ.get("HTTP_ACCEPT_ENCODING", ""),
                "authorization": environ.get("HTTP_AUTHORIZATION", ""),
            },
        )
        status = HTTPStatus(response.status)
        start_response(f"{status.value} {status.phrase}", list(response.headers))
        return [response.body] if response.body else []

    return application
