"""
Debian's archive, asked through a private apt configuration.

The configuration names the mirror that the machine uses anyway, with its proxy, credentials and
keys, but asks it for the suite that is wanted. Nothing is installed and no root is needed.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.servers.programs import Unavailable


@dataclass(frozen=True)
class Source:
    """
    One archive that the machine takes packages from.

    Args:
        uris: Where it is.
        suites: What the machine takes from it.
        components: Such as ``main``.
        options: Everything else, as fields of the deb822 format: keys, architectures, trust.
    """

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def render(self) -> str:
        """As one stanza in the deb822 format."""
        fields = [
            ("Types", "deb"),
            ("URIs", " ".join(self.uris)),
            ("Suites", " ".join(self.suites)),
            ("Components", " ".join(self.components)),
            *self.options,
        ]
        return "".join(f"{name}: {value}\n" for name, value in fields)


DEBIAN_SUITES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
    | {"oldoldstable", "oldstable", "stable", "testing", "unstable"}
)
_LONG_NAMES = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)")


def parse_one_line(text: str) -> list[Source]:
    """The binary archives in a file of the one-line format (``sources.list``, ``*.list``)."""
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match is None:
            continue
        suite, *components = match["rest"].split()
        options = tuple(map(_long_option, (match["options"] or "").split()))
        found.append(Source((match["uri"],), (suite,), tuple(components), options))
    return found


def _long_option(option: str) -> tuple[str, str]:
    """``arch=amd64,arm64`` as the field of the deb822 format that says the same."""
    name, _, value = option.partition("=")
    suffix = {"+": "-Add", "-": "-Remove"}.get(name[-1:], "")
    name = name.rstrip("+-").lower()
    if name in _LONG_NAMES:
        return _LONG_NAMES[name] + suffix, value.replace(",", " ")
    return name.title() + suffix, value


def parse_deb822(text: str) -> list[Source]:
    """The enabled binary archives in a file of the deb822 format (``*.sources``)."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        values = {name.lower(): value for name, value in fields.items()}
        if "deb" not in values.get("types", "").split():
            continue
        if values.get("enabled", "yes").strip().lower() in {"no", "false", "without", "off", "0"}:
            continue
        own = {"types", "uris", "suites", "components", "enabled"}
        found.append(
            Source(
                tuple(values.get("uris", "").split()),
                tuple(values.get("suites", "").split()),
                tuple(values.get("components", "").split()),
                tuple((name, value) for name, value in fields.items() if name.lower() not in own),
            )
        )
    return found


def _fields(stanza: str) -> dict[str, str]:
    """Fields with their continuation lines, which an embedded key has, kept as they are."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += f"\n{line}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip()
            fields[name] = value.strip()
    return fields


def debian_sources(files: Iterable[Path]) -> list[Source]:
    """Archives in these files that look like Debian's own; strangers reuse its suite names."""
    found = []
    for file in files:
        parse = parse_deb822 if file.suffix == ".sources" else parse_one_line
        found += [
            source
            for source in parse(file.read_text(errors="replace"))
            if "main" in source.components
            and DEBIAN_SUITES.intersection(source.suites)
            and not source.uris[0].startswith("cdrom:")
        ]
    return list(dict.fromkeys(found))


def source_files() -> list[Path]:
    """The files that this machine's apt reads its sources from, as far as this user may."""
    asked = ["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f"]
    asked += ["PARTS", "Dir::Etc::sourceparts/d"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    paths = dict(re.findall(r"^(LIST|PARTS)='(.*)'$", said, re.MULTILINE))
    files = [Path(paths["LIST"])] if "LIST" in paths else []
    if "PARTS" in paths and (parts := Path(paths["PARTS"])).is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix in {".list", ".sources"})
    return [path for path in files if path.is_file() and os.access(path, os.R_OK)]


class Archive:
    """
    One suite of one archive, asked through an apt configuration of its own.

    The machine's own settings (proxy, credentials, certificates, keys) stay in force; its sources,
    lists, cache, pins and hooks do not take part, and nothing of them is changed.
    """

    def __init__(self, source: Source, suite: str, folder: Path) -> None:
        self._folder = folder
        self._configuration = folder / "apt.conf"
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        wanted = replace(source, suites=(suite,), components=("main",))
        (folder / "suite.sources").write_text(wanted.render())
        self._configuration.write_text(
            private_configuration(
                subprocess.run(
                    ["apt-config", "dump"], capture_output=True, text=True, check=True
                ).stdout,
                folder,
            )
        )
        self._apt("update", cwd=folder)

    def download(self, package: str) -> Path:
        """
        The package's file, in a new folder.

        Raises:
            Unavailable: If the suite has no such package.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        self._apt("download", package, cwd=folder)
        return next(folder.glob("*.deb"))

    def _apt(self, *words: str, cwd: Path) -> None:
        done = subprocess.run(
            ["apt-get", "-q", *words],
            env={**os.environ, "APT_CONFIG": str(self._configuration), "LC_ALL": "C.UTF-8"},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            message = f"apt-get {' '.join(words)}: {' '.join(said) or done.stderr.strip()}"
            raise Unavailable(message)


def private_configuration(dump: str, folder: Path) -> str:
    """
    The machine's apt settings, with everything that touches the machine's own state replaced.

    Args:
        dump: What ``apt-config dump`` prints.
        folder: Holds ``suite.sources`` and the private state.
    """
    # Hooks of the machine are not to run; they are also what may hold a quote, which the dump does
    # not escape.
    left_out = ("APT::Default-Release", "APT::Update::", "DPkg::")
    kept = [
        line
        for line in dump.splitlines()
        if re.fullmatch(r'\S+ "[^"]*";', line) and not line.startswith(left_out)
    ]
    own = {
        # The dump is the whole; the machine's files are not to be read a second time.
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": folder / "suite.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": folder / "state",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::archives": "archives/",
        "APT::Update::Error-Mode": "any",
        # The user that apt changes to when root runs it cannot reach a folder below /root.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::PDiffs": "false",
        "Acquire::Retries": "3",
    }
    return "".join(f"{line}\n" for line in [*kept, *(f'{k} "{v}";' for k, v in own.items())])
