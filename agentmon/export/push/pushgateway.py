"""
Pushing to a Pushgateway.

Source: README of the Pushgateway, "API".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from agentmon.export.push.target import (
    PID,
    Attempt,
    Moment,
    Origin,
    check_every,
    checked_labels,
    named,
    refuse,
)
from agentmon.export.push.web import Line, Web, check_web
from agentmon.export.text import Renderer

__all__ = ["Gateway", "Pushgateway"]

#: What stands in a path as it is, in any server's eyes: dots alone would lead elsewhere.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_TEXT: Final = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushgateway(Web):
    """
    A Pushgateway, for ``configure(push=...)``.

    What is pushed forms a group there, which stays until somebody deletes it.

    Args:
        url: Where it is, such as ``http://localhost:9091``.
        job: The label ``job`` of the group; by default the service, else ``agentmon``.
        grouping: Further labels of the group; they take the place of labels of the same name that
            samples have. ``{pid}`` in a value stands for the id of the process.
        replace: Replace the whole group, else only metrics of the same names.
        remove: Take the group away when recording ends, instead of pushing a last time.
        every: Push each so many seconds too; by default only at the end, and on `push`.
        timeout: Of one attempt, in seconds.
        headers: Sent along; never shown.
        user: Name for basic authentication.
        password: Its password.
        password_file: File that holds the password instead; read each time.
        token: Bearer token.
        token_file: File that holds the token instead; read each time.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key.

    Raises:
        ConfigError: If something cannot be used.
    """

    url: str = field(kw_only=False, repr=False)
    job: str | None = None
    grouping: Mapping[str, str] | None = field(default=None, hash=False)
    replace: bool = True
    remove: bool = False
    every: float | None = None

    def __post_init__(self) -> None:
        what = "Pushgateway"
        check_web(what, self)
        check_every(what, self.every)
        if self.job is not None and (not isinstance(self.job, str) or not self.job):
            refuse(f"{what}: job", self.job, "text")
        if self.grouping is not None:
            labels = checked_labels(f"{what}: grouping", self.grouping, "job")
            object.__setattr__(self, "grouping", labels)
        for name in ("replace", "remove"):
            if not isinstance(getattr(self, name), bool):
                refuse(f"{what}: {name}", getattr(self, name), "True or False")

    def __str__(self) -> str:
        return f"pushgateway={self.url.partition('?')[0]}"


class Gateway:
    """
    Pushes to it; see `agentmon.export.push.target.Target`.

    Args:
        options: Where and how.
        origin: Where the metrics come from.
    """

    def __init__(self, options: Pushgateway, origin: Origin) -> None:
        self._options = options
        self._labels = {"job": options.job or origin.job, **(options.grouping or {})}
        self._renderer = Renderer(origin.constant_labels)
        self._line = Line(options)
        self.conflict = (
            ""
            if any(PID in value for value in self._labels.values())
            else f"it would replace the group of its parent; put {PID} into a label of the grouping"
        )
        self.abort = self._line.abort
        self.close = self._line.close
        self.abandon = self._line.abandon

    def __str__(self) -> str:
        return str(self._options)

    def prepare(self, moment: Moment) -> Iterator[Attempt]:
        """What pushes the group, or takes it away."""
        address, _, query = self._options.url.partition("?")
        key = "".join(_part(name, named(value)) for name, value in self._labels.items())
        url = f"{address.rstrip('/')}/metrics{key}{f'?{query}' if query else ''}"
        if moment.last and self._options.remove:
            yield partial(self._line.ask, "DELETE", url, b"", {})
            return
        method = "PUT" if self._options.replace else "POST"
        body = self._renderer.prometheus(moment.families)
        yield partial(self._line.ask, method, url, body, _TEXT)


def _part(name: str, value: str) -> str:
    """A label of the group as a part of the path; in base64 what a path cannot hold safely."""
    if _PLAIN.fullmatch(value):
        return f"/{name}/{value}"
    encoded = base64.urlsafe_b64encode(value.encode(errors="backslashreplace")).decode()
    return f"/{name}@base64/{encoded or '='}"
