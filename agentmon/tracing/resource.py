"""
What all spans, log records and metrics of this process have in common: where they come from.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from functools import lru_cache
from uuid import uuid4

from agentmon._version import __version__

__all__ = ["resource"]


@lru_cache(maxsize=1)
def _instance(_pid: int) -> str:
    """The same for all that a process exports; another one in a forked child."""
    return str(uuid4())


def resource(service: str, region: str, given: Mapping[str, str]) -> dict[str, str | int]:
    """
    The attributes of OpenTelemetry's resource for this process; to be made anew after a fork.

    Args:
        service: Name of the service, or empty.
        region: Where it runs, or empty.
        given: What ``OTEL_RESOURCE_ATTRIBUTES`` says; wins over what is found here, but not over
            the name of the service.
    """
    found: dict[str, str | int] = {
        "service.name": f"unknown_service:{os.path.basename(sys.executable or 'python')}",  # noqa: PTH119  # what pathlib costs at start
        "service.instance.id": _instance(os.getpid()),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "agentmon",
        "telemetry.sdk.version": __version__,
        "process.pid": os.getpid(),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
    }
    if host := platform.node():
        found["host.name"] = host
    if region:
        found["cloud.region"] = region
    found.update(given)
    if service:
        found["service.name"] = service
    return found
