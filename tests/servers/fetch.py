"""
Fetch the servers that are missing into the cache folder: ``make servers``.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.apt import Archive, Source, debian_sources, source_files
from tests.servers.programs import (
    PROGRAMS,
    Program,
    Unavailable,
    cache_folder,
    cached,
    find,
    manifest,
    parse_version,
    run_version,
)


def fetch(missing: Iterable[Program], environ: Mapping[str, str] = os.environ) -> list[str]:
    """
    Put the missing programs into the cache folder.

    Returns:
        For each program that could not be had, one line saying why.

    Raises:
        Unavailable: If this machine has no apt or no Debian archive among its sources.
    """
    if not all(map(shutil.which, ("apt-get", "apt-config", "dpkg"))):
        message = "no apt here: put the programs on PATH, or name each (AGENTMON_PROMETHEUS3=FILE)"
        raise Unavailable(message)
    sources = debian_sources(source_files())
    if not sources:
        message = "no Debian archive among this machine's apt sources: put the programs on PATH"
        raise Unavailable(message)
    folder = cache_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder), tempfile.TemporaryDirectory(dir=folder, prefix="apt-") as scratch:
        shelf = _Shelf(folder, Path(scratch), sources)
        # Whoever held the lock before may have fetched some of them.
        wanted = [program for program in missing if cached(program, environ) is None]
        return [reason for program in wanted if (reason := shelf.add(program))]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time fill the folder."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Shelf:
    """The cache folder while it is being filled; each archive and package is asked for once."""

    def __init__(self, folder: Path, scratch: Path, sources: list[Source]) -> None:
        self._folder = folder
        self._scratch = scratch
        self._sources = sources
        self._archives: dict[tuple[Source, str], Archive | Unavailable] = {}
        self._unpacked: dict[tuple[Source, str, str], Path | Unavailable] = {}

    def add(self, program: Program) -> str | None:
        """Take the program from the first suite that has one that runs; else say why not."""
        reasons = []
        for suite in program.suites:
            for source in self._sources:
                for package in program.packages:
                    try:
                        unpacked = self._unpack(source, suite, package)
                        beside = [self._unpack(source, suite, p) for p in program.libraries]
                    except Unavailable as error:
                        reasons.append(str(error))
                        continue
                    if program.inside:
                        _launcher(program, unpacked, beside)
                    if program.data:
                        _moved(program, unpacked)
                    if found := _executable(program, unpacked):
                        self._note(program, found, unpacked.name.partition("_")[2], suite)
                        return None
                    reasons.append(f"{unpacked.name} of {suite} has none that runs here")
        return f"{program.key}: {'; '.join(dict.fromkeys(reasons))}"

    def _unpack(self, source: Source, suite: str, package: str) -> Path:
        key = (source, suite, package)
        if key not in self._unpacked:
            try:
                deb = self._archive(source, suite).download(package)
                self._unpacked[key] = self._extract(deb, suite)
            except Unavailable as error:
                self._unpacked[key] = error
        known = self._unpacked[key]
        if isinstance(known, Unavailable):
            raise known
        return known

    def _archive(self, source: Source, suite: str) -> Archive:
        key = (source, suite)
        if key not in self._archives:
            _say(f"asking {suite}")
            folder = self._scratch / f"{suite}-{len(self._archives)}"
            try:
                self._archives[key] = Archive(source, suite, folder)
            except Unavailable as error:
                self._archives[key] = error
        known = self._archives[key]
        if isinstance(known, Unavailable):
            raise known
        return known

    def _extract(self, deb: Path, suite: str) -> Path:
        package, version, _ = deb.name.split("_")
        target = self._folder / suite / f"{package}_{version.replace('%3a', ':')}"
        _say(f"unpacking {target.name} of {suite}")
        scratch = deb.parent / "unpacked"
        subprocess.run(["dpkg", "-x", deb, scratch], check=True)
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(exist_ok=True)
        scratch.rename(target)
        deb.unlink()
        return target

    def _note(self, program: Program, path: Path, version: str, suite: str) -> None:
        entries = manifest(self._folder)
        entries[program.key] = {
            "path": str(path.relative_to(self._folder)),
            "version": ".".join(map(str, parse_version(version))),
            "origin": suite,
        }
        draft = self._folder / "manifest.json.new"
        draft.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
        draft.replace(self._folder / "manifest.json")


def _launcher(program: Program, unpacked: Path, beside: Iterable[Path]) -> None:
    """Make a file of the program's own name, that finds the libraries unpacked beside it."""
    folder = unpacked / "usr" / "bin"
    real = folder / f"{program.files[0]}.real"
    shutil.copy(folder / program.inside, real)
    found = {file.parent for each in beside for file in each.rglob("*.so.*")}
    path = ":".join(map(str, sorted(found)))
    launcher = folder / program.files[0]
    launcher.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={path} exec "{real}" "$@"\n')
    launcher.chmod(0o755)


def _moved(program: Program, unpacked: Path) -> None:
    """Make a file of the program's first name, that finds its data where they were unpacked."""
    folder = unpacked / "usr" / "bin"
    sought = program.data.encode()
    # A path of the same length that means the folder in which the program is started.
    here = (b"./" * len(sought))[: len(sought)]
    moved = folder / f"{program.files[0]}.moved"
    moved.write_bytes((folder / program.files[-1]).read_bytes().replace(sought, here))
    moved.chmod(0o755)
    launcher = folder / program.files[0]
    launcher.write_text(f'#!/bin/sh\ncd "{unpacked}{program.data}" && exec "{moved}" "$@"\n')
    launcher.chmod(0o755)


def _executable(program: Program, unpacked: Path) -> Path | None:
    """The program's file in an unpacked package, if there is one and it runs on this machine."""
    for file in program.files:
        path = unpacked / "usr" / "bin" / file
        if path.is_file() and run_version(path) is not None:
            return path
    return None


def _say(text: str) -> None:
    print(f"servers: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Fetch what is missing, print a table of what there is; 1 if something is missing still."""
    try:
        found = {program.key: find(program.key) for program in PROGRAMS}
        reasons: list[str] = []
        if missing := [program for program in PROGRAMS if found[program.key] is None]:
            reasons = fetch(missing)
            found = {program.key: find(program.key) for program in PROGRAMS}
    except Unavailable as error:
        _say(str(error))
        return 1
    for program in PROGRAMS:
        entry = found[program.key]
        if entry is None:
            print(f"{program.key:16} {'missing':10} {program.variable}=FILE names one")
        else:
            print(f"{program.key:16} {entry.version or '?':10} {entry.origin:12} {entry.path}")
    for reason in reasons:
        _say(reason)
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
