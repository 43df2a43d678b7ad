"""
A server that answers PromQL: Prometheus, VictoriaMetrics, Mimir, Thanos.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from agentmon._version import __version__
from agentmon.errors import QueryError

__all__ = ["Row", "Server"]

_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Row:
    """
    One series of an answer.

    Args:
        labels: Its labels.
        value: Its value; may be no number, as Prometheus has it.
    """

    labels: Mapping[str, str]
    value: float


class Server:
    """
    Where questions are put.

    Args:
        url: Of the server, such as ``http://localhost:9090``, with a prefix if it has one.
        authorization: The header field to be let in; empty for none.
        ca: File with the authority that its certificate is from; by default those of the system.
        certificate: File with the certificate to show, or it and the file with its key.
        insecure: Take any certificate.
        timeout_s: How long to wait.

    Raises:
        QueryError: If the URL is none.
    """

    def __init__(
        self,
        url: str,
        *,
        authorization: str = "",
        ca: str | None = None,
        certificate: str | tuple[str, str] | None = None,
        insecure: bool = False,
        timeout_s: float = _SECONDS,
    ) -> None:
        import requests  # noqa: PLC0415  # not for who only writes expressions

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise QueryError(f"URL: got {url!r}, allowed such as http://localhost:9090")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"agentmon/{__version__}"
        if authorization:
            self._session.headers["Authorization"] = authorization
        self._session.verify = False if insecure else ca or True
        self._session.cert = certificate

    def ask(self, query: str, *, at: float | None = None) -> list[Row]:
        """
        The answer at one moment.

        Args:
            query: PromQL.
            at: Seconds since 1970; by default now.

        Raises:
            QueryError: If there is no answer, or it says that the question is wrong.
        """
        # VictoriaMetrics rounds a moment that is not told down to a whole second.
        moment = time.time() if at is None else at
        data = self._post("/api/v1/query", {"query": query, "time": f"{moment:.3f}"})
        if data["resultType"] == "scalar":
            return [Row({}, _number(data["result"][1]))]
        return [
            Row(
                {name: value for name, value in each["metric"].items() if name != "__name__"},
                _number(each["value"][1]),
            )
            for each in data["result"]
            if "value" in each
        ]

    def _post(self, path: str, asked: Mapping[str, str]) -> Any:
        import requests  # noqa: PLC0415

        try:
            answer = self._session.post(
                self._url + path, data=asked, timeout=self._timeout_s, allow_redirects=False
            )
        except requests.RequestException as error:
            raise QueryError(f"{self._url} does not answer: {_why(error)}") from error
        try:
            told = answer.json()
        except ValueError:
            told = {}
        if not isinstance(told, dict) or told.get("status") != "success":
            said = told.get("error") if isinstance(told, dict) else None
            raise QueryError(
                f"{self._url} answered {answer.status_code}"
                + (f": {said}" if said else f" {answer.reason}; is it a Prometheus?")
            )
        return told["data"]


def _why(error: BaseException) -> str:
    """The innermost cause, which says what is wrong; the outer ones repeat it."""
    cause = error
    while True:
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        if not isinstance(inner, BaseException):
            return str(cause).rpartition(": ")[2]
        cause = inner


def _number(text: str) -> float:
    return math.inf if text == "+Inf" else float(text)
