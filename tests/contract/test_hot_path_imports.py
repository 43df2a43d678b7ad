"""What the hot path may import of OpenTelemetry, which import contracts cannot tell apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmon

PACKAGE = Path(agentmon.__file__).parent
HOT = ("instrumentation", "model", "record")
# Packages of the OpenTelemetry API; the SDK and the exporters share its namespace.
API = {"attributes", "baggage", "context", "environment_variables", "propagate", "propagators"}
API |= {"semconv", "trace", "util", "version"}

LOADED = "import sys; before = set(sys.modules); import {}; print(*set(sys.modules) - before)"


def _imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything that is imported, at whatever depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    "path",
    sorted(path for package in HOT for path in (PACKAGE / package).rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_hot_path_knows_the_api_and_not_the_sdk(path: Path) -> None:
    """A module of the hot path imports nothing of OpenTelemetry but its API."""
    names = [name.split(".") for name in _imported(ast.parse(path.read_text()))]
    assert not [name for name in names if name[0] == "opentelemetry" and name[1] not in API]


def test_import_loads_nothing_heavy() -> None:
    """Importing agentmon loads no SDK, gRPC, numpy, asyncio, server or client library itself."""
    heavy = {"asyncio", "grpc", "http.server", "numpy", "opentelemetry.sdk", "prometheus_client"}
    heavy |= {"google.protobuf", "hdrh", "psutil", "selenium", "wrapt"}
    heavy |= {"agentmon.model.catalogue", "agentmon.model.snapshot", "agentmon.record.registry"}
    assert not heavy & (_loaded("agentmon") - _loaded("opentelemetry.trace"))


def _loaded(module: str) -> set[str]:
    """What a fresh interpreter has loaded after importing *module*."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
