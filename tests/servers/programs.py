"""
The real servers that the tests run against, and where this machine has them.

A program is taken, in this order, from the file that an environment variable names
(``AGENTMON_PROMETHEUS3=/opt/prometheus/prometheus``), from PATH where its version suffices, and
from the cache folder that ``make servers`` fills. Nothing here uses the network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """
    One executable that tests start, and where Debian has it.

    Args:
        key: What tests call it. ``AGENTMON_`` and the key in capitals is its environment variable.
        files: Its names on PATH and in a package.
        at_least: The lowest version that suffices.
        below: The lowest version that is too new.
        packages: Debian packages that may hold it, the likeliest first.
        suites: Debian suites to ask, the best first. What they hold is taken whatever its version.
        inside: The file that a package has it in under another name, if it does.
        libraries: Packages of libraries that it needs and that machines seldom have.
        data: The folder in which it looks for what it needs, if it cannot be told another one.
    """

    key: str
    files: tuple[str, ...]
    at_least: Version
    below: Version
    packages: tuple[str, ...]
    suites: tuple[str, ...]
    inside: str = ""
    libraries: tuple[str, ...] = ()
    data: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that names the file to run."""
        return f"AGENTMON_{self.key.upper()}"


OLD = ("bookworm", "trixie")
NEW = ("forky", "trixie")
NO_LIMIT = (10**6,)

PROGRAMS = (
    Program("prometheus2", ("prometheus",), (2, 42), (3,), ("prometheus",), OLD),
    Program("promtool2", ("promtool",), (2, 42), (3,), ("promtool", "prometheus"), OLD),
    Program("prometheus3", ("prometheus",), (3,), NO_LIMIT, ("prometheus",), NEW),
    Program("promtool3", ("promtool",), (3,), NO_LIMIT, ("promtool", "prometheus"), NEW),
    Program(
        "alertmanager2",  # of the distribution that has Prometheus 2
        ("alertmanager", "prometheus-alertmanager"),
        (0, 25),
        (0, 27),
        ("prometheus-alertmanager",),
        ("bookworm",),
        data="/usr/share/prometheus/alertmanager",  # its default templates
    ),
    Program(
        "alertmanager",
        ("alertmanager", "prometheus-alertmanager"),
        (0, 27),
        NO_LIMIT,
        ("prometheus-alertmanager",),
        NEW,
        data="/usr/share/prometheus/alertmanager",
    ),
    Program("amtool2", ("amtool",), (0, 25), (0, 27), ("prometheus-alertmanager",), ("bookworm",)),
    Program("amtool", ("amtool",), (0, 27), NO_LIMIT, ("prometheus-alertmanager",), NEW),
    Program(
        "pushgateway",
        ("pushgateway", "prometheus-pushgateway"),
        (1, 5),
        NO_LIMIT,
        ("prometheus-pushgateway",),
        NEW,
    ),
    Program(
        "node_exporter",
        ("node_exporter", "prometheus-node-exporter"),
        (1, 5),
        NO_LIMIT,
        ("prometheus-node-exporter",),
        NEW,
    ),
    Program(
        "victoriametrics",
        ("victoria-metrics", "victoria-metrics-prod"),
        (1, 100),
        NO_LIMIT,
        ("victoria-metrics",),
        NEW,
    ),
    Program(
        "redis",
        ("redis-server",),
        (6,),
        NO_LIMIT,
        ("redis-tools",),
        OLD,
        inside="redis-check-rdb",  # one program, that looks at its own name
        libraries=("liblzf1", "libjemalloc2"),
    ),
    Program("vmagent", ("vmagent", "vmagent-prod"), (1, 100), NO_LIMIT, ("victoria-metrics",), NEW),
    Program("vmalert", ("vmalert", "vmalert-prod"), (1, 100), NO_LIMIT, ("victoria-metrics",), NEW),
    Program(
        "vmalert_tool",
        ("vmalert-tool", "vmalert-tool-prod"),
        (1, 100),
        NO_LIMIT,
        ("victoria-metrics",),
        NEW,
    ),
)
BY_KEY = {program.key: program for program in PROGRAMS}


@dataclass(frozen=True)
class Found:
    """
    A program that can be started.

    Args:
        path: The file to run.
        version: As its package or the program itself tells it; empty if neither does.
        origin: ``environment``, ``PATH``, or the Debian suite it was fetched from.
    """

    path: Path
    version: str
    origin: str


class Unavailable(RuntimeError):
    """A program could not be had; the message says why and what to do."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where fetched programs are kept: ``$AGENTMON_SERVERS`` or a folder in the user's cache."""
    if named := environ.get("AGENTMON_SERVERS"):
        return Path(named).expanduser().absolute()
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ".cache" / "agentmon-servers"


def find(key: str, environ: Mapping[str, str] = os.environ) -> Found | None:
    """
    The program called *key*, or None if ``make servers`` has to fetch it. Never uses the network.

    Raises:
        Unavailable: If the environment names a file that cannot serve.
    """
    program = BY_KEY[key]
    return _named(program, environ) or _on_path(program, environ) or cached(program, environ)


def _named(program: Program, environ: Mapping[str, str]) -> Found | None:
    value = environ.get(program.variable)
    if not value:
        return None
    path = Path(value).expanduser()
    said = run_version(path)
    if said is None:
        message = f"{program.variable}={value} does not run; name an executable or unset it"
        raise Unavailable(message)
    # Some builds do not tell their version; whoever names a file is believed.
    if said and not _suffices(program, said):
        message = f"{program.variable}={value} is {said}, wanted {_wanted(program)}"
        raise Unavailable(message)
    return Found(path.absolute(), said, "environment")


def _on_path(program: Program, environ: Mapping[str, str]) -> Found | None:
    for file in program.files:
        if (which := shutil.which(file, path=environ.get("PATH"))) is None:
            continue
        if (said := run_version(Path(which))) and _suffices(program, said):
            return Found(Path(which), said, "PATH")
    return None


def cached(program: Program, environ: Mapping[str, str]) -> Found | None:
    """What was fetched before, if it is still there."""
    folder = cache_folder(environ)
    entry = manifest(folder).get(program.key)
    if entry is None:
        return None
    path = folder / entry["path"]
    if program.data and path.name != program.files[0]:
        return None  # fetched before it was told where its data are
    return Found(path, entry["version"], entry["origin"]) if os.access(path, os.X_OK) else None


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    """What the cache folder holds: for each program its path, version and origin."""
    try:
        entries: dict[str, dict[str, str]] = json.loads((folder / "manifest.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return entries


def parse_version(text: str) -> Version:
    """
    The leading numbers of a version, of a Debian package or of what ``--version`` prints.

    An empty tuple says that there are none.
    """
    match = re.search(r"(?:^|version |-v|\s)(?:\d+:)?v?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _suffices(program: Program, version: str) -> bool:
    return program.at_least <= parse_version(version) < program.below


def _wanted(program: Program) -> str:
    at_least = ".".join(map(str, program.at_least))
    below = "" if program.below == NO_LIMIT else f", below {'.'.join(map(str, program.below))}"
    return f"{at_least} or newer{below}"


def run_version(path: Path) -> str | None:
    """What the program says its version is, empty if it does not tell; None if it does not run."""
    for flag in ("--version", "--help"):  # a program that knows no version may still run
        try:
            done = subprocess.run(
                [path, flag],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode == 0:
            said = parse_version(done.stdout or done.stderr) if flag == "--version" else ()
            return ".".join(map(str, said))
    return None
