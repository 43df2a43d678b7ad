"""
All ways to push: how they are called, and what does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from agentmon.export.push.otlp import Collector, OTLPMetrics, resolved
from agentmon.export.push.pushgateway import Gateway, Pushgateway
from agentmon.export.push.remote_write import Receiver, RemoteWrite
from agentmon.export.push.target import Origin, Target
from agentmon.export.push.textfile import File, Textfile

__all__ = ["WAYS", "Place", "place", "ready", "target"]

#: Where metrics are pushed to, as users say it.
Place: TypeAlias = str | Pushgateway | Textfile | RemoteWrite | OTLPMetrics

#: The options of each way, by the name that texts and variables have for it.
WAYS: Final[Mapping[str, Callable[[str], Any]]] = {
    "pushgateway": Pushgateway,
    "textfile": Textfile,
    "remote-write": RemoteWrite,
    "otlp": OTLPMetrics,
}
_TARGETS: Final[Mapping[type, Callable[[Any, Origin], Target]]] = {
    Pushgateway: Gateway,
    Textfile: File,
    RemoteWrite: Receiver,
    OTLPMetrics: Collector,
}


def place(given: object) -> Pushgateway | Textfile | RemoteWrite | OTLPMetrics:
    """
    The options that something given means.

    Args:
        given: Options, or a text such as ``textfile=/srv/node/agentmon.prom``.

    Raises:
        ConfigError: If what the text names cannot be used.
        ValueError: If it is no place to push to.
    """
    if isinstance(given, Pushgateway | Textfile | RemoteWrite | OTLPMetrics):
        return given
    name, equals, where = given.partition("=") if isinstance(given, str) else ("", "", "")
    if name not in WAYS or not (where if equals else name == "otlp"):
        raise ValueError
    return WAYS[name](where or "otlp")


def ready(options: Any, environ: Mapping[str, str]) -> Any:
    """Options with what the standard variables of OpenTelemetry say, where those matter."""
    return resolved(options, environ) if isinstance(options, OTLPMetrics) else options


def target(options: Any, origin: Origin) -> Target:
    """What pushes as the options say."""
    return _TARGETS[type(options)](options, origin)
