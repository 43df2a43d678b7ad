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

__all__ = ["WAYS", "Options", "Place", "place", "ready", "target"]

Options: TypeAlias = Pushgateway | Textfile | RemoteWrite | OTLPMetrics
#: Where metrics are pushed to, as users say it.
Place: TypeAlias = str | Options

#: The options of each way, by the name that texts and variables have for it.
WAYS: Final[Mapping[str, Callable[[str], Options]]] = {
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


def place(given: object) -> Options:
    """
    The options that something given means.

    Args:
        given: Options, or a text such as ``textfile=/srv/node/agentmon.prom``.

    Raises:
        ConfigError: If what the text names cannot be used.
        ValueError: If it is no place to push to.
    """
    if isinstance(given, Options):
        return given
    name, equals, where = given.partition("=") if isinstance(given, str) else ("", "", "")
    if name not in WAYS or not (where if equals else name == "otlp"):
        raise ValueError
    return WAYS[name](where or "otlp")


def ready(options: Options, environ: Mapping[str, str]) -> Options:
    """Options with what the standard variables of OpenTelemetry say, where those matter."""
    return resolved(options, environ) if isinstance(options, OTLPMetrics) else options


def target(options: Options, origin: Origin) -> Target:
    """What pushes as the options say."""
    (make,) = (make for kind, make in _TARGETS.items() if isinstance(options, kind))
    return make(options, origin)
